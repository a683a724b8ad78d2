from __future__ import annotations

import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steepest.data import digits as digits_module
from steepest.data import fashion as fashion_module
from steepest.data import grey
from steepest.data.digits import Digits, digits, pools
from steepest.data.fashion import Fashion
from steepest.data.idx import FILES, read_folder
from steepest.data.images import Images, harmonic_counts, uniform_counts, zipf_counts
from steepest.errors import DataError, UsageError

TRAIN, TEST = 200, 50


def made(seed: int = 0) -> list[np.ndarray]:
    """Return a small stand-in for MNIST, its classes shuffled."""
    random = np.random.default_rng(seed)
    parts = []
    for n in (TRAIN, TEST):
        parts += [
            random.integers(0, 256, (n, 28, 28), np.uint8),
            random.permutation(np.arange(n) % 10).astype(np.uint8),
        ]
    return parts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, part in zip(FILES, made(), strict=True):
        header = struct.pack(f">BBBB{part.ndim}I", 0, 0, 8, part.ndim, *part.shape)
        (tmp_path / name).write_bytes(header + part.tobytes())
    for module in (grey, digits_module):
        monkeypatch.setattr(module, "PUBLISHED", (TRAIN, TEST))
    return str(tmp_path)


def same(first: Images, second: Images) -> bool:
    pairs = [(getattr(first, name), getattr(second, name)) for name in ("train", "train_classes", "held_out")]
    return all(torch.equal(a, b) for a, b in pairs)


@given(c=st.integers(1, 60), more=st.integers(0, 3000))
def test_zipf_counts_sum_to_the_total_and_fall_as_one_over_k(c, more):
    counts = zipf_counts(c + more, c)
    assert counts.sum() == c + more
    assert counts.min() >= 1
    assert (np.diff(counts) <= 0).all()
    largest = next(n for n in range(c + more, 0, -1) if sum(max(1, n // k) for k in range(1, c + 1)) <= c + more)
    expected = np.array([max(1, largest // k) for k in range(1, c + 1)])
    assert set((counts - expected).tolist()) <= {0, 1}


def test_large_zipf_counts_are_proportional_to_one_over_k():
    counts = zipf_counts(1_000_000, 1000)
    ideal = 1_000_000 / np.arange(1, 1001) / (1 / np.arange(1, 1001)).sum()
    assert np.abs(counts - ideal).max() < 70  # Σ of the parts that ⌊n_1/k⌋ cuts off is below c, divided by H_c ≈ 7.5
    assert uniform_counts(1003, 10).tolist() == [101] * 3 + [100] * 7
    assert harmonic_counts(10, 4).tolist() == [10, 5, 3, 2]
    with pytest.raises(ValueError, match="4 images do not suffice for 5 classes"):
        zipf_counts(4, 5)


def test_the_real_digits_are_8000_and_2000_of_the_10000():
    found = digits("npm")
    assert np.bincount(found.train_classes).tolist() == [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]
    assert found.train.dtype == np.uint8
    assert (int(found.train.min()), int(found.train.max())) == (0, 255)
    train, held_out = pools("npm", 3, standard=False)
    rows = {image.tobytes() for image in (*train.images, *held_out.images)}
    assert rows == {image.tobytes() for image in found.train}
    images = Digits().draw(3)
    assert images.train.shape == (8000, 1, 28, 28)
    assert images.held_out.shape == (2000, 1, 28, 28)
    pixels = train.images.astype(np.float64) / 255
    assert abs(pixels.mean() - 0.1307) < 0.002  # the known constants of MNIST
    assert abs(pixels.std() - 0.3081) < 0.002
    np.testing.assert_allclose(images.train[:, 0], (pixels - 0.1307) / 0.3081, atol=1e-5)
    np.testing.assert_array_equal(images.held_out_classes, held_out.classes)


def test_digits_of_a_folder_are_the_standard_split(folder):
    train, train_classes, test, test_classes = made()
    spec = Digits(source=folder)
    images = spec.draw(0)
    assert (spec.num_images, spec.num_held_out, spec.num_classes) == (TRAIN, TEST, 10)
    np.testing.assert_allclose(images.train[:, 0], (train / 255 - 0.1307) / 0.3081, atol=1e-5)
    np.testing.assert_allclose(images.held_out[:, 0], (test / 255 - 0.1307) / 0.3081, atol=1e-5)
    np.testing.assert_array_equal(images.train_classes, train_classes)
    np.testing.assert_array_equal(images.held_out_classes, test_classes)


def test_balanced_digits_at_size_14_are_means_of_four_pixels(folder):
    spec = Digits(source=folder, per_class=7, size=14)
    images = spec.draw(5)
    assert spec.shape == images.train.shape[1:] == (1, 14, 14)
    assert spec.num_images == len(images.train) == 70
    assert torch.bincount(images.train_classes).tolist() == [7] * 10
    train, classes, *_ = made()
    small = train.reshape(TRAIN, 14, 2, 14, 2).astype(np.float64).mean(axis=(2, 4)) / 255
    known = {np.round(image, 3).tobytes(): int(k) for image, k in zip(small, classes, strict=True)}
    found = [np.round(x * 0.3081 + 0.1307, 3).tobytes() for x in images.train[:, 0].double().numpy()]
    assert len(set(found)) == 70
    assert [known[x] for x in found] == images.train_classes.tolist()
    items = torch.tensor([4, 69])
    assert torch.equal(images.batch(items), images.train[items])
    assert torch.equal(images.held_out_batch(items[:1]), images.held_out[[4]])


def test_the_seed_decides_which_digits_and_the_same_seed_gives_the_same_bytes(folder):
    spec = Digits(source=folder, per_class=4)
    assert same(spec.draw(1), spec.draw(1))
    assert not same(spec.draw(1), spec.draw(2))
    assert same(Digits(per_class=3).draw(1), Digits(per_class=3).draw(1))


def test_where_the_same_digits_lie_does_not_change_the_identity(folder, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in FILES:
        (moved / name).write_bytes((Path(folder) / name).read_bytes())
    assert Digits(source=str(moved)).description() == Digits(source=folder).description()
    assert Digits().description() != Digits(source=folder).description()
    (moved / FILES[0]).write_bytes((moved / FILES[0]).read_bytes()[:-1] + b"\1")
    assert Digits(source=str(moved)).description() != Digits(source=folder).description()


def test_sizes_are_known_without_any_data():
    assert Digits().num_images == 8000
    assert Digits(source="hub").num_images == 60_000
    assert Digits(source="hub").num_held_out == 10_000
    assert Digits(source="/absent", per_class=5000).num_images == 50_000


def test_impossible_digits_are_refused(folder, monkeypatch):
    with pytest.raises(UsageError, match="per_class 700 is more than the 600"):
        Digits(per_class=700)
    with pytest.raises(UsageError, match="size"):
        Digits(size=20)
    monkeypatch.setattr(grey, "PUBLISHED", (60_000, 10_000))
    with pytest.raises(DataError, match=r"holds 200 \+ 50 images"):
        Digits(source=folder).draw(0)


def hub(parts: list[np.ndarray]) -> types.ModuleType:
    module = types.ModuleType("datasets")
    splits = {
        "train": {"image": list(parts[0]), "label": parts[1].tolist()},
        "test": {"image": list(parts[2]), "label": parts[3].tolist()},
    }
    module.load_dataset = lambda name: splits if name == "ylecun/mnist" else None
    return module


def test_the_hub_gives_the_same_digits_as_a_folder(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", hub(made()))
    monkeypatch.setattr(digits_module, "MNIST_FILES", read_folder(folder).file_hashes)
    digits_module._hub.cache_clear()
    assert same(Digits(source="hub").draw(0), Digits(source=folder).draw(0))
    assert Digits(source="hub").description() == Digits(source=folder).description()
    digits_module._hub.cache_clear()


def test_a_hub_that_is_missing_or_fails_or_changed_is_one_line(monkeypatch):
    digits_module._hub.cache_clear()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'steepest\[hub\]'"):
        Digits(source="hub").draw(0)
    monkeypatch.setitem(sys.modules, "datasets", hub(made()))
    with pytest.raises(DataError, match="its hashes differ; give the folder"):
        Digits(source="hub").draw(0)
    failing = types.ModuleType("datasets")
    monkeypatch.setitem(sys.modules, "datasets", failing)
    with pytest.raises(DataError, match="cannot be loaded") as caught:
        Digits(source="hub").draw(0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("imbalance", ["none", "zipf"])
def test_fashion_has_a_tail_in_the_order_of_its_labels(folder, imbalance):
    spec = Fashion(source=folder, imbalance=imbalance, largest=20, held_out_per_class=3)
    images = spec.draw(0)
    counts = [20 // k for k in range(1, 11)] if imbalance == "zipf" else [20] * 10
    assert torch.bincount(images.train_classes).tolist() == counts
    assert spec.num_images == sum(counts)
    assert torch.bincount(images.held_out_classes).tolist() == [3] * 10
    assert spec.num_held_out == 30
    train, classes, *_ = made()
    known = {image.tobytes(): int(k) for image, k in zip(train, classes, strict=True)}
    pixels = (images.train[:, 0].double() * 0.3530 + 0.2860).mul(255).round().byte().numpy()
    assert [known[image.tobytes()] for image in pixels] == images.train_classes.tolist()
    assert same(images, spec.draw(0))
    assert not same(images, spec.draw(1))


def test_fashion_from_the_package(monkeypatch, folder):
    files = {name: Path(folder) / name for name in FILES}
    monkeypatch.setattr(fashion_module, "fetch", lambda artefact: files)
    fashion_module._debian.cache_clear()
    small = {"largest": 10, "held_out_per_class": 1}
    assert same(Fashion(**small).draw(0), Fashion(source=folder, **small).draw(0))
    fashion_module._debian.cache_clear()
    assert Fashion().num_images == 60_000
    with pytest.raises(UsageError, match="largest"):
        Fashion(largest=6001)
