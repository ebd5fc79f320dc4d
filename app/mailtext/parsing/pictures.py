"""Redrawing of untrusted pictures: nothing remains of the original file but its pixels.

Only run this in the separate process with limited memory and time (mail/reading.py): image libraries are written in C,
and the bytes come from strangers.
"""

import io
import warnings

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
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # `Image.open` warns above it, and refuses only twice as many
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _redraw(data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise NoPicture("large") from None
    except Exception:  # any error of the library on bytes that are no picture
        raise NoPicture("unreadable") from None


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
