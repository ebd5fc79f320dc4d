"""Source protection: find askers' own words, names and contact details in text that is about to leave the newsroom."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Actor, Staff
from ..core.domain_errors import MissingPrecondition
from ..letters import contacts
from ..letters.models import Addition, Letter
from ..search.terms import Unit, units
from ..text.clean import SPACELESS, single_line
from .models import Question
from .queries import cleared_text, family, letters_behind
from .recognise import marks

PGP_CHARACTERS_SHOWN = 80  # characters of a PGP block by which a page refers to it
MIN_PHONE_DIGITS, MAX_PHONE_DIGITS = 9, 15  # digits of a phone number; E.164 (ITU) allows 15
SAME_PHONE_DIGITS = 9  # last digits that identify a number with or without its country code

# Headers of RFC 9580, section 6.2.1; what follows is a block even if its end was lost.
_PGP = re.compile(r"(?s)BEGIN PGP [A-Z ,/0-9]{4,40}.*?(?:END PGP [A-Z ]{4,40}|\Z)")
_NUMBER = re.compile(rf"\+?\d(?:[ \u00a0()./\-]{{0,3}}\d){{{MIN_PHONE_DIGITS - 1},40}}")
# Of the length of a phone number, but none: a date, a series of years, an amount.
_DAY = re.compile(r"(?<!\d)(?:\d{1,2}([./-])\d{1,2}\1\d{4}|\d{4}([./-])\d{1,2}\2\d{1,2})(?!\d)")
_YEARS = re.compile(r"(?:(?:1[0-9]|20)\d\d[ /\-]{0,3})+")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[ \u00a0.]\d{3})+")


@dataclass(frozen=True)
class ContactDetail:
    """A contact detail as the text spells it; `key` is the same for every spelling of it."""

    kind: str  # email, link, handle, phone, pgp
    text: str
    key: str


def find_contact_details(text: str) -> Iterator[ContactDetail]:
    """Find all contact details in a text: PGP blocks first, phone numbers last."""
    for block in _PGP.finditer(text):
        yield ContactDetail("pgp", single_line(block.group())[:PGP_CHARACTERS_SHOWN], "pgp")
    text = _PGP.sub(" ", text)
    for mark in marks(text, "und"):
        if mark.kind in ("email", "link", "handle"):
            written = text[mark.start : mark.end]
            yield ContactDetail(mark.kind, written, _address_key(written))
            text = text[: mark.start] + "\0" * len(written) + text[mark.end :]
    for number in _NUMBER.finditer(_DAY.sub(lambda day: "\0" * len(day.group()), text)):
        written = _to_ascii_digits(number.group())
        if not (_YEARS.fullmatch(written) or _THOUSANDS.fullmatch(written)):
            only = re.sub(r"\D", "", written)
            if len(only) <= MAX_PHONE_DIGITS:
                yield ContactDetail("phone", number.group(), only[-SAME_PHONE_DIGITS:])


def _address_key(address: str) -> str:
    return re.sub(r"^(?:https?://)?(?:www\.)?|/$", "", address.casefold())


def _to_ascii_digits(number: str) -> str:
    return "".join(str(unicodedata.decimal(char, char)) for char in number)


RUN_WORDS = 4  # words in a row that two people hardly choose by chance
MIN_NAME_LETTERS = 3  # letters of a part of a name that is searched for
LONG_RUN = 8  # words in a row that count as a reader's own words in any wording
MIN_OWN_WORDS = 6  # words from which on a wording can count as a reader's own; fewer often can't be put differently
OWN_WORDS_SHARE = 0.7  # share of a wording in runs of a reader's words that makes all runs count
MAX_LETTERS = 200  # letters of a question that are compared
# How much of a word a sign counts, and a letter of a script without spaces, as in `text.word_count`.
SIGN_WEIGHT, LETTER_WEIGHT = 0.5, 0.2


@dataclass(frozen=True)
class Leak:
    """A passage of the text, and what it reveals: a letter's words, a reader's name or a reader's address."""

    kind: Literal["words", "name", "address"]
    text: str


class LeakDetected(MissingPrecondition):
    """Raised for outgoing text that holds readers' words, names or addresses, which somebody has to look at first."""

    family = "leak"

    def __init__(self, passages: list[str], key: str = "reader_words") -> None:
        super().__init__(key)
        self.passages = passages


def must_be_clear(session: Session, actor: Actor, question: Question, text: str, stood: str = "") -> None:
    """Raise `LeakDetected` unless the text reveals nothing of the askers, or the actor has confirmed what it reveals.

    What was typed after the actor confirmed is found again. Passages that are in `stood` too, the text before anything
    was typed, are not reported.
    """
    before = [leak.text for leak in find_leaks(session, question, stood)]
    found = [leak.text for leak in find_leaks(session, question, text) if leak.text not in before]
    must_have_looked(actor, found)


def must_have_looked(actor: Actor, passages: list[str], key: str = "reader_words") -> None:
    """Raise `LeakDetected` unless the actor has confirmed all these passages on the page that they press.

    Contact details of readers can't be confirmed.
    """
    if any(map(never_leaves, passages)):
        raise LeakDetected(passages, "contact_details")
    if not set(passages) <= (actor.looked_at if isinstance(actor, Staff) else frozenset()):
        raise LeakDetected(passages, key)


def never_leaves(passage: str) -> bool:
    """Return whether a passage is a contact detail, which nobody can confirm."""
    return any(True for _detail in find_contact_details(passage))


def find_leaks(session: Session, question: Question, text: str, letters: Sequence[Letter] | None = None) -> list[Leak]:
    """Find readers' words, names and contact details in a text. `letters` are the question's, if they are loaded.

    Cleared wording may be repeated, and so may the words of readers who want them printed verbatim.
    """
    if not text.strip():
        return []
    letters = asker_letters(session, question) if letters is None else letters
    cleared = cleared_text(session, question.id)
    said = [cleared.headline, cleared.body or "", cleared.background] if cleared else []
    private = list_reader_texts(session, letters) + [letter.background for letter in letters if letter.background]
    found = [Leak("words", passage) for passage in list_quoted_passages(text, private, said)]
    found += [Leak("name", name) for name in _names(session, letters, text, " ".join(said))]
    return found + [Leak("address", address) for address in _addresses(session, letters, text)]


def asker_letters(session: Session, question: Question) -> list[Letter]:
    return letters_behind(family(session, question), rising=True).page(session, None, MAX_LETTERS)


def list_reader_texts(session: Session, letters: Sequence[Letter]) -> list[str]:
    """Return the letters and additions of the readers who didn't ask to be printed verbatim."""
    theirs = [letter for letter in letters if letter.body and not letter.verbatim]
    return [letter.body or "" for letter in theirs] + _list_additions(session, theirs)


def _list_additions(session: Session, letters: Sequence[Letter]) -> list[str]:
    query = select(Addition.body).where(Addition.letter_id.in_([letter.id for letter in letters]))
    return list(session.scalars(query.order_by(Addition.id))) if letters else []


def find_verbatim_spans(reader_texts: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Return where a wording still has readers' own words, as (start, end) in code points.

    That is where it has a long run of them, or everywhere if it consists of little else.
    """
    found, whole = find_quotes(text, reader_texts), _length(text)
    lengths = [_length(text[start:end]) for start, end in found]
    if sum(lengths) >= max(OWN_WORDS_SHARE * whole, MIN_OWN_WORDS):
        return found
    return [place for place, length in zip(found, lengths, strict=True) if length >= LONG_RUN]


def _length(text: str) -> float:
    return sum(map(_weight, units(text)))


def _weight(unit: Unit) -> float:
    """Return how much of a word the unit counts."""
    if not unit.is_sign:
        return 1
    return LETTER_WEIGHT if re.match(SPACELESS, unit.term) else SIGN_WEIGHT


def list_reader_passages(session: Session, letters: Sequence[Letter], texts: Sequence[str]) -> list[str]:
    """Return the passages of several texts that are readers' own words, or that readers told only the desk."""
    own = list_reader_texts(session, letters)
    theirs = [single_line(text[at:end]) for text in texts for at, end in find_verbatim_spans(own, text)]
    return list(dict.fromkeys([*find_private_details(session, letters, "\n".join(texts)), *theirs]))


def find_private_details(session: Session, letters: Sequence[Letter], text: str) -> list[str]:
    """Return what a wording repeats of what readers told only the desk: background, names and contact details.

    Background that the question says too is fine. Places aren't reported: every wording marks them, and the country of
    a reader appears in many.
    """
    backgrounds = [letter.background for letter in letters if letter.background]
    asked = [letter.body for letter in letters if letter.body]
    found = list_quoted_passages(text, backgrounds, [*asked, *_list_additions(session, letters)]) if backgrounds else []
    names = _names(session, letters, text, with_places=False)
    return [*found, *names, *_addresses(session, letters, text, is_wording=True)]


def list_quoted_passages(text: str, private: Sequence[str], public_texts: Sequence[str] = ()) -> list[str]:
    """Return the passages of a text that also occur, word for word, in a `private` text and in no public one.

    Each passage is put on one line.
    """
    return [single_line(text[start:end]) for start, end in find_quotes(text, private, public_texts)]


def find_quotes(text: str, private: Sequence[str], public_texts: Sequence[str] = ()) -> list[tuple[int, int]]:
    """Return where those passages are, as (start, end) in code points."""
    theirs, known = ({run for one in texts for run, _place in _runs(one)} for texts in (private, public_texts))
    found: list[tuple[int, int]] = []
    for run, (start, end) in _runs(text):
        if run not in theirs or run in known:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _runs(text: str) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
    """Yield every run of neighbouring units that together count `RUN_WORDS` words, with its start and end."""
    found = list(units(text))
    end, weight = 0, 0.0
    for at, first in enumerate(found):
        while end < len(found) and round(weight, 3) < RUN_WORDS:
            weight += _weight(found[end])
            end += 1
        if round(weight, 3) < RUN_WORDS:
            return
        yield tuple(unit.term for unit in found[at:end]), (first.start, found[end - 1].end)
        weight -= _weight(first)


def _names(
    session: Session, letters: Sequence[Letter], text: str, public_text: str = "", with_places: bool = True
) -> list[str]:
    words, known = ({unit.term for unit in units(one)} for one in (text, public_text))
    names = [name if with_places else name.partition(", ")[0] for name in contacts.names_of(session, letters).values()]
    parts = {name[part.start : part.end]: part.term for name in names for part in units(name)}
    return sorted(part for part, term in parts.items() if len(term) >= MIN_NAME_LETTERS and term in words - known)


def _addresses(session: Session, letters: Sequence[Letter], text: str, is_wording: bool = False) -> list[str]:
    """Return the contact details in a text that are a reader's, and with `is_wording` all except links, which may be
    ours.

    Readers' addresses are unsealed only if the text has contact details at all.
    """
    written = list(find_contact_details(text))
    if not written:
        return []
    parts = [part for letter in letters for part in (letter.body, letter.background) if part]
    theirs = {
        detail.key for part in [*parts, *_list_additions(session, letters)] for detail in find_contact_details(part)
    }
    theirs |= {address.casefold() for address in contacts.emails_of(session, letters)}
    return [
        one.text for one in written if one.key in theirs or one.kind == "pgp" or (is_wording and one.kind != "link")
    ]
