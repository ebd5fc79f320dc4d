"""Import a file of experts: plan what each row would change, then write all of it or nothing."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from ..audit import Event
from ..core.actors import Actor
from ..core.domain_errors import VersionConflict
from ..core.fields import KINDS
from ..core.state_machine import must
from ..db.ids import new_public_id
from ..db.session import get_keyring, now
from . import expert_file, expert_search
from .directory import sealed_address
from .expert_file import Fault
from .models import PROFILE, Expert, ExpertTopic, Person
from .name_forms import LONGEST, fold
from .spreadsheet import Sheet

T = TypeVar("T")
BATCH_ROWS = 500  # rows looked up or written in one statement
LINE_KINDS = ("wrong", "changed", "new", "same")

# An expert with their profile by field; an entity of the ORM would be many times slower.
KnownExpert = Row[Any]


@dataclass
class ImportLine:
    """A row of the file and its effect: `changes` are new values by column, `before` is the expert that it changes."""

    number: int
    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    before: KnownExpert | None = None
    faults: list[Fault] = field(default_factory=list)
    namesake: bool = False  # another expert of this name is in the directory

    @property
    def kind(self) -> str:
        if self.faults:
            return "wrong"
        if self.before is None:
            return "new"
        return "changed" if self.changes else "same"


@dataclass(frozen=True)
class ImportPlan:
    """All rows in the order of the file. `digest` changes with anything that would be written."""

    lines: list[ImportLine]

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


def plan_import(session: Session, sheet: Sheet) -> ImportPlan:
    """Compare a file with the directory. Changes nothing."""
    seen: dict[tuple[str, str], int] = {}
    lines = []
    for batch in batches([(row, *expert_file.values_of(row.cells)) for row in sheet.rows]):
        found = _Directory(session, [values for _row, values, _faults in batch])
        for row, values, faults in batch:
            line = ImportLine(row.number, values.get("name", ""), faults=faults)
            if row.more:
                line.faults.append(("", "more cells", {}))
            line.faults += _repeat_faults(seen, row.number, values)
            _compare(line, values, found)
            lines.append(line)
    return ImportPlan(lines)


def batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]


def expect_unchanged(session: Session, plan: ImportPlan) -> None:
    """Raise `VersionConflict` if the directory has changed in a way that matters since the plan was made."""
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
    """Yield faults for a row that is about the same expert as an earlier one: it isn't clear which should win."""
    marks: list[tuple[str, str]] = [
        (column, values[column].casefold()) for column in ("number", "email") if column in values
    ]
    for column, value in marks or [("name", fold(values.get("name", "")))]:
        first = first_rows.setdefault((column, value), number)
        if first != number and value:
            yield column, "twice", {"row": first}


def _compare(line: ImportLine, values: dict[str, Any], directory: "_Directory") -> None:
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
    """The experts that a batch of rows may be about, loaded in at most five queries."""

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
        # The address of a merged expert leads to the one that they were merged into.
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

    def of_address(self, email: str | None) -> KnownExpert | None:
        return self._by_person.get(self._person(email) or 0)

    def is_staff(self, email: str | None) -> bool:
        """Return whether the address belongs to a person who is no expert: files can't make experts of colleagues."""
        person = self._person(email)
        return person is not None and person not in self._by_person

    def _person(self, email: str | None) -> int | None:
        found = (self._people.get(mac) for mac in self.macs[email.casefold()]) if email else ()
        return next((key for key in found if key is not None), None)


NOT_MERGED = (Expert.is_listed(),)


def _load_experts(session: Session, *where: Any) -> list[KnownExpert]:
    query = select(
        *(Expert.id, Expert.public_id, Expert.person_id, Expert.version, Expert.verified_at, Expert.merged_into_id),
        *(Person.public_id.label("person_public_id"), Person.name, Person.email_mac),
        *(getattr(Expert, name) for name in PROFILE if name != "name"),
    )
    return list(session.execute(query.join(Person, Person.id == Expert.person_id).where(*where).order_by(Expert.id)))


ProgressCallback = Callable[[int], None]
Rows = Sequence[dict[str, Any]]


class InvalidPlan(Exception):
    """Raised for a plan with wrong rows; nothing is imported."""


def run_import(
    session: Session, actor: Actor, plan: ImportPlan, language: str, step: ProgressCallback = lambda _rows: None
) -> None:
    """Record the new experts and change the known ones.

    `language` is that of mails to new ones; `step` is called with the number of rows written. Raises
    `PermissionDenied`, `InvalidPlan`, and `VersionConflict` if the directory has changed since the plan was made:
    planning takes seconds, in which others may write.
    """
    must(actor, "whole directory", "upkeep")
    if plan.counts["wrong"]:
        raise InvalidPlan
    expect_unchanged(session, plan)
    for lines in batches([line for line in plan.lines if line.kind == "new"]):
        _insert_experts(session, actor, lines, language)
        step(len(lines))
    for lines in batches([line for line in plan.lines if line.kind == "changed"]):
        _update_experts(session, actor, lines)
        step(len(lines))


def _insert_experts(session: Session, actor: Actor, lines: Sequence[ImportLine], language: str) -> None:
    people: Rows = [{"public_id": new_public_id(), "name": line.name, "language": language} for line in lines]
    nowhere = dict.fromkeys(("email_sealed", "email_mac", "key_no"))
    for person, line in zip(people, lines, strict=True):
        email = line.changes.get("email")
        person.update(sealed_address(session, person["public_id"], email) if email else nowhere)
    experts = [
        {"public_id": new_public_id(), "version": 1, "person_id": key, **_profile(line)}
        for key, line in zip(_insert_rows(session, Person, people), lines, strict=True)
    ]
    ids = _insert_rows(session, Expert, experts)
    _name_topics(session, ids, experts)
    _record_events(session, actor, "expert.record", ids, lines)


def _insert_rows(session: Session, model: Any, rows: Rows) -> list[int]:
    """Insert rows and return their ids in the same order. SQLite guarantees that order only for one row at a time."""
    _bulk(session, model, rows)
    names = [row["public_id"] for row in rows]
    kept = session.execute(select(model.public_id, model.id).where(model.public_id.in_(names)))
    found: dict[str, int] = {row.public_id: row.id for row in kept}
    return [found[name] for name in names]


def _bulk(session: Session, model: Any, rows: Rows) -> None:
    """Insert rows without the ORM, which would look at every value of every row."""
    if rows:
        session.connection().execute(insert(model.__table__), rows)


def _profile(line: ImportLine) -> dict[str, Any]:
    """Return the columns of the profile after the change, with those by which it is found."""
    profile = {
        name: line.changes[name]
        if name in line.changes
        else getattr(line.before, name)
        if line.before
        else KINDS[field.kind].empty()
        for name, field in PROFILE.items()
    }
    del profile["name"]
    return profile | expert_search.columns(line.name, profile)


def _update_experts(session: Session, actor: Actor, lines: Sequence[ImportLine]) -> None:
    known = [(line, line.before) for line in lines if line.before is not None]
    ids = [before.id for _line, before in known]
    profiles = [{"key": before.id, **_profile(line)} for line, before in known]
    _update_rows(session, Expert, profiles, version=Expert.version + 1)
    session.execute(delete(ExpertTopic).where(ExpertTopic.expert_id.in_(ids)))
    _name_topics(session, ids, profiles)
    renamed = [(line.name, before) for line, before in known if "name" in line.changes]
    _update_rows(session, Person, [{"key": before.person_id, "name": name} for name, before in renamed])
    # The check was of the old name.
    void = dict.fromkeys(("verified_at", "verified_by_id", "verified_how"))
    session.execute(update(Expert).where(Expert.id.in_([before.id for _name, before in renamed])).values(void))
    addresses = [
        {"key": before.person_id, **sealed_address(session, before.person_public_id, line.changes["email"])}
        for line, before in known
        if "email" in line.changes
    ]
    _update_rows(session, Person, addresses)
    _record_events(session, actor, "expert.change", ids, lines)


def _update_rows(session: Session, model: Any, rows: Rows, **also: Any) -> None:
    """Update the rows whose ids are the `key` of each mapping."""
    if rows:
        table = model.__table__
        values = {column: bindparam(column) for column in rows[0] if column != "key"} | also
        session.connection().execute(update(table).where(table.c.id == bindparam("key")).values(**values), rows)


def _name_topics(session: Session, ids: Sequence[int], profiles: Rows) -> None:
    named = [(key, expert_search.terms(profile["topics"])) for key, profile in zip(ids, profiles, strict=True)]
    _bulk(session, ExpertTopic, [{"expert_id": key, "term": term} for key, terms in named for term in terms])


def _record_events(
    session: Session, actor: Actor, action: str, ids: Sequence[int], lines: Sequence[ImportLine]
) -> None:
    same = {"at": now(session), "actor": actor.ref, "action": action, "noun": "expert"}
    same["newsletter_id"] = getattr(actor, "newsletter_id", None)
    facts = [{"columns": sorted(line.changes), "row": line.number} for line in lines]
    _bulk(session, Event, [{**same, "noun_id": key, "facts": fact} for key, fact in zip(ids, facts, strict=True)])
