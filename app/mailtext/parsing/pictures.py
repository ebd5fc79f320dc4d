"""Pictures that strangers sent, drawn anew: of the file nothing is left but what one sees.

Run in a process of its own whose memory and time are limited (mail/reading.py): the libraries that read pictures are
written in C, and their bytes come from anywhere.
"""

import io
import warnings

from PIL import Image, ImageOps

MOST_PIXELS = 50_000_000  # as the largest sensors of telephones have; looked up in the head, before anything is drawn
LONGEST_SIDE = 2_000  # pixels of what is shown
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")  # no other reader of the library is let at the bytes


class NoPicture(Exception):
    """Raised where a picture can't be shown: "large" or "unreadable"."""


def redraw_picture(data: bytes) -> tuple[str, bytes]:
    """Draw a picture anew: its media type and its bytes, as JPEG, or as PNG where parts of it are transparent.

    Of several frames it is the first. What turns a photo upright is taken from the metadata; then none of them are
    left, be it Exif, XMP, IPTC, a colour profile, a comment or a thumbnail. Raises `NoPicture`.
    """
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _redraw(data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise NoPicture("large") from None
    except NoPicture:
        raise
    except Exception:  # whatever the library makes of bytes that are no picture
        raise NoPicture("unreadable") from None


def _redraw(data: bytes) -> tuple[str, bytes]:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise NoPicture("large")
        # Of a JPEG no more is decoded than that takes; `thumbnail` alone asks for four times as much of an oblong one.
        opened.draft(None, _get_scaled_size(opened.width, opened.height))
        opened.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        upright = ImageOps.exif_transpose(opened)
    is_clear = upright.has_transparency_data
    mode = "RGBA" if is_clear else "RGB"
    bare = Image.new(mode, upright.size)  # pixels are all that is copied: the library saves again what it has read
    bare.paste(upright.convert(mode))
    made = io.BytesIO()
    if is_clear:
        bare.save(made, "PNG")
        return "image/png", made.getvalue()
    bare.save(made, "JPEG", quality=85)
    return "image/jpeg", made.getvalue()


def _get_scaled_size(width: int, height: int) -> tuple[int, int]:
    """The size of which the longer side is `LONGEST_SIDE`."""
    most = max(width, height)
    return width * LONGEST_SIDE // most, height * LONGEST_SIDE // most
