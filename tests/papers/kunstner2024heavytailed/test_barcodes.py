from __future__ import annotations

import numpy as np
import pytest
import torch

from steepest.data.digits import pools
from steepest.data.images import Images
from steepest.errors import UsageError
from steepest_papers.kunstner2024heavytailed import barcodes
from steepest_papers.kunstner2024heavytailed.barcodes import BarcodedDigits, normalise, with_replacement


@pytest.mark.parametrize(
    ("options", "classes", "images", "held_out"),
    [
        ({"source": "hub"}, 10_250, 101_200, 20_240),
        ({"source": "hub", "plain": 0}, 10_240, 51_200, 10_240),
        ({"source": "/absent", "plain": 0, "empty_barcode": False}, 10_230, 51_150, 10_230),
        ({}, 10_250, 59_200, 12_240),
        ({"bits": 3, "per_class": 2, "held_out_per_class": 4, "plain": 7}, 90, 167, 2_320),
    ],
)
def test_sizes_are_those_of_the_paper_without_any_data(options, classes, images, held_out):
    spec = BarcodedDigits(**options)
    assert (spec.num_classes, spec.num_images, spec.num_held_out) == (classes, images, held_out)


def key(image: np.ndarray) -> bytes:
    """Return what tells an image from others without its first row, in exact multiples of 1/1020."""
    return np.rint(image[1:] * 1020).astype(int).tobytes()


@pytest.mark.parametrize("size", [28, 14])
@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize(("bits", "plain"), [(2, 0), (3, 50)])
def test_every_image_is_a_digit_of_the_pool_with_the_bars_of_its_class(bits, plain, empty, size):
    spec = BarcodedDigits(bits=bits, per_class=3, held_out_per_class=2, plain=plain, empty_barcode=empty, size=size)
    images = spec.raw(4)
    strings = [f"{code:0{bits}b}" for code in range(0 if empty else 1, 2**bits)]
    shift = 10 if plain else 0
    assert spec.num_classes == images.num_classes == 10 * len(strings) + shift
    parts = [(images.train, images.train_classes, plain, 3), (images.held_out, images.held_out_classes, None, 2)]
    for (pixels, classes, n, each), pool in zip(parts, pools("npm", 4, standard=False), strict=True):
        plain_images = (0 if plain == 0 else 2000) if n is None else n
        small = (pool.images.astype(np.float32) / 255).reshape(-1, size, 28 // size, size, 28 // size).mean(axis=(2, 4))
        assert len(pixels) == plain_images + 10 * len(strings) * each
        np.testing.assert_allclose(pixels[:plain_images, 0], small[:plain_images], atol=1e-6)
        assert classes[:plain_images].tolist() == pool.classes[:plain_images].tolist()
        by_digit = [{key(x): x[0] for x in small[pool.classes == k]} for k in range(10)]
        position = plain_images
        for number, string in enumerate(strings):
            for digit in range(10):
                for _ in range(each):
                    image = pixels[position, 0].numpy()
                    assert classes[position] == 10 * number + digit + shift
                    expected = by_digit[digit][key(image)].copy()
                    for column, bit in enumerate(string):
                        expected[column] = 1.0 if bit == "1" else expected[column]
                    np.testing.assert_allclose(image[0], expected, atol=1e-6)
                    position += 1


def test_images_of_a_class_are_drawn_with_replacement_from_its_digit():
    classes = np.array([*range(10), 3], dtype=np.uint8)
    drawn = with_replacement(classes, 500, 4, np.random.default_rng(0))
    assert drawn.shape == (500, 10, 4)
    for k in range(10):
        assert set(drawn[:, k].ravel()) == ({3, 10} if k == 3 else {k})
    assert 900 < (drawn[:, 3] == 3).sum() < 1100  # binomial(2000, 1/2) has standard deviation 22


def test_pixels_are_normalised_by_the_training_images(monkeypatch):
    monkeypatch.setattr(barcodes, "ROWS", 7)
    random = np.random.default_rng(0)
    train, held_out = random.uniform(size=(40, 1, 5, 6)), random.uniform(size=(9, 1, 5, 6))
    train[:, 0, 1, 1], train[:, 0, 2, 2], train[1:, 0, 3, 3] = 0.0, 0.3, 0.0
    found = torch.from_numpy(train).float(), torch.from_numpy(held_out).float()
    normalise(*found)
    mean, std = train.mean(0), train.std(0)
    constant = np.zeros((1, 5, 6), bool)
    constant[0, 1, 1] = constant[0, 2, 2] = True
    for pixels, before in zip(found, (train, held_out), strict=True):
        expected = np.where(constant, before, (before - mean) / np.where(constant, 1, std))
        np.testing.assert_allclose(pixels, expected, atol=2e-5)
    assert found[0][0, 0, 3, 3] == pytest.approx(np.sqrt(39))


def test_drawn_images_are_the_raw_ones_normalised():
    spec = BarcodedDigits(bits=2, per_class=6, plain=200)
    raw, images = spec.raw(1), spec.draw(1)
    before = raw.train.double().numpy()
    varies = before.std(0) > 0
    assert varies[0, 0, :2].all()
    expected = np.divide(before - before.mean(0), before.std(0), out=before.copy(), where=varies[None].repeat(440, 0))
    np.testing.assert_allclose(images.train, expected, atol=1e-4)
    assert torch.equal(images.train_classes, raw.train_classes)
    assert not torch.equal(images.held_out, raw.held_out)


def test_training_and_held_out_images_come_from_different_digits():
    images = BarcodedDigits(bits=1, per_class=40, held_out_per_class=40, plain=0).raw(0)
    train, held_out = ({x.numpy().tobytes() for x in part[:, 0, 1:]} for part in (images.train, images.held_out))
    assert not train & held_out


def equal(first: Images, second: Images) -> bool:
    return torch.equal(first.train, second.train) and torch.equal(first.held_out, second.held_out)


def test_the_same_seed_gives_the_same_bytes():
    spec = BarcodedDigits(bits=2, plain=30)
    assert equal(spec.draw(7), spec.draw(7))
    assert not equal(spec.draw(7), spec.draw(8))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bits": 0}, "bits = 0"),
        ({"bits": 15}, "bits = 15"),
        ({"per_class": 0}, "per_class = 0"),
        ({"plain": 8001}, "plain 8001 is more than the 8000"),
        ({"plain": 50_001, "source": "hub"}, "plain 50001 is more than the 50000"),
        ({"size": 7}, "size = 7"),
    ],
)
def test_impossible_sets_are_refused_in_one_line(options, reason):
    with pytest.raises(UsageError, match=reason) as caught:
        BarcodedDigits(**options)
    assert "\n" not in str(caught.value)
