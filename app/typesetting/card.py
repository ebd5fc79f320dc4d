"""The preview image (og:image) of a Q&A: its headline and the name of the newsletter, drawn from these texts alone.

It uses an installed font that has every letter of the text. There is no image if no font has them all. Nor is there one
if the script needs shaping, as Arabic does, and Pillow can't shape text because FriBidi is missing. An image with boxes
or unjoined letters would be worse.
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
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, features

from ..text.clean import for_print, single_line
from ..text.languages import direction

SIZE = WIDTH, HEIGHT = 1200, 630  # what sites that show previews recommend (ogp.me names no size)
DRAWING_VERSION = 1  # increase it when the same text would look different
PAPER, INK, ACCENT = (0xFB, 0xFA, 0xF7), (0x1C, 0x1B, 0x19), (0xA3, 0x23, 0x1F)
SHADES = 16  # from paper to ink; the accent colour is an additional one
TEXT_LEVEL, LIGHT_LEVEL = 255, 128  # in the greyscale image, where 255 becomes INK
MARGIN = 80
LINE_WIDTH = WIDTH - 2 * MARGIN
NAME_SIZE, NAME_BASELINE = 40, 96
RULE_Y, LIGHT_RULE_Y, RULE_THICKNESS = 140, 146, 2  # the two lines below the name
ACCENT_BAR_HEIGHT = 16
TOP, BOTTOM = 190, 570  # the area of the headline
HEADLINE_SIZES = (104, 80, 68, 58)  # the headline gets the largest in which it fits
MAX_TEXT_LENGTH = 400  # characters of a text that are used; more don't fit in any size
ELLIPSIS = "…"
FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
)
# The fonts to try, in order, from Debian's packages fonts-noto-core, fonts-noto-cjk and fonts-dejavu-core, each with
# its index in a collection.
FONTS = (
    ("NotoSerif-Bold.ttf", 0),
    ("NotoNaskhArabic-Bold.ttf", 0),
    ("NotoSerifDevanagari-Bold.ttf", 0),
    ("NotoSerifHebrew-Bold.ttf", 0),
    ("NotoSerifGeorgian-Bold.ttf", 0),
    ("NotoSerifArmenian-Bold.ttf", 0),
    ("NotoSerifCJK-Bold.ttc", 2),
    ("DejaVuSerif-Bold.ttf", 0),
    ("DejaVuSans-Bold.ttf", 0),
    ("NotoSans-Bold.ttf", 0),
    ("NotoSansArabic-Bold.ttf", 0),
    ("NotoSansDevanagari-Bold.ttf", 0),
)
# Scripts whose letters can simply be drawn one after another, by the beginning of the letters' Unicode names. Other
# scripts, such as Arabic, need shaping: their letters change form next to each other.
SCRIPTS_WITHOUT_SHAPING = (
    "LATIN",
    "CYRILLIC",
    "GREEK",
    "ARMENIAN",
    "GEORGIAN",
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "HANGUL SYLLABLE",
)


class Face(NamedTuple):
    """An installed font: the path of its file, and its number in that file."""

    path: str
    number: int


@dataclass(frozen=True)
class Card:
    """The texts of a preview image, and their language."""

    headline: str
    name: str
    language: str

    @property
    def digest(self) -> str:
        """The part of the image's URL that changes with its contents."""
        contents = "\n".join((str(DRAWING_VERSION), self.language, self.name, self.headline))
        return hashlib.blake2b(contents.encode(), digest_size=8).hexdigest()

    @property
    def can_be_drawn(self) -> bool:
        return all(_find_face(_clean_line(text)) for text in (self.headline, self.name))

    def png(self) -> bytes | None:
        """Draw the image; return None if no font suits the texts."""
        headline, name = _clean_line(self.headline), _clean_line(self.name)
        headline_face, name_face = _find_face(headline), _find_face(name)
        if headline_face is None or name_face is None:
            return None
        picture = Image.new("L", SIZE)
        draw = ImageDraw.Draw(picture)
        name_font = _SizedFont(name_face, NAME_SIZE, self.language)
        _draw_line(draw, _truncate_line(name, name_font), name_font, NAME_BASELINE)
        draw.line((MARGIN, RULE_Y, WIDTH - MARGIN, RULE_Y), TEXT_LEVEL, RULE_THICKNESS)
        draw.line((MARGIN, LIGHT_RULE_Y, WIDTH - MARGIN, LIGHT_RULE_Y), LIGHT_LEVEL, RULE_THICKNESS)
        lines, headline_font = _fit_headline(headline, headline_face, self.language)
        for number, line in enumerate(lines):
            _draw_line(draw, line, headline_font, TOP + headline_font.ascent + number * headline_font.height)
        return _encode_png(picture)


def _encode_png(picture: Image.Image) -> bytes:
    """Encode a greyscale image as PNG, with the accent bar on top, in few colours so that it is small."""
    picture = picture.point(lambda level: level * SHADES // 256)
    palette = [
        round(paper + (ink - paper) * shade / (SHADES - 1))
        for shade in range(SHADES)
        for paper, ink in zip(PAPER, INK, strict=True)
    ]
    picture.putpalette([*palette, *ACCENT])
    accent = SHADES  # the accent colour's index in the palette, after the shades
    picture.paste(accent, (0, 0, WIDTH, ACCENT_BAR_HEIGHT))
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _clean_line(text: str) -> str:
    return unicodedata.normalize("NFC", single_line(for_print(text)))[:MAX_TEXT_LENGTH]


class _SizedFont:
    """A font in one size, for text in the direction of a language."""

    def __init__(self, face: Face, size: int, language: str) -> None:
        self.direction = direction(language)
        self.font = _open_font(face, size)
        self.ascent, descent = self.font.getmetrics()
        # The distance between lines. Right-to-left scripts and Indic marks need more room above and below.
        self.height = round(max(size * 1.22, (self.ascent + descent) * 1.02))

    def width(self, text: str) -> float:
        return self.font.getlength(text, direction=self.pillow_direction)

    @property
    def pillow_direction(self) -> str | None:
        """The direction to pass to Pillow, which accepts only None without FriBidi."""
        return self.direction if _can_shape() else None


def _fit_headline(text: str, face: Face, language: str) -> tuple[list[str], _SizedFont]:
    """Return the lines of a headline and their font. Text that doesn't fit even in the smallest size is truncated."""
    for size in HEADLINE_SIZES:
        font = _SizedFont(face, size, language)
        lines = list(_wrap_text(text, font))
        max_lines = (BOTTOM - TOP) // font.height
        if len(lines) <= max_lines:
            return lines, font
    # The last line is joined with the next one, so that it is truncated inside and not after its last word.
    *full_lines, last_line = lines[:max_lines]
    return [*full_lines, _truncate_line(f"{last_line} {lines[max_lines]}", font)], font


def _truncate_line(text: str, sized_font: _SizedFont) -> str:
    """Truncate a text to the width of a line, with an ellipsis, after a whole word if it has several."""
    if sized_font.width(text) <= LINE_WIDTH:
        return text
    words = text.split()
    while len(words) > 1 and sized_font.width(" ".join(words) + ELLIPSIS) > LINE_WIDTH:
        words.pop()
    start = " ".join(words).rstrip(" ,.:;-–—،؛")
    while sized_font.width(start + ELLIPSIS) > LINE_WIDTH:
        start = start[:-1]
    return start + ELLIPSIS


def _wrap_text(text: str, sized_font: _SizedFont) -> Iterator[str]:
    """Yield the lines of a text, wrapped at spaces, or inside a word that is longer than a line."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if sized_font.width(longer) <= LINE_WIDTH:
            line = longer
            continue
        if line:
            yield line
        line = word
        while sized_font.width(line) > LINE_WIDTH:
            count = _count_fitting_chars(line, sized_font)
            yield line[:count]
            line = line[count:]
    yield line


def _count_fitting_chars(word: str, sized_font: _SizedFont) -> int:
    """Return how many characters of a word fit in a line, without splitting off combining marks; at least one."""
    lengths = range(1, len(word) + 1)
    count = max(1, bisect_right(lengths, LINE_WIDTH, key=lambda length: ceil(sized_font.width(word[:length]))))
    while count > 1 and unicodedata.category(word[count]).startswith("M"):
        count -= 1
    return count


def _draw_line(draw: ImageDraw.ImageDraw, text: str, sized_font: _SizedFont, baseline: int) -> None:
    if sized_font.direction == "rtl":
        x, anchor = WIDTH - MARGIN, "rs"  # Pillow's name for the right end of the baseline
    else:
        x, anchor = MARGIN, "ls"  # and for the left end
    draw.text((x, baseline), text, TEXT_LEVEL, sized_font.font, anchor, direction=sized_font.pillow_direction)


@cache
def _can_shape() -> bool:
    return bool(features.check("raqm"))


@cache
def _faces() -> tuple[Face, ...]:
    """Return the installed fonts among `FONTS`, in the same order."""
    paths = {
        name: os.path.join(folder, name)
        for root in reversed(FONT_FOLDERS)
        for folder, _subfolders, names in os.walk(Path(root).expanduser())
        for name in names
    }
    return tuple(Face(paths[name], index) for name, index in FONTS if name in paths)


def _find_face(text: str) -> Face | None:
    """Return the first font that has every letter of a text, or None if none has or Pillow can't shape the text."""
    letters = {char for char in text if char != " " and unicodedata.category(char) != "Cf"}
    if not letters or not (_can_shape() or all(map(_needs_no_shaping, letters))):
        return None
    for face in _faces():
        if all(_has_glyph(face, letter) for letter in letters):
            return face
    return None


def _needs_no_shaping(char: str) -> bool:
    is_letter_or_mark = unicodedata.category(char)[0] in "LM"
    return not is_letter_or_mark or unicodedata.name(char, "").startswith(SCRIPTS_WITHOUT_SHAPING)


@lru_cache(20_000)
def _has_glyph(face: Face, char: str) -> bool:
    """Return whether a font has a letter, that is, draws it differently from a noncharacter."""
    font = _open_font(face, 24, ImageFont.Layout.BASIC)
    drawn = font.getmask(char)
    placeholder = font.getmask("\U0010ffff")
    return bytes(drawn) != bytes(placeholder) and any(drawn)


def _open_font(face: Face, size: int, layout: ImageFont.Layout | None = None) -> ImageFont.FreeTypeFont:
    """Open a font. Each image needs fonts of its own, as FreeType's fonts are not thread-safe."""
    return ImageFont.truetype(face.path, size, face.number, layout_engine=layout)
