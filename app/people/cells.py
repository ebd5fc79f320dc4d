"""The columns of a directory in a file: what they may be called, and how a cell of each is read and written."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError

from ..db import CROCKFORD
from ..text import clean, single_line
from .directory import MULTI_LINE, BadAddress, checked_address, longest
from .name_forms import fold

# In the order of an export; each with what else it is called in the files that come.
HEADS = {
    "number": "number, id, номер",
    "name": "name, full name, expert, contact, display name, фио, имя, полное имя, имя и фамилия, jméno, نام, ad soyad",
    "given": "first name, given name, forename, vorname, prénom",
    "family": "last name, surname, family name, nachname, nom, příjmení, фамилия",
    "email": "e-mail, email, e mail address, email address, mail, address, e-mail 1 value, e-mail 1 - value, электронная почта,"
    " почта, адрес, эл почта, adresse e-mail, e-posta, ایمیل",
    "title": "title, job title, position, role, degree, должность, звание, titel, titul, عنوان",
    "organisation": "organisation, organization, company, institution, affiliation, employer, организация, место работы,"
    " учреждение, firma, organisace, سازمان",
    "place": "place, city, town, location, country, город, место, страна, ort, stadt, město, شهر",
    "credit_line": "credit line, credit, byline, подпись, кредит",
    "relation": "relation, connection, связь",
    "described_as": "described as, anonymous as, описание вместо имени",
    "bio": "about, about them, bio, biography, description, notes, о нём, биография, описание, заметки",
    "ties": "ties, interests, conflicts, conflicts of interest, disclosure, связи и интересы, конфликт интересов",
    "topics": "topics, topic, subjects, expertise, keywords, tags, field, fields, темы, тема, специализация, themen, témata,"
    " موضوع, موضوع ها",
    "languages": "languages, language, speaks, языки, язык, sprachen, jazyky, زبان, زبان ها",
    "at_once": "at once, capacity, questions at once, одновременно",
    "away_until": "away until, away, back on, отсутствует до, abwesend bis",
    "on_public_page": "public page, on public page, public, публично",
}
KNOWN = {fold(head): column for column, heads in HEADS.items() for head in heads.split(",")}
NEEDED = (("name",), ("given", "family"), ("number",), ("email",))
LINES = ("title", "organisation", "place", "credit_line", "relation", "described_as", "bio", "ties")
NUMBER = re.compile(f"[{CROCKFORD}]{{12}}")
YES = {"yes", "y", "true", "1", "x", "da", "ja", "ano"}
NO = {"no", "n", "false", "0", "net", "nein", "ne"}
MOST_LISTED = 40
LONGEST_LISTED = 60


class Wrong(Exception):
    """A cell can't be taken. `code` says why: long, address, many, language, number, date, yes or no."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def listed(text: str, more: str = "") -> list[str]:
    """Words with commas, semicolons or lines between, also the commas of Arabic and Chinese; each once."""
    parts = re.split(rf"[,;\n،，、{more}]", clean(text))
    return list(dict.fromkeys(word for part in parts if (word := _one_line(part))))


def _line(column: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        line = clean(text) if column in MULTI_LINE else _one_line(text)
        if len(line) > longest(column):
            raise Wrong("long", most=longest(column))
        return line

    return read


def _one_line(text: str) -> str:
    """`single_line`, at once where there is nothing to clean: a file has a million cells."""
    return " ".join(text.split()) if text.isascii() and text.isprintable() else single_line(text)


def _email(text: str) -> str:
    try:
        return checked_address(text)
    except BadAddress:
        raise Wrong("address") from None


def _topics(text: str) -> list[str]:
    topics = listed(text, more="|")
    if len(topics) > MOST_LISTED:
        raise Wrong("many", most=MOST_LISTED)
    if any(len(topic) > LONGEST_LISTED for topic in topics):
        raise Wrong("long", most=LONGEST_LISTED)
    return topics


def _languages(text: str) -> list[str]:
    return [_language(word) for word in listed(text, more="/|")]


@lru_cache(maxsize=1024)
def _language(word: str) -> str:
    """The code of a language, from its code or its name in English."""
    named = _names().get(word.casefold())
    try:
        return named or str(Locale.parse(word.replace("-", "_"))).replace("_", "-")
    except (UnknownLocaleError, ValueError):
        raise Wrong("language", word=word[:40]) from None


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {name.casefold(): code.replace("_", "-") for code, name in Locale.parse("en").languages.items()}


def _number(text: str) -> int:
    if not text.strip().isdecimal() or not 1 <= int(text) <= 99:
        raise Wrong("number")
    return int(text)


def _day(text: str) -> date:
    for form in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    raise Wrong("date")


def _truth(text: str) -> bool:
    word = fold(text)
    if word not in YES | NO:
        raise Wrong("yes or no")
    return word in YES


READ: dict[str, Callable[[str], Any]] = {
    "name": _line("name"),
    "email": _email,
    **{column: _line(column) for column in LINES},
    "topics": _topics,
    "languages": _languages,
    "at_once": _number,
    "away_until": _day,
    "on_public_page": _truth,
}


def values_of(cells: Mapping[str, str]) -> tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]:
    """What a row says, without its empty cells, and each fault as column, code and values."""
    cells = dict(cells)
    given, family, name = (cells.pop(column, "").strip() for column in ("given", "family", "name"))
    # Where the family has a column of its own, "name" may be the whole name or, as in Russian files, the first name alone.
    whole = bool(name) and fold(family) in fold(name)
    cells["name"] = name if whole else f"{name or given} {family}"
    values: dict[str, Any] = {}
    faults: list[tuple[str, str, dict[str, Any]]] = []
    for column, text in cells.items():
        if column == "number":
            if NUMBER.fullmatch(text.strip().upper()):  # what else stands there is somebody else's number
                values[column] = text.strip().upper()
        elif text.strip():
            try:
                values[column] = READ[column](text)
            except Wrong as wrong:
                faults.append((column, wrong.code, wrong.values))
    return {column: value for column, value in values.items() if value not in ("", [])}, faults


def head_of(column: str) -> str:
    """What a column is called in our own files."""
    return HEADS[column].partition(",")[0]


def as_text(value: Any) -> str:
    """A value of the profile as a cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return value.isoformat() if isinstance(value, date) else "" if value is None else str(value)
