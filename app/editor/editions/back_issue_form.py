"""The form in which found Q&As are looked through: what it shows, and what was typed into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...back_issues.printed_names import Expert as Named
from ...back_issues.printed_qa import PrintedQA, PrintedVoice
from ...people.models import Expert, Person
from ..form_values import parse_day

OF_QA = ("day", "section", "headline", "question", "askers")
OF_VOICE = ("name", "credit_line", "relation", "answer")


@dataclass(frozen=True)
class Row:
    """A Q&A of the files by its number among them. `values` are its fields by their names in the form."""

    number: int
    file: str
    qa: PrintedQA
    values: dict[str, str]
    ticked: bool

    def name(self, field: str, voice: int | None = None) -> str:
        """Return the name of a field in the form."""
        return f"{field}-{self.number}" if voice is None else f"{field}-{self.number}-{voice}"


def row_of(number: int, file: str, qa: PrintedQA, form_data: Mapping[str, str] | None = None) -> Row:
    """Return a Q&A as the form shows it: as it was found, or as it was typed."""
    values = {f"{field}-{number}": text for field, text in _of_qa(qa).items()}
    for place, voice in enumerate(qa.voices):
        values |= {f"{field}-{number}-{place}": text for field, text in _of_voice(voice).items()}
    if form_data is None:
        return Row(number, file, qa, values, ticked=True)
    sent = {name: form_data.get(name, text).replace("\r\n", "\n") for name, text in values.items()}
    sent |= {name: "1" for name in form_data if name.startswith(f"expert-{number}-")}
    return Row(number, file, qa, sent, ticked=f"take-{number}" in form_data)


def _of_qa(qa: PrintedQA) -> dict[str, str]:
    day = qa.day.isoformat() if qa.day else ""
    return dict(zip(OF_QA, (day, qa.section, qa.headline, qa.question, "\n".join(qa.askers)), strict=True))


def _of_voice(voice: PrintedVoice) -> dict[str, str]:
    one = voice.expert
    return dict(zip(OF_VOICE, (one.name, one.credit_line, one.relation, "\n\n".join(voice.answer)), strict=True))


def build_corrected_qa(row: Row) -> PrintedQA:
    """Return the Q&A as the form has it."""
    day, section, headline, question, askers = (row.values[row.name(field)].strip() for field in OF_QA)
    return replace(
        row.qa,
        day=_day(day),
        section=section,
        headline=headline,
        question=question,
        askers=tuple(line.strip() for line in askers.splitlines() if line.strip()),
        voices=tuple(_voice(row, place) for place in range(len(row.qa.voices))),
    )


def _day(text: str) -> date | None:
    return parse_day(text) if text else None


def _voice(row: Row, index: int) -> PrintedVoice:
    name, credit_line, relation, answer = (row.values[row.name(field, index)].strip() for field in OF_VOICE)
    paragraphs = tuple(part.strip() for part in answer.split("\n\n") if part.strip())
    return PrintedVoice(Named(name, credit_line, relation), paragraphs)


def namesakes(session: Session, names: Sequence[str]) -> dict[str, Expert]:
    """Return who of the directory has exactly one of these names, each name that one expert alone has."""
    query = select(Expert).join(Person, Person.id == Expert.person_id)
    query = query.where(Person.name.in_({name for name in names if name}), Expert.merged_into_id.is_(None))
    found: dict[str, list[Expert]] = {}
    for one in session.scalars(query.order_by(Expert.id)):
        found.setdefault(one.name, []).append(one)
    return {name: some[0] for name, some in found.items() if len(some) == 1}
