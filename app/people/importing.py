"""A file of experts against the directory: first what each row would do, then all of it or nothing.

An expert is known by the number of an export, else by the address, and a row that has neither by a name that one expert alone
has. An empty cell leaves what is there. Nobody counts as checked by a file, and a new name voids the check of the old one.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..db import keys
from ..lifecycle import Stale
from . import cells
from .directory import PROFILE, PROFILE_FACTS
from .models import Expert, Person
from .name_forms import LONGEST, fold
from .spreadsheet import Sheet

T = TypeVar("T")
BATCH = 500  # rows that are looked up in one query
COLUMNS = (*PROFILE, *PROFILE_FACTS)
KINDS = ("wrong", "changed", "new", "same")

Fault = tuple[str, str, dict[str, Any]]  # the column, why, and the values of the sentence


@dataclass(frozen=True)
class Known:
    """An expert as the directory has them. `email_mac` is the keyed hash of the address."""

    id: int
    public_id: str
    person_id: int
    person_public_id: str
    version: int
    name: str
    email_mac: bytes | None
    verified: bool
    profile: dict[str, Any]


@dataclass
class Line:
    """What one row of the file would do. `changes` are the new values by column; `before` is whom it changes."""

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
    rows = [(row, *cells.values_of(row.cells)) for row in sheet.rows]
    seen: dict[tuple[str, str], int] = {}
    lines = []
    for batch in _batches(rows):
        found = _Directory(session, [values for _row, values, _faults in batch])
        for row, values, faults in batch:
            line = Line(row.number, values.get("name", ""), faults=list(faults))
            if row.more:
                line.faults.append(("", "more cells", {}))
            line.faults += _repeated(seen, row.number, values)
            _compare(line, values, found)
            lines.append(line)
    return Plan(lines)


def expect_unchanged(session: Session, made: Plan) -> None:
    """Raise `Stale` where the directory is no longer what a plan was made from: somebody was changed, or has come."""
    ring = keys(session)
    for lines in _batches(made.lines):
        versions = {line.before.id: line.before.version for line in lines if line.before}
        found = select(Expert.id, Expert.version).where(
            Expert.id.in_(versions), Expert.merged_into_id.is_(None)
        )  # fmt: skip
        if {row.id: row.version for row in session.execute(found)} != versions:
            raise Stale("an expert was changed since the plan was made")
        emails = [line.changes["email"].casefold() for line in lines if "email" in line.changes]
        every = [mac for email in emails for mac in ring.macs("people.email", email)]
        if session.scalar(select(Person.id).where(Person.email_mac.in_(every)).limit(1)) is not None:
            raise Stale("an address has come since the plan was made")


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _repeated(seen: dict[tuple[str, str], int], number: int, values: dict[str, Any]) -> Iterator[Fault]:
    """Two rows of a file about one expert: which of them would hold?"""
    marks: list[tuple[str, str]] = [
        (column, values[column].casefold()) for column in ("number", "email") if column in values
    ]
    for column, value in marks or [("name", fold(values.get("name", "")))]:
        first = seen.setdefault((column, value), number)
        if first != number and value:
            yield column, "twice", {"row": first}


def _compare(line: Line, values: dict[str, Any], found: "_Directory") -> None:
    number, email = values.pop("number", None), values.get("email")
    by_number, by_email = found.by_number.get(number or ""), found.of_address(email)
    if number and by_number is None:
        line.faults.append(("number", "unknown", {}))
    if by_number and by_email and by_number.id != by_email.id:
        line.faults.append(("email", "of another", {"name": by_email.name}))
    if found.is_staff(email):
        line.faults.append(("email", "of the desk", {}))
    name = fold(line.name)[:LONGEST]
    line.before = by_number or by_email
    if line.before is None and not email and not number and found.namesakes[name]:
        line.before = found.by_name.get(name)
        if line.before is None:
            line.faults.append(("name", "several", {"count": found.namesakes[name]}))
    if line.before is None:
        if not line.name and not any(column == "name" for column, _code, _values in line.faults):
            line.faults.append(("name", "missing", {}))
        line.namesake, line.changes = found.namesakes[name] > 0, values
        return
    line.name = line.name or line.before.name
    line.changes = _differing(line.before, values, found)


def _differing(known: Known, values: dict[str, Any], found: "_Directory") -> dict[str, Any]:
    now = known.profile | {"name": known.name}
    changes = {column: value for column, value in values.items() if column != "email" and now[column] != value}
    if "email" in values and known.email_mac not in found.macs(values["email"]):
        changes["email"] = values["email"]
    return changes


class _Directory:
    """The experts that some rows may be about, looked up in five queries at most."""

    def __init__(self, session: Session, rows: Iterable[dict[str, Any]]) -> None:
        ring, listed = keys(session), list(rows)
        emails = {row["email"].casefold() for row in listed if "email" in row}
        self._macs = {email: ring.macs("people.email", email) for email in emails}
        every = [mac for macs in self._macs.values() for mac in macs]
        people = session.execute(select(Person.id, Person.email_mac).where(Person.email_mac.in_(every))).all()
        self._people = {row.email_mac: row.id for row in people}
        addressed = _known(session, Expert.person_id.in_(self._people.values()), merged_too=True)
        self.by_person = _standing(session, addressed)
        numbered = _known(session, Expert.public_id.in_([row["number"] for row in listed if "number" in row]))
        self.by_number = {one.public_id: one for one, _merged in numbered}
        names = {fold(row["name"])[:LONGEST] for row in listed if row.get("name")}
        alone, self.namesakes = _named(session, names)
        self.by_name = {fold(one.name)[:LONGEST]: one for one, _merged in alone}

    def macs(self, email: str) -> list[bytes]:
        return self._macs[email.casefold()]

    def of_address(self, email: str | None) -> Known | None:
        return self.by_person.get(self._person(email) or 0)

    def is_staff(self, email: str | None) -> bool:
        """Whether an address belongs to somebody who is no expert: files don't make experts of colleagues."""
        person = self._person(email)
        return person is not None and person not in self.by_person

    def _person(self, email: str | None) -> int | None:
        found = (self._people.get(mac) for mac in self.macs(email)) if email else ()
        return next((key for key in found if key is not None), None)


def _known(session: Session, where: Any, merged_too: bool = False) -> list[tuple[Known, int | None]]:
    """Experts with whom they were merged into; as plain values, since rows of the ORM would be many times dearer."""
    wanted = [getattr(Expert, column) for column in COLUMNS]
    query = select(
        Expert.id, Expert.public_id, Expert.person_id, Person.public_id.label("person_public_id"), Expert.version,
        Person.name, Person.email_mac, Expert.verified_at, Expert.merged_into_id, *wanted,
    ).join(Person, Person.id == Expert.person_id).where(where)  # fmt: skip
    query = query if merged_too else query.where(Expert.merged_into_id.is_(None))
    return [
        (
            Known(
                row.id, row.public_id, row.person_id, row.person_public_id, row.version, row.name, row.email_mac,
                row.verified_at is not None, {column: getattr(row, column) for column in COLUMNS},
            ),
            row.merged_into_id,
        )
        for row in session.execute(query.order_by(Expert.id))
    ]  # fmt: skip


def _named(session: Session, names: set[str]) -> tuple[list[tuple[Known, int | None]], Counter[str]]:
    """Who alone has one of these names, and how many experts each of them has."""
    found = select(Expert.folded, func.count(), func.min(Expert.id))
    found = found.where(Expert.folded.in_(names), Expert.merged_into_id.is_(None)).group_by(Expert.folded)
    rows = session.execute(found).all()
    alone = [key for _name, count, key in rows if count == 1]
    return _known(session, Expert.id.in_(alone)), Counter({name: count for name, count, _key in rows})


def _standing(session: Session, addressed: list[tuple[Known, int | None]]) -> dict[int, Known]:
    """By person, the expert that they are now: after a merge the one that they were merged into."""
    kept = {merged for _one, merged in addressed if merged}
    others = {one.id: one for one, _merged in _known(session, Expert.id.in_(kept))} if kept else {}
    return {one.person_id: others[merged] if merged else one for one, merged in addressed}
