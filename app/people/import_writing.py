"""Writing a planned import: in bulk and in the caller's one transaction, so that all of it is there or nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from ..audit import Event
from ..core.actors import Actor
from ..core.fields import KINDS
from ..core.state_machine import must
from ..db.ids import new_public_id
from ..db.session import now
from . import expert_search
from .directory import sealed_address
from .importing import Line, Plan, batches, expect_unchanged
from .models import PROFILE, Expert, ExpertTopic, Person

Step = Callable[[int], None]
Rows = Sequence[dict[str, Any]]


class Unfit(Exception):
    """The plan has rows that are wrong: nothing is imported."""


def take_in(session: Session, actor: Actor, plan: Plan, language: str, step: Step = lambda _rows: None) -> None:
    """Record those who are new and change those who are known.

    `language` is that of the mails to new ones; `step` hears of rows written. Raises `PermissionDenied`, `Unfit`, and
    `VersionConflict` where the directory has changed since the plan was made: to plan takes seconds, in which nobody
    else is kept from writing.
    """
    must(actor, "whole directory", "upkeep")
    if plan.counts["wrong"]:
        raise Unfit
    expect_unchanged(session, plan)
    for lines in batches([line for line in plan.lines if line.kind == "new"]):
        _record(session, actor, lines, language)
        step(len(lines))
    for lines in batches([line for line in plan.lines if line.kind == "changed"]):
        _change(session, actor, lines)
        step(len(lines))


def _record(session: Session, actor: Actor, lines: Sequence[Line], language: str) -> None:
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
    _trail(session, actor, "expert.record", ids, lines)


def _insert_rows(session: Session, model: Any, rows: Rows) -> list[int]:
    """Add rows and return their keys, in their order. SQLite would return keys in order only one row at a time."""
    _bulk(session, model, rows)
    names = [row["public_id"] for row in rows]
    kept = session.execute(select(model.public_id, model.id).where(model.public_id.in_(names)))
    found: dict[str, int] = {row.public_id: row.id for row in kept}
    return [found[name] for name in names]


def _bulk(session: Session, model: Any, rows: Rows) -> None:
    """Add rows past the ORM, which would look at every value of every row."""
    if rows:
        session.connection().execute(insert(model.__table__), rows)


def _profile(line: Line) -> dict[str, Any]:
    """Return the whole profile after the change, with what it is found by."""
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


def _change(session: Session, actor: Actor, lines: Sequence[Line]) -> None:
    known = [(line, line.before) for line in lines if line.before is not None]
    ids = [before.id for _line, before in known]
    profiles = [{"key": before.id, **_profile(line)} for line, before in known]
    _update_rows(session, Expert, profiles, version=Expert.version + 1)
    session.execute(delete(ExpertTopic).where(ExpertTopic.expert_id.in_(ids)))
    _name_topics(session, ids, profiles)
    renamed = [(line.name, before) for line, before in known if "name" in line.changes]
    _update_rows(session, Person, [{"key": before.person_id, "name": name} for name, before in renamed])
    # The check of who they are was of the old name.
    void = dict.fromkeys(("verified_at", "verified_by_id", "verified_how"))
    session.execute(update(Expert).where(Expert.id.in_([before.id for _name, before in renamed])).values(void))
    addresses = [
        {"key": before.person_id, **sealed_address(session, before.person_public_id, line.changes["email"])}
        for line, before in known
        if "email" in line.changes
    ]
    _update_rows(session, Person, addresses)
    _trail(session, actor, "expert.change", ids, lines)


def _update_rows(session: Session, model: Any, rows: Rows, **also: Any) -> None:
    """Change the rows that their `key` names."""
    if rows:
        table = model.__table__
        values = {column: bindparam(column) for column in rows[0] if column != "key"} | also
        session.connection().execute(update(table).where(table.c.id == bindparam("key")).values(**values), rows)


def _name_topics(session: Session, ids: Sequence[int], profiles: Rows) -> None:
    named = [(key, expert_search.terms(profile["topics"])) for key, profile in zip(ids, profiles, strict=True)]
    _bulk(session, ExpertTopic, [{"expert_id": key, "term": term} for key, terms in named for term in terms])


def _trail(session: Session, actor: Actor, action: str, ids: Sequence[int], lines: Sequence[Line]) -> None:
    same = {"at": now(session), "actor": actor.ref, "action": action, "noun": "expert"}
    same["newsletter_id"] = getattr(actor, "newsletter_id", None)
    facts = [{"columns": sorted(line.changes), "row": line.number} for line in lines]
    _bulk(session, Event, [{**same, "noun_id": key, "facts": fact} for key, fact in zip(ids, facts, strict=True)])
