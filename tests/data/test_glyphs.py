from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from steepest.data import glyphs as glyphs_module
from steepest.data import typeface
from steepest.data.glyphs import Glyphs
from steepest.data.images import zipf_counts
from steepest.data.typeface import FONTS, MOST_CLASSES, atlas, distinct_characters
from steepest.errors import DataError, UsageError

FEW = 120


def drawn(char: str) -> np.ndarray:
    """Return the ink of a character in DejaVu Sans, cropped and scaled to 24 pixels, by another way than the product."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    canvas = Image.new("L", (400, 400))
    ImageDraw.Draw(canvas).text((150, 150), char, fill=255, font=ImageFont.truetype(str(path), 100))
    ink = canvas.crop(canvas.getbbox())
    ink = ink.resize([max(1, round(24 * side / max(ink.size))) for side in ink.size], Image.Resampling.BOX)
    square = Image.new("L", (24, 24))
    square.paste(ink, ((24 - ink.width) // 2, (24 - ink.height) // 2))
    return np.asarray(square, dtype=float)


def test_no_two_classes_look_the_same():
    characters = distinct_characters(FEW)
    assert len(set(characters)) == FEW
    bitmaps = [drawn(char) for char in characters]
    for i in range(FEW):
        for j in range(i):
            x, y = bitmaps[i], bitmaps[j]
            apart = ((x - y) ** 2).sum() / ((x**2).sum() + (y**2).sum())
            assert apart > 0.02, characters[i] + characters[j]


def test_look_alikes_of_other_alphabets_and_sizes_are_left_out():
    characters = distinct_characters(1000)
    assert characters.startswith("ABCDEFGH")
    for other in "ΑАВВСЕΗОРХоocsvxzÁ":
        assert other not in characters
    for genuine in "ДЖΓΔΞאשعბ":
        assert genuine in characters
    assert distinct_characters(50) == characters[:50]


def test_letters_come_first_and_the_most_classes_exist():
    categories = [unicodedata.category(char)[0] for char in distinct_characters(MOST_CLASSES)]
    assert len(categories) == MOST_CLASSES
    assert set(categories[:1000]) == {"L"}
    assert categories == sorted(categories, key="LNPS".index)


def test_a_class_has_a_glyph_of_each_font_that_holds_it():
    glyphs = atlas(FEW)
    assert glyphs.fonts_of[glyphs.characters.index("B")] == len(FONTS)
    assert glyphs.fonts_of.min() >= 1
    assert glyphs.first_of.tolist() == [int(glyphs.fonts_of[:k].sum()) for k in range(FEW)]
    assert len(glyphs.bitmaps) == glyphs.fonts_of.sum()
    ink = glyphs.bitmaps.float().sum((1, 2))
    bold, regular = ink[1], ink[0]
    assert bold > 1.2 * regular


def test_glyphs_are_centred_and_fill_the_same_box():
    for bitmap in atlas(FEW).bitmaps:
        rows, columns = (torch.nonzero(bitmap.sum(dim)).flatten() for dim in (1, 0))
        longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
        assert 56 <= longer <= 62  # and the blur on both sides
        assert abs(rows[-1] + rows[0] - 79) <= 2
        assert abs(columns[-1] + columns[0] - 79) <= 2


@pytest.mark.parametrize("imbalance", ["none", "zipf"])
def test_both_sets_have_the_same_total_and_a_balanced_held_out_set(imbalance):
    spec = Glyphs(num_glyphs=40, imbalance=imbalance, total=607, size=16)
    images = spec.draw(3)
    found = torch.bincount(images.train_classes, minlength=40)
    assert images.train.shape == (607, *spec.shape) == (607, 1, 16, 16)
    assert images.train.dtype == torch.float32
    assert spec.num_images == 607
    assert found.tolist() == spec.counts(3).tolist()
    expected = zipf_counts(607, 40) if imbalance == "zipf" else [16] * 7 + [15] * 33
    assert sorted(found.tolist(), reverse=True) == list(expected)
    assert torch.bincount(images.held_out_classes).tolist() == [2] * 40
    assert len(images.held_out) == spec.num_held_out == 80


def test_the_frequent_classes_are_chosen_by_the_seed():
    spec = Glyphs(num_glyphs=200, imbalance="zipf", total=2000)
    first, second = spec.counts(0), spec.counts(1)
    assert abs(np.corrcoef(np.log(first), np.arange(200))[0, 1]) < 0.25
    assert first.tolist() != second.tolist()
    assert sorted(first) == sorted(second)


def test_the_same_seed_gives_the_same_bytes_and_no_image_twice():
    spec = Glyphs(num_glyphs=10, total=300)
    first, second, other = spec.draw(1), spec.draw(1), spec.draw(2)
    assert torch.equal(first.train, second.train)
    assert torch.equal(first.held_out, second.held_out)
    assert not torch.equal(first.train, other.train)
    assert len(torch.cat([first.train, first.held_out]).flatten(1).unique(dim=0)) == 320


def test_images_are_normalised_and_show_their_glyph():
    images = Glyphs(num_glyphs=FEW, total=20 * FEW).draw(0)
    assert abs(images.train.mean()) < 0.15
    assert abs(images.train.std() - 1) < 0.15
    by_class = images.train.view(FEW, 20, -1).mean(1)
    centred = by_class - by_class.mean(0)
    guesses = torch.cdist(images.held_out.flatten(1) - by_class.mean(0), centred).argmin(1)
    assert (guesses == images.held_out_classes).float().mean() > 20 / FEW  # far beyond the 1/120 of chance


def test_undistorted_rendering_is_the_glyph_itself(monkeypatch):
    class Middle:
        """A generator whose draws are all in the middle."""

        def uniform(self, low, high, size):
            return np.full(size, 0.5 * (low + high))

        def standard_normal(self, size, dtype):
            return np.zeros(size, dtype)

        def integers(self, high):
            return np.zeros_like(high)

    monkeypatch.setattr(glyphs_module, "SCALE", (1.0, 1.0))
    glyphs = atlas(FEW)
    classes = np.arange(FEW)
    images = glyphs_module.render(glyphs, classes, 20, Middle())[:, 0] * 0.23 + 0.21
    ink = glyphs.bitmaps[glyphs.first_of].float().div(255).view(FEW, 20, 4, 20, 4).mean((2, 4))
    for image, expected in zip(images, ink, strict=True):
        assert np.corrcoef(image.flatten(), expected.flatten())[0, 1] > 0.9


def test_impossible_sets_and_missing_fonts_are_refused(monkeypatch):
    with pytest.raises(UsageError, match="total 99 is less than the 100 classes"):
        Glyphs(num_glyphs=100, total=99)
    with pytest.raises(UsageError, match="num_glyphs"):
        Glyphs(num_glyphs=MOST_CLASSES + 1)
    with pytest.raises(DataError, match=r"font Absent.ttf is not where"):
        typeface._path("Absent")


def test_the_fonts_are_part_of_the_identity():
    assert len(Glyphs().description()["fingerprint"]) == 64
