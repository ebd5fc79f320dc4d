"""Compress pages as gzip (RFC 1952), but leave hidden fields uncompressed, so that no length depends on their values.

So are the opening tags of forms with a name, which is new in each response (`copies.get_form_name`). Below, these tags
count as hidden fields.

`page_frame.py` explains the attack that this prevents.
"""

import re
import struct
import zlib
from collections.abc import Sequence
from itertools import zip_longest

MIN_SIZE = 200  # bytes; a shorter page gains less than the header costs
WINDOW = 32_768  # bytes of the sliding window of deflate
BLOCK = 65_535  # bytes of the longest uncompressed block
# A page's compressed texts, by the lengths of the hidden fields between them.
CompressedTexts = dict[tuple[int, ...], tuple[bytes, ...]]
_HIDDEN_FIELD = re.compile(rb'(<input type="hidden"[^>]*>|<form name="[^>]*>)')
_GZIP_HEADER = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff"  # deflate, no name or time, best compression, any system


def compress_page(page: bytes, cache: CompressedTexts | None = None) -> bytes:
    """Return a page in UTF-8 as gzip, with its hidden fields uncompressed.

    If the same page is sent repeatedly with different hidden fields, pass a `cache`, a dictionary for this page only.
    """
    pieces = _HIDDEN_FIELD.split(page)
    texts, fields = pieces[::2], pieces[1::2]
    field_lengths = tuple(map(len, fields))
    compressed_texts = cache.get(field_lengths) if cache else None
    if compressed_texts is None:
        compressed_texts = _deflate_texts(texts, field_lengths)
        if cache is not None:
            cache[field_lengths] = compressed_texts
    chunks = [_GZIP_HEADER]
    for compressed_text, field in zip_longest(compressed_texts, fields, fillvalue=b""):
        chunks += [compressed_text, _stored_blocks(field)]
    chunks.append(struct.pack("<II", zlib.crc32(page), len(page)))
    return b"".join(chunks)


def _stored_blocks(field: bytes) -> bytes:
    """Return the field in uncompressed blocks (RFC 1951, section 3.2.4)."""
    blocks = [field[start : start + BLOCK] for start in range(0, len(field), BLOCK)]
    return b"".join(b"\0" + struct.pack("<HH", len(block), len(block) ^ 0xFFFF) + block for block in blocks)


def _deflate_texts(texts: Sequence[bytes], field_lengths: Sequence[int]) -> tuple[bytes, ...]:
    """Compress each of a page's texts. `field_lengths` are the lengths of the hidden fields between them.

    A text can refer back to earlier texts, but never to a field: in the dictionary, each byte of a field is replaced by
    0xFF, which UTF-8 doesn't use.
    """
    dictionary = b""
    compressed_texts: list[bytes] = []
    for text, field_length in zip_longest(texts, field_lengths):
        compressor = zlib.compressobj(
            9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_DEFAULT_STRATEGY, dictionary[-WINDOW:]
        )
        is_last = field_length is None
        compressed_text = compressor.compress(text)
        compressed_text += compressor.flush(zlib.Z_FINISH if is_last else zlib.Z_SYNC_FLUSH)
        compressed_texts.append(compressed_text)
        dictionary += text + b"\xff" * (field_length or 0)
    return tuple(compressed_texts)
