"""Files that hang on a message: which they are, and the bytes of one, found again in the message each time.

No file is looked into but for its first bytes, and nothing is unpacked. A mail that hangs on a mail is told of and
never given out: its headers name people, and what it quotes may open something for its receiver alone. The files that
hang on that one are files too; those of a mail within a mail within a mail are not.
"""

from collections.abc import Iterator
from itertools import islice

from ..incoming import File
from .file_kinds import kind_of
from .file_names import sanitize_file_name
from .leaves import is_text_part, leaves
from .mime import MOST_PARTS, Reader, decode_content, without_uuencoded
from .parse import parse_headers_only

CLOSED = "mail"  # the kind whose bytes stay where they are
_MAILS = frozenset({"message/rfc822", "message/global"})
_CUT_OFF = frozenset({"parts", "depth"})  # faults that say that there is more than was read


def list_files(raw: bytes) -> tuple[list[File], bool]:
    """Return the files of a message, at most `MOST_PARTS`, and whether there are more that were not looked for."""
    faults: set[str] = set()
    files = [file for file, _data in islice(_hanging(raw, faults, True), MOST_PARTS + 1)]
    return files[:MOST_PARTS], len(files) > MOST_PARTS or bool(faults & _CUT_OFF)


def get_file(raw: bytes, number: int) -> tuple[File, bytes] | None:
    """Return one file by its place in the list, from 0, with its bytes; None where there is none. A mail has none."""
    within = range(MOST_PARTS)
    return next(islice(_hanging(raw, set(), True), number, None), None) if number in within else None


def _hanging(raw: bytes, faults: set[str], is_outer: bool) -> Iterator[tuple[File, bytes]]:
    top = Reader(raw, faults).message()
    for part in leaves(top, top):
        data = decode_content(part)
        if is_text_part(part):
            yield from _iter_uuencoded_files(data) if part.kind == "text/plain" else ()
        elif part.kind.startswith("message/"):
            yield (
                File(sanitize_file_name(part.name or parse_headers_only(data, "", 64_000).subject), len(data), CLOSED),
                b"",
            )
            if is_outer and part.kind in _MAILS:
                yield from _hanging(data, faults, False)
        else:
            kind = kind_of(data)
            yield File(sanitize_file_name(part.name), len(data), kind), b"" if kind == CLOSED else data


def _iter_uuencoded_files(text: bytes) -> Iterator[tuple[File, bytes]]:
    """The files that were written into a text before there was MIME."""
    for name, data in without_uuencoded(text.decode("latin-1"))[1]:
        kind = kind_of(data)
        written = name.encode("latin-1").decode(errors="replace")
        yield File(sanitize_file_name(written), len(data), kind), b"" if kind == CLOSED else data
