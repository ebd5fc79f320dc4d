"""Files between a look and an import: they come back as they were, and nothing else is unpacked."""

import io
from zipfile import ZIP_DEFLATED, ZipFile

from app.back_issues import bundle


def test_files_come_back_with_their_names_in_their_order() -> None:
    files = [("b.txt", b"salt"), ("a.txt", b""), ("b.txt", b"wind")]
    assert bundle.unpack(bundle.pack(files)) == files


def test_what_would_grow_beyond_what_is_taken_is_not_unpacked() -> None:
    """A table of experts with a ZIP file behind it is kept as an upload, too, and can be led to from here."""
    limit = bundle.MAX_UNPACKED_BYTES
    for parts, size, left in ((1, limit, 1), (1, limit + 1, 0), (3, limit // 2, 0)):
        whole = io.BytesIO(b"name,email\n")
        with ZipFile(whole, "a", ZIP_DEFLATED) as made:
            for number in range(parts):
                made.writestr(f"{number:03d} a.txt", bytes(size))
        assert len(bundle.unpack(whole.getvalue())) == left
    assert bundle.unpack(b"name,email\n") == []
