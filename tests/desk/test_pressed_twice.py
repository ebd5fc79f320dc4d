"""Double clicks, and forms that are sent again: what was pressed once is done once, and both presses see the same page."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core import state_machine
from app.db.engine import Database
from app.db.fault_kinds import Busy
from app.forms import idempotency
from app.forms.models import PressKey
from app.letters.models import Letter
from app.letters.receipts import reader_of
from app.models import Base
from app.questions.models import Note
from app.workflows.letters import withdrawal
from tests.support.desk import FIRST_QUESTION, ComingEdition, Desk, press_undo
from tests.support.letters import get_letter, open_question, send_letter
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import wait_until

WORDS = "Who measures the salt in the orchards?"
TOO_SOON = "Nothing more was done: this button came where you had just pressed another. If you mean it, press it now."
AGAIN = "This was done already: the same form had been sent before. Nothing is done twice."


def form_of(nora: Desk, path: str, end: str, **typed: Any) -> Callable[[], str]:
    """A form as a page has it, with what is typed into it: each call presses it, and gives where that led."""
    form = nora.get(path).form(end)
    fields: dict[str, Any] = form.fields | typed
    return lambda: nora.post(form.action, **fields)


def count(database: Database, table: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count(table.id))) or 0


def test_keep_the_letter_twice_is_one_letter_and_the_same_page(nora: Desk, database: Database) -> None:
    keep = form_of(nora, "letters/new", "/letters/new", body=WORDS)
    assert keep() == keep()
    assert count(database, Letter) == 1


def test_mark_as_sent_twice_says_that_it_was_sent(nora: Desk, coming_edition: ComingEdition) -> None:
    for one in coming_edition.create_questions(FIRST_QUESTION):
        coming_edition.press("pick", question=one)
    coming_edition.press("lock", version=coming_edition.version())
    mark = form_of(nora, coming_edition.page, "/send")
    first, second = nora.get(mark()), nora.get(mark())
    assert (second.main_text, second.error_summary) == (first.main_text, [])
    assert "It was sent on" in second.main_text


def lock_and_mark_as_sent(nora: Desk, coming_edition: ComingEdition) -> str:
    """Lock the coming edition with a question in it, press "Mark as sent", and return where that led."""
    for one in coming_edition.create_questions(FIRST_QUESTION):
        coming_edition.press("pick", question=one)
    coming_edition.press("lock", version=coming_edition.version())
    return form_of(nora, coming_edition.page, "/send")()


@pytest.mark.usefixtures("pause")
def test_recall_it_where_mark_as_sent_was_needs_a_second(
    nora: Desk, coming_edition: ComingEdition, monkeypatch: pytest.MonkeyPatch
) -> None:
    led = lock_and_mark_as_sent(nora, coming_edition)
    page = nora.get(form_of(nora, led, "/recall")())
    assert (page.notice, coming_edition.get_contents()[0]) == (TOO_SOON, "sent")
    monkeypatch.setattr(state_machine, "PAUSE", timedelta(0))
    form_of(nora, led, "/recall")()
    assert coming_edition.get_contents()[0] == "locked"


@pytest.mark.usefixtures("pause")
def test_a_form_that_came_too_soon_can_be_sent_again(nora: Desk, coming_edition: ComingEdition) -> None:
    recall = form_of(nora, lock_and_mark_as_sent(nora, coming_edition), "/recall")
    recall()
    wait_until(lambda: recall() and coming_edition.get_contents()[0] == "locked", "the second is over")


@pytest.mark.usefixtures("pause")
def test_somebody_else_may_recall_it_at_once(nora: Desk, vera: Desk, coming_edition: ComingEdition) -> None:
    form_of(vera, lock_and_mark_as_sent(nora, coming_edition), "/recall")()
    assert coming_edition.get_contents()[0] == "locked"


@pytest.mark.usefixtures("pause")
def test_undo_needs_no_pause(nora: Desk, coming_edition: ComingEdition) -> None:
    led = form_of(nora, coming_edition.page, "/skip")()
    assert nora.get(form_of(nora, led, "/undo")()).notice == "Undone."


@pytest.mark.usefixtures("pause")
@pytest.mark.parametrize(("way", "back"), [("shelve", "take"), ("close", "reopen")])
def test_the_way_back_of_a_question_needs_a_second(
    nora: Desk, database: Database, newsroom: Newsroom, way: str, back: str
) -> None:
    page = f"questions/{open_question(database, newsroom)}"
    form_of(nora, page, f"/{way}")()
    assert nora.get(form_of(nora, page, f"/{back}")()).notice == TOO_SOON


@pytest.mark.usefixtures("pause")
def test_the_way_back_of_ticked_questions_needs_a_second(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    question = open_question(database, newsroom)

    def press(page: str, act: str) -> str:
        tick = nora.get(page).value("question")
        return nora.get(form_of(nora, page, "/questions", act=act, question=tick)()).notice

    assert press("questions", "shelf").startswith("One question is done.")
    told = press("shelf", "take")
    assert told == "One stays as it is: you did the opposite a moment ago; if you mean it, press again."
    assert question in nora.get("shelf").value("question")


def test_the_notice_of_both_presses_is_said_once_and_its_undo_works(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    file = form_of(nora, f"letters/{send_letter(database, newsroom, WORDS)}", "/file", kind="tip")
    file()
    led = nora.get(file())
    assert led.texts(".done p") == ["Filed as: Tip. Open it again"]
    assert press_undo(nora, led) == "Undone."


def test_what_was_undone_is_done_again_by_the_same_press(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    """The browser's way back leads to the very form; that it was taken back since, the page of the second says."""
    letter = send_letter(database, newsroom, WORDS)
    file = form_of(nora, f"letters/{letter}", "/file", kind="tip")
    press_undo(nora, file())
    with pytest.raises(AssertionError, match="409"):
        file()
    form_of(nora, f"letters/{letter}", "/file", kind="tip")()
    assert get_letter(database, letter).state == "filed"


def test_undo_twice_is_one_undo(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    letter = send_letter(database, newsroom, WORDS)
    led = form_of(nora, f"letters/{letter}", "/file", kind="tip")()
    undo = form_of(nora, led, "/undo")
    first, second = nora.get(undo()), nora.get(undo())
    assert (first.notice, second.notice) == ("Undone.", "Undone.")


def test_another_text_with_the_same_key_is_another_press(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    page = f"questions/{open_question(database, newsroom)}"
    for note in ("Ask the station.", "Ask the station.", "And the ministry."):
        fields: Any = nora.get(page).form("/note").fields | {"body": note, "note": note, "once": "the same"}
        nora.post(f"{page}/note", **fields)
    assert count(database, Note) == 2


def test_a_press_that_failed_is_pressed_again(nora: Desk, database: Database) -> None:
    form = nora.get("letters/new").form("/letters/new")
    without: dict[str, Any] = form.fields | {"body": ""}
    assert [nora.send(form.action, without).status_code for _ in range(2)] == [422, 422]
    nora.post(form.action, **without | {"body": WORDS})
    assert (count(database, Letter), count(database, PressKey)) == (1, 1)


def test_a_press_whose_transaction_broke_is_pressed_again(
    nora: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = form_of(nora, "letters/new", "/letters/new", body=WORDS)

    def raise_busy(*_: Any, **__: Any) -> None:
        raise Busy

    with monkeypatch.context() as patch:
        patch.setattr("app.letters.receive.send", raise_busy)
        with pytest.raises(AssertionError, match="503"):
            keep()
    assert (count(database, Letter), count(database, PressKey)) == (0, 0)
    keep()
    assert count(database, Letter) == 1


def test_where_nobody_knows_where_the_first_led_the_second_does_nothing_and_says_so(
    nora: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process was ended between the press and its page."""
    keep = form_of(nora, "letters/new", "/letters/new", body=WORDS)

    def raise_busy_at_end(*_: Any) -> None:
        raise Busy

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "settle", raise_busy_at_end)
        keep()
    monkeypatch.setattr(idempotency, "PATIENCE", 0)
    assert nora.get(keep()).notice == AGAIN
    assert count(database, Letter) == 1


def test_hours_later_the_second_press_says_how_it_stands_now(
    nora: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = form_of(nora, "letters/new", "/letters/new", body=WORDS)
    led = keep()
    monkeypatch.setattr(idempotency, "FRESH", timedelta(0))
    assert keep() == led
    assert nora.get(led).notice == AGAIN


@pytest.mark.both_databases
def test_of_eight_presses_at_once_one_counts(nora: Desk, database: Database) -> None:
    form, clients = nora.get("letters/new").form("/letters/new"), 8
    fields: dict[str, Any] = {**form.fields, "body": WORDS, "csrf_token": nora.token}
    at_once, led = Barrier(clients), list[str]()
    cookies = nora.client._cookies.values()

    def press() -> None:
        client = nora.client.application.test_client()
        for one in cookies:
            client.set_cookie(one.key, one.value, domain=one.domain, secure=one.secure)
        at_once.wait()
        led.append(client.post(form.action, base_url="https://localhost", data=fields).location)

    threads = [Thread(target=press) for _ in range(clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with database.read() as session:
        letter = session.scalars(select(Letter)).one()
    assert led == [f"/desk/steppe/letters/{letter.public_id}"] * clients


def test_somebody_else_with_the_same_key_presses_for_themselves(nora: Desk, ilya: Desk, database: Database) -> None:
    for desk in (nora, ilya):
        fields: Any = desk.get("letters/new").form("/letters/new").fields | {"body": WORDS, "once": "the same"}
        desk.post("letters/new", **fields)
    assert count(database, Letter) == 2


def test_no_word_of_a_press_is_kept_and_what_was_said_goes_with_a_letter_that_is_taken_back(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    key = "a key that stands in the form alone"
    keep = form_of(nora, "letters/new", "/letters/new", body=WORDS, once=key)
    led = keep()
    with database.read() as session:
        rows = [str(tuple(row)) for row in session.execute(select(Base.metadata.tables["press_keys"]))]
    assert [word for word in (WORDS, "salt", "letters", key) for row in rows if word in row] == []
    letter = get_letter(database, send_letter(database, newsroom, "Who else?"))
    database.write(lambda s: withdrawal.withdraw(s, reader_of(letter), s.get_one(Letter, letter.id)))
    with database.read() as session:
        assert list(session.scalars(select(PressKey.outcome_sealed))) == [None]
    assert keep() != led
    assert count(database, Letter) == 2


def test_keys_are_kept_for_a_day(nora: Desk, database: Database) -> None:
    form_of(nora, "letters/new", "/letters/new", body=WORDS)()
    with database.read() as session:
        ends = session.scalars(select(PressKey.at)).one() + idempotency.KEPT
    kept = []
    for moment in (ends, ends + timedelta(seconds=1)):
        database.write(idempotency.delete_expired, moment)
        kept.append(count(database, PressKey))
    assert kept == [1, 0]
