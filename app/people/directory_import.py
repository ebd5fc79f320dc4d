"""Import a file of experts: plan what each row would change, then write all rows that are right, or nothing."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from ..audit import Event
from ..core.actors import Actor
from ..core.domain_errors import VersionConflict
from ..core.fields import FIELD_TYPES
from ..core.state_machine import must
from ..db.ids import new_public_id
from ..db.session import get_keyring, now
from . import expert_file, expert_search
from .directory import sealed_address
from .expert_file import Fault
from .models import PROFILE, Expert, ExpertTopic, Person
from .name_forms import LONGEST, fold
from .spreadsheet import Spreadsheet

T = TypeVar("T")
BATCH_ROWS = 500  # rows looked up or written in one statement
LINE_KINDS = ("wrong", "changed", "new", "same")

# The columns of an expert and their person. Entities of the ORM would be many times slower.
ExpertColumns = Row[Any]
IS_LISTED = Expert.is_listed()


@dataclass
class ImportLine:
    """A row of the file, and its effect.

    `before` is the expert that the row is about, or None for a new expert. `changes` are the new values by column.
    `namesake` is true if the row adds an expert whose name is in the directory already.
    """

    number: int
    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    before: ExpertColumns | None = None
    faults: list[Fault] = field(default_factory=list)
    namesake: bool = False

    @property
    def kind(self) -> str:
        """One of `LINE_KINDS`."""
        if self.faults:
            return "wrong"
        if self.before is None:
            return "new"
        return "changed" if self.changes else "same"


@dataclass(frozen=True)
class ImportPlan:
    """The changes that an import would make, as a line for each row of the file.

    `digest` identifies the plan, to check before an import that the plan is still the one that was shown.
    """

    lines: list[ImportLine]

    @property
    def counts(self) -> Counter[str]:
        return Counter(line.kind for line in self.lines)

    @property
    def digest(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for line in self.lines:
            before = (line.before.id, line.before.version) if line.before else ()
            digest.update(repr((line.number, line.kind, before, sorted(line.changes))).encode())
        return digest.hexdigest()


def plan_import(session: Session, sheet: Spreadsheet) -> ImportPlan:
    """Compare a file with the directory. Changes nothing."""
    first_rows: dict[tuple[str, str], int] = {}  # by column and value, the number of the first row with it
    lines = []
    parsed_rows = [(row, *expert_file.parse_row(row.cells)) for row in sheet.rows]
    for batch in _split_into_batches(parsed_rows):
        directory = _BatchDirectory(session, [values for _row, values, _faults in batch])
        for row, values, faults in batch:
            line = ImportLine(row.number, values.get("name", ""), faults=faults)
            if row.extra_cells:
                line.faults.append(Fault("", "more cells", {}))
            line.faults += _find_repeats(first_rows, row.number, values)
            _compare(line, values, directory)
            lines.append(line)
    return ImportPlan(lines)


def _split_into_batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]


def check_unchanged(session: Session, plan: ImportPlan) -> None:
    """Raise `VersionConflict` if an expert or address of the plan has changed in the directory since it was made."""
    ring = get_keyring(session)
    for lines in _split_into_batches([line for line in plan.lines if line.kind != "wrong"]):
        versions = {line.before.id: line.before.version for line in lines if line.before}
        query = select(Expert.id, Expert.version).where(Expert.id.in_(versions), Expert.merged_into_id.is_(None))
        current_versions = {row.id: row.version for row in session.execute(query)}
        if current_versions != versions:
            raise VersionConflict("an expert was changed since the plan was made")
        new_emails = [line.changes["email"].casefold() for line in lines if "email" in line.changes]
        macs = [mac for email in new_emails for mac in ring.macs("people.email", email)]
        if session.scalar(select(Person.id).where(Person.email_mac.in_(macs)).limit(1)) is not None:
            raise VersionConflict("an address has come since the plan was made")


def _find_repeats(first_rows: dict[tuple[str, str], int], number: int, values: dict[str, Any]) -> Iterator[Fault]:
    """Yield faults for a row about the same expert as an earlier row, since it is unclear which row should win.

    `first_rows` is updated. The name is only compared if the row has neither a number nor an address.
    """
    identifiers: list[tuple[str, str]] = [
        (column, values[column].casefold()) for column in ("number", "email") if column in values
    ]
    if not identifiers:
        identifiers = [("name", fold(values.get("name", "")))]
    for column, value in identifiers:
        first_row = first_rows.setdefault((column, value), number)
        if value and first_row != number:
            yield Fault(column, "twice", {"row": first_row})


def _compare(line: ImportLine, values: dict[str, Any], directory: "_BatchDirectory") -> None:
    """Find the expert that a row with these values is about. Set `before` and `changes` of its line, and add faults."""
    number = values.pop("number", None)
    _find_expert(line, number, values.get("email"), directory)
    if line.before is None:
        has_name_fault = any(fault.column == "name" for fault in line.faults)
        if not line.name and not has_name_fault:
            line.faults.append(Fault("name", "missing", {}))
        line.namesake = directory.name_counts[_name_key(line.name)] > 0
        line.changes = values
    else:
        _set_changes(line, line.before, values, directory)


def _find_expert(line: ImportLine, number: str | None, email: str | None, directory: "_BatchDirectory") -> None:
    """Set `before` to the expert with the row's number, or its address, or without either, its name. Add faults."""
    by_number = directory.by_number.get(number or "")
    by_email = directory.find_by_email(email)
    if number and by_number is None:
        line.faults.append(Fault("number", "unknown", {}))
    if by_number and by_email and by_number.id != by_email.id:
        line.faults.append(Fault("email", "of another", {"name": by_email.name}))
    if directory.is_staff(email):
        line.faults.append(Fault("email", "of the desk", {}))
    line.before = by_number or by_email
    name_count = directory.name_counts[_name_key(line.name)]
    if line.before is None and not email and not number and name_count:
        line.before = directory.by_name.get(_name_key(line.name))
        if line.before is None:
            line.faults.append(Fault("name", "several", {"count": name_count}))


def _name_key(name: str) -> str:
    """Return a name as the column `Expert.folded` stores it."""
    return fold(name)[:LONGEST]


def _set_changes(line: ImportLine, before: ExpertColumns, values: dict[str, Any], directory: "_BatchDirectory") -> None:
    """Set the values of the row that differ from those of the expert.

    A file can give an expert their first address. Another one would have to end their links and tell the old address;
    `expert_address.change_address` does that.
    """
    line.name = line.name or before.name
    old_values = before._mapping
    line.changes = {
        column: value for column, value in values.items() if column != "email" and old_values[column] != value
    }
    email = values.get("email")
    if not email or directory.find_by_email(email):  # theirs, or of somebody merged into them; see `_find_expert`
        return
    if before.email_mac:
        line.faults.append(Fault("email", "changed", {}))
    else:
        line.changes["email"] = email


class _BatchDirectory:
    """The experts that a batch of rows may be about, loaded in at most six queries."""

    def __init__(self, session: Session, rows: Sequence[dict[str, Any]]) -> None:
        self._load_by_email(session, {row["email"].casefold() for row in rows if "email" in row})
        numbers = [row["number"] for row in rows if "number" in row]
        experts = _load_experts(session, Expert.public_id.in_(numbers), IS_LISTED)
        self.by_number = {expert.public_id: expert for expert in experts}
        self._load_by_name(session, {_name_key(row["name"]) for row in rows if row.get("name")})

    def _load_by_email(self, session: Session, emails: set[str]) -> None:
        ring = get_keyring(session)
        self.macs = {email: ring.macs("people.email", email) for email in emails}
        all_macs = [mac for macs in self.macs.values() for mac in macs]
        people = session.execute(select(Person.id, Person.email_mac).where(Person.email_mac.in_(all_macs)))
        self._person_ids: dict[bytes, int] = {row.email_mac: row.id for row in people}
        is_of_person = Expert.person_id.in_(self._person_ids.values())
        experts = _load_experts(session, is_of_person, Expert.erased_at.is_(None))
        # The address of a merged expert leads to the one that they were merged into.
        target_ids = {expert.merged_into_id for expert in experts if expert.merged_into_id}
        targets = _load_experts(session, Expert.id.in_(target_ids)) if target_ids else []
        target_by_id = {target.id: target for target in targets}
        self._by_person = {expert.person_id: target_by_id.get(expert.merged_into_id, expert) for expert in experts}

    def _load_by_name(self, session: Session, names: set[str]) -> None:
        """Count the experts with each of these names, and load those whose name nobody else has."""
        query = select(Expert.folded, func.count(), func.min(Expert.id)).where(Expert.folded.in_(names), IS_LISTED)
        groups = session.execute(query.group_by(Expert.folded)).all()
        self.name_counts = Counter({name: count for name, count, _id in groups})
        unique_ids = [expert_id for _name, count, expert_id in groups if count == 1]
        experts = _load_experts(session, Expert.id.in_(unique_ids), IS_LISTED)
        self.by_name = {_name_key(expert.name): expert for expert in experts}

    def find_by_email(self, email: str | None) -> ExpertColumns | None:
        return self._by_person.get(self._person_id(email) or 0)

    def is_staff(self, email: str | None) -> bool:
        """Return whether the address belongs to a person who isn't an expert. An import can't make them an expert."""
        person_id = self._person_id(email)
        return person_id is not None and person_id not in self._by_person

    def _person_id(self, email: str | None) -> int | None:
        if not email:
            return None
        for mac in self.macs[email.casefold()]:
            person_id = self._person_ids.get(mac)
            if person_id is not None:
                return person_id
        return None


def _load_experts(session: Session, *conditions: Any) -> list[ExpertColumns]:
    query = select(
        *(Expert.id, Expert.public_id, Expert.person_id, Expert.version, Expert.verified_at, Expert.merged_into_id),
        *(Person.public_id.label("person_public_id"), Person.name, Person.email_mac),
        *(getattr(Expert, name) for name in PROFILE if name != "name"),
    )
    query = query.join(Person, Person.id == Expert.person_id).where(*conditions).order_by(Expert.id)
    return list(session.execute(query))


ProgressCallback = Callable[[int], None]
Rows = Sequence[dict[str, Any]]


def run_import(
    session: Session,
    actor: Actor,
    plan: ImportPlan,
    language: str,
    on_progress: ProgressCallback = lambda _row_count: None,
) -> None:
    """Carry out a plan: record the new experts and change the existing ones.

    Wrong rows are left out. Mails to new experts will be in `language`. `on_progress` is called with the number of rows
    that were just written. Raises `PermissionDenied`, and `VersionConflict` if the directory has changed since the plan
    was made: planning takes seconds in which others may write.
    """
    must(actor, "whole directory", "upkeep")
    check_unchanged(session, plan)
    for lines in _split_into_batches([line for line in plan.lines if line.kind == "new"]):
        _insert_experts(session, actor, lines, language)
        on_progress(len(lines))
    for lines in _split_into_batches([line for line in plan.lines if line.kind == "changed"]):
        _update_experts(session, actor, lines)
        on_progress(len(lines))


def _insert_experts(session: Session, actor: Actor, lines: Sequence[ImportLine], language: str) -> None:
    people: Rows = [{"public_id": new_public_id(), "name": line.name, "language": language} for line in lines]
    no_address = dict.fromkeys(("email_sealed", "email_mac", "key_no"))  # all None
    for person, line in zip(people, lines, strict=True):
        email = line.changes.get("email")
        person.update(sealed_address(session, person["public_id"], email) if email else no_address)
    person_ids = _insert_rows(session, Person, people)
    experts = [
        {"public_id": new_public_id(), "version": 1, "person_id": person_id, **_build_profile(line)}
        for person_id, line in zip(person_ids, lines, strict=True)
    ]
    ids = _insert_rows(session, Expert, experts)
    _insert_topics(session, ids, experts)
    _record_events(session, actor, "expert.record", ids, lines)


def _insert_rows(session: Session, model: Any, rows: Rows) -> list[int]:
    """Insert rows and return their ids in the same order.

    The ids are looked up by public id, since SQLite doesn't return those of several rows in a guaranteed order.
    """
    _bulk_insert(session, model, rows)
    public_ids = [row["public_id"] for row in rows]
    inserted = session.execute(select(model.public_id, model.id).where(model.public_id.in_(public_ids)))
    ids: dict[str, int] = {row.public_id: row.id for row in inserted}
    return [ids[public_id] for public_id in public_ids]


def _bulk_insert(session: Session, model: Any, rows: Rows) -> None:
    """Insert rows without the ORM, which would process every value of every row."""
    if rows:
        session.connection().execute(insert(model.__table__), rows)


def _build_profile(line: ImportLine) -> dict[str, Any]:
    """Return the columns of the expert's profile after the import, and the columns that are derived from it."""
    profile: dict[str, Any] = {}
    for name, profile_field in PROFILE.items():
        if name == "name":  # a column of the person
            continue
        if name in line.changes:
            profile[name] = line.changes[name]
        elif line.before:
            profile[name] = getattr(line.before, name)
        else:
            profile[name] = FIELD_TYPES[profile_field.kind].empty()
    return profile | expert_search.search_columns(line.name, profile)


def _update_experts(session: Session, actor: Actor, lines: Sequence[ImportLine]) -> None:
    changes = [(line, line.before) for line in lines if line.before is not None]
    ids = [before.id for _line, before in changes]
    profiles = [{"key": before.id, **_build_profile(line)} for line, before in changes]
    _update_rows(session, Expert, profiles, version=Expert.version + 1)
    session.execute(delete(ExpertTopic).where(ExpertTopic.expert_id.in_(ids)))
    _insert_topics(session, ids, profiles)
    renamed = [(line.name, before) for line, before in changes if "name" in line.changes]
    _update_rows(session, Person, [{"key": before.person_id, "name": name} for name, before in renamed])
    # The experts' identity was checked under the old name.
    unverified = dict.fromkeys(("verified_at", "verified_by_id", "verified_how"))
    session.execute(update(Expert).where(Expert.id.in_([before.id for _name, before in renamed])).values(unverified))
    addresses = [
        {"key": before.person_id, **sealed_address(session, before.person_public_id, line.changes["email"])}
        for line, before in changes
        if "email" in line.changes
    ]
    _update_rows(session, Person, addresses)
    _record_events(session, actor, "expert.change", ids, lines)


def _update_rows(session: Session, model: Any, rows: Rows, **shared_values: Any) -> None:
    """Update rows of a model. Each mapping has the id of a row as `key`, and its new values by column."""
    if rows:
        table = model.__table__
        values = {column: bindparam(column) for column in rows[0] if column != "key"} | shared_values
        session.connection().execute(update(table).where(table.c.id == bindparam("key")).values(**values), rows)


def _insert_topics(session: Session, ids: Sequence[int], profiles: Rows) -> None:
    rows = [
        {"expert_id": expert_id, "term": term}
        for expert_id, profile in zip(ids, profiles, strict=True)
        for term in expert_search.topic_terms(profile["topics"])
    ]
    _bulk_insert(session, ExpertTopic, rows)


def _record_events(
    session: Session, actor: Actor, action: str, ids: Sequence[int], lines: Sequence[ImportLine]
) -> None:
    shared_columns = {
        "at": now(session),
        "actor": actor.ref,
        "newsletter_id": getattr(actor, "newsletter_id", None),
        "action": action,
        "noun": "expert",
    }
    events = []
    for expert_id, line in zip(ids, lines, strict=True):
        facts = {"columns": sorted(line.changes), "row": line.number}
        events.append({**shared_columns, "noun_id": expert_id, "facts": facts})
    _bulk_insert(session, Event, events)
