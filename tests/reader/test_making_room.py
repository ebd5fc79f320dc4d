"""Readers ask while a flood fills the day: all are taken, the disk stays small, and nobody sees when what was erased."""

import re
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient
from limits import RateLimitItemPerMinute
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db.engine import Database
from app.letters import filing, receive
from app.letters.blurred_time import truncate_to_day
from app.letters.flood_crowds import find_crowds, find_kind
from app.letters.models import MADE_ROOM, Letter
from app.letters.receipts import find_receipt
from app.reader import proof_of_work, submission
from app.workflows.indexing import index_due
from app.workflows.letters import making_room
from app.workflows.retention.forget_order import forget_order
from tests.support.desk import Desk
from tests.support.floods import ALL_FLOOD_KINDS, HONEST_LETTERS, list_demo_letters, send_flood, text_with_gaps
from tests.support.letters import get_letter, list_letter_ids, send_letter
from tests.support.pages import Page
from tests.support.reader_pages import get_form_token, read_receipt, send_question, solve_proof_of_work
from tests.support.sample_newsroom import Newsroom

LIMIT, FLOOD_SIZE, BETWEEN = 100, 240, 12
READERS = HONEST_LETTERS[::2]
WELLS = "They poison the wells at the old mill, ask who pays them, number {}"


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day of few letters, of which the first ten of a flood aren't held, and proofs that cost little."""
    monkeypatch.setattr(receive, "daily_limit", lambda _session: LIMIT)
    monkeypatch.setattr(submission, "FLOOD", RateLimitItemPerMinute(10, 10))
    monkeypatch.setattr(submission, "BEYOND", RateLimitItemPerMinute(3, 10))
    monkeypatch.setattr(proof_of_work, "BITS", 4)


def send(client: FlaskClient, text: str, *, solves: bool = False) -> int:
    page = client.get("/steppe/ask").text
    found = re.search(r'name="form" value="([^"]+)" data-task="([^"]+)"', page)
    assert found is not None
    proof = {"proof": solve_proof_of_work(found[2])} if solves else {}
    return send_question(client, form=found[1], body=text, **proof).status_code


def find_letters(database: Database, *conditions: Any) -> list[Letter]:
    with database.read() as session:
        return list(session.scalars(select(Letter).where(*conditions).order_by(Letter.public_id)))


@pytest.mark.threat("flood")
@pytest.mark.parametrize(
    ("kind", "solves"),
    [*((kind, False) for kind in ALL_FLOOD_KINDS), ("mixed", True)],
    ids=[*ALL_FLOOD_KINDS, "mixed with proofs"],
)
def test_ten_readers_in_a_flood_that_fills_the_day_are_taken_with_scripts_and_without(
    limited_client: FlaskClient,
    newsroom: Newsroom,
    database: Database,
    attempts: Callable[[int], None],
    kind: str,
    solves: bool,
) -> None:
    """The worker makes room as often as it does at some letters per second."""
    rng = Random(7)
    statuses: list[int] = []
    for number in range(FLOOD_SIZE):
        if number % BETWEEN == 0:
            making_room.make_room(database)
        send(limited_client, ALL_FLOOD_KINDS[kind](rng), solves=solves)
        if number >= FLOOD_SIZE // 2 and number % BETWEEN == 4:
            reader = len(statuses)
            statuses.append(send(limited_client, READERS[reader], solves=reader % 2 == 1))
    making_room.make_room(database)
    assert statuses == [200] * len(READERS)
    kept = [one.body for one in find_letters(database, Letter.body != "")]
    assert {*READERS} <= {*kept}, "no letter that is unlike the flood is erased"
    assert len(kept) < LIMIT
    attempts(FLOOD_SIZE + len(READERS))


@pytest.mark.threat("flood")
def test_no_letter_of_a_reader_is_in_a_crowd_of_any_flood() -> None:
    readers = [*HONEST_LETTERS, *list_demo_letters()]
    assert [text for text in readers if find_kind(text)] == []
    for make in ALL_FLOOD_KINDS.values():
        rng = Random(11)
        texts = [make(rng) for _ in range(800)] + readers
        rng.shuffle(texts)
        crowded = {texts[index] for crowd in find_crowds(texts) for index in crowd}
        assert crowded.isdisjoint(readers)
        assert len(crowded) > 0
    for text in (
        "Nega keshki avtobus toqtadi, bizning qishloqda kim javob beradi",
        "Perse u ndal autobusi i mbremjes?",
    ):
        assert find_kind(text) is None, "a language without its own list of words is no noise"


@pytest.mark.threat("flood")
def test_beyond_the_day_each_kind_of_letter_has_places_of_its_own(
    limited_client: FlaskClient, newsroom: Newsroom, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the worker stands still. A flood without proofs takes the places of all, and no others."""
    monkeypatch.setattr(receive, "daily_limit", lambda _session: 20)
    rng = Random(2)
    statuses = [send(limited_client, text_with_gaps(rng)) for _ in range(30)]
    assert statuses[:23] == [200] * 23
    assert 503 in statuses[23:]
    first_unlike = [send(limited_client, text) for text in READERS[:4]]
    proven = [send(limited_client, text_with_gaps(rng), solves=True) for _ in range(4)]
    assert first_unlike == [200] * 3 + [503]
    assert proven == [200] * 3 + [503]


@pytest.mark.threat("flood")
def test_a_day_takes_no_more_than_ten_times_its_letters_however_many_were_erased(
    limited_client: FlaskClient, newsroom: Newsroom, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows take room even without their words."""
    send_flood(database, newsroom, [WELLS.format(number) for number in range(LIMIT)])
    making_room.make_room(database)
    monkeypatch.setattr(making_room, "MAX_ERASED", 0.5)
    statuses = [send(limited_client, WELLS.format(number)) for number in range(4)]
    assert statuses == [200, 200, 200, 503]


@pytest.mark.threat("flood")
def test_what_somebody_vouched_for_or_filed_and_what_came_another_way_is_never_erased(
    database: Database, newsroom: Newsroom
) -> None:
    send_flood(database, newsroom, [WELLS.format(number) for number in range(LIMIT)])
    held = find_letters(database)

    def move(session: Session) -> None:
        filing.release(session, newsroom.nora, session.get_one(Letter, held[0].id))
        filing.file(session, newsroom.nora, session.get_one(Letter, held[1].id), "tip")

    database.write(move)
    by_mail = send_letter(database, newsroom, WELLS.format(7))
    database.write(lambda session: session.execute(update(Letter).filter_by(public_id=by_mail).values(channel="mail")))
    key = get_letter(database, by_mail).id
    database.write(lambda session: filing.hold(session, newsroom.nora, session.get_one(Letter, key), ["flood"]))
    today = truncate_to_day(utc_now())
    assert making_room.erase_look_alikes(database, newsroom.newsletter_id, today) == LIMIT - 2 - making_room.SAMPLE_SIZE
    assert get_letter(database, by_mail).body == WELLS.format(7)
    kept = find_letters(database, Letter.body != "")
    assert {one.state for one in kept if one.id in {held[0].id, held[1].id}} == {"received", "filed"}
    # What stays of a crowd is drawn at random, and says nothing about when it came.
    assert [one.id for one in kept if one.is_held and one.channel == "web"] == [
        one.id for one in held[2 : 2 + making_room.SAMPLE_SIZE]
    ]


@pytest.mark.threat("flood", "watched pages")
def test_no_receipt_tells_before_the_night_that_a_letter_was_erased(
    limited_client: FlaskClient, newsroom: Newsroom, database: Database, nora: Desk, attempts: Callable[[int], None]
) -> None:
    """Otherwise, who has filled the day would see by their own letters that somebody else has sent one."""
    form = get_form_token(limited_client)
    receipt = ""
    send_flood(database, newsroom, [WELLS.format(number) for number in range(LIMIT)])
    for number in range(12):  # the last of them are held
        form = get_form_token(limited_client)
        receipt = read_receipt(
            send_question(limited_client, form=form, body=WELLS.format(number), background="Look.").text
        )

    def look() -> list[tuple[int, str]]:
        data = {"receipt": receipt}
        answers = [
            limited_client.post("/steppe/receipt", data=data),
            limited_client.post("/steppe/receipt/held", data=data),
            limited_client.post("/steppe/receipt/held", data=data | {"as": "file"}),
            send_question(limited_client, form=form, body=WELLS.format(11), background="Look."),
            send_question(limited_client, form=form, body="Who lit the lamps?"),
        ]
        return [
            (answer.status_code, re.sub(r"\d{16,}|f[0-9a-f]{8}", "", Page(answer.text).main_text)) for answer in answers
        ]

    before = look()
    with database.read() as session:
        letter = find_receipt(session, receipt)
        assert letter is not None
        key, public_id = letter.id, "ZZZZZZZZZZZZ"  # the last, so that it isn't drawn for the sample
    database.write(lambda session: session.execute(update(Letter).filter_by(id=key).values(public_id=public_id)))
    today = truncate_to_day(utc_now())
    erased = {one.id for one in find_letters(database)}
    assert making_room.erase_look_alikes(database, newsroom.newsletter_id, today) > 0
    index_due(database)
    with database.read() as session:
        letter = find_receipt(session, receipt)
        assert letter is not None
        assert (letter.state, letter.end_reason, letter.erased_at) == ("ended", MADE_ROOM, None)
    assert look() == before
    more = {"receipt": receipt, "more": "One more thing."}
    assert limited_client.post("/steppe/receipt/add", data=more).status_code == 200
    assert "It is added." in limited_client.post("/steppe/receipt/add", data=more | {"more": "And another."}).text

    page = nora.get("/letters?state=held")
    assert re.search(
        r"A flood filled .* \(UTC\): \d+ held letters that looked alike were erased to make room", page.main_text
    )
    assert list_letter_ids(nora.get("/letters?state=ended")) == []
    assert "Let it wait again" not in nora.get(f"/letters/{public_id}").main_text

    sample = {one.id: one.body for one in find_letters(database, Letter.is_held)}
    assert len(sample) == making_room.SAMPLE_SIZE
    assert forget_order(database, utc_now() + timedelta(days=1))
    gone = get_letter(database, public_id)
    assert (gone.state, gone.end_reason, gone.body, gone.signs) == ("ended", MADE_ROOM, None, [])
    assert gone.erased_at is not None
    later = limited_client.post("/steppe/receipt", data={"receipt": receipt})
    assert "was erased before anybody could read it" in Page(later.text).main_text
    assert "when their time was up" not in Page(later.text).main_text
    assert [one.body for one in find_letters(database, Letter.id.in_(sample))] == [*sample.values()]
    attempts(len(before) + len(erased))
