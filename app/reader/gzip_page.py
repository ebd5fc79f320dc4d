"""Compression of pages as gzip (RFC 1952) that leaves hidden fields uncompressed, so that no length depends on them."""

import re
import struct
import zlib
from collections.abc import Sequence
from itertools import zip_longest

LEAST = 200  # bytes; a shorter page gains less than the header costs
WINDOW = 32_768  # bytes of the sliding window of deflate
BLOCK = 65_535  # bytes of the longest stored block
Kept = dict[tuple[int, ...], tuple[bytes, ...]]  # a page's compressed texts, by the lengths of its hidden fields
_HIDDEN = re.compile(rb'(<input type="hidden"[^>]*>)')
_BEGINS = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff"  # gzip, deflate, no name or time, best compression, any system


def compress_page(page: bytes, cache: Kept | None = None) -> bytes:
    """Return a page in UTF-8 as gzip, with its hidden fields uncompressed.

    `cache` belongs to one page that is sent repeatedly with different hidden fields, and stores its compressed texts.
    """
    pieces = _HIDDEN.split(page)
    hidden = pieces[1::2]
    gaps = tuple(map(len, hidden))
    squeezed = cache.get(gaps) if cache else None
    if squeezed is None:
        squeezed = _deflate_texts(pieces[::2], gaps)
        if cache is not None:
            cache[gaps] = squeezed
    made = [_BEGINS]
    for text, field in zip_longest(squeezed, hidden, fillvalue=b""):
        made += [text, _stored_blocks(field)]
    return b"".join([*made, struct.pack("<II", zlib.crc32(page), len(page))])


def _stored_blocks(field: bytes) -> bytes:
    """Return the field in uncompressed blocks (RFC 1951, section 3.2.4)."""
    blocks = (field[at : at + BLOCK] for at in range(0, len(field), BLOCK))
    return b"".join(b"\0" + struct.pack("<HH", len(one), len(one) ^ 0xFFFF) + one for one in blocks)


def _deflate_texts(texts: Sequence[bytes], gaps: Sequence[int]) -> tuple[bytes, ...]:
    """Compress each of a page's texts; `gaps` are the lengths of the fields between them.

    A text can refer back to earlier texts but never to a field: its bytes are replaced by one that UTF-8 doesn't have.
    """
    before, made = b"", list[bytes]()
    for text, gap in zip_longest(texts, gaps):
        engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_DEFAULT_STRATEGY, before[-WINDOW:])
        made.append(engine.compress(text) + engine.flush(zlib.Z_FINISH if gap is None else zlib.Z_SYNC_FLUSH))
        before += text + b"\xff" * (gap or 0)
    return tuple(made)
