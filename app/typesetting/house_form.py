"""The house form: a question with its answers, typeset as the newsletter prints it.

As in print, it has a heading; the asker, and the question in quotation marks; a lead-in that introduces the expert, and
the answer as one quotation across its paragraphs; and the standing call for questions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import NamedTuple

from ..text.clean import for_print
from .answer_text import join_lines, read_answer
from .block import Block, Paragraph, Role, Run, set_runs
from .house_languages import Marks, marks_for, phrases_for
from .quotation import set_plain, set_quotation


@dataclass(frozen=True)
class LeadIn:
    """The sentence that introduces an expert. The positional fields fill its placeholders, such as {name}.

    - `pattern`: a sentence with these placeholders, instead of the usual one of the language;
    - `beside_name`: notes in brackets after the name, such as pronouns;
    - `additions`: notes in brackets before the colon, such as "by phone", "translated from Russian by ..." or "edited
      for length".
    """

    name: str
    credit_line: str | None = None
    relation: str | None = None
    _: KW_ONLY
    pattern: str | None = None
    beside_name: Sequence[str] = ()
    additions: Sequence[str] = ()


PLACEHOLDERS = tuple(field.name for field in fields(LeadIn) if not field.kw_only)


@dataclass(frozen=True)
class Voice:
    """One expert's answer in Markdown, with its lead-in."""

    lead_in: LeadIn
    answer: str


@dataclass(frozen=True)
class ItemContent:
    """A piece: the contents of a Q&A, before they are typeset.

    - `marks`: one of `house_languages.STYLES`;
    - `askers`: for each asker the credit that they agreed to, or None for one who isn't named;
    - `voices`: the answers, which run one after another, each with its lead-in;
    - `call`: the standing call for questions, in which {address} is replaced.
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
# White space that becomes a single space. Single spaces aren't included, as replacing each with itself would take time.
_WHITESPACE = re.compile(r"[ \t\n]{2,}|[\t\n]")
_BLANK_LINE = re.compile(r"\n\s*\n")


def fill(pattern: str, values: Mapping[str, str | None]) -> str:
    """Replace the placeholders of a pattern. If a value is empty, the comma or brackets of its placeholder go as well.

    Placeholders inside values, and those without a key in `values`, stay.
    """
    empty_keys = [key for key, value in values.items() if not value]
    for key in empty_keys:
        placeholder = rf"\{{{key}\}}"
        in_brackets = rf"\s*[(（]{placeholder}[)）]"
        at_start = rf"^\s*{placeholder}\s*[{_COMMAS}]?\s*"
        after_comma = rf"\s*[{_COMMAS}]?\s*{placeholder}"
        pattern = re.sub(f"{in_brackets}|{at_start}|{after_comma}", "", pattern)
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1]) or match[0], pattern).strip()


def _clean_line(text: str) -> str:
    """Clean a text and join it into one line, keeping no-break spaces (which French requires before : and ?)."""
    return _WHITESPACE.sub(" ", join_lines(for_print(text))).strip()


def _plain_paragraph(role: Role, text: str) -> Paragraph:
    return Paragraph(role, (Run(text),))


def _quote_paragraphs(paragraphs: Sequence[Paragraph], marks: Marks) -> list[Paragraph]:
    """Typeset paragraphs as one quotation, without repeating the opening mark at list items."""
    texts = [paragraph.text for paragraph in paragraphs]
    changes = set_quotation(texts, marks, continues=[not paragraph.marker for paragraph in paragraphs])
    return [
        Paragraph(paragraph.role, set_runs(paragraph.runs, paragraph_changes), paragraph.marker)
        for paragraph, paragraph_changes in zip(paragraphs, changes, strict=True)
    ]


def _get_asker_line(piece: ItemContent, phrases: Mapping[str, str]) -> str:
    if len(piece.askers) > 1:
        return phrases["asked_many"]
    credit = _clean_line(piece.askers[0] or "") if piece.askers else ""
    return fill(phrases["asked_credit"], {"credit": credit}) if credit else phrases["asked_one"]


def _set_question(piece: ItemContent, phrases: Mapping[str, str], marks: Marks) -> list[Paragraph]:
    texts = _BLANK_LINE.split(for_print(piece.question))
    first, *others = _quote_paragraphs([_plain_paragraph("question", _clean_line(text)) for text in texts], marks)
    asker_line = set_plain(_get_asker_line(piece, phrases), marks)
    space = "" if asker_line.endswith("：") else " "  # the Chinese colon includes the space
    return [Paragraph("question", (Run(asker_line + space), *first.runs)), *others]


def _format_brackets(notes: Sequence[str], phrases: Mapping[str, str]) -> str:
    """Return the non-empty notes in the language's brackets, or "" if there are none."""
    lines = list(filter(None, map(_clean_line, notes)))
    if not lines:
        return ""
    return phrases["brackets"].replace("{words}", phrases["comma"].join(lines))


def _insert_additions(additions: Sequence[str], text: str, phrases: Mapping[str, str]) -> str:
    """Insert the additions in brackets before the final colon."""
    if not additions:
        return text
    colon = re.search(r"\s*[:：]?\Z", text)
    end = colon.start() if colon else len(text)
    return text[:end] + _format_brackets(additions, phrases) + text[end:]


def lead_in_text(
    language: str, lead_in: LeadIn, marks: str, wordings: Mapping[str, str] | None = None, is_further: bool = False
) -> str:
    """Return the lead-in of an answer; with `is_further`, in the form for all answers to a question but the first."""
    phrases = phrases_for(language, wordings)
    values = {key: _clean_line(getattr(lead_in, key) or "") for key in PLACEHOLDERS}
    values["name"] += _format_brackets(lead_in.beside_name, phrases)
    pattern = lead_in.pattern or phrases["also" if is_further else "lead_in"]
    text = fill(_clean_line(pattern), values)
    return set_plain(_insert_additions(lead_in.additions, text, phrases), marks_for(language, marks))


def has_lead_in(lead_in: LeadIn) -> bool:
    """Return whether an answer has a lead-in. In back issues, answers of the desk itself have none."""
    return bool(lead_in.name or lead_in.credit_line or lead_in.pattern)


def _set_heading(piece: ItemContent, phrases: Mapping[str, str], marks: Marks) -> Paragraph:
    section = _clean_line(piece.section)
    headline = _clean_line(piece.headline)
    text = fill(phrases["heading"], {"section": section, "headline": headline}) if section else headline
    return _plain_paragraph("heading", set_plain(text, marks))


def _build_call(call: str | None, address: str | None) -> list[Paragraph]:
    text = for_print(call or "")
    if address is not None:
        text = text.replace("{address}", _clean_line(address))
    return [_plain_paragraph("call", _clean_line(part)) for part in _BLANK_LINE.split(text) if part.strip()]


def typeset_call(language: str, call: str, address: str, link: str, wordings: Mapping[str, str] | None = None) -> Block:
    """Typeset the standing call alone, followed by a sentence that links to the URL `link`."""
    before, _, after = _clean_line(phrases_for(language, wordings)["ask_here"]).partition("{link}")
    runs = (Run(before), Run(link, href=link), Run(after))
    link_sentence = Paragraph("call", tuple(run for run in runs if run.text))
    return Block(language, (*_build_call(call, address), link_sentence))


class CarriedCorrection(NamedTuple):
    """A correction of an earlier Q&A, whose headline is typeset already and links to `url`."""

    headline: str
    url: str
    text: str


def set_corrections(
    language: str, corrections: Sequence[CarriedCorrection], wordings: Mapping[str, str] | None = None
) -> Block:
    """Typeset corrections of earlier Q&As for a later edition."""
    paragraphs = [_plain_paragraph("heading", phrases_for(language, wordings)["corrections"])]
    for correction in corrections:
        headline = Run(_clean_line(correction.headline), strong=True, href=correction.url)
        paragraphs.append(Paragraph("correction", (headline,)))
        paragraphs.append(_plain_paragraph("correction", _clean_line(correction.text)))
    return Block(language, tuple(paragraphs))


def set_block(piece: ItemContent, address: str | None = None, wordings: Mapping[str, str] | None = None) -> Block:
    """Typeset a piece. `address` replaces {address} in the call.

    `wordings` are the newsletter's own sentences, which replace those of the same keys in `languages/`.
    """
    phrases = phrases_for(piece.language, wordings)
    marks = marks_for(piece.language, piece.marks)
    paragraphs = [_set_heading(piece, phrases, marks), *_set_question(piece, phrases, marks)]
    for index, voice in enumerate(piece.voices):
        if has_lead_in(voice.lead_in):
            line = lead_in_text(piece.language, voice.lead_in, piece.marks, wordings, is_further=index > 0)
            paragraphs.append(_plain_paragraph("lead_in", line))
        paragraphs += _quote_paragraphs(read_answer(voice.answer), marks)
    return Block(piece.language, (*paragraphs, *_build_call(piece.call, address)))
