from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from steepest.data import folders
from steepest.data.folders import ImageFolder
from steepest.data.images import zipf_counts
from steepest.errors import DataError, UsageError

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes of 9 images, all of one colour that tells class and number."""
    for k in range(3):
        folder = tmp_path / "set" / f"class {k}"
        folder.mkdir(parents=True)
        for i in range(9):
            Image.new("RGB", (30, 20), (80 * k, 20 * i, 7)).save(folder / f"{i}.png")
        (folder / "notes.txt").write_text("not an image")
    (tmp_path / "set" / ".hidden").mkdir()
    return tmp_path / "set"


def colours(images: torch.Tensor) -> np.ndarray:
    pixels = images.double().permute(0, 2, 3, 1).numpy() * STD + MEAN
    assert np.ptp(pixels, axis=(1, 2)).max() < 1e-5
    return np.rint(255 * pixels[:, 0, 0]).astype(int)


def test_images_are_read_when_indexed(root):
    spec = ImageFolder(path=str(root), size=8, total=15)
    images = spec.draw(0)
    assert spec.shape == (3, 8, 8)
    assert (spec.num_classes, spec.num_images, spec.num_held_out) == (3, 15, 6)
    assert images.train_classes.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    train = colours(images.batch(torch.arange(15)))
    held_out = colours(images.held_out_batch(torch.arange(6)))
    assert (train[:, 0] // 80).tolist() == images.train_classes.tolist()
    assert (held_out[:, 0] // 80).tolist() == images.held_out_classes.tolist() == [0, 0, 1, 1, 2, 2]
    assert len({tuple(colour) for colour in (*train, *held_out)}) == 21
    assert images.batch(torch.tensor([14, 2])).shape == (2, 3, 8, 8)
    assert colours(images.batch(torch.tensor([14, 2]))).tolist() == train[[14, 2]].tolist()
    assert len(images.train) == 15


def test_the_centre_is_cut_out_and_scaled(tmp_path):
    pixels = np.zeros((16, 48, 3), np.uint8)
    pixels[:, 16:24], pixels[:8, 24:32], pixels[8:, 24:32] = 255, 100, 200
    for k in range(2):
        (tmp_path / str(k)).mkdir()
        for i in range(2):
            Image.fromarray(pixels).save(tmp_path / str(k) / f"{i}.png")
    images = ImageFolder(path=str(tmp_path), size=8, total=2, held_out_per_class=1).draw(0)
    found = images.batch(torch.tensor([0]))[0].double().permute(1, 2, 0).numpy() * STD + MEAN
    np.testing.assert_allclose(found[:, 1:3] * 255, 255, atol=1)
    np.testing.assert_allclose(found[:3, 5:7] * 255, 100, atol=1)
    np.testing.assert_allclose(found[5:, 5:7] * 255, 200, atol=1)


def test_grey_images_and_jpegs_become_three_colours(root):
    Image.new("L", (40, 40), 51).save(root / "class 0" / "0.JPG", format="JPEG")
    files = [root / "class 0" / "0.JPG"]
    assert colours(folders.FolderPixels(files, 8)[torch.tensor([0])]).tolist() == [[51, 51, 51]]


def test_zipf_gives_the_classes_a_rank_by_seed(root):
    spec = ImageFolder(path=str(root), size=8, total=11, imbalance="zipf")
    assert zipf_counts(11, 3).tolist() == [6, 3, 2]
    orders = {tuple(torch.bincount(spec.draw(seed).train_classes).tolist()) for seed in range(20)}
    assert len(orders) > 3
    assert all(sorted(order) == [2, 3, 6] for order in orders)
    assert torch.equal(spec.draw(2).batch(torch.arange(11)), spec.draw(2).batch(torch.arange(11)))


def test_the_first_classes_can_be_chosen(root):
    spec = ImageFolder(path=str(root), size=8, total=4, classes=2)
    assert spec.num_classes == 2
    assert spec.draw(0).train_classes.tolist() == [0, 0, 1, 1]


def test_the_identity_follows_the_files_and_not_the_place(root, tmp_path):
    before = ImageFolder(path=str(root), total=9).description()
    moved = tmp_path / "moved"
    shutil.copytree(root, moved)
    assert ImageFolder(path=str(moved), total=9).description() == before
    (moved / "class 1" / "3.png").unlink()
    assert ImageFolder(path=str(moved), total=9).description() != before


def refusal(spec: ImageFolder, item: int | None = None) -> str:
    run = spec.draw if item is None else lambda seed: spec.draw(seed).batch(torch.tensor([item]))
    with pytest.raises(DataError) as caught:
        run(0)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_unusable_folders_are_one_line_each(root, tmp_path):
    assert "cannot be read: No such file" in refusal(ImageFolder(path=str(tmp_path / "absent"), total=9))
    (tmp_path / "empty").mkdir()
    assert "holds 0 folders, not 2 or more" in refusal(ImageFolder(path=str(tmp_path / "empty"), total=9))
    assert "holds 3 folders, not 4" in refusal(ImageFolder(path=str(root), total=9, classes=4))
    assert "total 2 is less than the 3 classes" in refusal(ImageFolder(path=str(root), total=2))
    assert "has 9 images, not the 8 + 2 needed" in refusal(ImageFolder(path=str(root), total=24))
    shutil.rmtree(root / "class 2")
    (root / "class 2").mkdir()
    assert "class 2 has 0 images, not the 1 + 2 needed" in refusal(ImageFolder(path=str(root), total=3))
    with pytest.raises(UsageError, match="size"):
        ImageFolder(path=str(root), size=1, total=9)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n", None])
def test_unreadable_images_are_named(content, root):
    for path in (root / "class 0").glob("*.png"):
        path.write_bytes(path.read_bytes()[:60] if content is None else content)
    assert "it is no JPEG or PNG, or damaged; replace or remove it" in refusal(ImageFolder(path=str(root), total=9), 0)


def test_other_formats_and_huge_images_are_refused(root, monkeypatch):
    for path in (root / "class 0").glob("*.png"):
        Image.new("RGB", (20, 20)).save(path, format="BMP")
    spec = ImageFolder(path=str(root), size=8, total=9)
    assert "it is no JPEG or PNG" in refusal(spec, 0)
    monkeypatch.setattr(folders, "PIXELS", 599)
    assert "has 30×20 pixels, more than 599; shrink it" in refusal(spec, 8)
