"""The house form: one question with its answers, set as the newsletter prints it.

The form is that of print. A heading; who asked, and the question in quotation marks; who answers and why, and the
answer as one quotation over its paragraphs; the standing call for more questions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields

from ..text.clean import for_print
from .answer_text import join_lines, read_answer
from .block import Block, Paragraph, Role, Run, set_runs
from .house_languages import Marks, marks_for, phrases_for
from .quotation import set_plain, set_quotation


@dataclass(frozen=True)
class LeadIn:
    """The lead-in that names the expert: first what has a place of its own in the sentence of every language, {name} or
    {credit_line}. `pattern` words this one differently.

    `beside_name` is what belongs to a name, such as pronouns, and stands in brackets after it. `additions` are what
    honesty asks readers to be told: "by phone", "translated from Russian by ...", "edited for length". They stand in
    brackets before the colon.
    """

    name: str
    credit_line: str | None = None
    relation: str | None = None
    _: KW_ONLY
    pattern: str | None = None
    beside_name: Sequence[str] = ()
    additions: Sequence[str] = ()


FILLED_IN = tuple(field.name for field in fields(LeadIn) if not field.kw_only)


@dataclass(frozen=True)
class Voice:
    """One expert's answer in Markdown, with the line that leads to it."""

    lead_in: LeadIn
    answer: str


@dataclass(frozen=True)
class Piece:
    """A Q&A as data. `marks` is one of house_languages.STYLES. `askers` holds for each asker the credit they agreed to,
    or None for one who isn't named.

    Several answers to one question run together, each with its own lead-in. The call is set as given, apart from its
    {address}.
    """

    language: str
    marks: str
    section: str
    headline: str
    askers: Sequence[str | None]
    question: str
    voices: Sequence[Voice]
    call: str | None = None


_COMMAS = ",،，、"
_BLANKS = re.compile(r"[ \t\n]{2,}|[\t\n]")  # what isn't one blank already: to put that in its place takes time


def fill(pattern: str, values: Mapping[str, str | None]) -> str:
    """Put values into a pattern; one that is absent goes with its comma or its brackets.

    Values are not read as patterns, and a placeholder of another name stays as it is.
    """
    for key in (key for key, value in values.items() if not value):
        hole = rf"\{{{key}\}}"
        pattern = re.sub(rf"\s*[(（]{hole}[)）]|^\s*{hole}\s*[{_COMMAS}]?\s*|\s*[{_COMMAS}]?\s*{hole}", "", pattern)
    return re.sub(r"\{(\w+)\}", lambda hole: values.get(hole[1]) or hole[0], pattern).strip()


def _line(text: str) -> str:
    """Clean a text that stands on one line; no-break spaces are spelling (French puts them before : and ?)."""
    return _BLANKS.sub(" ", join_lines(for_print(text))).strip()


def _plain_paragraph(role: Role, text: str) -> Paragraph:
    return Paragraph(role, (Run(text),))


def _quote_paragraphs(paragraphs: Sequence[Paragraph], marks: Marks) -> list[Paragraph]:
    """Set paragraphs as one quotation; the items of a list don't open it anew."""
    texts = [paragraph.text for paragraph in paragraphs]
    settings = set_quotation(texts, marks, [not paragraph.marker for paragraph in paragraphs])
    return [
        Paragraph(paragraph.role, set_runs(paragraph.runs, setting), paragraph.marker)
        for paragraph, setting in zip(paragraphs, settings, strict=True)
    ]


def _get_asker_line(piece: Piece, phrases: Mapping[str, str]) -> str:
    if len(piece.askers) > 1:
        return phrases["asked_many"]
    credit = _line(piece.askers[0] or "") if piece.askers else ""
    return fill(phrases["asked_credit"], {"credit": credit}) if credit else phrases["asked_one"]


def _set_question(piece: Piece, phrases: Mapping[str, str], marks: Marks) -> list[Paragraph]:
    parts = re.split(r"\n\s*\n", for_print(piece.question))
    first, *others = _quote_paragraphs([_plain_paragraph("question", _line(part)) for part in parts], marks)
    asked = set_plain(_get_asker_line(piece, phrases), marks)
    space = "" if asked.endswith("：") else " "
    return [Paragraph("question", (Run(asked + space), *first.runs)), *others]


def _in_brackets(parts: Sequence[str], phrases: Mapping[str, str]) -> str:
    """Put what there is of some parts in the language's brackets; "" where there is nothing."""
    filled = [line for line in map(_line, parts) if line]
    return phrases["brackets"].replace("{words}", phrases["comma"].join(filled)) if filled else ""


def _with_additions(additions: Sequence[str], text: str, phrases: Mapping[str, str]) -> str:
    """Put what readers should know in brackets before the colon."""
    colon = re.search(r"\s*[:：]?\Z", text)
    end = colon.start() if colon and additions else len(text)
    return text[:end] + _in_brackets(additions, phrases) + text[end:]


def lead_in_text(
    language: str, lead_in: LeadIn, marks: str, wordings: Mapping[str, str] | None = None, is_further: bool = False
) -> str:
    """The line that leads to an answer; `is_further` words it for a second answer to the same question."""
    phrases = phrases_for(language, wordings)
    values = {key: _line(getattr(lead_in, key) or "") for key in FILLED_IN}
    values["name"] += _in_brackets(lead_in.beside_name, phrases)
    text = fill(_line(lead_in.pattern or phrases["also" if is_further else "lead_in"]), values)
    return set_plain(_with_additions(lead_in.additions, text, phrases), marks_for(language, marks))


def has_lead_in(lead_in: LeadIn) -> bool:
    """Return whether a line leads to an answer. Back issues have answers of the desk's own, which none does."""
    return bool(lead_in.name or lead_in.credit_line or lead_in.pattern)


def _set_heading(piece: Piece, phrases: Mapping[str, str], marks: Marks) -> Paragraph:
    section, headline = _line(piece.section), _line(piece.headline)
    text = fill(phrases["heading"], {"section": section, "headline": headline}) if section else headline
    return _plain_paragraph("heading", set_plain(text, marks))


def _call(call: str | None, address: str | None) -> list[Paragraph]:
    text = for_print(call or "")
    if address is not None:
        text = text.replace("{address}", _line(address))
    return [_plain_paragraph("call", _line(part)) for part in re.split(r"\n\s*\n", text) if part.strip()]


def set_call(language: str, call: str, address: str, link: str, wordings: Mapping[str, str] | None = None) -> Block:
    """Set the standing call by itself, and after it the sentence that leads to `link`, which is an address."""
    before, _, after = _line(phrases_for(language, wordings)["ask_here"]).partition("{link}")
    runs = (Run(before), Run(link, href=link), Run(after))
    leads = Paragraph("call", tuple(run for run in runs if run.text))
    return Block(language, (*_call(call, address), leads))


def set_corrections(
    language: str, notes: Sequence[tuple[str, str, str]], wordings: Mapping[str, str] | None = None
) -> Block:
    """Set corrections of what ran earlier, for a later edition: of each its Q&A's headline as it is set, the address to
    which it links, and the note.
    """
    paragraphs = [_plain_paragraph("heading", phrases_for(language, wordings)["corrections"])]
    for headline, href, note in notes:
        paragraphs.append(Paragraph("correction", (Run(_line(headline), strong=True, href=href),)))
        paragraphs.append(_plain_paragraph("correction", _line(note)))
    return Block(language, tuple(paragraphs))


def set_block(piece: Piece, address: str | None = None, wordings: Mapping[str, str] | None = None) -> Block:
    """Set a piece. `address` goes where the call says {address}; `wordings` holds the newsletter's wording of house
    sentences.

    The kinds of house sentence are those of a file in `languages/`.
    """
    phrases, marks = phrases_for(piece.language, wordings), marks_for(piece.language, piece.marks)
    paragraphs = [_set_heading(piece, phrases, marks), *_set_question(piece, phrases, marks)]
    for number, voice in enumerate(piece.voices):
        if has_lead_in(voice.lead_in):
            line = lead_in_text(piece.language, voice.lead_in, piece.marks, wordings, is_further=number > 0)
            paragraphs.append(_plain_paragraph("lead_in", line))
        paragraphs += _quote_paragraphs(read_answer(voice.answer), marks)
    return Block(piece.language, (*paragraphs, *_call(piece.call, address)))
