"""Routing in a real browser: who fits is ticked and asked, a file is looked through and imported, twice is made once; by
pointer, by keyboard alone, without scripts. Every page fits and axe finds nothing."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.answers import assigning, ladder
from app.answers.models import Assignment
from app.db.engine import Database
from app.people import directory
from app.people.models import Expert
from app.questions import actions, wording
from app.workflows.indexing import index_due
from tests.support.assignments import ask_expert
from tests.support.clock import today
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.user_browsers import INPUT_METHODS, UserBrowsers

pytestmark = pytest.mark.browser

FILE = "ФИО;Почта;Темы\nСауле Бекова;saule@survey.example;соль\nMarek Dvorak;marek@uni.example;ice\n"
WRONG = "name,e-mail\nSaule,nowhere\n,a@b.example\n"
WORDS = "Which salt harms an orchard near the Karakum plain most?"


@pytest.fixture
def question(database: Database, newsroom: Newsroom) -> str:
    """Leyla has answered one that is like it; nobody has it yet."""

    def open_(session) -> str:
        create_answered_question(session, newsroom, "Who measures the salt in the orchards of the Karakum?")
        one = actions.open_question(session, newsroom.nora, [], headline="The Orchard", body=WORDS, language="en")
        wording.clear(session, newsroom.nora, one, one.text_id or 0)
        return one.public_id

    public_id = database.write(open_)
    index_due(database)
    return public_id


@INPUT_METHODS
def test_experts_are_ticked_and_asked_imported_and_made_one(
    chromium, database, newsroom, site, question, tmp_path, press, scripts
):
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts).sign_in_staff()
    nora.scripts = False  # the pages are looked over below, once for all
    nora.open(f"/desk/steppe/questions/{question}/ask")
    for name in ("Leyla Aydın", "Marek Dvořák"):
        press(nora, name)
    if not scripts:
        nora.unfold("When there are several")
    press(nora, "Ask one after another")
    press(nora, "Send to the selected experts")
    expect(nora.page.locator("main")).to_contain_text("Is asked next, if Leyla Aydın says no")
    with database.read() as session:
        asked_now = session.scalars(select(Assignment).filter_by(state="invited")).one()
        assert asked_now.expert_id == newsroom.leyla.expert_id

    (tmp_path / "list.csv").write_bytes(FILE.encode("cp1251"))
    nora.open("/desk/steppe/experts")
    press(nora, "Import or export a file")
    nora.page.set_input_files("#file", tmp_path / "list.csv")
    press(nora, "Look through it")
    expect(nora.page.locator("main")).to_contain_text("2 experts would be new, 0 would change.")
    press(nora, "Import 2 experts")
    expect(nora.page.locator("main")).to_contain_text("Сауле Бекова")

    press(nora, "Look for duplicates")
    press(nora, "Keep this one")
    expect(nora.page.locator("main")).to_contain_text("They are one now")
    expect(nora.page.locator(".done a")).to_have_text("Open the profile")
    with database.read() as session:
        assert session.scalars(select(Expert.merged_into_id).where(Expert.merged_into_id.is_not(None))).all() == [2]
    nora.context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_every_page_of_routing_fits_and_axe_finds_nothing(
    chromium, database, newsroom, site, question, tmp_path, width
):
    salt = ask_expert(database, newsroom, expert="gulnara")

    def fill_directory(session) -> list[str]:
        nora = newsroom.nora
        away = {"away_until": today() + timedelta(9), "topics": ["вода", "salt"], "languages": ["fa", "kk-Arab"]}
        parisa = directory.record_expert(session, nora, "پریسا رضایی", None, ties="Sells plates.", at_once=1, **away)
        directory.record_expert(session, nora, "Leyla Aydin", "leyla@uni.example")
        before = salt.assignment(session)
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        ladder.put_after(session, nora, assigning.assign(session, nora, before.question, leyla), before)
        return [parisa.public_id, before.question.public_id]

    parisa, laddered = database.write(fill_directory)
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts=True).sign_in_staff()
    nora.page.set_viewport_size({"width": width, "height": 900})
    for path in ("experts", "experts?q=salt&show=away", f"experts/{parisa}", "experts/files", "experts/duplicates",
                 f"questions/{question}", f"questions/{question}/ask", f"questions/{laddered}", f"questions/{laddered}/ask"):  # fmt: skip
        nora.open_unfolded(f"/desk/steppe/{path}")
    for name, data in (("wrong.csv", WRONG), ("list.csv", FILE)):
        (tmp_path / name).write_text(data)
        nora.open("/desk/steppe/experts/files")
        nora.page.set_input_files("#file", tmp_path / name)
        nora.checked_pages.clear()
        nora.press("Look through it")
    nora.context.close()
