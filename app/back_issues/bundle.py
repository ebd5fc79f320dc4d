"""Bundling several files into one, for storage between preview and import."""

import io
from collections.abc import Sequence
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

MOST_BYTES = 16 * 1024 * 1024  # of all files together
LONGEST_NAME = 200  # characters


def pack(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Pack named files into a ZIP archive, in order."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as bundle:
        for number, (name, data) in enumerate(files):
            bundle.writestr(f"{number:03d} {name[-LONGEST_NAME:].replace('/', '_')}", data)
    return buffer.getvalue()


def unpack(archive: bytes) -> list[tuple[str, bytes]]:
    """Return the files of an archive made by `pack`, or none if it is invalid or larger than `MOST_BYTES` unpacked."""
    try:
        with ZipFile(io.BytesIO(archive)) as bundle:
            if sum(part.file_size for part in bundle.infolist()) > MOST_BYTES:  # ZipFile reads no more than these
                return []
            return [(name.partition(" ")[2], bundle.read(name)) for name in sorted(bundle.namelist())]
    except (BadZipFile, OSError):
        return []
