"""The pages that everybody can read, as they are made for one request and for no copy."""

import re

from flask import Flask, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import EnvironBuilder

from app.db.engine import Database
from app.db.session import add_and_flush
from app.editions.items import headline
from app.editions.models import Edition, EditionItem
from app.newsletters.models import Newsletter, Topic
from app.people import expert_pages
from app.people.expert_pages import ExpertPage
from app.people.models import Expert
from app.questions import actions
from app.questions.models import Question
from app.typesetting.card import Card
from tests.support.app import BASE_URL
from tests.support.cast import Newsroom


def unsigned(page: bytes) -> str:
    """A page without the tokens of its forms; of a picture what of it is text."""
    return re.sub(r'name="form" value="[^"]+"(?: data-task="[^"]+")?', "", page.decode(errors="replace"))


def fresh(app: Flask, path: str) -> tuple[int, str]:
    """A page as it is made for this request alone."""
    made = Response.from_app(app.extensions["copies"].make, EnvironBuilder(path, base_url=BASE_URL).get_environ())
    return made.status_code, unsigned(made.get_data())


def with_topic_and_page(database: Database, newsroom: Newsroom, public_id: str) -> str:
    """What ran gets the topic "Grain", and Leyla says yes to a page of hers: then there is a page of every kind. Gives
    the key of hers."""

    def fn(session: Session) -> str:
        grain = Topic(newsletter_id=newsroom.newsletter_id, slug="grain", name="Grain")
        question = session.scalars(select(Question).filter_by(public_id=public_id)).one()
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        actions.set_topics(session, newsroom.nora, question, [add_and_flush(session, grain).id])
        expert_pages.say_yes(session, newsroom.leyla, leyla, newsroom.newsletter_id)
        return session.scalars(select(ExpertPage.public_id).filter_by(expert_id=leyla.id)).one()

    return database.write(fn)


def addresses(database: Database, slug: str = "steppe") -> dict[str, str]:
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
