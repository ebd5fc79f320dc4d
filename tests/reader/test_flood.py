"""A flood through the form, with twenty of readers in it: none is lost, the desk reads them first, and its disk is not filled."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from flask.testing import FlaskClient
from limits import RateLimitItemPerMinute
from sqlalchemy import select

import config
from app.db.engine import Database, open_database
from app.letters import crowds, receive
from app.letters.models import Letter
from app.reader import submission
from tests.support.app import PRODUCTION_SETTINGS
from tests.support.desk import Desk
from tests.support.floods import HONEST_LETTERS, mixed_text, text_with_gaps
from tests.support.letters import list_letter_ids
from tests.support.pages import Page
from tests.support.reader_pages import SILOS_QUESTION, get_form_token, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom

SIZE, ROOM = 200, 20


@pytest.fixture
def flooded(
    limited_client: FlaskClient, database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What came, in its order: as long as nobody has seen that it is a flood it comes in, and from then on it is held."""
    monkeypatch.setattr(submission, "FLOOD", RateLimitItemPerMinute(ROOM, 10))
    rng = Random(3)
    texts = [text_with_gaps(rng) if at < ROOM else mixed_text(rng) for at in range(SIZE)]
    for number, text in enumerate(HONEST_LETTERS):
        texts.insert(number * SIZE // len(HONEST_LETTERS), text)
    for text in texts:
        assert send_question(limited_client, body=text).status_code == 200
    crowds.rank_waiting_letters(database)
    return texts


def list_waiting(database: Database, newsroom: Newsroom) -> list[Letter]:
    with database.read() as session:
        return crowds.list_waiting_letters(newsroom.newsletter_id).page(session, None, 1_000)


@pytest.mark.threat("flood")
def test_twenty_of_twenty_are_in_and_stand_first(
    flooded: list[str], database: Database, newsroom: Newsroom, nora: Desk, attempts: Callable[[int], None]
) -> None:
    letters = list_waiting(database, newsroom)
    assert sorted(one.body or "" for one in letters) == sorted(flooded)
    places = [crowds.part_index(one) for one in letters]
    assert places == sorted(places)
    first = [one.body for one in letters if crowds.part_index(one) == 0]
    held = [one.body for one in letters if crowds.part_index(one) == 2]
    assert {*first} <= {*HONEST_LETTERS}
    assert len([text for text in held[:30] if text in HONEST_LETTERS]) == len(
        [text for text in held if text in HONEST_LETTERS]
    )

    page = nora.get("/letters")
    assert page.texts("h2.label") == ["Like many others these days", "Held: a person looks first"]
    ids = {one.public_id: one.body for one in letters}
    assert [ids[key] for key in list_letter_ids(page)] == [one.body for one in letters][:40]
    attempts(len(flooded))


@pytest.mark.threat("flood")
def test_what_came_before_it_was_seen_is_held_by_one_press_and_comes_back_by_another(
    flooded: list[str], database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    def count_unheld() -> int:
        return sum(one.is_received for one in list_waiting(database, newsroom))

    before = count_unheld()
    page = nora.get("/letters")
    crowd = page.part("section[aria-labelledby=to-hold]").values("crowd")[0]
    number = int(crowd.split(".")[1])
    assert number > ROOM / 2
    done = nora.get(nora.post("/letters/crowds/hold", crowd=crowd))
    assert f"{number} letters are held." in done
    assert count_unheld() == before - number
    crowds.rank_waiting_letters(database)
    with database.read() as session:
        assert {one.held_reason for one in session.scalars(select(Letter).where(Letter.is_held))} == {"crowd", "flood"}
        assert crowds.list_crowds_to_hold(session, newsroom.newsletter_id) == []
    assert "Nothing was done. More have come: look again." in nora.get(nora.post("/letters/crowds/hold", crowd=crowd))

    assert "Undone." in nora.get(nora.post("/undo", press=done.values("press")[0]))
    assert count_unheld() == before
    crowds.rank_waiting_letters(database)
    assert crowd.split(".")[1] in nora.get("/letters").part("section[aria-labelledby=to-hold]").main_text


def test_what_somebody_let_go_is_not_shown_again(
    flooded: list[str], database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    crowd = nora.get("/letters").part("section[aria-labelledby=to-hold]").values("crowd")[0]
    nora.post("/letters/crowds/hold", crowd=crowd)
    public_id = crowd.split(".")[0]
    page = nora.get(f"/letters/{public_id}")
    assert page.part("ul.whys").main_text == "Somebody at the desk held it with others like it."
    nora.post(f"/letters/{public_id}/release", **page.form(f"/letters/{public_id}/release").fields)
    crowds.rank_waiting_letters(database)
    [letter] = [one for one in list_waiting(database, newsroom) if one.public_id == public_id]
    assert (letter.is_received, crowds.part_index(letter), letter.crowd) == (True, 0, 0)


@pytest.mark.threat("flood")
def test_a_held_letter_and_one_that_came_in_have_the_same_page(
    limited_client: FlaskClient, newsroom: Newsroom, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "FLOOD", RateLimitItemPerMinute(1, 10))
    answers = [send_question(limited_client, body=SILOS_QUESTION) for _ in range(2)]
    with database.read() as session:
        assert sorted(one.state for one in session.scalars(select(Letter))) == ["held", "received"]
    shown = {re.sub(r"\d{4}", "0000", Page(answer.text).main_text) for answer in answers}
    opened = {
        re.sub(
            r"\d{4}",
            "0000",
            Page(limited_client.post("/steppe/receipt", data={"receipt": read_receipt(one.text)}).text).main_text,
        )
        for one in answers
    }
    assert (len(shown), len(opened), len({len(one.data) for one in answers})) == (1, 1, 1)


@pytest.mark.threat("flood")
def test_who_asks_without_scripts_once_a_flood_is_over_is_not_held(
    limited_client: FlaskClient, newsroom: Newsroom, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a great flood, which makes the next rush a flood at once."""
    monkeypatch.setattr(submission, "FLOOD", RateLimitItemPerMinute(20, 10))
    monkeypatch.setattr(submission, "GREAT_FLOOD", RateLimitItemPerMinute(22, 10))

    def list_held_texts(texts: list[str]) -> list[str]:
        for text in texts:
            assert send_question(limited_client, body=text).status_code == 200
        with database.read() as session:
            return [
                one.body or "" for one in session.scalars(select(Letter).where(Letter.is_held)) if one.body in texts
            ]

    rng = Random(5)
    flood = [text_with_gaps(rng) for _ in range(24)]
    assert len(list_held_texts(flood)) == 4
    clock = submission.unix_time
    monkeypatch.setattr(submission, "unix_time", lambda: clock() + 60)
    assert list_held_texts(["Who sells the water of the lake?"]) == [
        "Who sells the water of the lake?"
    ]  # it may still go on
    monkeypatch.setattr(submission, "unix_time", lambda: clock() + 180)
    assert list_held_texts([SILOS_QUESTION]) == []
    rush = [text_with_gaps(rng) for _ in range(5)]
    assert len(list_held_texts(rush)) >= 3  # the first two of a minute are no rush


@pytest.mark.threat("flood")
def test_a_full_desk_says_so_and_the_words_stay_in_the_form(
    limited_client: FlaskClient, newsroom: Newsroom, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond what is kept of a day some still come in; who is not among them reads it, and is told no number."""
    monkeypatch.setattr(receive, "daily_limit", lambda _session: 2)
    monkeypatch.setattr(submission, "BEYOND", RateLimitItemPerMinute(1, 10))
    first = get_form_token(limited_client)
    assert [
        send_question(limited_client, form=form).status_code
        for form in (first, *(get_form_token(limited_client) for _ in range(3)))
    ] == [200] * 4  # two of the day, one that is unlike what is held, and one more
    refused = send_question(limited_client, body="Who sells the water of the lake?", background="I live there.")
    page = Page(refused.text)
    assert (refused.status_code, page.texts("p.code")) == (503, [])
    assert page.values("background") == ["I live there."]
    assert "Who sells the water of the lake?" in refused.text
    assert "Your question is not sent, and every word of it is still here." in page.main_text
    with database.read() as session:
        assert len(session.scalars(select(Letter)).all()) == 4
    again = send_question(limited_client, form=first)
    assert (again.status_code, len(read_receipt(again.text))) == (200, 20)  # what was sent keeps its number


def test_a_newsroom_may_keep_more_letters_of_a_day(tmp_path: Path) -> None:
    given = {**PRODUCTION_SETTINGS, "DATABASE_URL": f"sqlite:///{tmp_path}/newsroom.db"}
    for more, most in (({}, receive.MOST_A_DAY), ({"LETTERS_A_DAY": "60000"}, 60_000)):
        database = open_database(config.load({**given, **more}))
        with database.read() as session:
            assert receive.daily_limit(session) == most
        database.close()
