"""The Long Road, the demo's big newsletter: its settings, its desk (that of Shift Change), and its experts."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product

from sqlalchemy.orm import Session

from app.core.actors import Clock, Staff
from app.newsletters.models import Newsletter, Topic
from app.people import directory
from app.people.models import Expert, Person

from .bulk_writer import BulkWriter
from .phrasebooks import list_phrasebooks

SLUG = "long-road"
TOPICS = {
    "water": "Water",
    "work": "Work",
    "prices": "Prices and pensions",
    "school": "School",
    "health": "Health",
    "roads": "Roads and borders",
}
CONSENT_TEXT = "I agree that The Long Road prints this name with my question, in the newsletter and on this site."
EXPERT_COUNT = 300
VERIFIED_SHARE = 0.85  # the share of verified experts; the others are never invited
# Name, e-mail address and role.
DESK_MEMBERS = (
    ("Tereza Malínská", "tereza@platan.example", "editor"),
    ("Aizada Toktorova", "aizada@platan.example", "assistant"),
    ("Pavel Hornych", "pavel@platan.example", "admin"),
)


@dataclass(frozen=True)
class ExpertValues:
    """The values of an expert that other rows need."""

    key: int
    person_id: int
    name: str
    email: str
    credit_line: str


@dataclass(frozen=True)
class LongRoadDesk:
    """The newsletter with its desk, its topics, and the verified experts by language, the busiest first."""

    newsletter: Newsletter
    editor: Staff
    assistant: Staff
    topics: dict[str, int]
    experts: dict[str, list[ExpertValues]]


def create_long_road(session: Session, writer: BulkWriter, started_at: datetime) -> LongRoadDesk:
    """Create The Long Road, whose first letter arrives at `started_at`.

    Sets the session's time to the day before and leaves it there.
    """
    session.info["at"] = started_at - timedelta(days=1)
    newsletter = Newsletter(
        slug=SLUG,
        name="The Long Road",
        publisher="Platan",
        editor="Tereza Malínská",
        language="en",
        languages=[phrasebook.language for phrasebook in list_phrasebooks()],
        address="longroad@platan.example",
        inbox="longroad@platan.example",
        section="Asked on the Road",
        dek="Water, work, prices, schools, doctors and roads, from the Dnipro to the Ili",
        imprint="The Long Road is written by Tereza Malínská and sent by Platan every day.",
        call="What would you like to know? Write to {address}; no question is too small.",
        zone="Europe/Prague",
        rule="FREQ=DAILY",
        rule_start=date(2000, 1, 1),
        at="07:00",
        slots=6,
        held_kinds=["expert.invitation"],
        steps_hidden_at=started_at,  # it was set up long ago
    )
    session.add(newsletter)
    session.flush()
    members = {}
    for name, email, role in DESK_MEMBERS:
        person = directory.add_person(session, Clock(), name, email)
        directory.give_role(session, Clock(), person, newsletter.id, role)
        members[role] = Staff(person.id, person.name, newsletter.id, role)
    topics = {slug: Topic(newsletter_id=newsletter.id, slug=slug, name=name) for slug, name in TOPICS.items()}
    session.add_all(topics.values())
    session.flush()
    topic_ids = {slug: topic.id for slug, topic in topics.items()}
    editor = members["editor"]
    experts = _add_experts(writer, editor, started_at)
    return LongRoadDesk(newsletter, editor, members["assistant"], topic_ids, experts)


def _add_experts(writer: BulkWriter, editor: Staff, started_at: datetime) -> dict[str, list[ExpertValues]]:
    """Add the experts, at least two per language and in proportion to its readers. Return the verified ones."""
    rng, experts = writer.rng, {}
    for phrasebook in list_phrasebooks():
        phrases = phrasebook.phrases
        count = max(2, EXPERT_COUNT * phrases["share"] // 97)
        names = [f"{given} {family}" for given, family in product(phrases["given_names"], phrases["family_names"])]
        rng.shuffle(names)
        verified = []
        for number, name in enumerate(names[:count]):
            is_verified = number < 2 or rng.random() < VERIFIED_SHARE
            credit_line = rng.choice(phrases["credits"])
            expert = _add_expert(
                writer, editor, started_at, phrasebook.language, number, name, credit_line, is_verified
            )
            if is_verified:
                verified.append(expert)
        experts[phrasebook.language] = verified
    return experts


def _add_expert(
    writer: BulkWriter,
    editor: Staff,
    started_at: datetime,
    language: str,
    number: int,
    name: str,
    credit_line: str,
    is_verified: bool,
) -> ExpertValues:
    rng, person_id, key = writer.rng, writer.next_key(Person), writer.next_key(Expert)
    email, public_id = f"{language}{number}@experts.example", writer.new_public_id()
    writer.add(
        Person,
        id=person_id,
        public_id=public_id,
        name=name,
        language="fa" if language == "fa" else "en",
        email_sealed=writer.keyring.seal(f"people.email.{public_id}", email),
        email_mac=writer.keyring.mac("people.email", email),
        key_no=writer.keyring.newest,
    )
    writer.add(
        Expert,
        id=key,
        person_id=person_id,
        credit_line=credit_line,
        languages=sorted({language, "en"}),
        topics=rng.sample(list(TOPICS.values()), 2),
        away_until=(started_at + timedelta(days=rng.randrange(20, 5_000))).date() if rng.random() < 0.05 else None,
        verified_at=started_at if is_verified else None,
        verified_by_id=editor.person_id if is_verified else None,
        verified_how="Tereza called the switchboard." if is_verified else None,
    )
    writer.record_event(started_at, editor.ref, "person.add", "person", person_id, None)
    writer.record_event(started_at, editor.ref, "expert.record", "expert", key, None)
    if is_verified:
        writer.record_event(started_at, editor.ref, "expert.verify", "expert", key, None)
    return ExpertValues(key, person_id, name, email, credit_line)
