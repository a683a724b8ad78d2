"""Distinct characters, and their glyphs in the fonts that ship with matplotlib.

Characters come from DejaVu Sans: first letters, then numbers, punctuation and symbols; within these, characters that
Unicode does not compose of others first; then by code point. A character whose glyph looks like that of an earlier one,
size and position aside (the Latin, Greek and Cyrillic A; o and O), is left out.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from steepest.data.frequency import Ints
from steepest.errors import DataError
from steepest.files import sha256

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

FONTS = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
)
CATEGORIES = "LNPS"
MOST_CLASSES = 2000
SIDE, INK = 80, 56
ALIKE = 0.9
BLUR = 7


@dataclass(frozen=True, eq=False)
class Atlas:
    """Glyphs, each rendered once.

    Attributes:
        characters: one for each class.
        bitmaps: (glyphs, 80, 80) uint8, the ink with blurred edges; those of a class follow one another.
        first_of: (classes,) the first glyph of each class.
        fonts_of: (classes,) how many glyphs it has, one for each font that has the character.
    """

    characters: str
    bitmaps: Tensor
    first_of: Ints
    fonts_of: Ints


@lru_cache(maxsize=2)
def atlas(num_classes: int) -> Atlas:
    """Return the glyphs of the first characters that look different.

    Raises:
        DataError: matplotlib without its fonts.
    """
    characters = distinct_characters(num_classes)
    fonts = [(_coverage(name), _font(name)) for name in FONTS]
    rendered = [[fitted(font, char) for codes, font in fonts if ord(char) in codes] for char in characters]
    glyphs = [[bitmap for bitmap in same if bitmap.any()] for same in rendered]
    fonts_of = np.array([len(same) for same in glyphs])
    bitmaps = torch.from_numpy(np.stack([bitmap for same in glyphs for bitmap in same]))
    return Atlas(characters, _blurred(bitmaps), np.cumsum(fonts_of) - fonts_of, fonts_of)


@lru_cache(maxsize=2)
def distinct_characters(number: int) -> str:
    """Return the first characters whose glyphs x in DejaVu Sans, as 20×20 pixels, differ from all earlier ones y.

    They are alike where ‖x − y‖² < (1 − 0.9)(‖x‖² + ‖y‖²).
    """
    font = _font(FONTS[0])
    taken, squares = np.zeros((number, (SIDE // 4) ** 2)), np.zeros(number)
    characters: list[str] = []
    for char in _candidates():
        if len(characters) == number:
            break
        x = fitted(font, char).reshape(SIDE // 4, 4, SIDE // 4, 4).mean(axis=(1, 3)).ravel()
        k = len(characters)
        if x.any() and not (2 * taken[:k] @ x > ALIKE * (squares[:k] + x @ x)).any():
            taken[k], squares[k] = x, x @ x
            characters.append(char)
    return "".join(characters)


def fitted(font: FreeTypeFont, char: str) -> NDArray[np.uint8]:
    """Return the glyph's ink (80, 80), scaled so that its longer side is 56 pixels, and centred; 0 where it has none."""
    from PIL import Image

    mask = font.getmask(char, mode="L")
    canvas = Image.new("L", (SIDE, SIDE))
    if mask.size[0] and mask.size[1]:
        ink = Image.frombytes("L", mask.size, bytes(mask))
        ink = ink.crop(ink.getbbox())
        longer = max(ink.size)
        width, height = (max(1, round(INK * side / longer)) for side in ink.size)
        canvas.paste(
            ink.resize((width, height), Image.Resampling.BILINEAR), ((SIDE - width) // 2, (SIDE - height) // 2)
        )
    return np.asarray(canvas)


def _blurred(bitmaps: Tensor) -> Tensor:
    """Return bitmaps whose edges are spread over 7 pixels by a box filter."""
    parts = [
        F.avg_pool2d(part.unsqueeze(1).float(), BLUR, stride=1, padding=BLUR // 2) for part in torch.split(bitmaps, 512)
    ]
    return torch.cat([part.round_().byte().squeeze(1) for part in parts])


def _candidates() -> list[str]:
    """Return the characters of DejaVu Sans in the order of classes."""
    keys = []
    for code in _coverage(FONTS[0]):
        category = unicodedata.category(chr(code))
        if category[0] in CATEGORIES:
            keys.append((CATEGORIES.index(category[0]), unicodedata.decomposition(chr(code)) != "", code))
    return [chr(code) for *_, code in sorted(keys)]


def _font(name: str) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(str(_path(name)), SIDE, layout_engine=ImageFont.Layout.BASIC)


def _coverage(name: str) -> dict[Any, Any]:
    """Return the code points that a font has, with the number of each glyph."""
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(_path(name))).get_charmap()


def _path(name: str) -> Path:
    library = find_spec("matplotlib")
    path = Path(str(library and library.origin)).parent / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
    if not path.is_file():
        raise DataError(f"font {name}.ttf is not where matplotlib keeps its fonts; install matplotlib again with pip")
    return path


@lru_cache(maxsize=1)
def fonts_digest() -> str:
    """Return the hash of all fonts."""
    return sha256(b"".join(_path(name).read_bytes() for name in FONTS))
