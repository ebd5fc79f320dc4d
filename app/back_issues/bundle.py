"""Several files as one, as they are kept between a look and an import."""

import io
from collections.abc import Sequence
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

MOST_BYTES = 16 * 1024 * 1024  # of all files together
LONGEST_NAME = 200  # characters


def pack(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Put files with their names into one."""
    whole = io.BytesIO()
    with ZipFile(whole, "w", ZIP_DEFLATED) as bundle:
        for number, (name, data) in enumerate(files):
            bundle.writestr(f"{number:03d} {name[-LONGEST_NAME:].replace('/', '_')}", data)
    return whole.getvalue()


def unpack(archive: bytes) -> list[tuple[str, bytes]]:
    """Return the files of `pack`; none where it is something else, or would grow beyond what is taken."""
    try:
        with ZipFile(io.BytesIO(archive)) as bundle:
            if sum(part.file_size for part in bundle.infolist()) > MOST_BYTES:  # no more of a part is read than it says
                return []
            return [(name.partition(" ")[2], bundle.read(name)) for name in sorted(bundle.namelist())]
    except (BadZipFile, OSError):
        return []
