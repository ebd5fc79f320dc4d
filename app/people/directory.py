"""People and experts: their addresses, names, roles and profiles, and the check of an expert's identity."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor, Staff
from ..core.domain_errors import DomainError
from ..core.permissions import ROLES, roles_for
from ..core.state_machine import check_version, must, require_length, require_text
from ..db.session import add_and_flush, get_keyring, now
from ..text.clean import single_line
from . import expert_pages, expert_photos, expert_search
from .models import PROFILE, Expert, Membership, Person


class BadAddress(DomainError, ValueError):
    """The text is no e-mail address to which a mail could be sent."""

    code, field = "invalid.email", "email"


class ExpertRemoved(DomainError):
    """The person was removed from the directory of experts, and has kept an account at a desk."""

    code, field = "conflict.expert_removed", "email"


def checked_address(email: str) -> str:
    """Return the address with its domain in lower case. Raises `BadAddress`.

    It is only checked as far as sending requires: the lengths of RFC 5321, section 4.5.3.1, one `@`, a dot in the
    domain, and no spaces or special characters.
    """
    email = single_line(email)
    local, _at, domain = email.rpartition("@")
    labels = domain.split(".")
    has_valid_length = 0 < len(local) <= 64 and len(domain) <= 255
    has_valid_domain = len(labels) >= 2 and all(labels)
    has_forbidden_character = any(map(_is_forbidden, local + domain))
    if not has_valid_length or not has_valid_domain or has_forbidden_character:
        raise BadAddress(email)
    return f"{local}@{domain.lower()}"


def _is_forbidden(character: str) -> bool:
    return character.isspace() or not character.isprintable() or character in '<>(),;:"\\@'


def _fold(email: str) -> str:
    return email.casefold()


def by_email(session: Session, email: str) -> Person | None:
    return by_emails(session, [email]).get(email)


def by_emails(session: Session, emails: Collection[str]) -> dict[str, Person]:
    """Return the people who have these addresses, by address as given."""
    # An address may have been stored under any of the keys.
    macs = {email: get_keyring(session).macs("people.email", _fold(email)) for email in emails}
    all_macs = [mac for macs_of_email in macs.values() for mac in macs_of_email]
    people = session.scalars(select(Person).where(Person.email_mac.in_(all_macs)))
    people_by_mac = {person.email_mac: person for person in people}
    people_by_email = {}
    for email in emails:
        person = next((people_by_mac[mac] for mac in macs[email] if mac in people_by_mac), None)
        if person is not None:
            people_by_email[email] = person
    return people_by_email


def email_of(session: Session, person: Person) -> str | None:
    """Return the person's address, decrypted, or None."""
    if person.email_sealed is None:
        return None
    return get_keyring(session).open(f"people.email.{person.public_id}", person.email_sealed)


def addresses_of(session: Session, expert: Expert) -> list[str]:
    """Return an expert's addresses: first the one to which mails go, then those of experts merged into this one."""
    merged = select(Person).join(Expert, Expert.person_id == Person.id).where(Expert.merged_into_id == expert.id)
    people = [expert.person, *session.scalars(merged.order_by(Expert.id))]
    emails = [email_of(session, person) for person in people]
    return [email for email in emails if email]


def sealed_address(session: Session, public_id: str, email: str) -> dict[str, Any]:
    """Return the columns that store an address, sealed for the person with this public id."""
    ring = get_keyring(session)
    return {
        "email_sealed": ring.seal(f"people.email.{public_id}", email),
        "email_mac": ring.mac("people.email", _fold(email)),
        "key_no": ring.newest,
    }


def set_email(session: Session, person: Person, email: str) -> None:
    """Store a person's address, sealed. The person must have been flushed, since the seal depends on the public id."""
    for column, value in sealed_address(session, person.public_id, email).items():
        setattr(person, column, value)


def add_person(session: Session, actor: Actor, name: str, email: str | None, language: str = "en") -> Person:
    """Return the person with this address, or add one.

    Raises `BadAddress`, and `MissingField` or `TooLong` for the name of a new person.
    """
    address = checked_address(email) if email else None
    existing = by_email(session, address) if address else None
    if existing:
        return existing
    name = require_text("name", require_length("name", single_line(name), PROFILE["name"].longest))
    person = add_and_flush(session, Person(name=name, language=language))
    if address:
        set_email(session, person, address)
    audit.record(session, actor, "person.add", person)
    return person


def give_role(session: Session, actor: Actor, person: Person, newsletter_id: int, role: str) -> Membership:
    """Give a person a role at a desk immediately, without the invitation that `staff.invite` sends."""
    membership = session.scalar(select(Membership).filter_by(person_id=person.id, newsletter_id=newsletter_id))
    old_role = membership.role if membership else None
    if membership is None:
        membership = Membership(person_id=person.id, newsletter_id=newsletter_id)
        session.add(membership)
    membership.role = role
    membership.invited_as = None
    membership.disabled_at = None
    membership.joined_at = membership.joined_at or now(session)
    audit.record(session, actor, "membership.set", membership, old=old_role, new=role, facts={"person": person.id})
    return membership


def staff_actor(session: Session, person_id: int, newsletter_id: int) -> Staff | None:
    """Return the actor for a person at a desk, or None if they don't work there."""
    row = session.execute(
        select(Person.name, Membership.role)
        .join(Membership, Membership.person_id == Person.id)
        .where(Person.id == person_id, Membership.newsletter_id == newsletter_id)
        .where(Person.disabled_at.is_(None), Membership.at_work())
    ).first()
    return Staff(person_id, row.name, newsletter_id, row.role) if row else None


def expert_of(session: Session, person_id: int) -> Expert | None:
    """Return the expert who is this person, or the one that they were merged into.

    Return None if there is none, if the expert was erased, or if the person is disabled.
    """
    query = select(Expert).join(Person, Person.id == Expert.person_id).where(Expert.erased_at.is_(None))
    expert = session.scalar(query.where(Person.id == person_id, Person.disabled_at.is_(None)))
    return resolve_merged_expert(session, expert)


def resolve_merged_expert(session: Session, expert: Expert | None) -> Expert | None:
    """Return the expert that this one was merged into, or else the same expert. Merges never chain."""
    if expert is None or expert.merged_into_id is None:
        return expert
    return session.get_one(Expert, expert.merged_into_id)


def list_staff(session: Session, newsletter_id: int, roles: Sequence[str] = tuple(ROLES)) -> list[Person]:
    """Return the active members of a newsletter's desk who have one of these roles."""
    query = (
        select(Person)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.newsletter_id == newsletter_id, Person.disabled_at.is_(None), Membership.at_work())
        .where(Membership.role.in_(roles))
        .order_by(Person.id)
    )
    return list(session.scalars(query))


def list_notice_recipients(session: Session, newsletter_id: int) -> list[Person]:
    """Return the people to notify of waiting work: holders of roles with `gets_notices`, or if none, the admins."""
    roles = [name for name, role in ROLES.items() if role.gets_notices]
    return list_staff(session, newsletter_id, roles) or list_staff(session, newsletter_id, roles_for("people"))


Names = Mapping[int, str]  # by id


def names_of(session: Session, ids: Sequence[int], known_names: Names | None = None) -> dict[int, str]:
    """Return the names of several people by id, in one query. Names in `known_names` are not looked up again."""
    return _load_names(session, select(Person.id, Person.name), Person.id, ids, known_names)


def expert_names(session: Session, ids: Sequence[int], known_names: Names | None = None) -> dict[int, str]:
    """Return the names of several experts by id, as `names_of` does."""
    query = select(Expert.id, Person.name).join(Person, Person.id == Expert.person_id)
    return _load_names(session, query, Expert.id, ids, known_names)


def _load_names(
    session: Session, query: Select[int, str], key: Any, ids: Sequence[int], known_names: Names | None
) -> dict[int, str]:
    names = {}
    if known_names:
        names = {row_id: known_names[row_id] for row_id in ids if row_id in known_names}
    missing = {*ids} - {*names}
    if missing:
        rows = session.execute(query.where(key.in_(missing)))
        names |= {row.id: row.name for row in rows}
    return names


def record_expert(
    session: Session, actor: Actor, name: str, email: str | None, language: str = "en", **profile: Any
) -> Expert:
    """Return the expert with this address, or record a new one, for whom a name is enough.

    Raises `BadAddress`, `MissingField` or `TooLong` for the name, `ExpertRemoved`, and `PermissionDenied`.
    """
    must(actor, "directory", "upkeep")
    person = add_person(session, actor, name, email, language)
    existing = resolve_merged_expert(session, session.scalar(select(Expert).filter_by(person_id=person.id)))
    if existing and existing.erased_at is not None:
        raise ExpertRemoved
    if existing:
        return existing
    expert = add_and_flush(session, Expert(person_id=person.id, **profile))
    session.refresh(expert)
    expert_search.update_search_columns(session, expert)
    audit.record(session, actor, "expert.record", expert)
    return expert


def verify_expert(session: Session, actor: Staff, expert: Expert, verification_note: str) -> None:
    """Record that somebody checked the expert's identity. Without this, their answers can't be approved.

    `verification_note` says how it was checked. Raises `MissingField`, `TooLong` and `PermissionDenied`.
    """
    must(actor, "directory")
    verification_note = require_text(
        "verification_note", require_length("verification_note", single_line(verification_note), 400)
    )
    expert.verified_at = now(session)
    expert.verified_by_id = actor.person_id
    expert.verified_how = verification_note
    audit.record(session, actor, "expert.verify", expert)


def change_profile(session: Session, actor: Actor, expert: Expert, version: int | None, **values: Any) -> None:
    """Change an expert's profile to `values`, by field, as `fields.read_form` returns them.

    A new name revokes the check of the expert's identity. Raises `VersionConflict` and `PermissionDenied`.
    """
    must(actor, "directory", "own profile")
    check_version(expert, version)
    changed = sorted(name for name, value in values.items() if value != getattr(expert, name))
    for name in values.keys() - {"name"}:
        setattr(expert, name, values[name])
    new_name = values.get("name")
    if new_name and new_name != expert.name:
        expert.person.name = new_name
        expert.verified_at = expert.verified_by_id = expert.verified_how = None
    session.flush()
    expert_search.update_search_columns(session, expert)
    expert_pages.withdraw_outdated_consents(session, actor, expert)
    expert_photos.hide_outdated_photo(session, actor, expert)
    audit.record(session, actor, "expert.change", expert, facts={"columns": changed})


def load_expert(session: Session, actor: Staff, public_id: str) -> Expert | None:
    """Return an expert by public id, or None. All desks share one directory."""
    must(actor, "read")
    return session.scalar(select(Expert).filter_by(public_id=public_id))


def record_address_look(session: Session, actor: Staff, person: Person) -> None:
    """Record in the trail that a member of the desk looks at the address of an expert or a colleague.

    The event also contains the person's or expert's public ID, since exports of the trail show no other ID.
    """
    must(actor, "read")
    expert = session.scalar(select(Expert).filter_by(person_id=person.id))
    if expert is not None:
        audit.record(session, actor, "expert.look", expert, facts={"whose": expert.public_id})
    else:
        facts = {"whose": person.public_id, "person": person.id}
        audit.record(session, actor, "membership.look", person, facts=facts)


def reveal_address(session: Session, actor: Staff, person: Person) -> str | None:
    """Return a person's address, or None. If there is one, record in the trail who looks at it."""
    if (email := email_of(session, person)) is not None:
        record_address_look(session, actor, person)
    return email
