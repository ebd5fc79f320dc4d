"""What nobody types by hand but a form can hold: the desk takes it or says why not, and nothing breaks."""

import pytest
from flask import Flask

from app.db import Database
from app.newsletters.models import Newsletter
from tests.assignments import Asked, asked
from tests.at_desk import Browser, everything
from tests.cast import Newsroom
from tests.desk_browser import DeskBrowser
from tests.test_desk_letters import write

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def nora(app: Flask, newsroom: Newsroom) -> Browser:
    return Browser(app, newsroom.nora)


@pytest.fixture
def leylas(database: Database, newsroom: Newsroom) -> Asked:
    return asked(database, newsroom)


def place(database: Database, asked: Asked) -> str:
    with database.read() as session:
        return f"questions/{asked.assignment(session).question.public_id}/assignments/{asked.public_id}"


@pytest.mark.parametrize(
    ("zone", "typed"), [("Europe/Prague", "0001-01-01T00:00"), ("America/New_York", "9999-12-31T23:59")]
)
def test_a_time_that_the_calendar_has_not_in_this_zone_is_none(
    nora: Browser, database: Database, newsroom: Newsroom, leylas: Asked, zone: str, typed: str
) -> None:
    database.write(lambda session: setattr(session.get_one(Newsletter, newsroom.newsletter_id), "zone", zone))
    here, before = place(database, leylas), everything(database)
    assert nora.get(f"{here}?reply_by={typed}&due_at={typed}") == nora.get(here)
    nora.press(f"{here}/extend", status=422, due_at=typed)
    assert everything(database) == before


def test_an_old_page_of_a_newsletter_that_is_called_questions_is_told_as_any_other(app: Flask) -> None:
    answer = app.test_client().post("/desk/questions/letters", data={"act": "question"}, base_url="https://localhost")
    assert (answer.status_code, "The page was too old" in answer.text) == (400, True)


def test_an_old_page_gives_a_letter_to_an_expert_back_and_no_number_of_a_row(
    app: Flask, database: Database, newsroom: Newsroom, leylas: Asked
) -> None:
    nora = DeskBrowser(app, database, newsroom.nora, newsroom.slug)
    nora.token = "old"
    where = place(database, leylas)
    page = nora.post(f"/{where}/write", 400, letter="Dear Leyla, is it 40 plates or 54?")
    assert "Dear Leyla, is it 40 plates or 54?</textarea>" in page and "Back to the question" in page
    assert "What you wrote" not in nora.post("/letters", 400, letter=leylas.public_id, act="question")


def test_an_address_that_no_page_of_the_desk_has_leads_back_to_it(nora: Browser) -> None:
    for path in ("nonsense", "../nonsense"):
        page = nora.open(path)
        assert page.status_code == 404
        assert "Back to the desk" in page.text and "To the front page" not in page.text


def test_a_letter_is_no_look_alike_of_itself(nora: Browser, database: Database, newsroom: Newsroom) -> None:
    letter = write(database, newsroom, "Who counts the salt in the orchards?")
    before = everything(database)
    nora.press(f"letters/{letter}/alike", status=404, **{"with": f"letter.{letter}"}, same="yes", version=1)
    assert everything(database) == before
