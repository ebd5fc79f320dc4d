"""Each page of the desk that has a counterpart for readers links to it from its header, and no other page does."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.answers.models import Answer
from app.db.engine import Database
from app.people.models import Expert
from app.questions import actions
from app.questions.models import Question
from tests.support.desk import LOCALHOST, ComingEdition, Desk
from tests.support.letters import open_question
from tests.support.pages import Page
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom


def find_header_link(desk: Desk, path: str) -> str:
    """Return where the link in the header of a page leads; empty if there is none."""
    return next(iter(desk.get(path).attributes(".as-read a", "href")), "")


@pytest.mark.parametrize(
    ("path", "counterpart"),
    [
        ("", "/steppe/"),
        ("archive", "/steppe/answers"),
        ("editions", "/steppe/editions"),
        ("call", "/steppe/ask"),
        ("letters", ""),
        ("questions", ""),
        ("settings", ""),
    ],
)
def test_pages_about_the_newsletter_link_to_what_readers_see(nora: Desk, path: str, counterpart: str) -> None:
    assert find_header_link(nora, path) == counterpart


def test_every_page_about_a_published_question_links_to_its_story(
    nora: Desk, database: Database, newsroom: Newsroom, client: FlaskClient
) -> None:
    public_id = publish_answer(database, newsroom, [], headline="Salt", body="Who measures it?")
    with database.read() as session:
        answer = session.scalars(select(Answer)).one().public_id
    page = f"questions/{public_id}"
    story = f"/steppe/q/{public_id}/salt"
    for path in (page, f"{page}/answers/{answer}", f"{page}/letters", f"{page}/correct"):
        assert (path, find_header_link(nora, path)) == (path, story)
    assert Page(client.get(story, base_url=LOCALHOST).text).heading == "Salt"


def test_a_question_that_readers_dont_see_has_no_link_and_one_whose_wording_is_shown_links_to_the_form(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    page = f"questions/{open_question(database, newsroom)}"
    assert find_header_link(nora, page) == ""
    database.write(lambda s: actions.show(s, newsroom.nora, s.scalars(select(Question)).one(), is_public=True))
    assert find_header_link(nora, page) == "/steppe/ask"


def test_an_edition_has_a_link_once_it_is_sent(
    nora: Desk, database: Database, newsroom: Newsroom, coming_edition: ComingEdition
) -> None:
    assert find_header_link(nora, coming_edition.page) == ""
    publish_answer(database, newsroom, [], headline="Salt", body="Who measures it?")
    assert find_header_link(nora, coming_edition.page) == f"/steppe/editions/{coming_edition.id}"


def test_an_expert_with_a_page_has_a_link_to_it(
    nora: Desk, database: Database, newsroom: Newsroom, client: FlaskClient
) -> None:
    publish_answer(database, newsroom, [], headline="Salt", body="Who measures it?")
    with database.read() as session:
        expert = session.get_one(Expert, newsroom.leyla.expert_id).public_id
    assert find_header_link(nora, f"experts/{expert}") == ""
    nora.post(f"experts/{expert}/page", how="By phone, today.")
    page = client.get(find_header_link(nora, f"experts/{expert}"), base_url=LOCALHOST)
    assert (page.status_code, Page(page.text).heading) == (200, "Leyla Aydın")
