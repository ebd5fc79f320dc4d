"""Ten readers ask while a flood fills the day: all are taken, the disk stays small, and nobody sees what was erased when."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from random import Random

import pytest
from flask.testing import FlaskClient
from limits import RateLimitItemPerMinute
from sqlalchemy import func, select

from app.core.clock import utc_now
from app.db.engine import Database
from app.letters import crowds, filing, making_room, receive
from app.letters.models import MADE_ROOM, Letter
from app.letters.receipts import find_receipt
from app.reader import proof_of_work, submission
from app.workflows.indexing import index_due
from app.workflows.retention.forget_order import forget_order
from tests.support.desk import Desk
from tests.support.floods import FLOOD_KINDS, HONEST_LETTERS, fragment_text, mixed_text
from tests.support.pages import Page
from tests.support.reader_pages import SILOS_QUESTION, read_receipt, send_question, solve_proof_of_work
from tests.support.sample_newsroom import Newsroom

LIMIT, FLOOD_SIZE, BETWEEN = 60, 200, 10
READERS = HONEST_LETTERS[::2]
KINDS = FLOOD_KINDS | {"fragments": fragment_text, "mixed": mixed_text}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day of 60 letters, of which the first ten of a flood aren't held, and proofs that cost little."""
    monkeypatch.setattr(receive, "daily_limit", lambda _session: LIMIT)
    monkeypatch.setattr(submission, "FLOOD", RateLimitItemPerMinute(10, 10))
    monkeypatch.setattr(submission, "BEYOND", RateLimitItemPerMinute(10, 10))
    monkeypatch.setattr(proof_of_work, "BITS", 4)


def send(client: FlaskClient, text: str, *, solves: bool) -> int:
    page = client.get("/steppe/ask").text
    found = re.search(r'name="form" value="([^"]+)" data-task="([^"]+)"', page)
    assert found is not None
    proof = {"proof": solve_proof_of_work(found[2])} if solves else {}
    return send_question(client, form=found[1], body=text, **proof).status_code


def flood(client: FlaskClient, database: Database, texts: Iterable[str], *, solves: bool = False) -> list[int]:
    """Send a flood, during which the worker runs as often as it does at 30 letters per second, and return the answers."""
    statuses = []
    for number, text in enumerate(texts):
        if number % BETWEEN == 0:
            making_room.make_room(database)
        statuses.append(send(client, text, solves=solves))
    return statuses


def letters_of(database: Database, *conditions: object) -> list[Letter]:
    with database.read() as session:
        return list(session.scalars(select(Letter).where(*conditions).order_by(Letter.public_id)))  # type: ignore[arg-type]


@pytest.mark.threat("flood")
@pytest.mark.parametrize("solves", ["nobody", "readers", "flood"])
@pytest.mark.parametrize("kind", KINDS)
def test_ten_readers_in_a_flood_that_fills_the_day_are_taken_with_scripts_and_without(
    limited_client: FlaskClient, newsroom: Newsroom, database: Database, kind: str, solves: str
) -> None:
    rng = Random(7)
    statuses = []
    for number in range(FLOOD_SIZE):
        if number % BETWEEN == 0:
            making_room.make_room(database)
        send(limited_client, KINDS[kind](rng), solves=solves == "flood")
        if number >= FLOOD_SIZE // 2 and number % BETWEEN == 4:
            reader = READERS[len(statuses)]
            statuses.append(send(limited_client, reader, solves=solves == "readers"))
    making_room.make_room(database)
    assert statuses == [200] * 10
    bodies = {one.body for one in letters_of(database)}
    assert {*READERS} <= bodies, "no letter that is unlike the flood is erased"
    assert len(letters_of(database, Letter.body != "")) <= LIMIT + 3 * 10
