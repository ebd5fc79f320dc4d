"""The records of an export, built from the rows of a newsletter in batches."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from ...core.listing import Listing
from ...db.session import get_keyring
from ...editions.models import Edition, EditionItem
from ...letters.blurred_time import keeps_only_day
from ...letters.models import Addition
from ...questions.models import Question
from .record_kinds import ADDITIONS, DAY_FIELDS, EDITION_ITEMS, KINDS_BY_NAME, PEOPLE, RecordKind, Reference

BATCH_SIZE = 200  # rows in memory at a time
ACTOR_KINDS = {"staff": "people", "expert": "experts"}  # the kind of the record that "staff:KEY" names
Names = Mapping[int, str]  # of records, by the key of their row


class RecordBuilder:
    """Builds the records of one newsletter, with readers' contacts only if `with_contacts`.

    With `additions_before`, what readers added to their letters from then on is left out.

    The rows of different kinds fit together only if the session reads one snapshot (see `export_archive`).
    """

    def __init__(
        self, session: Session, newsletter_id: int, *, with_contacts: bool, additions_before: datetime | None = None
    ) -> None:
        self._session = session
        self._newsletter_id = newsletter_id
        self._with_contacts = with_contacts
        self._named_people: set[int] = set()
        self._conditions: Mapping[RecordKind, ColumnElement[bool]] = {}  # on the rows inside other records
        if additions_before is not None:
            self._conditions = {ADDITIONS: Addition.added_at < additions_before}

    @cached_property
    def _unsent_editions(self) -> set[int]:
        query = select(Edition.id).where(Edition.newsletter_id == self._newsletter_id, Edition.is_unsent)
        return set(self._session.scalars(query))

    @cached_property
    def _retracted_questions(self) -> set[int]:
        query = select(Question.id).where(Question.newsletter_id == self._newsletter_id, Question.is_retracted)
        return set(self._session.scalars(query))

    def _hides_names(self, item: EditionItem) -> bool:
        """Return whether names of readers in a Q&A aren't printed yet, or not on any page any more."""
        return item.edition_id in self._unsent_editions or item.question_id in self._retracted_questions

    def count_rows(self, kind: RecordKind) -> int:
        """Return the number of records of a kind other than people, who are found in the other records."""
        query = select(func.count()).select_from(kind.model).where(kind.condition(self._newsletter_id))
        return self._session.scalar(query) or 0

    def iter_records(self, kind: RecordKind) -> Iterator[dict[str, Any]]:
        """Yield the records of a kind in the order of their rows. People come last, since other records name them."""
        is_named = PEOPLE.model.id.in_(self._named_people)
        condition = is_named if kind is PEOPLE else kind.condition(self._newsletter_id)
        listing: Listing[Any] = Listing(select(kind.model).where(condition), (kind.model.id,), rising=True)
        for rows in listing.iter_batches(self._session, BATCH_SIZE):
            yield from self.build_records(kind, rows)

    def build_records(self, kind: RecordKind, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the records of some rows of a kind, in a number of queries that doesn't depend on the rows."""
        lists = {child.name: self._build_children(child, rows) for child in self._list_children(kind)}
        names = {name: self._load_names(kind, reference, rows) for name, reference in kind.references.items()}
        actor_names = self._load_actor_names(kind, rows)
        records = []
        for row in rows:
            record = {"id": row.public_id} if kind.has_id and not kind.parent else {}
            if kind.embedded:
                other_row = getattr(row, kind.embedded.attribute)
                record |= {name: getattr(other_row, name) for name in kind.embedded.fields}
            for name, reference in kind.references.items():
                record[name] = names[name].get(getattr(row, reference.column))
            for name in kind.fields:
                value = getattr(row, name)
                record[name] = _encode(value.date() if value and name in DAY_FIELDS else value, kind.blurs_days)
            for name in kind.actors:
                record[name] = actor_names.get(record[name], record[name])
            if kind is EDITION_ITEMS and not self._with_contacts and self._hides_names(row):
                record["credits"] = [None] * len(row.credits)
            for child in self._list_children(kind):
                records_inside = lists[child.name][row.id]
                if not child.is_single:
                    record[child.name] = records_inside
                elif records_inside:
                    record[child.name] = records_inside[0]
            records.append(record)
        return records

    def _list_children(self, kind: RecordKind) -> list[RecordKind]:
        return [child for child in kind.children if self._with_contacts or not child.is_contact]

    def _build_children(self, kind: RecordKind, parents: Sequence[Any]) -> dict[int, list[dict[str, Any]]]:
        """Return the records inside the records of `parents`, by the key of the parent."""
        parents_by_id = {parent.id: parent for parent in parents}
        parent_column = getattr(kind.model, kind.parent)
        conditions = (parent_column.in_(parents_by_id), self._conditions.get(kind, true()))
        query = select(kind.model).where(*conditions).order_by(parent_column, kind.model.id)
        rows = self._session.scalars(query).all()
        records: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row, record in zip(rows, self.build_records(kind, rows), strict=True):
            parent = parents_by_id[getattr(row, kind.parent)]
            sealed_fields = {name: self._open(parent.public_id, row, *kind.sealed[name]) for name in kind.sealed}
            records[parent.id].append(sealed_fields | record)
        return records

    def _open(self, public_id: str, row: Any, column: str, context: str) -> str | None:
        """Return a value that was sealed for the parent with this public ID. Raises `Unsealable`."""
        sealed = getattr(row, column)
        return None if sealed is None else get_keyring(self._session).open(f"{context}.{public_id}", sealed)

    def _load_names(self, kind: RecordKind, reference: Reference, rows: Sequence[Any]) -> Names:
        """Return the names of the records to which a column of some rows refers, by key."""
        keys = {getattr(row, reference.column) for row in rows} - {None}
        target = KINDS_BY_NAME[reference.target]
        if target is PEOPLE:
            self._named_people |= keys
        if not keys:
            return {}
        model = target.model
        if not reference.within or target.label:
            columns = [model.__table__.c[name] for name in (target.label if reference.within else ("public_id",))]
            query = select(model.id, *columns).where(model.id.in_(keys))
            return {key: ".".join(map(str, values)) for key, *values in self._session.execute(query)}
        parent_column = model.__table__.c[target.parent]
        parents = {getattr(row, reference.within) for row in rows}
        conditions = (parent_column.in_(parents), self._conditions.get(target, true()))
        query = select(model.id, parent_column).where(*conditions).order_by(model.id)
        return number_rows(self._session.execute(query))

    def _load_actor_names(self, kind: RecordKind, rows: Sequence[Any]) -> dict[str, str]:
        """Return what stands for the actors of some rows: "staff:" or "expert:" and the ID of a record.

        An expert who has no record, since somebody else has their work now, is just "expert".
        """
        keys_by_role: dict[str, set[int]] = defaultdict(set)
        actors = {getattr(row, name) for row in rows for name in kind.actors}
        for actor in actors:
            role, colon, key = actor.partition(":")
            if colon and role in ACTOR_KINDS:
                keys_by_role[role].add(int(key))
        names: dict[str, str] = {}
        for role, keys in keys_by_role.items():
            target = KINDS_BY_NAME[ACTOR_KINDS[role]]
            query = select(target.model.id, target.model.public_id).where(target.model.id.in_(keys))
            if target is PEOPLE:
                self._named_people |= keys
            else:
                query = query.where(target.condition(self._newsletter_id))
            public_ids = {row.id: row.public_id for row in self._session.execute(query)}
            names |= {f"{role}:{key}": f"{role}:{public_ids[key]}" if key in public_ids else role for key in keys}
        return names


def number_rows(rows: Iterator[Any] | Any) -> dict[int, str]:
    """Return the numbers of rows within their parents, by key. Each row has its key and its parent's, sorted by key."""
    counts: dict[int, int] = defaultdict(int)
    numbers = {}
    for key, parent_key in rows:
        counts[parent_key] += 1
        numbers[key] = str(counts[parent_key])
    return numbers


def _encode(value: Any, blurs_days: bool) -> Any:
    if isinstance(value, datetime):
        if not blurs_days:
            return value.isoformat()
        # As the desk sees it: a day for a reader without an address, else to the second.
        return value.date().isoformat() if keeps_only_day(value) else value.replace(microsecond=0).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def csv_headers(kind: RecordKind, fields: Sequence[str]) -> list[str]:
    """Return the headers of the CSV file of a kind, whose records have these fields besides lists."""
    _reference, _list_name, current_fields = kind.csv_current or ("", "", ())
    return [*fields, *current_fields, *kind.csv_joined]


def format_csv_row(kind: RecordKind, fields: Sequence[str], record: Mapping[str, Any]) -> list[str]:
    """Return the cells of a record for the columns of `csv_headers`."""
    cells = [format_cell(record[name]) for name in fields]
    if kind.csv_current:
        reference, list_name, current_fields = kind.csv_current
        labels = KINDS_BY_NAME[list_name].label
        current: Mapping[str, Any] = {}
        for item in record[list_name]:
            if ".".join(str(item[name]) for name in labels) == record[reference]:
                current = item
        cells += [format_cell(current.get(name)) for name in current_fields]
    for list_name, (field_name, separator) in kind.csv_joined.items():
        cells.append(separator.join(str(item[field_name]) for item in record[list_name]))
    return cells


def format_cell(value: Any) -> str:
    """Return a value as a cell: lists with commas, yes and no as such."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join("" if item is None else str(item) for item in value)
    return str(value)
