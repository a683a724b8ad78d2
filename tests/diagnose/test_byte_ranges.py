"""Spans of plain and compressed files: together the file, each whole records, and clear refusals."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.diagnose.byte_ranges import byte_ranges
from steepest.errors import DataError

TEXT = "".join(f"line {i} of a text\n" for i in range(400)).encode()


def compressed(data: bytes, kind: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, kind) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"a", b"bb", b"\n", b" ", b"\xc3\xa9"])), st.integers(3, 20))
def test_ranges_join_to_the_file_and_end_at_blanks(tmp_path_factory, pieces, size):
    data = b"".join(pieces)
    path = tmp_path_factory.mktemp("ranges") / "x.txt"
    path.write_bytes(data)
    try:
        found = [part.read() for part in byte_ranges(path, b" \n", size)]
    except DataError as error:
        assert "no end of a record" in str(error)  # noqa: PT017 - a stretch without blanks may be too long
        return
    assert b"".join(found) == data
    assert all(part[-1:] in (b" ", b"\n") for part in found[:-1])


@pytest.mark.parametrize(("suffix", "kind"), [(".gz", "gzip"), (".zst", "zstd")])
def test_compressed_files_in_several_members(tmp_path, suffix, kind):
    path = tmp_path / f"x.txt{suffix}"
    path.write_bytes(compressed(TEXT[:1000], kind) + compressed(TEXT[1000:], kind))
    found = [part.read() for part in byte_ranges(path, b"\n", 500)]
    assert b"".join(found) == TEXT
    assert len(found) > 5
    assert all(part.endswith(b"\n") for part in found)


@pytest.mark.parametrize("cut", [-1, -4, -300, 40])
@pytest.mark.parametrize(("suffix", "kind"), [(".gz", "gzip"), (".zst", "zstd")])
def test_cut_off_files_are_refused(tmp_path, suffix, kind, cut):
    path = tmp_path / f"x.txt{suffix}"
    path.write_bytes(compressed(TEXT, kind)[:cut])
    with pytest.raises(DataError, match=rf"x.txt{suffix} is cut off or damaged: .*; make or fetch it again"):
        list(byte_ranges(path, b"\n"))


def test_damaged_and_misnamed_gzip_is_refused(tmp_path):
    data = bytearray(gzip.compress(TEXT))
    data[60] ^= 255
    for content in (bytes(data), b"plain text under a wrong name"):
        (tmp_path / "x.gz").write_bytes(content)
        with pytest.raises(DataError, match="is cut off or damaged"):
            list(byte_ranges(tmp_path / "x.gz", b"\n"))


@pytest.mark.parametrize("name", ["x.txt", "x.txt.gz"])
def test_a_byte_order_mark_is_no_text(tmp_path, name):
    data = "\ufeffone two\n".encode()
    (tmp_path / name).write_bytes(compressed(data, "gzip") if name.endswith(".gz") else data)
    assert [part.read() for part in byte_ranges(tmp_path / name, b"\n")] == [b"one two\n"]


@pytest.mark.parametrize("name", ["x.txt", "x.txt.gz"])
def test_a_record_that_never_ends_is_refused(tmp_path, name):
    data = b"x" * 200_000
    (tmp_path / name).write_bytes(compressed(data, "gzip") if name.endswith(".gz") else data)
    with pytest.raises(DataError, match="no end of a record in"):
        list(byte_ranges(tmp_path / name, b"\n", 1000))


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises((DataError, OSError), match="No such file"):
        list(byte_ranges(Path(tmp_path / "x.txt.gz"), b"\n"))
