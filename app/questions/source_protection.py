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
MIN_PHONE_DIGITS = 9
MAX_PHONE_DIGITS = 15  # the most that E.164 (ITU) allows
SAME_PHONE_DIGITS = 9  # last digits that identify a number with or without its country code

# Headers of RFC 9580, section 6.2.1; what follows is a block even if its end was lost.
_PGP = re.compile(r"(?s)BEGIN PGP [A-Z ,/0-9]{4,40}.*?(?:END PGP [A-Z ]{4,40}|\Z)")
_NUMBER = re.compile(rf"\+?\d(?:[ \u00a0()./\-]{{0,3}}\d){{{MIN_PHONE_DIGITS - 1},40}}")
# What is as long as a phone number but isn't one: "12.11.2026", "2019/2020/2021", "1 250 000 000".
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
            address = text[mark.start : mark.end]
            yield ContactDetail(mark.kind, address, _address_key(address))
            # Digits of an address aren't a phone number. NULs keep the positions of the other marks.
            text = text[: mark.start] + "\0" * len(address) + text[mark.end :]
    for number in _NUMBER.finditer(_DAY.sub(lambda day: "\0" * len(day.group()), text)):
        ascii_number = _to_ascii_digits(number.group())
        if _YEARS.fullmatch(ascii_number) or _THOUSANDS.fullmatch(ascii_number):
            continue
        digits = re.sub(r"\D", "", ascii_number)
        if len(digits) <= MAX_PHONE_DIGITS:
            yield ContactDetail("phone", number.group(), digits[-SAME_PHONE_DIGITS:])


def _address_key(address: str) -> str:
    """Return the address without scheme, "www." and closing slash, in lower case."""
    return re.sub(r"^(?:https?://)?(?:www\.)?|/$", "", address.casefold())


def _to_ascii_digits(number: str) -> str:
    return "".join(str(unicodedata.decimal(char, char)) for char in number)


RUN_WORDS = 4  # words in a row that two people hardly choose by chance
MIN_NAME_LETTERS = 3  # letters of a part of a name that is searched for
LONG_RUN = 8  # words in a row that count as a reader's own words in any wording
MIN_OWN_WORDS = 6  # words from which on a wording can count as a reader's own; fewer often can't be put differently
OWN_WORDS_SHARE = 0.7  # share of a wording in runs of a reader's words that makes all runs count
MAX_LETTERS = 200  # letters of a question that are compared
# As in `text.clean.word_count`: a Han or Kana sign counts half a word, a letter of a script without spaces a fifth.
SIGN_WEIGHT = 0.5
LETTER_WEIGHT = 0.2


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


def must_be_clear(session: Session, actor: Actor, question: Question, text: str, previous_text: str = "") -> None:
    """Raise `LeakDetected` unless the text reveals nothing of the askers, or the actor has confirmed what it reveals.

    What was typed after the actor confirmed is found again. Passages that are in `previous_text` too, the text
    before anything was typed, are not reported.
    """
    before = [leak.text for leak in find_leaks(session, question, previous_text)]
    found = [leak.text for leak in find_leaks(session, question, text) if leak.text not in before]
    must_have_looked(actor, found)


def must_have_looked(actor: Actor, passages: list[str], key: str = "reader_words") -> None:
    """Raise `LeakDetected` unless the actor has confirmed all these passages on the page that they press.

    Contact details of readers can't be confirmed.
    """
    if any(map(never_leaves, passages)):
        raise LeakDetected(passages, "contact_details")
    confirmed = actor.reviewed_passages if isinstance(actor, Staff) else frozenset()
    if not set(passages) <= confirmed:
        raise LeakDetected(passages, key)


def never_leaves(passage: str) -> bool:
    """Return whether a passage has a contact detail, which nobody can confirm."""
    return next(find_contact_details(passage), None) is not None


def find_leaks(session: Session, question: Question, text: str, letters: Sequence[Letter] | None = None) -> list[Leak]:
    """Find readers' words, names and contact details in a text. `letters` are the question's, if they are loaded.

    Cleared wording may be repeated, and so may the words of readers who want them printed verbatim.
    """
    if not text.strip():
        return []
    letters = asker_letters(session, question) if letters is None else letters
    cleared = cleared_text(session, question.id)
    cleared_parts = [cleared.headline, cleared.body or "", cleared.background] if cleared else []
    private = list_reader_texts(session, letters) + [letter.background for letter in letters if letter.background]
    found = [Leak("words", passage) for passage in list_quoted_passages(text, private, cleared_parts)]
    found += [Leak("name", name) for name in _names(session, letters, text, " ".join(cleared_parts))]
    found += [Leak("address", address) for address in _addresses(session, letters, text)]
    return found


def asker_letters(session: Session, question: Question) -> list[Letter]:
    return letters_behind(family(session, question), rising=True).page(session, None, MAX_LETTERS)


def list_reader_texts(session: Session, letters: Sequence[Letter]) -> list[str]:
    """Return the letters and additions of the readers who didn't ask to be printed verbatim."""
    not_verbatim = [letter for letter in letters if letter.body and not letter.verbatim]
    return [letter.body or "" for letter in not_verbatim] + _list_additions(session, not_verbatim)


def _list_additions(session: Session, letters: Sequence[Letter]) -> list[str]:
    if not letters:
        return []
    query = select(Addition.body).where(Addition.letter_id.in_([letter.id for letter in letters]))
    return list(session.scalars(query.order_by(Addition.id)))


def find_verbatim_spans(reader_texts: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Return where a wording still has readers' own words, as (start, end) in code points.

    All runs of their words count if the wording consists of little else, otherwise only the long ones.
    """
    spans = find_quotes(text, reader_texts)
    lengths = [_length(text[start:end]) for start, end in spans]
    if sum(lengths) >= max(OWN_WORDS_SHARE * _length(text), MIN_OWN_WORDS):
        return spans
    return [span for span, length in zip(spans, lengths, strict=True) if length >= LONG_RUN]


def _length(text: str) -> float:
    """Return the length of a text in words of any script."""
    return sum(map(_weight, units(text)))


def _weight(unit: Unit) -> float:
    """Return how much of a word the unit counts."""
    if not unit.is_sign:
        return 1
    return LETTER_WEIGHT if re.match(SPACELESS, unit.term) else SIGN_WEIGHT


def list_reader_passages(session: Session, letters: Sequence[Letter], texts: Sequence[str]) -> list[str]:
    """Return the passages of several texts that are readers' own words, or that readers told only the desk."""
    passages = find_private_details(session, letters, "\n".join(texts))
    reader_texts = list_reader_texts(session, letters)
    for text in texts:
        passages += [single_line(text[start:end]) for start, end in find_verbatim_spans(reader_texts, text)]
    return list(dict.fromkeys(passages))


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
    """Return where the passages of `list_quoted_passages` are, as (start, end) in code points."""
    private_runs, public_runs = (
        {run for source in sources for run, _span in _runs(source)} for sources in (private, public_texts)
    )
    spans: list[tuple[int, int]] = []
    for run, (start, end) in _runs(text):
        if run not in private_runs or run in public_runs:
            continue
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _runs(text: str) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
    """Yield every run of neighbouring units that together count `RUN_WORDS` words, with its start and end."""
    text_units = units(text)
    end = 0
    weight = 0.0  # of the units from `start` to before `end`
    for start, first in enumerate(text_units):
        while end < len(text_units) and round(weight, 3) < RUN_WORDS:
            weight += _weight(text_units[end])
            end += 1
        if round(weight, 3) < RUN_WORDS:
            return
        terms = tuple(unit.term for unit in text_units[start:end])
        yield terms, (first.start, text_units[end - 1].end)
        weight -= _weight(first)


def _names(
    session: Session, letters: Sequence[Letter], text: str, public_text: str = "", with_places: bool = True
) -> list[str]:
    """Return the parts of readers' names that a text has and `public_text` hasn't.

    A name may be followed by a place, as in "Aida, Almaty". `with_places` includes these places.
    """
    private_terms = {unit.term for unit in units(text)} - {unit.term for unit in units(public_text)}
    names = list(contacts.names_of(session, letters).values())
    if not with_places:
        names = [name.partition(", ")[0] for name in names]
    parts = {name[unit.start : unit.end]: unit.term for name in names for unit in units(name)}
    return sorted(part for part, term in parts.items() if len(term) >= MIN_NAME_LETTERS and term in private_terms)


def _addresses(session: Session, letters: Sequence[Letter], text: str, is_wording: bool = False) -> list[str]:
    """Return the contact details in a text that are a reader's.

    Of a wording (`is_wording`) all are returned except links, which may be the desk's. Readers' addresses are unsealed
    only if the text has contact details at all.
    """
    details = list(find_contact_details(text))
    if not details:
        return []
    reader_texts = [part for letter in letters for part in (letter.body, letter.background) if part]
    reader_texts += _list_additions(session, letters)
    reader_keys = {detail.key for reader_text in reader_texts for detail in find_contact_details(reader_text)}
    reader_keys |= {address.casefold() for address in contacts.emails_of(session, letters)}
    found: list[str] = []
    for detail in details:
        is_private = detail.kind == "pgp" or (is_wording and detail.kind != "link")
        if is_private or detail.key in reader_keys:
            found.append(detail.text)
    return found
