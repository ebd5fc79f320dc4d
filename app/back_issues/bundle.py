"""Bundling the uploaded files into one ZIP archive, which is stored between preview and import."""

import io
from collections.abc import Sequence
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

MAX_UNPACKED_BYTES = 16 * 1024 * 1024  # of all files together
MAX_NAME_LENGTH = 200


def pack(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Pack named files into a ZIP archive, in order."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as bundle:
        for number, (name, data) in enumerate(files):
            short_name = name[-MAX_NAME_LENGTH:].replace("/", "_")  # the end of a name has its extension
            bundle.writestr(f"{number:03d} {short_name}", data)  # numbered, so that `unpack` restores the order
    return buffer.getvalue()


def unpack(archive: bytes) -> list[tuple[str, bytes]]:
    """Return the files of an archive made by `pack`, or none if it is invalid or exceeds `MAX_UNPACKED_BYTES`."""
    try:
        with ZipFile(io.BytesIO(archive)) as bundle:
            # `ZipFile.read` never returns more than the declared size of a file.
            if sum(member.file_size for member in bundle.infolist()) > MAX_UNPACKED_BYTES:
                return []
            return [(name.partition(" ")[2], bundle.read(name)) for name in sorted(bundle.namelist())]
    except (BadZipFile, OSError):
        return []
