"""One search stands on every page of the desk; it finds what Nora may see, and nothing that was sealed or erased."""

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import permissions
from app.core.permissions import Role
from app.db.engine import Database
from app.editions.models import Edition
from app.editions.queries import find_editions_by_date, list_editions_to_run
from app.letters import receipts
from app.letters.models import Letter
from app.web.formatting import full_date
from app.workflows.indexing import index_due
from app.workflows.letters import withdrawal
from tests.support.assignments import TIMURS_LETTER, WORDING, ExpertAssignment
from tests.support.database_checks import count_queries
from tests.support.desk import Desk, queue_news_for_dana
from tests.support.desk_people import create_delta_newsletter, hire
from tests.support.letters import open_question, send_letter
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.both_databases
PAGES = (
    "",
    "letters",
    "questions",
    "shelf",
    "experts",
    "outbox",
    "archive",
    "insights",
    "settings",
    "people",
    "editions",
)


def search(desk: Desk, text: str) -> dict[str, list[str]]:
    """What a search finds, by its headings."""
    while index_due(desk.database):
        pass
    page = desk.get(f"search?q={text}")
    return {one.texts("h2")[0]: one.texts("li > a") for one in page.parts("main section.block")}


@pytest.mark.parametrize("page", PAGES)
def test_it_stands_on_every_page(nora: Desk, page: str) -> None:
    assert nora.get(page).attributes("form[role=search].seek", "action") == ["/desk/steppe/search"]


def test_a_word_finds_letter_question_and_mail_in_one_list(nora: Desk, salt: ExpertAssignment) -> None:
    orchard = "Does the salt reach my orchard?"  # has no minute, and stands behind the others of its day
    send_letter(nora.database, salt.newsroom, orchard)
    assert search(nora, "salt") == {
        "Letters": [f"{TIMURS_LETTER.body} {TIMURS_LETTER.background}".replace("salt.", "salt ."), orchard],
        "Questions": [f"The Salt Wind {WORDING}"],
        "Mails": ["Invitation to Leyla Aydın"],
    }


def test_what_ran_is_found_with_its_edition(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda session: queue_news_for_dana(session, newsroom))
    with nora.database.read() as session:
        ran = session.scalars(select(Edition).filter_by(state="sent")).one().rule_date
    with nora.client.application.test_request_context():
        edition = full_date(ran)
    groups = search(nora, "plates")
    assert (groups["Published answers"], groups["Editions"]) == (["Who knew?"], [edition])
    assert "Questions" not in groups
    assert search(nora, f"{ran:%d.%m.%Y}") == {"Editions": [edition]}


def test_an_expert_is_found_by_name_with_the_mails_to_her(nora: Desk, salt: ExpertAssignment) -> None:
    assert search(nora, "Aydin") == {"Experts": ["Leyla Aydın"], "Mails": ["Invitation to Leyla Aydın"]}


@pytest.mark.parametrize(
    "value",
    ["2 December 2026", "2 Dec 2026", "December 2, 2026", "2026-12-02", "02.12.2026", "2/12/2026", "2 December"],
)
def test_a_date_is_understood_as_it_is_written(newsroom: Newsroom, database: Database, value: str) -> None:
    def plant(session: Session) -> None:
        one = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        one.local_at = "2026-12-02T09:00"

    database.write(plant)
    listing = find_editions_by_date(newsroom.newsletter_id, value)
    assert listing is not None
    with database.read() as session:
        assert "2026-12-02T09:00" in [one.local_at for one in listing.page(session, None, 9)]
        assert {one.local_at[5:10] for one in listing.page(session, None, 9)} == {"12-02"}


@pytest.mark.parametrize("value", ["salt", "2", "the 2 of December", "99999", "2 2 2 2", "", "²"])
def test_what_is_no_date_is_none(value: str) -> None:
    listing = find_editions_by_date(1, value)
    assert listing is None or value == "2"  # the number of an edition


def test_nothing_sealed_is_found(nora: Desk, newsroom: Newsroom) -> None:
    send_letter(nora.database, newsroom, "Who weighs it?", hear_back="once", email="timur@orchard.example")
    nora.database.write(lambda session: queue_news_for_dana(session, newsroom))
    for words in ("orchard", "timur@orchard.example", "leyla@field.example", "field.example"):
        assert search(nora, words) == {}


def test_what_a_reader_took_back_is_not_found(nora: Desk, newsroom: Newsroom) -> None:
    key = send_letter(nora.database, newsroom, "Who weighs the saltpetre?")
    assert list(search(nora, "saltpetre")) == ["Letters"]

    def withdraw(session: Session) -> None:
        letter = session.scalars(select(Letter).filter_by(public_id=key)).one()
        withdrawal.withdraw(session, receipts.reader_of(letter), letter)

    nora.database.write(withdraw)
    assert "Nothing was found." in nora.get_text("search?q=saltpetre")  # also before the worker has looked
    assert search(nora, "saltpetre") == {}


def test_another_newsletter_s_are_not_found_nor_by_its_people(app: Flask, nora: Desk, salt: ExpertAssignment) -> None:
    delta = nora.database.write(create_delta_newsletter)
    saule = Desk(
        app,
        nora.database.write(lambda session: hire(session, delta, "Saule", "saule@delta.example", "editor")),
        "delta",
    )
    assert search(saule, "salt") == {}
    saule.get("/desk/steppe/search?q=salt", 404)
    nora.get("/desk/delta/search?q=salt", 404)


def test_whoever_may_not_read_finds_nothing_and_is_offered_no_search(
    nora: Desk, salt: ExpertAssignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(permissions.ROLES, "editor", Role("editor", frozenset({"trail"})))
    nora.get("search?q=salt", 404)
    assert nora.get("trail").attributes("form.seek", "action") == []


def test_a_full_house_costs_no_more_questions_and_shows_a_few_of_each(nora: Desk, newsroom: Newsroom) -> None:
    def fill(number: int) -> int:
        for at in range(number):
            send_letter(nora.database, newsroom, f"Who weighs the salt, {number} and {at}?")
            open_question(nora.database, newsroom, f"Salt {number} and {at}")
        search(nora, "salt")
        return count_queries(nora.database, lambda: nora.get("search?q=salt"))

    assert fill(2) == fill(9)
    page = nora.get("search?q=salt")
    assert [len(rows) for rows in search(nora, "salt").values()] == [6, 6]
    assert [href for words, href in page.links if words.startswith("All of them")] == [
        "/desk/steppe/letters?q=salt", "/desk/steppe/questions?q=salt",
    ]  # fmt: skip


def test_anything_may_be_typed(nora: Desk) -> None:
    assert "Look for words of a letter" in nora.get_text("search")
    for words in ("%22", "*", "%00", "a" * 5_000, "%D8%B1", "' OR 1", "2026-99-99", "e%CC%81"):
        nora.get(f"search?q={words}")
