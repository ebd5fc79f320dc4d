"""The words and the files of a mail, as the process that reads finds them; it needs no database meanwhile."""

from typing import NamedTuple

from ..mail.reading import Reading
from ..mailtext.incoming import File, Forward, Mail, TrimContext, Trimmed
from ..mailtext.parsing.parse import MAX_PARSED
from ..text.clean import single_line


class Found(NamedTuple):
    """The words of a mail and what was cut, the files that hung on it and whether there are more of them, and of one
    that somebody of the desk forwarded the mail in it.
    """

    trimmed: Trimmed
    files: tuple[File, ...]
    has_more: bool = False
    forward: Forward | None = None


def uncut(mail: Mail) -> Found:
    """Return what is known of a mail in which nothing was looked for: all of it is words."""
    return Found(Trimmed(mail.body), tuple(File(single_line(one.name), one.bytes) for one in mail.attachments))


def find(reading: Reading, raw: bytes, mail: Mail, trim_hints: TrimContext, is_forward: bool) -> Found:
    """Let the words, the files and what was forwarded be found, in a process of their own. Raises `NotStarted`."""
    found = uncut(mail)._replace(trimmed=reading.trim(mail, trim_hints))
    if (mail.attachments or len(raw) > MAX_PARSED) and (listed := reading.files(raw)):
        files, has_more = listed
        found = found._replace(files=files, has_more=has_more)
    return found._replace(forward=reading.forwarded(raw, trim_hints)) if is_forward else found
