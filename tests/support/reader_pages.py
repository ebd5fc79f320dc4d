"""Readers' pages: sending a question, receipts, published answers, the paths of all public pages."""

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
from app.people import expert_pages, expert_photos
from app.people.expert_pages import ExpertPage
from app.people.expert_photos import ExpertPhoto, ShownPhoto
from app.people.models import Expert
from app.questions import actions, wording
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
    """Send a question, even if a published answer resembles it (`then=send`). `fields` overrides fields of the form."""
    form = fields.pop("form", None) or get_form_token(client)
    return client.post("/steppe/send", data={"form": form, "body": SILOS_QUESTION, "then": "send", **fields})


def read_receipt(page: str) -> str:
    """Return the receipt number that a page shows, without spaces."""
    return "".join(re.findall(r"\d{4}", Page(page).texts("p.code")[0]))


def list_questions(database: Database) -> list[str | None]:
    """Return the words of all letters in the order in which they came; None for an erased one."""
    with database.read() as session:
        return list(session.scalars(select(Letter.body).order_by(Letter.received_at, Letter.id)))


def answer_letters(
    database: Database, newsroom: Newsroom, letters: list[int], *, headline: str = "The Silos", ties: str = "",
    body: str = "Who built the silos, and who owns them now?", answer: str = "Nobody knows.\n\nWe asked the mill.",
) -> str:  # fmt: skip
    """Make one question of the letters, answer it as Leyla, approve it and pick it for the next edition.

    Return the public id of the question.
    """

    def answer_and_pick(session: Session) -> str:
        nora, rows = newsroom.nora, [session.get_one(Letter, key) for key in letters]
        question = actions.open_question(session, nora, rows, headline=headline, body=body, language="en")
        wording.clear(session, nora, question, question.text_id or 0)
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        edition.slots = 1_000
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        assignment = assigning.assign(session, nora, question, leyla, for_edition_id=edition.id)
        invitations.invite(session, nora, assignment)
        content = writing.AnswerContent(answer, ties=ties, own_words=True)
        reply = writing.submit(session, ExpertActor(leyla.id, leyla.name, assignment.id), assignment, content)
        editing.approve(session, nora, reply, checklist=editing.CHECKLIST, reason="read to her by phone")
        slots.pick(session, nora, question, edition)
        return question.public_id

    return database.write(answer_and_pick)


def lock_edition(database: Database, newsroom: Newsroom) -> None:
    def lock(session: Session) -> None:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        locking.lock_edition(session, newsroom.nora, edition)

    database.write(lock)


def send_edition(database: Database, newsroom: Newsroom) -> None:
    """Mark the locked edition as sent."""

    def send(session: Session) -> None:
        edition = session.scalars(select(Edition).filter_by(state="locked")).one()
        publication.send(session, newsroom.nora, edition)

    database.write(send)


def publish_answer(database: Database, newsroom: Newsroom, letters: list[int], **texts: Any) -> str:
    """Answer the letters, send the edition, and return the question's public id. `texts` is for `answer_letters`."""
    public_id = answer_letters(database, newsroom, letters, **texts)
    lock_edition(database, newsroom)
    send_edition(database, newsroom)
    return public_id


def get_question(session: Session, public_id: str) -> Question:
    return session.scalars(select(Question).filter_by(public_id=public_id)).one()


def let_site_frame(database: Database, newsroom: Newsroom, origin: str) -> None:
    """Let a site alone frame the newsletter's pages for other sites, as its settings do."""

    def write(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        newsletter.framed_by, newsletter.version = [origin], newsletter.version + 1

    database.write(write)


def strip_form_tokens(page: bytes) -> str:
    """Return a page without the tokens and names of its forms. Bytes that aren't UTF-8 are replaced."""
    tokens_and_names = r'name="form" value="[^"]+"(?: data-task="[^"]+")?|name="f[0-9a-f]{8}"'
    return re.sub(tokens_and_names, "", page.decode(errors="replace"))


def render_page(app: Flask, path: str) -> tuple[int, str]:
    """Render a page without the cache. Return the status and the page without form tokens."""
    response = Response.from_app(
        app.extensions["copies"].wsgi_app, EnvironBuilder(path, base_url=BASE_URL).get_environ()
    )
    return response.status_code, strip_form_tokens(response.get_data())


def add_topic_and_expert_page(database: Database, newsroom: Newsroom, public_id: str) -> str:
    """Give a published question the topic "Grain", and Leyla an expert page and a photo, so that there is a page of every kind.

    Return the public id of the expert page.
    """

    def publish(session: Session) -> str:
        grain = Topic(newsletter_id=newsroom.newsletter_id, slug="grain", name="Grain")
        question = session.scalars(select(Question).filter_by(public_id=public_id)).one()
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        actions.set_topics(session, newsroom.nora, question, [add_and_flush(session, grain).id])
        expert_pages.give_consent(session, newsroom.leyla, leyla, newsroom.newsletter_id)
        credit = expert_photos.PhotoCredit("Dinara Omarova", "press")
        expert_photos.save_photo(session, newsroom.leyla, leyla, "", credit, b"a picture")
        photo_id = session.scalars(select(ExpertPhoto.public_id)).one()
        expert_photos.show_photo(session, newsroom.leyla, leyla, photo_id, [newsroom.newsletter_id])
        return session.scalars(select(ExpertPage.public_id).filter_by(expert_id=leyla.id)).one()

    return database.write(publish)


def list_public_paths(database: Database, slug: str = "steppe") -> dict[str, str]:
    """Return the path of a page of every kind that is cached, by its endpoint, and of some with parameters."""
    with database.read() as session:
        newsletter_id = session.scalars(select(Newsletter.id).filter_by(slug=slug)).one()
        edition = session.scalars(select(Edition).filter_by(state="sent", newsletter_id=newsletter_id)).first()
        questions = session.scalars(
            select(Question).where(Question.is_published, Question.newsletter_id == newsletter_id)
        ).all()
        topic = session.scalars(select(Topic.slug).filter_by(newsletter_id=newsletter_id).order_by(Topic.id)).first()
        expert = session.scalars(select(ExpertPage.public_id).filter_by(newsletter_id=newsletter_id)).first()
        photo = session.scalars(select(ShownPhoto.digest).filter_by(newsletter_id=newsletter_id)).first()
        name = session.get_one(Newsletter, newsletter_id).name
        item = session.scalars(select(EditionItem).filter_by(question_id=questions[-1].id)).one()
    assert edition is not None
    card = Card(headline(item), name, item.piece["language"])
    root, question = f"/{slug}", questions[-1]
    paths = {
        "home": f"{root}/",
        **{name: f"{root}/{name}" for name in ("ask", "answers", "editions", "corrections", "protection")},
        "feed": f"{root}/feed.xml",
        "json_feed": f"{root}/feed.json",
        "calendar": f"{root}/calendar.ics",
        "story": f"{root}/q/{_question_path(question)}",
        "edition": f"{root}/editions/{edition.public_id}",
        **({"topic": f"{root}/topics/{topic}"} if topic else {}),
        "answers_in_language": f"{root}/languages/en",
        **({"expert": f"{root}/experts/{expert}"} if expert else {}),
        **({"card": f"{root}/cards/{question.public_id}/{card.digest}.png"} if card.can_be_drawn else {}),
        **({"photo": f"{root}/photos/{photo}.jpg"} if photo else {}),
        "framed_answers": f"{root}/framed/answers",
        "framed_story": f"{root}/framed/q/{question.public_id}",
        "framed_edition": f"{root}/framed/editions/{edition.public_id}",
        "framed_ask": f"{root}/framed/ask",
        "sitemap": f"{root}/sitemap.xml",
        "sitemap_of_pages": f"{root}/sitemap-pages.xml",
        "sitemap_of_year": f"{root}/sitemap-{edition.runs_at.year}.xml",
    }
    return paths | {
        "another": f"{root}/q/{_question_path(questions[0])}",
        "in Persian": f"{root}/answers?lang=fa",
        "a story in Persian": f"{root}/q/{_question_path(question)}?lang=fa",
        "of a year": f"{root}/answers?year={edition.runs_at.year}",
        "about an edition": f"{root}/ask?edition={edition.public_id}",
        "one": f"{root}/framed/answers?n=1",
    }


def _question_path(question: Question) -> str:
    return f"{question.public_id}/{question.text.slug if question.text else 'q'}"


def solve_proof_of_work(task: str) -> str:
    """Solve the proof of work as a browser does."""
    challenge, count, bits = task.split(".")
    numbers: list[int] = []
    number = 0
    while len(numbers) < int(count):
        if int.from_bytes(sha256(f"{challenge}{number}".encode()).digest()[:4]) >> (32 - int(bits)) == 0:
            numbers.append(number)
        number += 1
    return ".".join(map(str, numbers))
