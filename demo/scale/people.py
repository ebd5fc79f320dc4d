"""The big newsletter itself: its settings, its desk, which is that of Shift Change, and some three hundred experts."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product

from sqlalchemy.orm import Session

from app.core.actors import Clock, Staff
from app.newsletters.models import Newsletter, Topic
from app.people import directory
from app.people.models import Expert, Person

from .book import Book
from .words import tongues

SLUG = "long-road"
TOPICS = {
    "water": "Water",
    "work": "Work",
    "prices": "Prices and pensions",
    "school": "School",
    "health": "Health",
    "roads": "Roads and borders",
}
CONSENT = "I agree that The Long Road prints this name with my question, in the newsletter and on this site."
EXPERTS = 300
VERIFIED = 0.85  # the share of verified experts; the others are never asked
DESK = (
    ("Tereza Malínská", "tereza@platan.example", "editor"),
    ("Aizada Toktorova", "aizada@platan.example", "assistant"),
    ("Pavel Hornych", "pavel@platan.example", "admin"),
)


@dataclass(frozen=True)
class Known:
    """The values of an expert that other rows need."""

    key: int
    person_id: int
    name: str
    email: str
    credit_line: str


@dataclass(frozen=True)
class Room:
    """The newsletter with its desk, its topics, and the verified experts by language, the busiest first."""

    newsletter: Newsletter
    editor: Staff
    assistant: Staff
    topics: dict[str, int]
    experts: dict[str, list[Known]]


def found(session: Session, book: Book, since: datetime) -> Room:
    """Create The Long Road, a day before its first letter. The session's time is set to that day and left there."""
    session.info["at"] = since - timedelta(days=1)
    newsletter = Newsletter(
        slug=SLUG,
        name="The Long Road",
        publisher="Platan",
        editor="Tereza Malínská",
        language="en",
        languages=[tongue.language for tongue in tongues()],
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
        steps_hidden_at=since,  # it was set up long ago
    )
    session.add(newsletter)
    session.flush()
    crew = {}
    for name, email, role in DESK:
        person = directory.add_person(session, Clock(), name, email)
        directory.give_role(session, Clock(), person, newsletter.id, role)
        crew[role] = Staff(person.id, person.name, newsletter.id, role)
    topics = {slug: Topic(newsletter_id=newsletter.id, slug=slug, name=name) for slug, name in TOPICS.items()}
    session.add_all(topics.values())
    session.flush()
    keys = {slug: topic.id for slug, topic in topics.items()}
    return Room(newsletter, crew["editor"], crew["assistant"], keys, _experts(book, crew["editor"], since))


def _experts(book: Book, editor: Staff, since: datetime) -> dict[str, list[Known]]:
    """Add the experts, at least two per language and in proportion to its readers. Return the verified ones."""
    rng, experts = book.rng, {}
    for tongue in tongues():
        phrases, wanted = tongue.phrases, max(2, EXPERTS * tongue.phrases["share"] // 97)
        names = [f"{given} {family}" for given, family in product(phrases["given"], phrases["families"])]
        rng.shuffle(names)
        asked = []
        for number, name in enumerate(names[:wanted]):
            checked = number < 2 or rng.random() < VERIFIED
            known = _expert(book, editor, since, tongue.language, number, name, rng.choice(phrases["credits"]), checked)
            if checked:
                asked.append(known)
        experts[tongue.language] = asked
    return experts


def _expert(
    book: Book, editor: Staff, since: datetime, language: str, number: int, name: str, credit_line: str, checked: bool
) -> Known:
    rng, person_id, key = book.rng, book.key(Person), book.key(Expert)
    email, public_id = f"{language}{number}@experts.example", book.public_id()
    book.add(
        Person,
        id=person_id,
        public_id=public_id,
        name=name,
        language="fa" if language == "fa" else "en",
        email_sealed=book.ring.seal(f"people.email.{public_id}", email),
        email_mac=book.ring.mac("people.email", email),
        key_no=book.ring.newest,
    )
    book.add(
        Expert,
        id=key,
        person_id=person_id,
        credit_line=credit_line,
        languages=sorted({language, "en"}),
        topics=rng.sample(list(TOPICS.values()), 2),
        away_until=(since + timedelta(days=rng.randrange(20, 5_000))).date() if rng.random() < 0.05 else None,
        verified_at=since if checked else None,
        verified_by_id=editor.person_id if checked else None,
        verified_how="Tereza called the switchboard." if checked else None,
    )
    book.tell(since, editor.ref, "person.add", "person", person_id, None)
    book.tell(since, editor.ref, "expert.record", "expert", key, None)
    if checked:
        book.tell(since, editor.ref, "expert.verify", "expert", key, None)
    return Known(key, person_id, name, email, credit_line)
