"""The newsroom and the people of most tests, created with the product's own functions, each with their actor."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from app.answers import assigning, editing, writing
from app.answers.models import Answer
from app.core.actors import Clock, ExpertActor, Staff
from app.editions import planning
from app.newsletters.models import Newsletter
from app.people import directory
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.models import Question

EXPERTS = (
    ("Leyla Aydın", "leyla@field.example", "soil scientist at the Karakum Field Station"),
    ("Marek Dvořák", "marek@water.example", "hydrologist at the River Office"),
    ("Gulnara Esenova", "gulnara@law.example", "lecturer in water law"),
)


@dataclass(frozen=True)
class Newsroom:
    """The key and slug of the Steppe Letter and its actors: Nora Lind edits, Ilya Brandt assists; Leyla, Marek and Gulnara are experts."""

    newsletter_id: int
    slug: str
    nora: Staff
    ilya: Staff
    leyla: ExpertActor
    marek: ExpertActor
    gulnara: ExpertActor


def create_coast_newsletter(session: Session) -> Newsletter:
    """Create The Coast, a newsletter to which nobody at the desk of the Steppe Letter belongs."""
    newsletter = Newsletter(
        slug="coast",
        name="The Coast",
        publisher="Meridian",
        editor="Mira",
        language="en",
        languages=["en"],
        zone="UTC",
        address="mira@coast.example",
        section="Ask",
        rule="FREQ=WEEKLY",
        rule_start=date(2022, 1, 1),
        at="09:00",
    )
    session.add(newsletter)
    session.flush()
    return newsletter


def create_newsroom(session: Session) -> Newsroom:
    """Create the Steppe Letter, which runs on the first and third Wednesday of a month, with its staff and experts."""
    newsletter = Newsletter(
        slug="steppe",
        name="The Steppe Letter",
        publisher="Meridian",
        editor="Nora Lind",
        language="en",
        languages=["en", "ru", "fa"],
        address="nora@steppe.example",
        section="Ask The Steppe",
        call="What would you like to know? Write to {address}.",
        zone="Europe/Prague",
        rule="FREQ=MONTHLY;BYDAY=1WE,3WE",
        rule_start=date(2022, 1, 1),
        at="09:00",
        undo_seconds=0,
    )
    session.add(newsletter)
    session.flush()
    nora = _hire(session, newsletter, "Nora Lind", "nora@desk.example", "editor")
    ilya = _hire(session, newsletter, "Ilya Brandt", "ilya@desk.example", "assistant")
    leyla, marek, gulnara = (_add_expert(session, nora, *expert) for expert in EXPERTS)
    planning.start_with_open_edition(session, newsletter)
    planning.plan_newsletter(session, Clock(), newsletter)
    return Newsroom(newsletter.id, newsletter.slug, nora, ilya, leyla, marek, gulnara)


def _hire(session: Session, newsletter: Newsletter, name: str, email: str, role: str) -> Staff:
    person = directory.add_person(session, Clock(), name, email)
    directory.give_role(session, Clock(), person, newsletter.id, role)
    return Staff(person.id, name, newsletter.id, role)


def _add_expert(session: Session, nora: Staff, name: str, email: str, credit_line: str) -> ExpertActor:
    expert = directory.record_expert(session, nora, name, email, credit_line=credit_line)
    directory.verify_expert(session, nora, expert, "called the switchboard")
    return ExpertActor(expert.id, name)


def create_submitted_answer(session: Session, newsroom: Newsroom, text: str) -> Answer:
    """Create a cleared question with this text and an answer that Leyla has submitted and the desk has not read."""
    question = actions.open_question(session, newsroom.nora, [], headline=text, body=text, language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    leyla = session.get_one(Expert, newsroom.leyla.expert_id)
    assignment = assigning.assign(session, newsroom.nora, question, leyla)
    content = writing.AnswerContent("We put up salt plates in 2009 and count what falls on them.", own_words=True)
    return writing.submit(session, newsroom.leyla, assignment, content)


def create_answered_question(session: Session, newsroom: Newsroom, text: str) -> Question:
    """Create a question whose answer Nora has approved, so that it can be picked for an edition."""
    answer = create_submitted_answer(session, newsroom, text)
    editing.approve(session, newsroom.nora, answer, checklist=editing.CHECKLIST)
    return session.get_one(Question, answer.question_id)
