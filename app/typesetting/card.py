"""The preview image (og:image) of a Q&A: its headline and the name of the newsletter, drawn from these texts alone.

It uses an installed font that has every letter of the text. If there is none, or if the script joins letters or runs
from right to left and Pillow can't shape it (which takes FriBidi), there is no image, rather than one with boxes or
unjoined letters.
"""

import hashlib
import os
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from math import ceil
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features

from ..text.clean import for_print, single_line
from ..text.languages import direction

SIZE = WIDTH, HEIGHT = 1200, 630  # what sites that show previews recommend (ogp.me names no size)
DRAWN_AS = 1  # increase it when the same text would look different
PAPER, INK, ACCENT = (0xFB, 0xFA, 0xF7), (0x1C, 0x1B, 0x19), (0xA3, 0x23, 0x1F)
SHADES = 16  # from paper to ink; the accent colour is an additional one
BLACK, FIRM = 255, 128  # levels in the greyscale image
EDGE = 80
ROOM = WIDTH - 2 * EDGE  # the width of a line
NAME_SIZE, NAME_AT = 40, 96
TOP, BOTTOM = 190, 570  # the area of the headline
SIZES = (104, 80, 68, 58)  # font sizes; the headline gets the largest in which it fits
LONGEST = 400  # characters of a text that are used; more don't fit in any size
ELLIPSIS = "…"
FOLDERS = (
    *("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts"),
    *("/Library/Fonts", "/System/Library/Fonts"),
)
# The fonts to try, in order, from Debian's packages fonts-noto-core, fonts-noto-cjk and fonts-dejavu-core, each with
# its index in a collection.
FONTS = (
    *(("NotoSerif-Bold.ttf", 0), ("NotoNaskhArabic-Bold.ttf", 0), ("NotoSerifDevanagari-Bold.ttf", 0)),
    *(("NotoSerifHebrew-Bold.ttf", 0), ("NotoSerifGeorgian-Bold.ttf", 0), ("NotoSerifArmenian-Bold.ttf", 0)),
    *(("NotoSerifCJK-Bold.ttc", 2), ("DejaVuSerif-Bold.ttf", 0), ("DejaVuSans-Bold.ttf", 0)),
    *(("NotoSans-Bold.ttf", 0), ("NotoSansArabic-Bold.ttf", 0), ("NotoSansDevanagari-Bold.ttf", 0)),
)
# Prefixes of the Unicode names of letters that need no shaping.
PLAIN = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "GEORGIAN", "CJK", "HIRAGANA", "KATAKANA", "HANGUL SYLLABLE")
Face = tuple[str, int]


@dataclass(frozen=True)
class Card:
    """The texts of a preview image, and their language."""

    headline: str
    name: str
    language: str

    @property
    def digest(self) -> str:
        """The part of its URL that changes with its contents."""
        said = "\n".join((str(DRAWN_AS), self.language, self.name, self.headline))
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()

    @property
    def can_be_drawn(self) -> bool:
        return all(_face(_line(text)) for text in (self.headline, self.name))

    def png(self) -> bytes | None:
        """Draw the image; return None if no font suits the texts."""
        headline, name = _line(self.headline), _line(self.name)
        faces = _face(headline), _face(name)
        if faces[0] is None or faces[1] is None:
            return None
        picture = Image.new("L", SIZE)
        draw = ImageDraw.Draw(picture)
        small = _SizedFont(faces[1], NAME_SIZE, self.language)
        _draw_line(draw, _truncate_line(name, small), small, NAME_AT)
        draw.line((EDGE, 140, WIDTH - EDGE, 140), BLACK, 2)
        draw.line((EDGE, 146, WIDTH - EDGE, 146), FIRM, 2)
        lines, face = _fit_headline(headline, faces[0], self.language)
        for number, line in enumerate(lines):
            _draw_line(draw, line, face, TOP + face.ascent + number * face.height)
        return _encode_png(picture)


def _encode_png(picture: Image.Image) -> bytes:
    """Encode a greyscale image as PNG, with the accent bar on top, in few colours so that it is small."""
    picture = picture.point(lambda shade: shade * SHADES // 256)
    steps = [
        round(paper + (ink - paper) * step / (SHADES - 1))
        for step in range(SHADES)
        for paper, ink in zip(PAPER, INK, strict=True)
    ]
    picture.putpalette([*steps, *ACCENT])
    picture.paste(SHADES, (0, 0, WIDTH, 16))
    made = BytesIO()
    picture.save(made, "PNG")
    return made.getvalue()


def _line(text: str) -> str:
    return unicodedata.normalize("NFC", single_line(for_print(text)))[:LONGEST]


class _SizedFont:
    """A font in one size, for text in the direction of a language."""

    def __init__(self, face: Face, size: int, language: str) -> None:
        self.direction = direction(language)
        self.font = _font(face, size)
        self.ascent = self.font.getmetrics()[0]
        # Right-to-left scripts and Indic marks need more room above and below.
        self.height = round(max(size * 1.22, sum(self.font.getmetrics()) * 1.02))

    def width(self, text: str) -> float:
        return self.font.getlength(text, direction=self.way)

    @property
    def way(self) -> str | None:
        """The direction to pass to Pillow, which accepts only None without FriBidi."""
        return self.direction if _can_shape() else None


def _fit_headline(text: str, face: Face, language: str) -> tuple[list[str], _SizedFont]:
    """Return the lines of a headline and their font; in the smallest size, text that doesn't fit is truncated."""
    for size in SIZES:
        made = _SizedFont(face, size, language)
        most = (BOTTOM - TOP) // made.height
        lines = list(_wrap_text(text, made))
        if len(lines) <= most:
            break
    else:
        lines = [*lines[: most - 1], _truncate_line(" ".join(lines[most - 1 : most + 1]), made)]
    return lines, made


def _truncate_line(text: str, sized_font: _SizedFont) -> str:
    """Truncate a text to the width of a line, with an ellipsis, after a whole word if it has several."""
    if sized_font.width(text) <= ROOM:
        return text
    words = text.split()
    while len(words) > 1 and sized_font.width(" ".join(words) + ELLIPSIS) > ROOM:
        words.pop()
    left = " ".join(words).rstrip(" ,.:;-–—،؛")
    while sized_font.width(left + ELLIPSIS) > ROOM:
        left = left[:-1]
    return left + ELLIPSIS


def _wrap_text(text: str, sized_font: _SizedFont) -> Iterator[str]:
    """Yield the lines of a text, wrapped at spaces, or inside a word that is longer than a line."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if sized_font.width(longer) <= ROOM:
            line = longer
            continue
        if line:
            yield line
        line = word
        while sized_font.width(line) > ROOM:
            most = _count_fitting_signs(line, sized_font)
            yield line[:most]
            line = line[most:]
    yield line


def _count_fitting_signs(word: str, sized_font: _SizedFont) -> int:
    """Return how many characters of a word fit in a line, without splitting off combining marks; at least one."""
    most = max(1, bisect_right(range(1, len(word) + 1), ROOM, key=lambda end: ceil(sized_font.width(word[:end]))))
    while most > 1 and unicodedata.category(word[most]).startswith("M"):
        most -= 1
    return most


def _draw_line(draw: ImageDraw.ImageDraw, text: str, sized_font: _SizedFont, baseline: int) -> None:
    at, anchor = (WIDTH - EDGE, "rs") if sized_font.direction == "rtl" else (EDGE, "ls")
    draw.text((at, baseline), text, BLACK, sized_font.font, anchor, direction=sized_font.way)


@cache
def _can_shape() -> bool:
    return bool(features.check("raqm"))


@cache
def _faces() -> tuple[Face, ...]:
    """Return the installed ones of `FONTS`, in that order."""
    there = {
        name: os.path.join(folder, name)
        for root in reversed(FOLDERS)
        for folder, _folders, names in os.walk(Path(root).expanduser())
        for name in names
    }
    return tuple((there[name], number) for name, number in FONTS if name in there)


def _face(text: str) -> Face | None:
    """Return the first font that has every letter of a text, or None, also if Pillow can't shape it."""
    letters = {sign for sign in text if sign != " " and unicodedata.category(sign) != "Cf"}
    if not letters or not (_can_shape() or all(map(_needs_no_shaping, letters))):
        return None
    return next((face for face in _faces() if all(_has_glyph(face, letter) for letter in letters)), None)


def _needs_no_shaping(sign: str) -> bool:
    return unicodedata.category(sign)[0] not in "LM" or unicodedata.name(sign, "").startswith(PLAIN)


@lru_cache(20_000)
def _has_glyph(face: Face, sign: str) -> bool:
    """Return whether a font has a letter, that is, draws it differently from a noncharacter."""
    font = _font(face, 24, ImageFont.Layout.BASIC)
    drawn, nothing = (font.getmask(one) for one in (sign, "\U0010ffff"))
    return bytes(drawn) != bytes(nothing) and any(drawn)


def _font(face: Face, size: int, layout: ImageFont.Layout | None = None) -> ImageFont.FreeTypeFont:
    """Open a font anew for each image, as FreeType's fonts are not thread-safe."""
    path, number = face
    return ImageFont.truetype(path, size, number, layout_engine=layout)
