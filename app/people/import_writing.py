"""Writing a planned import: in bulk and in the caller's one transaction, so that all of it is there or nothing."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from ..actors import Actor
from ..audit import Event
from ..db import keys, new_public_id, now
from ..lifecycle import must
from . import expert_search
from .directory import PROFILE
from .importing import Line, Plan, expect_unchanged
from .models import Expert, ExpertTopic, Person

T = TypeVar("T")
BATCH = 1_000  # rows of one statement
EMPTY: dict[str, Any] = {
    **dict.fromkeys(PROFILE, ""), "on_public_page": False, "away_until": None, "at_once": None, "topics": [], "languages": [],
}  # fmt: skip

Step = Callable[[int], None]


class Unfit(Exception):
    """The plan has rows that are wrong: nothing is imported."""


def take_in(session: Session, actor: Actor, plan: Plan, language: str, step: Step = lambda _rows: None) -> None:
    """Record who is new and change who is known. `language` is that of the mails to new ones; `step` hears of rows written.

    Raises `NotYours`, `Unfit`, and `Stale` where the directory has changed since the plan was made: to plan takes seconds,
    in which nobody else is kept from writing.
    """
    must(actor, "whole directory", "upkeep")
    if plan.counts["wrong"]:
        raise Unfit
    expect_unchanged(session, plan)
    for lines in _batches([line for line in plan.lines if line.kind == "new"]):
        _record(session, actor, lines, language)
        step(len(lines))
    for lines in _batches([line for line in plan.lines if line.kind == "changed"]):
        _change(session, actor, lines)
        step(len(lines))


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _record(session: Session, actor: Actor, lines: Sequence[Line], language: str) -> None:
    people = [
        {"public_id": new_public_id(), "name": line.name, "language": language, "email_sealed": None, "email_mac": None,
         "key_no": None} for line in lines
    ]  # fmt: skip
    for person, line in zip(people, lines, strict=True):
        if "email" in line.changes:
            person.update(_sealed(session, str(person["public_id"]), line.changes["email"]))
    ids = _inserted(session, Person, people)
    experts = [
        {"public_id": new_public_id(), "version": 1, "person_id": key, **_profile(line)}
        for key, line in zip(ids, lines, strict=True)
    ]
    keys_of = _inserted(session, Expert, experts)
    _name_topics(session, keys_of, experts)
    _trail(session, actor, "expert.record", keys_of, lines)


def _inserted(session: Session, table: Any, rows: list[dict[str, Any]]) -> list[int]:
    """Add rows and give their keys, in their order. SQLite would return keys in order only one row at a time."""
    _bulk(session, table, rows)
    names = [row["public_id"] for row in rows]
    kept = session.execute(select(table.public_id, table.id).where(table.public_id.in_(names)))
    found: dict[str, int] = {row.public_id: row.id for row in kept}
    return [found[name] for name in names]


def _bulk(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    """Past the ORM, which would look at every value of every row."""
    session.connection().execute(insert(model.__table__), rows)


def _profile(line: Line) -> dict[str, Any]:
    """The whole profile after the change, with what it is found by."""
    profile = line.before.profile if line.before else EMPTY
    profile = profile | {column: value for column, value in line.changes.items() if column in EMPTY}
    return profile | expert_search.columns(line.name, profile)


def _change(session: Session, actor: Actor, lines: Sequence[Line]) -> None:
    known = [(line, line.before) for line in lines if line.before is not None]
    profiles = [{"key": before.id, **_profile(line)} for line, before in known]
    experts = Expert.__table__
    values: dict[str, Any] = {column: bindparam(column) for column in profiles[0] if column != "key"}
    session.connection().execute(
        update(experts)  # type: ignore[arg-type]
        .where(experts.c.id == bindparam("key"))
        .values(version=experts.c.version + 1, **values),
        profiles,
    )
    ids = [before.id for _line, before in known]
    session.execute(delete(ExpertTopic).where(ExpertTopic.expert_id.in_(ids)))
    _name_topics(session, ids, profiles)
    _rename(session, [(line, before.person_id, before.id) for line, before in known if "name" in line.changes])
    addresses = [
        {"key": before.person_id, **_sealed(session, before.person_public_id, line.changes["email"])}
        for line, before in known
        if "email" in line.changes
    ]
    _each(session, Person, addresses)
    _trail(session, actor, "expert.change", ids, lines)


def _rename(session: Session, named: Sequence[tuple[Line, int, int]]) -> None:
    """Give people another name; the check of who they are was of the old one."""
    _each(session, Person, [{"key": person, "name": line.name} for line, person, _expert in named])
    for some in _batches([expert for _line, _person, expert in named]):
        void = dict.fromkeys(("verified_at", "verified_by_id", "verified_how"))
        session.execute(update(Expert).where(Expert.id.in_(some)).values(void))


def _each(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        table = model.__table__
        values: dict[str, Any] = {column: bindparam(column) for column in rows[0] if column != "key"}
        session.connection().execute(update(table).where(table.c.id == bindparam("key")).values(**values), rows)


def _sealed(session: Session, person_public_id: str, email: str) -> dict[str, Any]:
    ring = keys(session)
    return {
        "email_sealed": ring.seal(f"people.email.{person_public_id}", email),
        "email_mac": ring.mac("people.email", email.casefold()),
        "key_no": ring.newest,
    }


def _name_topics(session: Session, ids: Sequence[int], profiles: Sequence[dict[str, Any]]) -> None:
    rows = [
        {"expert_id": key, "term": term}
        for key, profile in zip(ids, profiles, strict=True)
        for term in expert_search.terms(profile["topics"])
    ]
    if rows:
        _bulk(session, ExpertTopic, rows)


def _trail(session: Session, actor: Actor, action: str, ids: Sequence[int], lines: Sequence[Line]) -> None:
    at, newsletter = now(session), getattr(actor, "newsletter_id", None)
    rows = [
        {"at": at, "actor": actor.ref, "action": action, "noun": "expert", "noun_id": key, "newsletter_id": newsletter,
         "facts": {"columns": sorted(line.changes), "row": line.number}}
        for key, line in zip(ids, lines, strict=True)
    ]  # fmt: skip
    _bulk(session, Event, rows)
