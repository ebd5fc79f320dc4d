"""Source protection: find askers' own words, names and contact details in a text before it leaves the newsroom."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Actor, Staff
from ..core.domain_errors import MissingPrecondition
from ..letters import contacts
from ..letters.models import Addition, Letter
from ..search.terms import Unit, units
from ..text.clean import SPACELESS, single_line
from ..text.languages import function_words
from .models import Question
from .queries import cleared_text, letters_behind, list_family_ids
from .recognise import find_marks

PGP_CHARACTERS_SHOWN = 80  # characters of a PGP block by which a page refers to it
MIN_PHONE_DIGITS = 9
MAX_PHONE_DIGITS = 15  # the most that E.164 (ITU) allows
SAME_PHONE_DIGITS = 9  # last digits that identify a number with or without its country code

# A block of RFC 9580, section 6.2.1. If its end was lost, it extends to the end of the text.
_PGP = re.compile(r"(?s)BEGIN PGP [A-Z ,/0-9]{4,40}.*?(?:END PGP [A-Z ]{4,40}|\Z)")
_NUMBER = re.compile(rf"\+?\d(?:[ \u00a0()./\-]{{0,3}}\d){{{MIN_PHONE_DIGITS - 1},40}}")
# Numbers that are as long as a phone number: "12.11.2026", "2019/2020/2021", "1 250 000 000".
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
    for mark in find_marks(text, "und"):
        if mark.kind in ("email", "link", "handle"):
            address = text[mark.start : mark.end]
            yield ContactDetail(mark.kind, address, _address_key(address))
            # Digits of an address aren't a phone number. NULs keep the positions of the other marks.
            text = text[: mark.start] + "\0" * len(address) + text[mark.end :]
    text_without_days = _DAY.sub(lambda day: "\0" * len(day.group()), text)
    for number in _NUMBER.finditer(text_without_days):
        ascii_number = _to_ascii_digits(number.group())
        if _YEARS.fullmatch(ascii_number) or _THOUSANDS.fullmatch(ascii_number):
            continue
        digits = re.sub(r"\D", "", ascii_number)
        if len(digits) <= MAX_PHONE_DIGITS:
            yield ContactDetail("phone", number.group(), digits[-SAME_PHONE_DIGITS:])


def _address_key(address: str) -> str:
    """Return an address without scheme, "www." and trailing slash, in lower case."""
    return re.sub(r"^(?:https?://)?(?:www\.)?|/$", "", address.casefold())


def _to_ascii_digits(number: str) -> str:
    return "".join(str(unicodedata.decimal(char, char)) for char in number)


MAX_LETTERS = 200  # letters of a question that are compared
MIN_NAME_LETTERS = 3  # shorter parts of a name aren't searched for
RUN_WORDS = 4  # words in a row that two people hardly choose by chance; see `_run_weight`
COMMON_WORD_WEIGHT = 0.6  # of a word such as "is" in a run: many people write "Is it worth keeping a"
LONG_RUN = 8  # words in a row that are a reader's own in any wording
# Shorter passages count as a reader's own only if together they are this share of the wording, and have at least
# MIN_OWN_WORDS: fewer words often can't be put differently.
OWN_WORDS_SHARE = 0.7
MIN_OWN_WORDS = 6
# As in `text.clean.word_count`: a Han or Kana sign counts half a word, a letter of a script without spaces a fifth.
SIGN_WEIGHT = 0.5
LETTER_WEIGHT = 0.2


@dataclass(frozen=True)
class Leak:
    """A passage of the text, and what it reveals: a letter's words, a reader's name or a reader's address."""

    kind: Literal["words", "name", "address"]
    text: str


class LeakDetected(MissingPrecondition):
    """Raised for outgoing text with readers' words, names or addresses that the actor hasn't reviewed and confirmed."""

    family = "leak"

    def __init__(self, passages: list[str], key: str = "reader_words") -> None:
        super().__init__(key)
        self.passages = passages


def must_be_clear(session: Session, actor: Actor, question: Question, text: str, previous_text: str = "") -> None:
    """Raise `LeakDetected` unless the text reveals nothing of the askers, or the actor has confirmed what it reveals.

    `previous_text` is the text before it was edited. Passages that it also contains are not reported.
    """
    previous_passages = [leak.text for leak in find_leaks(session, question, previous_text)]
    passages = [leak.text for leak in find_leaks(session, question, text) if leak.text not in previous_passages]
    must_have_looked(actor, passages)


def must_have_looked(actor: Actor, passages: list[str], key: str = "reader_words") -> None:
    """Raise `LeakDetected` with `key` unless the actor has confirmed all these passages in the form that they submit.

    Contact details of readers can't be confirmed.
    """
    if any(never_leaves(passage) for passage in passages):
        raise LeakDetected(passages, "contact_details")
    confirmed = actor.reviewed_passages if isinstance(actor, Staff) else frozenset()
    if not set(passages) <= confirmed:
        raise LeakDetected(passages, key)


def never_leaves(passage: str) -> bool:
    """Return whether a passage contains a contact detail, so that nobody can confirm it."""
    return next(find_contact_details(passage), None) is not None


def find_leaks(session: Session, question: Question, text: str, letters: Sequence[Letter] | None = None) -> list[Leak]:
    """Find readers' words, names and contact details in a text.

    Cleared wording may be repeated, and so may the letters of readers who want them printed verbatim, but not their
    background. Pass the question's `letters` if they are loaded already.
    """
    if not text.strip():
        return []
    letters = list_asker_letters(session, question) if letters is None else letters
    cleared = cleared_text(session, question.id)
    cleared_parts = list(cleared.parts) if cleared else []
    private_texts = list_reader_texts(session, letters) + _list_backgrounds(letters)
    leaks = [Leak("words", passage) for passage in list_quoted_passages(text, private_texts, cleared_parts)]
    leaks += [Leak("name", name) for name in _find_names(session, letters, text, " ".join(cleared_parts))]
    leaks += [Leak("address", address) for address in _find_addresses(session, letters, text)]
    return leaks


def list_asker_letters(session: Session, question: Question) -> list[Letter]:
    """Return the first `MAX_LETTERS` letters behind a question."""
    return letters_behind(list_family_ids(session, question), rising=True).page(session, None, MAX_LETTERS)


def list_reader_texts(session: Session, letters: Sequence[Letter]) -> list[str]:
    """Return the texts of the letters whose readers didn't ask to be printed verbatim, then of their additions."""
    not_verbatim = [letter for letter in letters if letter.body and not letter.verbatim]
    return [letter.body or "" for letter in not_verbatim] + _list_additions(session, not_verbatim)


def _list_additions(session: Session, letters: Sequence[Letter]) -> list[str]:
    if not letters:
        return []
    query = select(Addition.body).where(Addition.letter_id.in_([letter.id for letter in letters]))
    return list(session.scalars(query.order_by(Addition.id)))


def find_verbatim_spans(reader_texts: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Return where a wording still has readers' own words, as (start, end) in code points.

    If the wording consists of little else, all runs of their words count, otherwise only long runs.
    """
    spans = find_quotes(text, reader_texts)
    word_counts = [_count_words(text[start:end]) for start, end in spans]
    if sum(word_counts) >= max(OWN_WORDS_SHARE * _count_words(text), MIN_OWN_WORDS):
        return spans
    return [span for span, count in zip(spans, word_counts, strict=True) if count >= LONG_RUN]


def _count_words(text: str) -> float:
    """Return the length of a text of any script in words."""
    return sum(_weight(unit) for unit in units(text))


def _weight(unit: Unit) -> float:
    """Return as how many words a unit counts."""
    if not unit.is_sign:
        return 1
    return LETTER_WEIGHT if re.match(SPACELESS, unit.term) else SIGN_WEIGHT


def _run_weight(unit: Unit) -> float:
    return COMMON_WORD_WEIGHT if unit.term in _get_common_words() else _weight(unit)


@cache
def _get_common_words() -> frozenset[str]:
    """Return the words of all languages that say nothing of what a text is about, as terms."""
    all_words = " ".join(word for words in function_words().values() for word in words)
    return frozenset(unit.term for unit in units(all_words) if not unit.is_sign)


def list_reader_passages(session: Session, letters: Sequence[Letter], texts: Sequence[str]) -> list[str]:
    """Return the passages of several texts that are readers' own words, or that readers told only the desk."""
    passages = find_private_details(session, letters, "\n".join(texts))
    reader_texts = list_reader_texts(session, letters)
    for text in texts:
        passages += [single_line(text[start:end]) for start, end in find_verbatim_spans(reader_texts, text)]
    return list(dict.fromkeys(passages))


def find_private_details(session: Session, letters: Sequence[Letter], text: str) -> list[str]:
    """Return the parts of a wording that readers told only the desk: background, names and contact details.

    A passage of the background may be repeated if a letter's question or an addition contains it too. Places aren't
    reported: the page of every wording marks them, and a reader's country appears in many wordings.
    """
    backgrounds = _list_backgrounds(letters)
    passages: list[str] = []
    if backgrounds:
        bodies = [letter.body for letter in letters if letter.body]
        passages = list_quoted_passages(text, backgrounds, [*bodies, *_list_additions(session, letters)])
    names = _find_names(session, letters, text, with_places=False)
    return [*passages, *names, *_find_addresses(session, letters, text, is_wording=True)]


def _list_backgrounds(letters: Sequence[Letter]) -> list[str]:
    return [letter.background for letter in letters if letter.background]


def list_quoted_passages(text: str, private_texts: Sequence[str], public_texts: Sequence[str] = ()) -> list[str]:
    """Return the passages of a text that a private text contains and no public text does, each on one line."""
    return [single_line(text[start:end]) for start, end in find_quotes(text, private_texts, public_texts)]


def find_quotes(text: str, private_texts: Sequence[str], public_texts: Sequence[str] = ()) -> list[tuple[int, int]]:
    """Return the places of the passages of `list_quoted_passages`, as (start, end) in code points.

    A passage consists of overlapping or adjoining runs (see `_iter_runs`).
    """
    private_runs = {run.terms for private_text in private_texts for run in _iter_runs(private_text)}
    public_runs = {run.terms for public_text in public_texts for run in _iter_runs(public_text)}
    spans: list[tuple[int, int]] = []
    for run in _iter_runs(text):
        if run.terms not in private_runs or run.terms in public_runs:
            continue
        if spans and run.start <= spans[-1][1]:
            previous_start, previous_end = spans[-1]
            spans[-1] = (previous_start, max(run.end, previous_end))
        else:
            spans.append((run.start, run.end))
    return spans


class _Run(NamedTuple):
    terms: tuple[str, ...]
    start: int
    end: int


def _iter_runs(text: str) -> Iterator[_Run]:
    """Yield for each unit the shortest run of units from it on that counts as `RUN_WORDS` words."""
    text_units = units(text)
    end = 0
    weight = 0.0  # of the units from `start` up to but not including `end`
    for start, first in enumerate(text_units):
        while end < len(text_units) and round(weight, 3) < RUN_WORDS:  # sums of 0.2 and 0.5 are inexact
            weight += _run_weight(text_units[end])
            end += 1
        if round(weight, 3) < RUN_WORDS:
            return
        terms = tuple(unit.term for unit in text_units[start:end])
        yield _Run(terms, first.start, text_units[end - 1].end)
        weight -= _run_weight(first)


def _find_names(
    session: Session, letters: Sequence[Letter], text: str, public_text: str = "", with_places: bool = True
) -> list[str]:
    """Return the parts of readers' names that are in a text and not in `public_text`.

    With `with_places`, this includes the place that may follow a name, as in "Aida, Almaty".
    """
    private_terms = {unit.term for unit in units(text)} - {unit.term for unit in units(public_text)}
    names = list(contacts.names_of(session, letters).values())
    if not with_places:
        names = [name.partition(", ")[0] for name in names]
    parts = {name[unit.start : unit.end]: unit.term for name in names for unit in units(name)}
    return sorted(part for part, term in parts.items() if len(term) >= MIN_NAME_LETTERS and term in private_terms)


def _find_addresses(session: Session, letters: Sequence[Letter], text: str, is_wording: bool = False) -> list[str]:
    """Return the contact details in a text that belong to a reader, and all PGP blocks.

    With `is_wording`, return all contact details except links that belong to no reader, since the desk may have added
    these. Readers' addresses are unsealed only if the text has contact details at all.
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
        is_always_private = detail.kind == "pgp" or (is_wording and detail.kind != "link")
        if is_always_private or detail.key in reader_keys:
            found.append(detail.text)
    return found
