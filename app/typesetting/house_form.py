"""The house form: a question with its answers, typeset as the newsletter prints it.

It follows print: a heading; who asked, and the question in quotation marks; a lead-in that introduces the expert, and
the answer as one quotation across its paragraphs; the standing call for questions.
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
    """The lead-in that introduces an expert. The positional fields are placeholders of its sentence in every language,
    such as {name}; `pattern` replaces that sentence.

    `beside_name` is added to the name in brackets, such as pronouns. `additions` are what readers should know, such as
    "by phone", "translated from Russian by ..." or "edited for length", in brackets before the colon.
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
    """One expert's answer in Markdown, with its lead-in."""

    lead_in: LeadIn
    answer: str


@dataclass(frozen=True)
class ItemContent:
    """The contents of a Q&A. `marks` is one of `house_languages.STYLES`. `askers` has for each asker the credit that
    they agreed to, or None for one who isn't named.

    Several answers to a question run together, each with a lead-in. In the call, only {address} is replaced.
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
_BLANKS = re.compile(r"[ \t\n]{2,}|[\t\n]")  # excludes single spaces, as replacing each with itself would take time


def fill(pattern: str, values: Mapping[str, str | None]) -> str:
    """Replace the placeholders of a pattern; one without a value is removed together with its comma or brackets.

    Placeholders inside values, and those of other names, are left alone.
    """
    empty_keys = [key for key, value in values.items() if not value]
    for key in empty_keys:
        placeholder = rf"\{{{key}\}}"
        pattern = re.sub(
            rf"\s*[(（]{placeholder}[)）]|^\s*{placeholder}\s*[{_COMMAS}]?\s*|\s*[{_COMMAS}]?\s*{placeholder}",
            "",
            pattern,
        )
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1]) or match[0], pattern).strip()


def _clean_line(text: str) -> str:
    """Clean a text and join it into one line, keeping no-break spaces (which French requires before : and ?)."""
    return _BLANKS.sub(" ", join_lines(for_print(text))).strip()


def _plain_paragraph(role: Role, text: str) -> Paragraph:
    return Paragraph(role, (Run(text),))


def _quote_paragraphs(paragraphs: Sequence[Paragraph], marks: Marks) -> list[Paragraph]:
    """Typeset paragraphs as one quotation, without repeating the opening mark at list items."""
    texts = [paragraph.text for paragraph in paragraphs]
    settings = set_quotation(texts, marks, [not paragraph.marker for paragraph in paragraphs])
    return [
        Paragraph(paragraph.role, set_runs(paragraph.runs, setting), paragraph.marker)
        for paragraph, setting in zip(paragraphs, settings, strict=True)
    ]


def _get_asker_line(piece: ItemContent, phrases: Mapping[str, str]) -> str:
    if len(piece.askers) > 1:
        return phrases["asked_many"]
    credit = _clean_line(piece.askers[0] or "") if piece.askers else ""
    return fill(phrases["asked_credit"], {"credit": credit}) if credit else phrases["asked_one"]


def _set_question(piece: ItemContent, phrases: Mapping[str, str], marks: Marks) -> list[Paragraph]:
    parts = re.split(r"\n\s*\n", for_print(piece.question))
    first, *others = _quote_paragraphs([_plain_paragraph("question", _clean_line(part)) for part in parts], marks)
    asker_line = set_plain(_get_asker_line(piece, phrases), marks)
    space = "" if asker_line.endswith("：") else " "  # the Chinese colon includes the space
    return [Paragraph("question", (Run(asker_line + space), *first.runs)), *others]


def _in_brackets(parts: Sequence[str], phrases: Mapping[str, str]) -> str:
    """Return the non-empty parts in the language's brackets, or "" if there are none."""
    lines = list(filter(None, map(_clean_line, parts)))
    if not lines:
        return ""
    return phrases["brackets"].replace("{words}", phrases["comma"].join(lines))


def _with_additions(additions: Sequence[str], text: str, phrases: Mapping[str, str]) -> str:
    """Insert the additions in brackets before the final colon."""
    if not additions:
        return text
    colon = re.search(r"\s*[:：]?\Z", text)
    end = colon.start() if colon else len(text)
    return text[:end] + _in_brackets(additions, phrases) + text[end:]


def lead_in_text(
    language: str, lead_in: LeadIn, marks: str, wordings: Mapping[str, str] | None = None, is_further: bool = False
) -> str:
    """Return the lead-in of an answer; with `is_further`, in the form for a second answer to the same question."""
    phrases = phrases_for(language, wordings)
    values = {key: _clean_line(getattr(lead_in, key) or "") for key in FILLED_IN}
    values["name"] += _in_brackets(lead_in.beside_name, phrases)
    pattern = lead_in.pattern or phrases["also" if is_further else "lead_in"]
    text = fill(_clean_line(pattern), values)
    return set_plain(_with_additions(lead_in.additions, text, phrases), marks_for(language, marks))


def has_lead_in(lead_in: LeadIn) -> bool:
    """Return whether an answer has a lead-in. In back issues, answers of the desk itself have none."""
    return bool(lead_in.name or lead_in.credit_line or lead_in.pattern)


def _set_heading(piece: ItemContent, phrases: Mapping[str, str], marks: Marks) -> Paragraph:
    section, headline = _clean_line(piece.section), _clean_line(piece.headline)
    text = fill(phrases["heading"], {"section": section, "headline": headline}) if section else headline
    return _plain_paragraph("heading", set_plain(text, marks))


def _set_call(call: str | None, address: str | None) -> list[Paragraph]:
    text = for_print(call or "")
    if address is not None:
        text = text.replace("{address}", _clean_line(address))
    return [_plain_paragraph("call", _clean_line(part)) for part in re.split(r"\n\s*\n", text) if part.strip()]


def set_call(language: str, call: str, address: str, link: str, wordings: Mapping[str, str] | None = None) -> Block:
    """Typeset the standing call alone, followed by the sentence with the URL `link`."""
    before, _, after = _clean_line(phrases_for(language, wordings)["ask_here"]).partition("{link}")
    runs = (Run(before), Run(link, href=link), Run(after))
    link_sentence = Paragraph("call", tuple(run for run in runs if run.text))
    return Block(language, (*_set_call(call, address), link_sentence))


def set_corrections(
    language: str, notes: Sequence[tuple[str, str, str]], wordings: Mapping[str, str] | None = None
) -> Block:
    """Typeset corrections of earlier Q&As for a later edition. Each note is a typeset headline, the URL that it links
    to, and the text of the correction.
    """
    paragraphs = [_plain_paragraph("heading", phrases_for(language, wordings)["corrections"])]
    for headline, href, note in notes:
        paragraphs.append(Paragraph("correction", (Run(_clean_line(headline), strong=True, href=href),)))
        paragraphs.append(_plain_paragraph("correction", _clean_line(note)))
    return Block(language, tuple(paragraphs))


def set_block(piece: ItemContent, address: str | None = None, wordings: Mapping[str, str] | None = None) -> Block:
    """Typeset a piece. `address` replaces {address} in the call; `wordings` are the newsletter's own house sentences,
    by kind. The kinds are the keys of a file in `languages/`.
    """
    phrases = phrases_for(piece.language, wordings)
    marks = marks_for(piece.language, piece.marks)
    paragraphs = [_set_heading(piece, phrases, marks), *_set_question(piece, phrases, marks)]
    for number, voice in enumerate(piece.voices):
        if has_lead_in(voice.lead_in):
            line = lead_in_text(piece.language, voice.lead_in, piece.marks, wordings, is_further=number > 0)
            paragraphs.append(_plain_paragraph("lead_in", line))
        paragraphs += _quote_paragraphs(read_answer(voice.answer), marks)
    return Block(piece.language, (*paragraphs, *_set_call(piece.call, address)))
