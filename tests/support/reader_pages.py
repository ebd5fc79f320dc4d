"""What readers do and see: the form with its proof of work, receipts, published answers, all public pages."""

import re
from hashlib import sha256
from typing import Any

from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import EnvironBuilder, TestResponse

from app.answers import assigning, editing, writing
from app.core.actors import ExpertActor
from app.db.engine import Database
from app.db.session import add_and_flush
from app.editions import locking, slots
from app.editions.items import headline
from app.editions.models import Edition, EditionItem
from app.editions.queries import list_editions_to_run
from app.letters.models import Letter
from app.newsletters.models import Newsletter, Topic
from app.people import expert_pages
from app.people.expert_pages import ExpertPage
from app.people.models import Expert
from app.questions import actions, wording
from app.questions import actions as questions
from app.questions.models import Question
from app.typesetting.card import Card
from app.workflows import invitations
from app.workflows.publishing import publication
from tests.support.app import BASE_URL
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

SILOS_QUESTION = "Who owns the new grain silos along the line?"


def get_form_token(client: FlaskClient, path: str = "/steppe/ask") -> str:
    return Page(client.get(path).text).value("form")


def send_question(client: FlaskClient, **fields: Any) -> TestResponse:
    """Send a question as it is sent where a fitting answer was shown before, if there is one."""
    form = fields.pop("form", None) or get_form_token(client)
    return client.post("/steppe/send", data={"form": form, "body": SILOS_QUESTION, "then": "send", **fields})


def read_receipt(page: str) -> str:
    return "".join(re.findall(r"\d{4}", Page(page).texts("p.code")[0]))


def answer_letters(
    database: Database, newsroom: Newsroom, letters: list[int], *, headline: str = "The Silos", ties: str = "",
    body: str = "Who built the silos, and who owns them now?", answer: str = "Nobody knows.\n\nWe asked the mill.",
) -> str:  # fmt: skip
    """Nora files the letters to one question, Leyla answers, Nora approves and picks. Returns the question's public key."""

    def work(session: Session) -> str:
        nora, rows = newsroom.nora, [session.get_one(Letter, key) for key in letters]
        question = questions.open_question(session, nora, rows, headline=headline, body=body, language="en")
        wording.clear(session, nora, question, question.text_id or 0)
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        edition.slots = 1_000
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        assignment = assigning.assign(session, nora, question, leyla, for_edition_id=edition.id)
        invitations.invite(session, nora, assignment)
        written = writing.AnswerContent(answer, ties=ties, own_words=True)
        reply = writing.submit(session, ExpertActor(leyla.id, leyla.name, assignment.id), assignment, written)
        editing.approve(session, nora, reply, checklist=editing.CHECKLIST, reason="read to her by phone")
        slots.pick(session, nora, question, edition)
        return question.public_id

    return database.write(work)


def lock_edition(database: Database, newsroom: Newsroom) -> None:
    def lock(session: Session) -> None:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        locking.lock_edition(session, newsroom.nora, edition)

    database.write(lock)


def send_edition(database: Database, newsroom: Newsroom) -> None:
    """The edition that was locked is marked as sent, now."""

    def send(session: Session) -> None:
        edition = session.scalars(select(Edition).filter_by(state="locked")).one()
        publication.send(session, newsroom.nora, edition)

    database.write(send)


def publish_answer(database: Database, newsroom: Newsroom, letters: list[int], **words: Any) -> str:
    public_id = answer_letters(database, newsroom, letters, **words)
    lock_edition(database, newsroom)
    send_edition(database, newsroom)
    return public_id


def get_question(session: Session, public_id: str) -> Question:
    return session.scalars(select(Question).filter_by(public_id=public_id)).one()


def strip_form_tokens(page: bytes) -> str:
    """A page without the tokens of its forms; of a picture what of it is text."""
    return re.sub(r'name="form" value="[^"]+"(?: data-task="[^"]+")?', "", page.decode(errors="replace"))


def render_page(app: Flask, path: str) -> tuple[int, str]:
    """A page as it is made for this request alone."""
    made = Response.from_app(app.extensions["copies"].wsgi_app, EnvironBuilder(path, base_url=BASE_URL).get_environ())
    return made.status_code, strip_form_tokens(made.get_data())


def add_topic_and_expert_page(database: Database, newsroom: Newsroom, public_id: str) -> str:
    """What ran gets the topic "Grain", and Leyla says yes to a page of hers: then there is a page of every kind. Gives
    the key of hers."""

    def fn(session: Session) -> str:
        grain = Topic(newsletter_id=newsroom.newsletter_id, slug="grain", name="Grain")
        question = session.scalars(select(Question).filter_by(public_id=public_id)).one()
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        actions.set_topics(session, newsroom.nora, question, [add_and_flush(session, grain).id])
        expert_pages.give_consent(session, newsroom.leyla, leyla, newsroom.newsletter_id)
        return session.scalars(select(ExpertPage.public_id).filter_by(expert_id=leyla.id)).one()

    return database.write(fn)


def public_addresses(database: Database, slug: str = "steppe") -> dict[str, str]:
    """An address of every page that is copied, by its endpoint, and some with parameters."""
    with database.read() as session:
        here = session.scalars(select(Newsletter.id).filter_by(slug=slug)).one()
        edition = session.scalars(select(Edition).filter_by(state="sent", newsletter_id=here)).first()
        ran = session.scalars(select(Question).where(Question.is_published, Question.newsletter_id == here)).all()
        topic = session.scalars(select(Topic.slug).filter_by(newsletter_id=here).order_by(Topic.id)).first()
        expert = session.scalars(select(ExpertPage.public_id).filter_by(newsletter_id=here)).first()
        name = session.get_one(Newsletter, here).name
        item = session.scalars(select(EditionItem).filter_by(question_id=ran[-1].id)).one()
    assert edition is not None
    card = Card(headline(item), name, item.piece["language"])
    at, last = f"/{slug}", ran[-1]
    found = {
        "home": f"{at}/",
        **{name: f"{at}/{name}" for name in ("ask", "answers", "editions", "corrections", "protection")},
        "feed": f"{at}/feed.xml",
        "json_feed": f"{at}/feed.json",
        "calendar": f"{at}/calendar.ics",
        "story": f"{at}/q/{last.public_id}/{last.text.slug if last.text else 'q'}",
        "edition": f"{at}/editions/{edition.public_id}",
        **({"topic": f"{at}/topics/{topic}"} if topic else {}),
        **({"expert": f"{at}/experts/{expert}"} if expert else {}),
        **({"card": f"{at}/cards/{last.public_id}/{card.digest}.png"} if card.can_be_drawn else {}),
        "framed_answers": f"{at}/framed/answers",
        "framed_ask": f"{at}/framed/ask",
        "sitemap": f"{at}/sitemap.xml",
        "sitemap_of_pages": f"{at}/sitemap-pages.xml",
        "sitemap_of_year": f"{at}/sitemap-{edition.runs_at.year}.xml",
    }
    return found | {
        "another": f"{at}/q/{ran[0].public_id}/{ran[0].text.slug if ran[0].text else 'q'}",
        "in Persian": f"{at}/answers?lang=fa",
        "a story in Persian": f"{at}/q/{last.public_id}/{last.text.slug if last.text else 'q'}?lang=fa",
        "of a year": f"{at}/answers?year={edition.runs_at.year}",
        "about an edition": f"{at}/ask?edition={edition.public_id}",
        "one": f"{at}/framed/answers?n=1",
    }


def solve_proof_of_work(task: str) -> str:
    """Solve the proof of work as a browser does."""
    challenge, parts, bits = task.split(".")
    found: list[int] = []
    number = 0
    while len(found) < int(parts):
        if int.from_bytes(sha256(f"{challenge}{number}".encode()).digest()[:4]) >> (32 - int(bits)) == 0:
            found.append(number)
        number += 1
    return ".".join(map(str, found))
