"""Pictures with the metadata of cameras, and malicious ones."""

import io
import struct
import zlib
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

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


def draw_picture(size: tuple[int, int] = (32, 24), form: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, "red").save(file, form, **options)
    return file.getvalue()


def draw_picture_with_metadata(form: str, size: tuple[int, int] = (32, 24)) -> bytes:
    """Draw a rotated picture whose metadata has its place, camera and author."""
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Zarina's telephone"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (42.0, 52.0, 28.0)
    metadata = {
        "exif": exif,
        "xmp": b"<x:xmpmeta>GPSLatitude Gauge 7 of Orynbay</x:xmpmeta>",
        "icc_profile": b"ICC_PROFILE of Zarina's telephone",
    }
    if form == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "Gauge 7 of Orynbay")
        return draw_picture(size, form, pnginfo=text, exif=exif, icc_profile=metadata["icc_profile"])
    if form == "GIF":
        return draw_picture(size, form, comment=b"Gauge 7 of Orynbay")
    return draw_picture(size, form, **metadata, **({"comment": b"Gauge 7 of Orynbay"} if form == "JPEG" else {}))


def build_decompression_bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """Build a small PNG that claims to have so many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))

    header = struct.pack("!IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
        + chunk(b"IEND", b"")
    )
