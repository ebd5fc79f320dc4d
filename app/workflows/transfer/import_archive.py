"""The import of an export: a new newsletter with all of its records, or nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from ... import audit
from ...core.actors import Clock
from ...core.domain_errors import DomainError
from ...core.fields import FieldError, format_value, parse
from ...db.drawn_keys import random_key
from ...db.ids import new_public_id
from ...db.session import get_keyring
from ...editions.items import block_from, item_digest
from ...editions.models import EditionItem, ItemTranslation
from ...editions.rhythm import Choices, parse_calendar_form
from ...letters.blurred_time import keeps_only_day
from ...newsletters.models import SETTINGS, Newsletter
from ...newsletters.settings import InvalidSettings, faults_of_sentences
from ...people.expert_search import search_columns, topic_terms
from ...people.models import ExpertTopic
from ...text.languages import LANGUAGE_TAG
from ...typesetting.house_form import LeadIn
from ..newsletters.founding import validate_free_slug
from .archive_reader import ArchiveReader, UnusableArchive
from .export_archive import Progress
from .export_records import ACTOR_KINDS, BATCH_SIZE, number_rows
from .record_kinds import (
    ANSWERS,
    EDITION_ITEMS,
    EDITIONS,
    EXPERTS,
    FIRST_STATES,
    KINDS,
    KINDS_BY_NAME,
    LATER_FIELDS,
    LETTERS,
    NEWSLETTER,
    PEOPLE,
    QUESTIONS,
    TOPICS,
    RecordKind,
)
from .record_shapes import get_shapes, parse_moment

MAX_SLOTS = 1_000  # of an edition; a back issue may have more Q&As than a new edition takes
CALENDAR = ("rule", "at", "zone", "skips", "extra", "rule_start")  # settings that are valid only together
Record = dict[str, Any]


def import_newsletter(
    session: Session, reader: ArchiveReader, slug: str = "", progress: Progress = lambda _records: None
) -> Newsletter:
    """Create the newsletter of an archive that `reader` has checked, with all of its records, and record the event.

    `slug` replaces the newsletter's short name. `progress` is called with the number of records just imported.

    Public IDs stay unless another row has them. An expert or a colleague who is there already, with the same ID and
    name, isn't created again. An archive with letters or questions that are here already is refused, and so is one with
    people who were erased here: it would bring back what was erased. Raises `UnusableArchive`.
    """
    try:
        newsletter_id = _Importer(session, reader, slug, progress).run()
    except (IntegrityError, DataError) as error:
        name = (
            getattr(getattr(error.orig, "diag", None), "constraint_name", None) or str(error.orig).split("\n")[0][:100]
        )
        raise UnusableArchive(f"Two records contradict each other, or one contradicts itself ({name}).") from None
    newsletter = session.get_one(Newsletter, newsletter_id)
    audit.record(session, Clock(), "newsletter.arrive", newsletter)
    return newsletter


class _Importer:
    def __init__(self, session: Session, reader: ArchiveReader, slug: str, progress: Progress) -> None:
        self._progress = progress
        self._slug = slug
        self._session = session
        self._reader = reader
        self._newsletter_id = 0
        # By kind: the keys of the rows by the name of their record, with the key of the parent if it has one.
        self._keys: dict[str, dict[Any, int]] = defaultdict(dict)
        self._drawn_keys: set[int] = set()

    def run(self) -> int:
        """Insert everything, and return the key of the newsletter."""
        record = next(self._reader.iter_records(NEWSLETTER))
        self._insert_newsletter(record | ({"slug": self._slug} if self._slug else {}))
        for kind in (PEOPLE, *(kind for kind in KINDS if kind not in (NEWSLETTER, PEOPLE))):
            for records in _iter_batches(self._reader.iter_records(kind)):
                self._insert_records(kind, records)
                self._progress(len(records))
        for kind in KINDS:
            if kind.name in LATER_FIELDS:
                for records in _iter_batches(self._reader.iter_records(kind)):
                    self._store_later_fields(kind, records)
        return self._newsletter_id

    def _insert_newsletter(self, record: Record) -> None:
        check_newsletter(self._session, record)
        former_slugs = [item for item in record["former_slugs"] if item["slug"] != record["slug"]]
        free_slugs = [item for item in former_slugs if self._is_free(item["slug"])]
        [self._newsletter_id] = self._insert_rows(NEWSLETTER, [record | {"former_slugs": free_slugs}], parent_keys=None)

    def _is_free(self, slug: str) -> bool:
        try:
            validate_free_slug(self._session, slug)
        except FieldError:
            return False
        return True

    def _insert_records(self, kind: RecordKind, records: list[Record]) -> None:
        for record in records:
            check_record(kind, record)
        if kind in (PEOPLE, EXPERTS):
            records = self._skip_known_people(kind, records)
        if records:
            self._insert_rows(kind, records, parent_keys=None)

    def _skip_known_people(self, kind: RecordKind, records: list[Record]) -> list[Record]:
        """Return the people who aren't here yet. Note the keys of those who are."""
        ids = [record["id"] for record in records]
        rows = self._session.scalars(select(kind.model).where(kind.model.public_id.in_(ids))).all()
        rows_by_id = {row.public_id: row for row in rows}
        # An erased colleague is called "Former colleague ..." by their ID in both installations.
        known = {
            (row.public_id, row.name): row.id for row in rows_by_id.values() if row.erased_at is None or kind is PEOPLE
        }
        new_records = []
        for record in records:
            row = rows_by_id.get(record["id"])
            key = known.get((record["id"], record["name"]))
            if key is None and row is not None and row.erased_at is not None and record.get("erased_at") is None:
                raise UnusableArchive(
                    f"{kind.path}: {record['id']} was erased here. Erase them where the archive was made, "
                    "and export again."
                )
            if key is None:
                new_records.append(record)
            else:
                self._keys[kind.name][record["id"]] = key
        return new_records

    def _insert_rows(self, kind: RecordKind, records: Sequence[Record], parent_keys: Sequence[int] | None) -> list[int]:
        """Insert a row for each record, then the records inside them. Return the keys in the order of the records."""
        rows = [
            self._build_row(kind, record, parent_keys[index] if parent_keys else None)
            for index, record in enumerate(records)
        ]
        if kind.has_id and not kind.parent:
            self._set_public_ids(kind, records, rows)
        if kind.embedded:
            self._insert_embedded(kind, records, rows)
        if kind is LETTERS:
            self._draw_keys(rows)
        for group in (True, False):  # rows of one statement have the same columns
            same_columns = [row for row in rows if ("id" in row) is group]
            if same_columns:
                self._session.execute(insert(kind.table), same_columns)
        keys = self._find_keys(kind, records, rows)
        if kind is EXPERTS:
            self._insert_expert_topics(records, keys)
        for child in kind.children:
            self._insert_children(child, kind, records, keys)
        return keys

    def _insert_children(self, child: RecordKind, kind: RecordKind, records: Sequence[Record], keys: list[int]) -> None:
        child_records: list[Record] = []
        parent_keys: list[int] = []
        for record, key in zip(records, keys, strict=True):
            items = record.get(child.name, [])
            for item in [items] if child.is_single and items else items:
                child_records.append(item | {"_parent": record} if child.sealed else item)
                parent_keys.append(key)
        if child_records:
            self._insert_rows(child, child_records, parent_keys)

    def _build_row(self, kind: RecordKind, record: Record, parent_key: int | None) -> dict[str, Any]:
        later = LATER_FIELDS.get(kind.name, ()) if parent_key is None else ()
        shapes = get_shapes(kind)
        row: dict[str, Any] = {}
        if parent_key is not None:
            row[kind.parent] = parent_key
        elif "newsletter_id" in kind.table.c:
            row["newsletter_id"] = self._newsletter_id
        for name in kind.fields:
            if name not in later:
                row[name] = _decode(shapes[name].type, record[name])
        if kind.name in FIRST_STATES and "state" in later:
            row["state"] = FIRST_STATES[kind.name]
        for name in kind.actors:
            row[name] = self._find_actor(record[name])
        for name, reference in kind.references.items():
            if name not in later:
                row[reference.column] = self._find_key(kind, name, record[name], row)
        for name, (column, context) in kind.sealed.items():
            public_id = record["_parent"]["_public_id"]
            keyring = get_keyring(self._session)
            row[column] = None if record[name] is None else keyring.seal(f"{context}.{public_id}", record[name])
        if kind.sealed:
            has_values = any(record[name] is not None for name in kind.sealed)
            row["key_no"] = get_keyring(self._session).newest if has_values else None
            if "hear_back" in kind.table.c:
                row["hear_back"] = record["_parent"]["hear_back"]
        if kind is EXPERTS:
            row |= search_columns(record["name"], record)
        return row

    def _find_key(self, kind: RecordKind, name: str, value: str | None, row: Mapping[str, Any]) -> int | None:
        """Return the key of the row that a reference names; `row` has the keys that it is named within."""
        if value is None:
            return None
        reference = kind.references[name]
        parent_key = None if reference.within in ("", "newsletter") else row[reference.within]
        found = self._keys[reference.target].get(value if parent_key is None else (parent_key, value))
        if found is None:
            raise UnusableArchive(f"{kind.name}: {name} names {value!r}, which isn't in the archive.")
        return found

    def _find_actor(self, actor: str) -> str:
        role, colon, public_id = actor.partition(":")
        if not colon or role not in ACTOR_KINDS:  # just "expert": somebody else has their work now
            return actor
        key = self._keys[ACTOR_KINDS[role]].get(public_id)
        if key is None:
            raise UnusableArchive(f"answers: {actor[:40]!r} isn't in the archive.")
        return f"{role}:{key}"

    def _set_public_ids(self, kind: RecordKind, records: Sequence[Record], rows: Sequence[dict[str, Any]]) -> None:
        """Give each row the ID of its record, or another one if that is taken."""
        ids = [record["id"] for record in records]
        known_ids = self._keys[kind.name]
        if len(set(ids)) != len(ids) or any(public_id in known_ids for public_id in ids):
            raise UnusableArchive(f"{kind.path} has two records with one id.")
        column = kind.table.c.public_id
        taken = set(self._session.scalars(select(column).where(column.in_(ids))))
        if taken and kind in (LETTERS, QUESTIONS):
            raise UnusableArchive(
                f"{kind.path}: {min(taken)} is here already. It was exported from here, or imported before: "
                "what readers have taken back since would come back with it."
            )
        for record, row in zip(records, rows, strict=True):
            row["public_id"] = record["_public_id"] = new_public_id() if record["id"] in taken else record["id"]

    def _insert_embedded(self, kind: RecordKind, records: Sequence[Record], rows: Sequence[dict[str, Any]]) -> None:
        if kind.embedded is None:
            return
        model: Any = kind.embedded.model
        other_rows = [
            {"public_id": new_public_id()} | {name: record[name] for name in kind.embedded.fields} for record in records
        ]
        self._session.execute(insert(model.__table__), other_rows)
        public_ids = [other_row["public_id"] for other_row in other_rows]
        keys = self._load_keys(model.__table__.c.public_id, public_ids)
        for row, public_id in zip(rows, public_ids, strict=True):
            row[kind.embedded.column] = keys[public_id]

    def _draw_keys(self, rows: Sequence[dict[str, Any]]) -> None:
        """Give letters that say no more than their day a random key, as a new one gets (see `db/drawn_keys.py`)."""
        for row in rows:
            if not keeps_only_day(row["received_at"]):
                continue
            key = random_key(self._session, LETTERS.model)
            while key in self._drawn_keys:
                key = random_key(self._session, LETTERS.model)
            self._drawn_keys.add(key)
            row["id"] = key

    def _find_keys(self, kind: RecordKind, records: Sequence[Record], rows: Sequence[dict[str, Any]]) -> list[int]:
        """Return the keys of rows that were just inserted, and note them for references."""
        columns = kind.table.c
        if kind.has_id and not kind.parent:
            public_ids = [row["public_id"] for row in rows]
            keys_by_id = self._load_keys(columns.public_id, public_ids)
            keys = [keys_by_id[public_id] for public_id in public_ids]
            self._keys[kind.name].update(zip((record["id"] for record in records), keys, strict=True))
            return keys
        if kind is EDITION_ITEMS:
            keys_by_question = self._load_keys(columns.question_id, [row["question_id"] for row in rows])
            return [keys_by_question[row["question_id"]] for row in rows]
        if KINDS_BY_NAME.get(kind.name) is kind:
            self._note_labels(kind, {row[kind.parent] for row in rows})
        return []

    def _load_keys(self, column: Any, values: Sequence[Any]) -> dict[Any, int]:
        """Return the keys of the rows that have these values in a unique column."""
        found = self._session.execute(select(column, column.table.c.id).where(column.in_(values)))
        return {value: key for value, key in found}  # noqa: C416 - mypy takes no rows

    def _note_labels(self, kind: RecordKind, parent_keys: set[int]) -> None:
        """Note the keys of records that others name within their parent."""
        columns = kind.table.c
        parent = columns[kind.parent]
        labels = [columns[name] for name in kind.label]
        found = self._session.execute(
            select(columns.id, parent, *labels).where(parent.in_(parent_keys)).order_by(columns.id)
        ).all()
        numbers = {} if labels else number_rows((row[0], row[1]) for row in found)
        for key, parent_key, *values in found:
            label = numbers.get(key) or ".".join(map(str, values))
            self._keys[kind.name][label if kind is TOPICS else (parent_key, label)] = key

    def _insert_expert_topics(self, records: Sequence[Record], keys: Sequence[int]) -> None:
        terms = [
            {"expert_id": key, "term": term}
            for record, key in zip(records, keys, strict=True)
            for term in topic_terms(record["topics"])
        ]
        if terms:
            self._session.execute(insert(ExpertTopic), terms)

    def _store_later_fields(self, kind: RecordKind, records: Sequence[Record]) -> None:
        shapes = get_shapes(kind)
        rows = []
        for record in records:
            key = self._keys[kind.name][record["id"]]
            row: dict[str, Any] = {"key": key}
            for name in LATER_FIELDS[kind.name]:
                if name in kind.references:
                    value = self._find_key(kind, name, record[name], {"id": key})
                    row[f"new_{kind.references[name].column}"] = value
                else:
                    row[f"new_{name}"] = _decode(shapes[name].type, record[name])
            rows.append(row)
        names = [name.removeprefix("new_") for name in rows[0] if name != "key"]
        statement = update(kind.table).where(kind.table.c.id == bindparam("key"))
        statement = statement.values({name: bindparam(f"new_{name}") for name in names})
        self._session.connection().execute(statement, rows)


def _iter_batches(records: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH_SIZE)):
        yield batch


def _decode(field_type: str, value: Any) -> Any:
    if value is None or field_type not in ("day", "time", "day or time"):
        return value
    moment = parse_moment(value)
    if field_type == "day or time" and not isinstance(moment, datetime):
        return datetime.combine(moment, time(), UTC)
    return moment


def check_newsletter(session: Session, record: Record) -> None:
    """Raise `UnusableArchive` if the short name is taken, or if the settings couldn't be typed into their forms."""
    faults: list[str] = []
    try:
        validate_free_slug(session, record["slug"])
    except FieldError as error:
        raise UnusableArchive(
            f"The short name {record['slug'][:60]!r} can't be used here: {error.message} "
            "Choose another one with --short-name."
        ) from None
    inbox = record["inbox"]
    if inbox and session.scalar(select(Newsletter.id).filter_by(inbox=inbox)) is not None:
        raise UnusableArchive(f"Mail to {inbox} comes in for another newsletter here: change its inbox first.")
    for name, setting in SETTINGS.items():
        if name in CALENDAR:
            continue
        try:
            value = parse(setting, _format_setting(setting, record[name]))
        except (FieldError, ValueError, TypeError, KeyError, AttributeError):
            value = None
        if value != record[name]:
            faults.append(name)
    try:
        form = {name: record[name] for name in ("at", "zone")}
        form |= {name: "\n".join(record[name]) for name in ("skips", "extra")}
        day = date.fromisoformat(record["rule_start"])
        parse_calendar_form(Choices("rule", rule=record["rule"]), form, day)
    except (InvalidSettings, DomainError, ValueError):
        faults.append("rule")
    for sentence_language in {item["language"] for item in record["sentences"]}:
        texts = {item["kind"]: item["body"] for item in record["sentences"] if item["language"] == sentence_language}
        faults += [f"sentences.{kind!r}" for kind in faults_of_sentences(texts)]
    if faults:
        raise UnusableArchive(f"newsletter.json has unusable values: {', '.join(faults)}.")
    check_languages(NEWSLETTER, record)


def _format_setting(setting: Any, value: Any) -> Any:
    formatted = format_value(setting, value)
    return ("yes" if formatted else "no") if isinstance(formatted, bool) else formatted


def check_languages(kind: RecordKind, record: Record) -> None:
    """Raise `UnusableArchive` if a language isn't a language code, which pages rely on."""
    codes = [record["language"]] if record.get("language") else []
    codes += record.get("languages", [])
    for child in kind.children:
        items = record.get(child.name, [])
        codes += [item["language"] for item in items if isinstance(item, dict) and "language" in item]
    for code in codes:
        if not LANGUAGE_TAG.fullmatch(code):
            raise UnusableArchive(f"{kind.path}: {code[:40]!r} is no language.")


def check_record(kind: RecordKind, record: Record) -> None:
    """Raise `UnusableArchive` for a record whose contents pages couldn't show."""
    check_languages(kind, record)
    if kind is ANSWERS and record["credit"] and not _is_credit(record["credit"]):  # empty once the expert was erased
        raise UnusableArchive(f"answers.jsonl: the credit of {record['id']} can't be read.")
    if kind is EDITIONS and not _is_local_time(record["local_at"]):
        raise UnusableArchive(f"editions.jsonl: {record['local_at']!r} is no time of an edition.")
    if kind is EDITIONS and not 0 <= record["slots"] <= MAX_SLOTS:  # the desk's page lists each that is open
        raise UnusableArchive(f"editions.jsonl: an edition can't have {record['slots']} slots.")
    if kind is EDITION_ITEMS:
        item = EditionItem(**{name: record[name] for name in ("input", "output", "sha256", "credits", "mended")})
        _check_item(item, record)
        for translation in record["translations"]:
            translated = ItemTranslation(**{name: translation[name] for name in ("input", "output", "sha256")})
            translated.item = item
            _check_item(translated, record)


def _is_credit(credit: dict[str, Any]) -> bool:
    try:
        lead_in = LeadIn(**credit)
    except TypeError:
        return False
    lines = (lead_in.name, lead_in.credit_line, lead_in.relation, lead_in.pattern)
    notes = (lead_in.beside_name, lead_in.additions)
    return all(isinstance(line, str | None) for line in lines) and all(
        isinstance(texts, Sequence) and not isinstance(texts, str) and all(isinstance(text, str) for text in texts)
        for texts in notes
    )


def _is_local_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None).isoformat(timespec="minutes") == text
    except ValueError:
        return False


def _check_item(item: Any, record: Record) -> None:
    """Raise `UnusableArchive` for a Q&A that can't be typeset, or that isn't what was locked."""
    if record["erased_at"] is None and item_digest(item.input, item.output) != item.sha256:
        raise UnusableArchive(f"edition_items.jsonl: the Q&A of {record['question']} was changed after it was locked.")
    try:
        block_from(item)
    except Exception:  # anything else that a page would stumble over
        raise UnusableArchive(f"edition_items.jsonl: the Q&A of {record['question']} can't be typeset.") from None
