"""Finds what askers wrote, their names and how to reach them in a text that is about to leave the house."""

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

PGP_CHARACTERS_SHOWN = 80  # characters of a PGP block that a page names it by
MIN_PHONE_DIGITS, MAX_PHONE_DIGITS = 9, 15  # digits of a phone number; E.164 (ITU) allows 15
SAME_PHONE_DIGITS = 9  # last digits by which a number with its country's code and one without are the same

# Headers as RFC 9580, section 6.2.1, has them; what follows is a block even where its end was lost.
_PGP = re.compile(r"(?s)BEGIN PGP [A-Z ,/0-9]{4,40}.*?(?:END PGP [A-Z ]{4,40}|\Z)")
_NUMBER = re.compile(rf"\+?\d(?:[ \u00a0()./\-]{{0,3}}\d){{{MIN_PHONE_DIGITS - 1},40}}")
# What is as long and is none: a day, the years of a row, an amount.
_DAY = re.compile(r"(?<!\d)(?:\d{1,2}([./-])\d{1,2}\1\d{4}|\d{4}([./-])\d{1,2}\2\d{1,2})(?!\d)")
_YEARS = re.compile(r"(?:(?:1[0-9]|20)\d\d[ /\-]{0,3})+")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[ \u00a0.]\d{3})+")


@dataclass(frozen=True)
class ContactDetail:
    """One of them as it stands in the text; however it is written, the same one has the same `key`."""

    kind: str  # email, link, handle, phone, pgp
    text: str
    key: str


def find_contact_details(text: str) -> Iterator[ContactDetail]:
    """Find every one in a text: the PGP blocks first, phone numbers last."""
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
    """Return a number with the digits of any script as those of ASCII."""
    return "".join(str(unicodedata.decimal(char, char)) for char in number)


RUN_WORDS = 4  # words in a row that hardly two people choose by chance
MIN_NAME_LETTERS = 3  # letters of a name that is looked for
LONG_RUN = 8  # words in a row of a wording that was left as it came
MIN_OWN_WORDS = 6  # words of a wording that is hardly anything else; fewer can often not be put in another way
OWN_WORDS_SHARE = 0.7  # of it, in runs with some other words put between
MAX_LETTERS = 200  # letters of a question that are looked through
# How much of a word a sign is, and a letter of a script without spaces, as `text.word_count` reckons.
SIGN_WEIGHT, LETTER_WEIGHT = 0.5, 0.2


@dataclass(frozen=True)
class Leak:
    """Words of the text, as they stand there, and whose they are: a letter's, a reader's name, or a reader's
    address."""

    kind: Literal["words", "name", "address"]
    text: str


class LeakDetected(MissingPrecondition):
    """A text that is to leave holds what readers wrote or are called; somebody has to look at it first."""

    def __init__(self, passages: list[str], fact: str = "a second look") -> None:
        super().__init__(fact)
        self.passages = passages


def must_be_clear(session: Session, actor: Actor, question: Question, text: str, stood: str = "") -> None:
    """Raise `LeakDetected` unless nothing of the askers is found in a text, or the actor has looked at all that is
    found.

    What was typed since the actor looked is found anew. `stood` is what was there before anything was typed.
    """
    before = [leak.text for leak in find_leaks(session, question, stood)]
    found = [leak.text for leak in find_leaks(session, question, text) if leak.text not in before]
    must_have_looked(actor, found)


def must_have_looked(actor: Actor, passages: list[str], fact: str = "a second look") -> None:
    """Raise `LeakDetected` unless the actor has looked at all the passages that were found, on the page that they
    press.

    At what a reader can be reached by, nobody can have looked enough.
    """
    if any(map(never_leaves, passages)):
        raise LeakDetected(passages, "no contact details")
    if not set(passages) <= (actor.looked_at if isinstance(actor, Staff) else frozenset()):
        raise LeakDetected(passages, fact)


def never_leaves(passage: str) -> bool:
    """Return whether a passage that was found has to be taken out, whatever it is."""
    return any(True for _detail in find_contact_details(passage))


def find_leaks(session: Session, question: Question, text: str, letters: Sequence[Letter] | None = None) -> list[Leak]:
    """Find what readers wrote or are called in a text. What an editor has cleared may be said, and so may the words of
    somebody who wants them printed as they are. `letters` are the question's, where they are at hand."""
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
    """Return what readers asked, and added to it, who did not want it printed word for word."""
    theirs = [letter for letter in letters if letter.body and not letter.verbatim]
    return [letter.body or "" for letter in theirs] + _list_additions(session, theirs)


def _list_additions(session: Session, letters: Sequence[Letter]) -> list[str]:
    query = select(Addition.body).where(Addition.letter_id.in_([letter.id for letter in letters]))
    return list(session.scalars(query.order_by(Addition.id))) if letters else []


def find_verbatim_spans(reader_texts: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Return where a wording is still in a reader's `reader_texts` words: from where to before where, in code points.

    It is where it has a long run of them, and where it is hardly anything else.
    """
    found, whole = find_quotes(text, reader_texts), _length(text)
    lengths = [_length(text[start:end]) for start, end in found]
    if sum(lengths) >= max(OWN_WORDS_SHARE * whole, MIN_OWN_WORDS):
        return found
    return [place for place, length in zip(found, lengths, strict=True) if length >= LONG_RUN]


def _length(text: str) -> float:
    return sum(map(_weight, units(text)))


def _weight(unit: Unit) -> float:
    """Return how much of a word it is."""
    if not unit.is_sign:
        return 1
    return LETTER_WEIGHT if re.match(SPACELESS, unit.term) else SIGN_WEIGHT


def list_reader_passages(session: Session, letters: Sequence[Letter], texts: Sequence[str]) -> list[str]:
    """Return what in some texts is still in readers' own words, or was said by them to the desk alone."""
    own = list_reader_texts(session, letters)
    theirs = [single_line(text[at:end]) for text in texts for at, end in find_verbatim_spans(own, text)]
    return list(dict.fromkeys([*find_private_details(session, letters, "\n".join(texts)), *theirs]))


def find_private_details(session: Session, letters: Sequence[Letter], text: str) -> list[str]:
    """Return what in a wording readers said to the desk alone: in the background field and not in the question, their
    names, and by what they can be reached. Places are marked in every wording, and a country where somebody lives
    stands in many.
    """
    backgrounds = [letter.background for letter in letters if letter.background]
    asked = [letter.body for letter in letters if letter.body]
    found = list_quoted_passages(text, backgrounds, [*asked, *_list_additions(session, letters)]) if backgrounds else []
    names = _names(session, letters, text, with_places=False)
    return [*found, *names, *_addresses(session, letters, text, is_wording=True)]


def list_quoted_passages(text: str, private: Sequence[str], public_texts: Sequence[str] = ()) -> list[str]:
    """The passages of a text that stand in one of the `private` ones too, word for word, and in none that was
    `public_texts`; each on one line, wherever the text breaks its own."""
    return [single_line(text[start:end]) for start, end in find_quotes(text, private, public_texts)]


def find_quotes(text: str, private: Sequence[str], public_texts: Sequence[str] = ()) -> list[tuple[int, int]]:
    """Return where those stand: from where to before where, in code points."""
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
    """Yield every run of neighbours that are RUN words together, in any script, with its place."""
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
    """Return by what a reader can be reached, in this text; in a wording any but the desk's own links, whose ever it
    is. Readers' addresses are opened only where the text holds anything of the kind.
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
