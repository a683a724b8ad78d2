"""Token ids in files against numpy.bincount; a gigabyte in flat memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from steepest.diagnose.counting import count
from steepest.diagnose.inputs import open_input
from steepest.diagnose.shards import CHUNK, shard_parts
from steepest.errors import DataError, UsageError

IDS = np.random.default_rng(0).zipf(1.3, 3 * CHUNK + 17) % 5000


def counted(path, dtype="uint16"):
    *_, total = count(open_input(str(path), dtype=dtype), None)
    return total._ids._total


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "int32", "int64"])
def test_bin_files_of_every_type(tmp_path, dtype):
    IDS.astype(dtype).tofile(tmp_path / "x.bin")
    assert np.array_equal(counted(tmp_path / "x.bin", dtype), np.bincount(IDS))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", ">u2"])
def test_npy_files_say_their_type_and_shape(tmp_path, dtype):
    ids = (IDS % 200).astype(dtype).reshape(1, -1)
    np.save(tmp_path / "x.npy", ids)
    assert np.array_equal(counted(tmp_path / "x.npy"), np.bincount(IDS % 200))


def test_several_shards_are_added_up(tmp_path):
    IDS.astype("uint16").tofile(tmp_path / "a.bin")
    (IDS + 1).astype("uint16").tofile(tmp_path / "b.bin")
    assert np.array_equal(counted(tmp_path), np.bincount(np.concatenate([IDS, IDS + 1])))


def test_the_header_of_llm_c_is_no_tokens(tmp_path):
    header = np.zeros(256, dtype="<i4")
    header[:3] = 20240520, 1, len(IDS)
    (tmp_path / "x.bin").write_bytes(header.tobytes() + IDS.astype("<u2").tobytes())
    assert np.array_equal(counted(tmp_path / "x.bin", "uint32"), np.bincount(IDS))


def test_parts_cover_a_shard_once(tmp_path, monkeypatch):
    monkeypatch.setattr("steepest.diagnose.shards.PART_BYTES", 1000)
    IDS.astype("uint16").tofile(tmp_path / "x.bin")
    parts = list(shard_parts(tmp_path / "x.bin", "uint16"))
    assert sum(part.stop - part.start for part in parts) == len(IDS)
    assert np.array_equal(counted(tmp_path / "x.bin"), np.bincount(IDS))


@pytest.mark.parametrize(
    ("ids", "dtype", "wrong"), [([5, -1], "int32", "-1"), ([5, 3 * 10**9], "uint32", "3000000000")]
)
def test_negative_and_huge_ids_are_refused_without_allocating_for_them(tmp_path, ids, dtype, wrong):
    np.array(ids, dtype=dtype).tofile(tmp_path / "x.bin")
    with pytest.raises(DataError, match=rf"x.bin from token 0: token id {wrong} is not one of 0 … 67108863; check"):
        counted(tmp_path / "x.bin", dtype)


def test_a_type_that_does_not_fit_the_size(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"123")
    with pytest.raises(DataError, match="3 bytes, not a multiple of the 2 of uint16; check --dtype"):
        counted(tmp_path / "x.bin")
    with pytest.raises(UsageError, match="--dtype float32: token ids are uint16"):
        counted(tmp_path / "x.bin", "float32")


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3)])
def test_logits_are_no_ids(tmp_path, shape):
    np.save(tmp_path / "logits.npy", np.full(shape, np.nan, dtype=np.float32))
    with pytest.raises(DataError, match=r"logits.npy holds float32 of shape \(.*\), not token ids"):
        counted(tmp_path / "logits.npy")


def test_pickled_and_cut_off_arrays_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"x.npy is cut off or damaged"):
        counted(tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", IDS)
    (tmp_path / "y.npy").write_bytes((tmp_path / "y.npy").read_bytes()[:-800])
    with pytest.raises(DataError, match=r"y.npy is cut off or damaged"):
        counted(tmp_path / "y.npy")


PEAK = """
import resource, sys
from steepest.diagnose.counting import count
from steepest.diagnose.inputs import open_input
*_, total = count(open_input(sys.argv[1]), None)
print(total.result()[0].num_samples, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_gigabyte_is_counted_in_the_memory_of_a_sixteenth(tmp_path):
    """One part, 64 MiB, is mapped at a time. The shell in between starts the peak at its own instead of pytest's."""
    block = IDS[: 2**18].astype("uint16").tobytes() * (2**26 // 2**19)
    found = []
    for copies in (1, 16):
        with (tmp_path / "x.bin").open("wb") as file:
            for _ in range(copies):
                file.write(block)
        command = ["sh", "-c", '"$0" -c "$1" "$2"; exit $?', sys.executable, PEAK, str(tmp_path / "x.bin")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append([int(number) for number in done.stdout.split()])
    (small, small_peak), (large, large_peak) = found
    assert (small, large) == (2**25, 2**29)
    assert large_peak < 1.25 * small_peak
