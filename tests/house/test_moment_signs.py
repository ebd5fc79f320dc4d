"""Somebody floods a newsletter for a minute, and later steals the database: which honest letters came in that minute?"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, inspect, select, text

from app.audit.models import Event
from app.core.actors import Reader
from app.core.clock import utc_now
from app.db.engine import Database
from app.letters import crowds, filing, moment_signs, receive
from app.letters.look_alike_flags import flag_new_letters
from app.letters.models import Letter
from app.letters.receipts import find_receipt, reader_of
from app.letters.spam_filter import HELD_BY_DESK, HELD_THAT_DAY, MOMENT_SIGNS, SIGNS, SIGNS_BY_CODE
from app.newsletters.models import Newsletter
from app.questions import actions, wording
from app.workflows import undo
from app.workflows.indexing import index_due
from app.workflows.letters import withdrawal
from app.workflows.retention.forget_order import forget_order
from tests.support.floods import HONEST_LETTERS, send_flood
from tests.support.letters import get_letter, send_letter
from tests.support.reader_pages import get_form_token, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom

FORMS = 75
FLOOD = "They poison the wells at the old mill, ask who pays them, number {}"
# Columns that differ between any two letters: drawn at random, or the reader's own words.
WORD = r"(?:^|[\"'])([a-z ]+)(?:[\"']|$)"  # a code, as a value or in JSON
DIFFER = {"id", "rowid", "public_id", "noun_id", "letter_id", "body", "text", "language", "form_mac", "receipt_mac"}


def work_off(database: Database) -> None:
    """Let the worker look at what has come."""
    index_due(database)
    flag_new_letters(database)
    crowds.rank_waiting_letters(database)


def pass_the_night(database: Database) -> None:
    assert forget_order(database, utc_now() + timedelta(days=1))
    work_off(database)


def list_marks(connection: Connection, letter_id: int) -> Iterator[tuple[str, str, Any]]:
    """Everything that rows about a letter hold, but what differs between any two."""
    look = inspect(connection)
    for table in look.get_table_names():
        if table.startswith(("desk_fts", "public_fts", "sqlite_", "vectors")):
            continue
        columns = [column["name"] for column in look.get_columns(table)]
        about = "id" if table == "letters" else "letter_id" if "letter_id" in columns else "noun_id"
        if about not in columns:
            continue
        rule = " AND noun = 'letter'" if "noun" in columns else ""
        rows = connection.execute(text(f"SELECT * FROM {table} WHERE {about} = :key{rule}"), {"key": letter_id})
        for row in rows.mappings():
            yield from ((table, name, str(value)) for name, value in row.items() if name not in DIFFER)


def say_marks(database: Database, receipt: str, *but: str) -> list[tuple[str, str, Any]]:
    with database.read() as session:
        marks = sorted(list_marks(session.connection(), find_letter(session, receipt).id))
        return [mark for mark in marks if mark[1] not in but]


def find_letter(session: Any, receipt: str) -> Letter:
    letter = find_receipt(session, receipt)
    assert letter is not None
    return letter


@pytest.mark.threat("stolen database", "flood")
def test_after_the_night_no_mark_says_which_honest_letters_came_in_the_minute_of_a_flood(
    limited_client: FlaskClient, database: Database, newsroom: Newsroom, attempts: Callable[[int], None]
) -> None:
    def show() -> str:
        def fn(session: Any) -> str:
            question = actions.open_question(session, newsroom.nora, [], body="Who lit the lamps?", language="en")
            wording.clear(session, newsroom.nora, question, question.text_id or 0)
            actions.show(session, newsroom.nora, question, True)
            return question.public_id

        return database.write(fn)

    path = f"/steppe/ask/{show()}"

    def come(first: int) -> list[str]:
        """Five readers ask, one takes it back, and one presses "I'd like to know this too"."""
        sent = [send_question(limited_client, body=body) for body in HONEST_LETTERS[first : first + 5]]
        sent.append(limited_client.post(path, data={"form": get_form_token(limited_client)}))
        receipts = [read_receipt(response.text) for response in sent]
        limited_client.post("/steppe/receipt/withdraw", data={"receipt": receipts[4]})
        work_off(database)
        return receipts

    outside = come(0)
    for number in range(FORMS):
        assert send_question(limited_client, body=FLOOD.format(number)).status_code == 200
    inside = come(5)
    with database.read() as session:
        letters = [find_receipt(session, receipt) for receipt in inside]
        assert [one.state for one in letters if one][:4] == ["held"] * 4, "the flood marks them on the day itself"
    for receipt in (outside[3], inside[3]):  # what the desk did has its time, but not that the letter was held
        database.write(lambda s, r=receipt: filing.file(s, newsroom.nora, find_letter(s, r), "tip"))
    pass_the_night(database)
    assert say_marks(database, outside[3], "at", "state_at") == say_marks(database, inside[3], "at", "state_at")
    marks = [say_marks(database, receipt) for receipt in (*outside[:3], *inside[:3])]
    assert [*filter(None, marks)] == [marks[0]] * 6
    assert say_marks(database, outside[4]) == say_marks(database, inside[4])
    assert say_marks(database, outside[5]) == say_marks(database, inside[5])
    with database.read() as session:
        held = session.scalars(select(Letter).where(Letter.is_held)).all()
        assert {one.held_reason for one in held} == {HELD_THAT_DAY}
        assert {*FLOOD.split()[:4]} <= {*(held[0].body or "").split()}
        assert len(held) > 5  # what is like many others stays held, and the desk files it at once
    attempts(len(marks) * len(marks[0]))


@pytest.mark.threat("stolen database", "flood")
def test_no_sign_of_the_moment_is_anywhere_in_the_database_whatever_the_desk_did(
    database: Database, newsroom: Newsroom
) -> None:
    send_flood(database, newsroom, [*HONEST_LETTERS, *(FLOOD.format(number) for number in range(30))])
    work_off(database)
    with database.read() as session:
        keys = session.scalars(select(Letter.public_id).order_by(Letter.id)).all()
    verbs = (
        lambda session, letter: filing.release(session, newsroom.nora, letter),
        lambda session, letter: filing.file(session, newsroom.nora, letter, "tip"),
        lambda session, letter: actions.open_question(session, newsroom.nora, [letter], body="Who lit the lamps?"),
        lambda session, letter: withdrawal.withdraw(session, reader_of(letter), letter),
    )

    for verb, key in zip(verbs, keys, strict=False):
        database.write(lambda s, v=verb, k=key: v(s, s.scalars(select(Letter).filter_by(public_id=k)).one()))
    for _press in range(2):  # released, undone, filed, undone
        with database.read() as session:
            event = session.scalars(
                select(Event).where(Event.action.in_(("letter.release", "letter.file"))).order_by(Event.id)
            ).all()[_press]
        undone, skipped = database.write(lambda s, e=event: undo.undo(s, newsroom.nora, [e.id]))
        assert (len(undone), skipped) == (1, [])
    assert get_letter(database, keys[0]).held_reason == get_letter(database, keys[1]).held_reason == "flood"
    pass_the_night(database)
    assert list_signs(database) == set()


@pytest.mark.threat("stolen database", "flood")
def test_the_search_for_signs_finds_them_on_the_day_itself(database: Database, newsroom: Newsroom) -> None:
    send_flood(database, newsroom, [*HONEST_LETTERS])
    assert list_signs(database) == {("letters", "signs"), ("letters", "held_reason")}


def list_signs(database: Database) -> set[tuple[str, str]]:
    """The columns of any table that hold a sign of the moment and nothing else, in quotes or by itself."""
    found = set()
    with database.read() as session:
        connection = session.connection()
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')).mappings():
                found |= {
                    (table, name) for name, value in row.items() if MOMENT_SIGNS & {*re.findall(WORD, str(value))}
                }
    return found


@pytest.mark.threat("stolen database")
@pytest.mark.parametrize("index", range(3))
def test_no_hint_at_look_alikes_tells_whether_letters_came_before_one_that_keeps_its_minute(
    database: Database, newsroom: Newsroom, index: int
) -> None:
    """What is alike depends on all texts that are there when the worker compares."""
    with_minute = ("Does the canal run at night?", "Where do the trams of Osh stop at night?")

    def send_with_minute(body: str) -> None:
        send_letter(database, newsroom, body, hear_back="while", email="a@post.example")

    def send_others() -> None:
        for body in HONEST_LETTERS[:10]:
            send_letter(database, newsroom, body)

    steps: list[Callable[[], None]] = [partial(send_with_minute, body) for body in with_minute]
    steps.insert(index, send_others)
    for step in steps:
        step()
        work_off(database)
    pass_the_night(database)
    with database.read() as session:
        flags = session.scalars(select(Letter.alike).where(Letter.body.in_(with_minute)).order_by(Letter.id)).all()
    assert flags == [True, True]


@pytest.mark.threat("stolen database")
def test_no_crowd_of_letters_that_are_not_held_is_named_after_its_last_one(
    database: Database, newsroom: Newsroom
) -> None:
    """A letter of which somebody has sent copies since would be known to have come before them, or after."""
    for number in range(14):
        send_letter(database, newsroom, FLOOD.format(number))
        work_off(database)
    pass_the_night(database)
    with database.read() as session:
        letters = session.scalars(select(Letter)).all()
        assert {letter.state for letter in letters} == {"received"}
        assert {letter.crowd for letter in letters} == {min(letter.id for letter in letters)}


@pytest.mark.threat("flood")
def test_what_does_not_depend_on_the_moment_stays(database: Database, newsroom: Newsroom) -> None:
    """Words, the hidden field, and what the desk did hold a letter as before; a mail keeps its minute, and is held."""
    kept = {"links": ["links", "alike", "fast"], "trap": ["trap", "flood"], "crowd": [HELD_BY_DESK]}
    keys = {
        reason: database.write(lambda s, r=reason: _hold(s, newsroom, r, kept[r]))  # type: ignore[misc]
        for reason in kept
    }
    vouched = send_letter(database, newsroom, HONEST_LETTERS[0])
    by_mail = send_letter(database, newsroom, HONEST_LETTERS[1], hear_back="while", email="a@post.example")
    for key, signs in ((vouched, ["flood"]), (by_mail, ["flood", "fast"])):
        database.write(lambda s, k=key, g=signs: filing.hold(s, newsroom.nora, _find(s, k), g))  # type: ignore[misc]
    database.write(lambda s: filing.release(s, newsroom.nora, _find(s, vouched)))
    pass_the_night(database)
    found = {reason: get_letter(database, key) for reason, key in keys.items()}
    assert {reason: (one.state, one.held_reason, one.signs) for reason, one in found.items()} == {
        "links": ("held", "links", ["links"]),
        "trap": ("held", "trap", ["trap"]),
        "crowd": ("held", HELD_BY_DESK, [HELD_BY_DESK]),
    }
    mail, letter = get_letter(database, by_mail), get_letter(database, vouched)
    assert (mail.state, mail.held_reason, mail.signs) == ("held", HELD_THAT_DAY, [HELD_THAT_DAY])
    assert (letter.state, letter.held_reason, letter.signs, letter.standing) == ("received", None, [], -1)


def _find(session: Any, public_id: str) -> Letter:
    letter: Letter = session.scalars(select(Letter).filter_by(public_id=public_id)).one()
    return letter


def _hold(session: Any, newsroom: Newsroom, body: str, signs: list[str]) -> str:
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    ask, form = receive.Submission(f"Who counts the {body} at the gate?"), receive.FormToken(body, 1)
    return receive.send(session, Reader(), newsletter, ask, form=form, signs=signs).public_id


@pytest.mark.threat("flood")
def test_more_than_the_desk_can_read_stays_held(
    database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment_signs, "MAX_RELEASED", 5)
    send_flood(database, newsroom, [*HONEST_LETTERS[:6]])
    pass_the_night(database)
    with database.read() as session:
        letters = session.scalars(select(Letter)).all()
        assert {(one.state, one.held_reason) for one in letters} == {("held", HELD_THAT_DAY)}


def test_each_sign_says_whether_it_depends_on_the_moment() -> None:
    assert sorted(MOMENT_SIGNS) == ["alike", "fast", "flood", "many alike", "one site"]
    assert all(sign.is_of_text or sign.depends_on_moment or sign.code in ("trap", "crowd", "day") for sign in SIGNS)
    assert not SIGNS_BY_CODE[HELD_THAT_DAY].depends_on_moment
