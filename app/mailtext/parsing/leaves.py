"""Leaves of a message: which of its parts count, which of those are words, and which are files that hang on it."""

from collections.abc import Iterator

from .mime import Part

# What a multipart/signed is signed with says nothing to a reader.
_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_TEXTS = frozenset({"text/plain", "text/html", "text/markdown"})
_OTHER_FORMS = frozenset({"text/x-amp-html", "text/watch-html", "text/enriched"})  # of what the other alternatives say


def is_report(part: Part, top: Part) -> bool:
    """Only a message that is a report as a whole is one (RFC 6522): anybody can hang a report on a letter."""
    return part.kind == "multipart/report" and part is top


def get_visible_parts(part: Part, top: Part) -> list[Part]:
    """Return the parts of a multipart that say something to a person. Of a report that is its first one."""
    if part.kind == "multipart/alternative":
        return [one for one in part.parts if one.kind not in _OTHER_FORMS]
    if part.kind == "multipart/signed":
        return [one for one in part.parts if one.kind not in _SIGNATURES]
    return part.parts[:1] if is_report(part, top) else part.parts


def leaves(part: Part, top: Part) -> Iterator[Part]:
    """Go through the parts that are no multipart, in their order. The depth is bounded by the reader of parts."""
    if not part.kind.startswith("multipart/"):
        yield part
        return
    for one in get_visible_parts(part, top):
        yield from leaves(one, top)


def is_text_part(part: Part) -> bool:
    """Return whether a leaf is text that is read as the message's own; every other one is a file that hangs on it."""
    return part.kind in _TEXTS and part.disposition != "attachment" and not _is_file(part)


def _is_file(part: Part) -> bool:
    """A text part that has a file name is a file that hangs on the message, also where nothing says "attachment"."""
    if part.disposition_params.get("filename"):
        return True
    return part.disposition != "inline" and bool(part.content_params.get("name"))
