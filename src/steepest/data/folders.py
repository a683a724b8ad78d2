"""Folders of photographs, one folder for each class, as ImageNet is unpacked; read from the disk when needed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from steepest.data.images import Images, ImageSet, Imbalance, Ints, Shape, uniform_counts, zipf_counts
from steepest.errors import DataError
from steepest.files import sha256

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".jpg", ".jpeg", ".png")
PIXELS = 2**26
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, eq=False)
class FolderPixels:
    """Images (n, 3, size, size) that are read when indexed: shorter side scaled to `size`, then the centre is cut out.

    Attributes:
        files: of the images.
        size: side of the images.
    """

    files: list[Path]
    size: int

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, items: Tensor) -> Tensor:
        """Return the images of items (b,), (colour/255 − mean)/std with the usual constants of ImageNet.

        Raises:
            DataError: a file that is absent, damaged or too large.
        """
        images = torch.stack([self._read(self.files[i]) for i in items.tolist()])
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        return images.sub_(mean).div_(std)

    def _read(self, path: Path) -> Tensor:
        from PIL import Image

        try:
            with Image.open(path, formats=("JPEG", "PNG")) as image:
                if image.width * image.height > PIXELS:
                    raise DataError(
                        f"image {path} has {image.width}×{image.height} pixels, more than {PIXELS}; shrink it"
                    )
                pixels = np.asarray(self._cut(image.convert("RGB")), dtype=np.float32)
        except (
            OSError,
            ValueError,
            SyntaxError,
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
        ) as error:
            reason = getattr(error, "strerror", None) or "it is no JPEG or PNG, or damaged"
            raise DataError(f"image {path} cannot be read: {reason}; replace or remove it") from None
        return torch.from_numpy(pixels / 255).permute(2, 0, 1)

    def _cut(self, image: Image) -> Image:
        from PIL.Image import Resampling

        side = min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        square = (left, top, left + side, top + side)
        return image.resize((self.size, self.size), Resampling.BILINEAR, box=square)


class ImageFolder(ImageSet):
    """Photographs in a folder that holds one folder of .jpg, .jpeg or .png files for each class, sorted by name.

    "none" gives each class n/c images; "zipf" gives n_k ∝ 1/k, n_k ≥ 1, to the classes in an order that the seed
    permutes. Which images of a class are taken, and which are held out, is permuted by the seed as well.

    Attributes:
        path: the folder.
        size: side of the images.
        total: n.
        imbalance: "none" or "zipf".
        classes: c, the first c folders; all if None.
        held_out_per_class: images of each class that are not trained on.
    """

    kind: ClassVar[str] = "ImageFolder"

    path: Annotated[str, Field(min_length=1)]
    size: int = Field(default=224, ge=8, le=1024)
    total: int = Field(ge=2)
    imbalance: Imbalance = "none"
    classes: int | None = Field(default=None, ge=2)
    held_out_per_class: int = Field(default=2, ge=1)
    licence = "that of the user's own images"
    attribution = "the user's own images"

    @property
    def num_classes(self) -> int:
        """Return the number of classes, c."""
        return len(self._folders())

    @property
    def shape(self) -> Shape:
        """Return the shape of an image, (3, size, size)."""
        return (3, self.size, self.size)

    @property
    def num_images(self) -> int:
        """Return the number of training images, n."""
        return self.total

    @property
    def num_held_out(self) -> int:
        """Return the number of held-out images."""
        return self.held_out_per_class * self.num_classes

    def fingerprint(self) -> str:
        """Return the hash of the names and sizes of all files; their contents are too many to hash."""
        return _listing_hash(tuple(file for folder in self._folders() for file in _files(folder)))

    def description(self) -> dict[str, Any]:
        """Return kind, version, fingerprint and fields without the path, so that moved folders keep their runs."""
        return {name: value for name, value in super().description().items() if name != "path"}

    def counts(self, seed: int) -> Ints:
        """Return the training images n_k of each class, (c,).

        Raises:
            DataError: a folder without classes, or fewer images asked for than there are classes.
        """
        c = self.num_classes
        if self.total < c:
            raise DataError(f"total {self.total} is less than the {c} classes of {self.path}; each needs an image")
        if self.imbalance == "none":
            return uniform_counts(self.total, c)
        return zipf_counts(self.total, c)[np.random.default_rng([seed, 0]).permutation(c)]

    def draw(self, seed: int) -> Images:
        """Choose the files, in class order; none is opened yet.

        Raises:
            DataError: a class with too few images.
        """
        random = np.random.default_rng([seed, 1])
        counts, held_out = self.counts(seed), np.full(self.num_classes, self.held_out_per_class)
        chosen: tuple[list[Path], list[Path]] = ([], [])
        for folder, n in zip(self._folders(), counts.tolist(), strict=True):
            files = _files(folder)
            if len(files) < n + self.held_out_per_class:
                need = f"{n} + {self.held_out_per_class}"
                raise DataError(
                    f"class {folder} has {len(files)} images, not the {need} needed; choose a smaller total"
                )
            order = random.permutation(len(files)).tolist()
            chosen[0].extend(files[i] for i in order[:n])
            chosen[1].extend(files[i] for i in order[n : n + self.held_out_per_class])
        train, rest = (torch.from_numpy(np.repeat(np.arange(self.num_classes), n_k)) for n_k in (counts, held_out))
        return Images(
            FolderPixels(chosen[0], self.size), train, FolderPixels(chosen[1], self.size), rest, self.num_classes
        )

    def _folders(self) -> list[Path]:
        """Return the folder of each class."""
        root = Path(os.path.expanduser(self.path))
        try:
            folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
        except OSError as error:
            raise DataError(
                f"image folder {self.path} cannot be read: {error.strerror}; give an existing folder"
            ) from None
        if len(folders) < (self.classes or 2):
            raise DataError(
                f"image folder {self.path} holds {len(folders)} folders, not {self.classes or '2 or more'}; give a folder "
                "with one folder of images for each class"
            )
        return folders[: self.classes]


def _files(folder: Path) -> list[Path]:
    """Return the images of a class, sorted by name; listed again when the folder has changed."""
    try:
        return _listed(folder, folder.stat().st_mtime_ns)
    except OSError as error:
        raise DataError(f"image folder {folder} cannot be read: {error.strerror}; check its permissions") from None


@lru_cache(maxsize=5000)
def _listed(folder: Path, mtime: int) -> list[Path]:  # noqa: ARG001 - mtime says when to list again
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


@lru_cache(maxsize=4)
def _listing_hash(files: tuple[Path, ...]) -> str:
    lines = [f"{path.parent.name}/{path.name} {path.stat().st_size}" for path in files]
    return sha256("\n".join(lines).encode(errors="surrogateescape"))
