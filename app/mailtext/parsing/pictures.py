"""Redrawing of untrusted pictures: nothing remains of the original file but its pixels.

Only run this in the separate process with limited memory and time (mail/reading.py): image libraries are written in C,
and the bytes come from strangers.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageOps

MAX_PIXELS = 50_000_000  # as large phone sensors have; read from the header, before anything is decoded
LONGEST_SIDE = 2_000  # pixels of the redrawn picture
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")  # Pillow's other decoders are not used


class NoPicture(Exception):
    """The picture can't be shown; the message is "large" or "unreadable"."""


def redraw_picture(data: bytes) -> tuple[str, bytes]:
    """Redraw a picture and return its media type and bytes: PNG if parts of it are transparent, else JPEG.

    Of an animation the first frame is used. Photos are rotated according to their metadata, all of which is then
    dropped: Exif, XMP, IPTC, colour profile, comments and thumbnails. Raises `NoPicture`.
    """
    with _refuse_bad_pictures():
        return _redraw(data)


PORTRAIT_SIDE = 400  # pixels of a square photo: shown at 96 to 160 pixels, sharp on a dense screen
LEAST_SIDE = 150  # pixels; a smaller photo would be blurred
_PORTRAIT_FORMATS = ("JPEG", "PNG", "WEBP")
_FACES = (0.5, 0.35)  # where a crop is centred: faces are above the middle of an upright photo


def draw_portrait(data: bytes) -> bytes:
    """Redraw a photo as a square JPEG of `PORTRAIT_SIDE` pixels, with nothing left of its metadata.

    What is transparent becomes white. Raises `NoPicture`, also with "small" if a side has less than `LEAST_SIDE`
    pixels.
    """
    with _refuse_bad_pictures():
        return _draw_portrait(data)


@contextmanager
def _refuse_bad_pictures() -> Iterator[None]:
    """Raise `NoPicture` for every error of the library."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # `Image.open` warns above it, and refuses only twice as many
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except NoPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise NoPicture("large") from None
    except Exception:  # any error of the library on bytes that are no picture
        raise NoPicture("unreadable") from None


def _draw_portrait(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data), formats=_PORTRAIT_FORMATS) as opened:
        shorter_side = min(opened.size)
        if shorter_side < LEAST_SIDE:
            raise NoPicture("small")
        scaled_size = (opened.width * PORTRAIT_SIDE // shorter_side, opened.height * PORTRAIT_SIDE // shorter_side)
        opened.draft(None, scaled_size)  # decode a large JPEG at reduced size
        # Others can't be scaled well before they are converted. Neither can a palette, but a large one has to be:
        # converted at full size, it needs more memory than this process has.
        if opened.mode in ("RGB", "RGBA", "L", "P"):
            opened.thumbnail(scaled_size)
        upright = ImageOps.exif_transpose(opened)
    square = ImageOps.fit(upright.convert("RGBA"), (PORTRAIT_SIDE, PORTRAIT_SIDE), centering=_FACES)
    copy = Image.new("RGB", square.size, "white")
    copy.paste(square, mask=square.getchannel("A"))
    output = io.BytesIO()
    copy.save(output, "JPEG", quality=85, optimize=True)
    return output.getvalue()


def _redraw(data: bytes) -> tuple[str, bytes]:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        # Decode a JPEG at reduced size: `thumbnail` would choose a decoding size too large for long, narrow pictures.
        opened.draft(None, _get_scaled_size(opened.width, opened.height))
        opened.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        upright = ImageOps.exif_transpose(opened)
    is_transparent = upright.has_transparency_data
    mode = "RGBA" if is_transparent else "RGB"
    copy = Image.new(mode, upright.size)  # copy only the pixels: Pillow would save metadata that it has read
    copy.paste(upright.convert(mode))
    output = io.BytesIO()
    if is_transparent:
        copy.save(output, "PNG")
        return "image/png", output.getvalue()
    copy.save(output, "JPEG", quality=85)
    return "image/jpeg", output.getvalue()


def _get_scaled_size(width: int, height: int) -> tuple[int, int]:
    """Scale a size so that its longer side is `LONGEST_SIDE`."""
    longer_side = max(width, height)
    return width * LONGEST_SIDE // longer_side, height * LONGEST_SIDE // longer_side
