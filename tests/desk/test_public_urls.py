"""Each page of the desk that has a counterpart for readers links to it from its header, and no other page does."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.answers.models import Answer
from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions
from tests.support.desk import LOCALHOST, ComingEdition, Desk
from tests.support.letters import QUESTION_BODY, open_question
from tests.support.pages import Page
from tests.support.reader_pages import get_question, publish_answer
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


def show_question(database: Database, newsroom: Newsroom, public_id: str) -> None:
    database.write(lambda s: actions.show(s, newsroom.nora, get_question(s, public_id), is_public=True))


def test_an_open_question_links_to_the_front_page_while_its_cleared_wording_is_there(
    nora: Desk, database: Database, newsroom: Newsroom, client: FlaskClient
) -> None:
    public_id = open_question(database, newsroom)
    page = f"questions/{public_id}"
    assert find_header_link(nora, page) == ""
    show_question(database, newsroom, public_id)
    assert find_header_link(nora, page) == "/steppe/"
    assert QUESTION_BODY in Page(client.get("/steppe/", base_url=LOCALHOST).text).texts(".asked-list .said")
    nora.post_action(page, "wording", headline="The Wind", body="Who sweeps the salt?", language="en")
    assert find_header_link(nora, page) == ""
    nora.post(f"{page}/clear", label="en.2")
    assert find_header_link(nora, page) == "/steppe/"
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "state", "paused"))
    assert find_header_link(nora, page) == ""


def test_of_the_open_questions_only_those_on_the_front_page_link_to_it(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    public_ids = [open_question(database, newsroom, headline=headline) for headline in ("Salt", "Wind", "Rain", "Dew")]
    for public_id in public_ids:
        show_question(database, newsroom, public_id)
    links = [find_header_link(nora, f"questions/{public_id}") for public_id in public_ids]
    assert links == ["", "/steppe/", "/steppe/", "/steppe/"]


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
