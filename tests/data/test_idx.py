from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from steepest.data import idx
from steepest.data.idx import FILES, parse_idx, read_folder
from steepest.errors import DataError


def idx_file(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def arrays(seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    found = []
    for n in (30, 20):
        found += [random.integers(0, 256, (n, 28, 28), np.uint8), np.arange(n, dtype=np.uint8) % 10]
    return found


def write(folder: Path, contents: list[bytes], suffix: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in zip(FILES, contents, strict=True):
        (folder / f"{name}{suffix}").write_bytes(content)
    return folder


@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_of_idx_files_is_read_back(zipped, tmp_path):
    contents = [idx_file(array) for array in arrays()]
    stored = [gzip.compress(content) for content in contents] if zipped else contents
    found = read_folder(str(write(tmp_path / "idx", stored, ".gz" if zipped else "")))
    for part, array in zip((found.train, found.train_classes, found.test, found.test_classes), arrays(), strict=True):
        np.testing.assert_array_equal(part, array)
    assert found.file_hashes == tuple(hashlib.sha256(content).hexdigest() for content in contents)


def test_a_folder_is_read_again_when_a_file_changes(tmp_path):
    folder = write(tmp_path / "idx", [idx_file(array) for array in arrays()])
    first = read_folder(str(folder))
    assert read_folder(str(folder)) is first
    other = arrays(seed=1)
    write(folder, [idx_file(array) for array in other])
    np.testing.assert_array_equal(read_folder(str(folder)).train, other[0])


GOOD = idx_file(np.arange(6, dtype=np.uint8).reshape(1, 2, 3))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no idx file of bytes in 3 dimensions"),
        (b"<html>", "starts with 3c 68 74 6d"),
        (idx_file(np.zeros(3, np.uint8)), "starts with 00 00 08 01"),
        (GOOD[:2] + b"\x0d" + GOOD[3:], "starts with 00 00 0d 03"),
        (GOOD[:10], "has 10 bytes, not"),
        (GOOD[:-1], "has 21 bytes, not the 22"),
        (GOOD + b"\0", "has 23 bytes, not the 22"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "has 16 bytes, not the 792281624"),
        (gzip.compress(GOOD, mtime=0)[:-4], "damaged gzip"),
        (gzip.compress(GOOD, mtime=0)[:6], "damaged gzip"),
    ],
)
def test_bad_files_are_one_line_each(data, reason):
    with pytest.raises(DataError, match=reason) as caught:
        parse_idx(data, 3, "name")
    assert "\n" not in str(caught.value)


def test_what_unzips_to_too_much_is_refused(monkeypatch):
    np.testing.assert_array_equal(parse_idx(gzip.compress(GOOD), 3, "name").ravel(), np.arange(6))
    monkeypatch.setattr(idx, "IDX_BYTES", len(GOOD) - 1)
    with pytest.raises(DataError, match="more than 21 bytes"):
        parse_idx(gzip.compress(GOOD), 3, "name")


def test_data_sets_that_do_not_fit_together_are_refused(tmp_path):
    images, classes, test, test_classes = arrays()
    folder = tmp_path / "idx"

    def refusal(*parts: np.ndarray) -> str:
        with pytest.raises(DataError) as caught:
            read_folder(str(write(folder, [idx_file(part) for part in parts])))
        return str(caught.value)

    assert "30 images, but" in refusal(images, classes[:-1], test, test_classes)
    assert "images of 27×28; give 28×28" in refusal(images[:, 1:], classes, test, test_classes)
    assert "must hold the classes 0 … 9" in refusal(images, classes + 1, test, test_classes)
    assert "must hold the classes 0 … 9" in refusal(images, classes, test, test_classes % 9)
    (folder / FILES[2]).unlink()
    assert "holds no t10k-images-idx3-ubyte or" in refusal_of_folder(folder)
    assert "absent holds no train-images" in refusal_of_folder(tmp_path / "absent")


def refusal_of_folder(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_folder(str(folder))
    return str(caught.value)
