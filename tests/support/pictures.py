"""Pictures as cameras and attackers make them."""

import io
import struct
import zlib
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

COORDINATES = (42.8746, 74.5698)
METADATA_SECRETS = (
    b"Gauge 7 of Orynbay",
    b"GPSLatitude",
    b"xmpmeta",
    b"Zarina's telephone",
    b"Exif\0\0",
    b"ICC_PROFILE",
    b"eXIf",
    b"tEXt",
)


def picture(size: tuple[int, int] = (32, 24), form: str = "JPEG", mode: str = "RGB", **saved: Any) -> bytes:
    made = io.BytesIO()
    Image.new(mode, size, "red").save(made, form, **saved)
    return made.getvalue()


def picture_with_metadata(form: str) -> bytes:
    """A picture that says where it was taken, with what, by whom, and which lies on its side."""
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Zarina's telephone"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (42.0, 52.0, 28.0)
    about = {
        "exif": exif,
        "xmp": b"<x:xmpmeta>GPSLatitude Gauge 7 of Orynbay</x:xmpmeta>",
        "icc_profile": b"ICC_PROFILE of Zarina's telephone",
    }
    if form == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "Gauge 7 of Orynbay")
        return picture(form=form, pnginfo=text, exif=exif, icc_profile=about["icc_profile"])
    if form == "GIF":
        return picture(form=form, comment=b"Gauge 7 of Orynbay")
    return picture(form=form, **about, **({"comment": b"Gauge 7 of Orynbay"} if form == "JPEG" else {}))


def decompression_bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))

    head = struct.pack("!IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
        + chunk(b"IEND", b"")
    )
