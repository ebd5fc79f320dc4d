"""A file of experts against the directory: first what each row would do, then all of it or nothing.

An expert is known by the number of an export, else by the address, and a row that has neither by a name that one expert
alone has. An empty cell leaves what is there. Nobody counts as checked by a file, and a new name voids the check of the
old one.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from ..core.state_machine import VersionConflict
from ..db.session import get_keyring
from . import expert_file
from .expert_file import Fault
from .models import PROFILE, Expert, Person
from .name_forms import LONGEST, fold
from .spreadsheet import Sheet

T = TypeVar("T")
BATCH = 500  # rows that are looked up or written in one statement
KINDS = ("wrong", "changed", "new", "same")

# An expert as the directory has them, with their profile by field; an entity of the ORM would be many times dearer.
Known = Row[Any]


@dataclass
class Line:
    """One row of the file and what it would do. `changes` are the new values by column; `before` is whom it changes."""

    number: int
    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    before: Known | None = None
    faults: list[Fault] = field(default_factory=list)
    namesake: bool = False  # somebody else of this name is in the directory

    @property
    def kind(self) -> str:
        if self.faults:
            return "wrong"
        if self.before is None:
            return "new"
        return "changed" if self.changes else "same"


@dataclass(frozen=True)
class Plan:
    """Every row, in the order of the file. `digest` changes when anything about what would be written does."""

    lines: list[Line]

    @property
    def counts(self) -> Counter[str]:
        return Counter(line.kind for line in self.lines)

    @property
    def digest(self) -> str:
        found = hashlib.blake2b(digest_size=16)
        for line in self.lines:
            before = (line.before.id, line.before.version) if line.before else ()
            found.update(repr((line.number, line.kind, before, sorted(line.changes))).encode())
        return found.hexdigest()


def plan(session: Session, sheet: Sheet) -> Plan:
    """Compare a file with the directory. Changes nothing."""
    seen: dict[tuple[str, str], int] = {}
    lines = []
    for batch in batches([(row, *expert_file.values_of(row.cells)) for row in sheet.rows]):
        found = _Directory(session, [values for _row, values, _faults in batch])
        for row, values, faults in batch:
            line = Line(row.number, values.get("name", ""), faults=faults)
            if row.more:
                line.faults.append(("", "more cells", {}))
            line.faults += _repeat_faults(seen, row.number, values)
            _compare(line, values, found)
            lines.append(line)
    return Plan(lines)


def batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def expect_unchanged(session: Session, plan: Plan) -> None:
    """Raise `VersionConflict` where the directory is no longer what a plan was made from: somebody was changed, or has
    come."""
    ring = get_keyring(session)
    for lines in batches(plan.lines):
        versions = {line.before.id: line.before.version for line in lines if line.before}
        found = select(Expert.id, Expert.version).where(Expert.id.in_(versions), Expert.merged_into_id.is_(None))
        if {row.id: row.version for row in session.execute(found)} != versions:
            raise VersionConflict("an expert was changed since the plan was made")
        emails = [line.changes["email"].casefold() for line in lines if "email" in line.changes]
        every = [mac for email in emails for mac in ring.macs("people.email", email)]
        if session.scalar(select(Person.id).where(Person.email_mac.in_(every)).limit(1)) is not None:
            raise VersionConflict("an address has come since the plan was made")


def _repeat_faults(first_rows: dict[tuple[str, str], int], number: int, values: dict[str, Any]) -> Iterator[Fault]:
    """Yield where two rows of a file are about one expert: which of them would hold?"""
    marks: list[tuple[str, str]] = [
        (column, values[column].casefold()) for column in ("number", "email") if column in values
    ]
    for column, value in marks or [("name", fold(values.get("name", "")))]:
        first = first_rows.setdefault((column, value), number)
        if first != number and value:
            yield column, "twice", {"row": first}


def _compare(line: Line, values: dict[str, Any], directory: "_Directory") -> None:
    number, email, name = values.pop("number", None), values.get("email"), fold(line.name)[:LONGEST]
    by_number, by_email = directory.by_number.get(number or ""), directory.of_address(email)
    if number and by_number is None:
        line.faults.append(("number", "unknown", {}))
    if by_number and by_email and by_number.id != by_email.id:
        line.faults.append(("email", "of another", {"name": by_email.name}))
    if directory.is_staff(email):
        line.faults.append(("email", "of the desk", {}))
    line.before = by_number or by_email
    if line.before is None and not email and not number and directory.namesakes[name]:
        line.before = directory.by_name.get(name)
        if line.before is None:
            line.faults.append(("name", "several", {"count": directory.namesakes[name]}))
    if line.before is None:
        if not line.name and not any(column == "name" for column, _code, _values in line.faults):
            line.faults.append(("name", "missing", {}))
        line.namesake, line.changes = directory.namesakes[name] > 0, values
        return
    line.name = line.name or line.before.name
    now = line.before._mapping
    line.changes = {column: value for column, value in values.items() if column != "email" and now[column] != value}
    if email and line.before.email_mac not in directory.macs[email.casefold()]:
        line.changes["email"] = email


class _Directory:
    """The experts that some rows may be about, looked up in five queries at most."""

    def __init__(self, session: Session, rows: Iterable[dict[str, Any]]) -> None:
        ring, listed = get_keyring(session), list(rows)
        self.macs = {
            email: ring.macs("people.email", email)
            for email in {row["email"].casefold() for row in listed if "email" in row}
        }
        every = [mac for macs in self.macs.values() for mac in macs]
        people = session.execute(select(Person.id, Person.email_mac).where(Person.email_mac.in_(every))).all()
        self._people = {row.email_mac: row.id for row in people}
        addressed = _load_experts(session, Expert.person_id.in_(self._people.values()))
        kept = {one.merged_into_id for one in addressed if one.merged_into_id}
        others = {one.id: one for one in _load_experts(session, Expert.id.in_(kept))} if kept else {}
        # After a merge an address is that of the expert that its own was merged into.
        self._by_person = {one.person_id: others.get(one.merged_into_id, one) for one in addressed}
        numbers = [row["number"] for row in listed if "number" in row]
        self.by_number = {
            one.public_id: one for one in _load_experts(session, Expert.public_id.in_(numbers), *NOT_MERGED)
        }
        names = {fold(row["name"])[:LONGEST] for row in listed if row.get("name")}
        known = select(Expert.folded, func.count(), func.min(Expert.id)).where(Expert.folded.in_(names), *NOT_MERGED)
        named = session.execute(known.group_by(Expert.folded)).all()
        self.namesakes = Counter({name: count for name, count, _key in named})
        alone = _load_experts(session, Expert.id.in_([key for _name, count, key in named if count == 1]), *NOT_MERGED)
        self.by_name = {fold(one.name)[:LONGEST]: one for one in alone}

    def of_address(self, email: str | None) -> Known | None:
        return self._by_person.get(self._person(email) or 0)

    def is_staff(self, email: str | None) -> bool:
        """Return whether an address belongs to somebody who is no expert: files don't make experts of colleagues."""
        person = self._person(email)
        return person is not None and person not in self._by_person

    def _person(self, email: str | None) -> int | None:
        found = (self._people.get(mac) for mac in self.macs[email.casefold()]) if email else ()
        return next((key for key in found if key is not None), None)


NOT_MERGED = (Expert.is_listed(),)


def _load_experts(session: Session, *where: Any) -> list[Known]:
    query = select(
        *(Expert.id, Expert.public_id, Expert.person_id, Expert.version, Expert.verified_at, Expert.merged_into_id),
        *(Person.public_id.label("person_public_id"), Person.name, Person.email_mac),
        *(getattr(Expert, name) for name in PROFILE if name != "name"),
    )
    return list(session.execute(query.join(Person, Person.id == Expert.person_id).where(*where).order_by(Expert.id)))
