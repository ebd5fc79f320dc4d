"""The proof of work: a bonus in a flood, and nothing without it is refused, held on a quiet day, or shown another page."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from limits import RateLimitItemPerMinute
from sqlalchemy import select

from app.crypto import signing
from app.db.engine import Database
from app.letters.models import Letter
from app.reader import form_token, proof_of_work, submission
from tests.support.pages import Page
from tests.support.reader_pages import SILOS_QUESTION, solve_proof_of_work
from tests.support.sample_newsroom import Newsroom

OTHERS = (
    "What is paid for a day at the mill?",
    "Who keeps the keys of the dam?",
    "Why did the evening bus stop running?",
)


@pytest.fixture
def flooded(limited_client: FlaskClient, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The door once a flood has taken all the room that there is; with a proof there is room for one letter."""
    monkeypatch.setattr(submission, "FLOOD", RateLimitItemPerMinute(1, 10))
    send(limited_client, open_form(limited_client)[0], body="Who floods whom?")
    return limited_client


def open_form(client: FlaskClient, path: str = "/steppe/ask") -> tuple[str, str]:
    """The form's token, and the task that its page has for the browser."""
    page = client.get(path).text
    found = re.search(r'name="form" value="([^"]+)" data-task="([^"]+)"', page)
    assert found is not None
    return found[1], found[2]


def send(client: FlaskClient, form: str, work: str = "", body: str = SILOS_QUESTION) -> Page:
    fields = {"form": form, "body": body, "then": "send"} | ({"proof": work} if work else {})
    answer = client.post("/steppe/send", data=fields)
    assert answer.status_code == 200
    return Page(answer.text)


def nonce_of(form: str) -> str:
    facts = signing.read_token(form, form_token.PURPOSE, 1, form_token.GOOD_FOR)
    assert facts is not None
    return str(facts[0])


def states(database: Database) -> dict[str, tuple[str | None, str | None]]:
    with database.read() as session:
        return {one.body or "": (one.state, one.held_reason) for one in session.scalars(select(Letter))}


@pytest.mark.threat("flood")
def test_a_solved_proof_has_room_in_a_flood_and_the_page_is_the_same(flooded: FlaskClient, database: Database) -> None:
    form, task = open_form(flooded)
    pages = [
        send(flooded, form, solve_proof_of_work(task)),
        send(flooded, open_form(flooded, "/steppe/")[0], body=OTHERS[0]),
    ]
    form, task = open_form(flooded)
    pages.append(send(flooded, form, solve_proof_of_work(task), body=OTHERS[1]))
    assert states(database) == {
        "Who floods whom?": ("received", None),
        SILOS_QUESTION: ("received", None),
        OTHERS[0]: ("held", "flood"),
        OTHERS[1]: ("held", "flood"),  # a flood that does the work fills the room of those who did it, and no other
    }
    without = {re.sub(r"\d{4}", "0000", page.main_text) for page in pages}
    assert len(without) == 1


def postpone(work: str) -> str:
    return ".".join(str(int(number) + 1) for number in work.split("."))


@pytest.mark.threat("flood")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda work: "",
        postpone,
        lambda work: work.split(".")[0],
        lambda work: ".".join([work.split(".")[0]] * proof_of_work.PARTS),
        lambda work: "x" * 10_000,
        lambda work: work.replace(".", ","),
        lambda work: f"{work}.{2**40}",
        lambda work: "٣." * 16,
    ],
    ids=[
        "none",
        "wrong",
        "one part",
        "one part again and again",
        "noise",
        "other signs",
        "one too many",
        "other digits",
    ],
)
def test_no_proof_and_a_wrong_one_are_the_same(
    flooded: FlaskClient, database: Database, spoil: Callable[[str], str]
) -> None:
    form, task = open_form(flooded)
    send(flooded, form, spoil(solve_proof_of_work(task)))
    assert states(database)[SILOS_QUESTION] == ("held", "flood")


@pytest.mark.threat("flood")
def test_on_a_quiet_day_a_wrong_proof_costs_nothing(
    limited_client: FlaskClient, newsroom: Newsroom, database: Database
) -> None:
    for work, body in zip(("", "1.2.3", "x" * 500), OTHERS, strict=True):
        send(limited_client, open_form(limited_client)[0], work, body=body)
    assert states(database) == dict.fromkeys(OTHERS, ("received", None))


@pytest.mark.threat("flood")
def test_a_proof_is_of_one_form_of_one_letter_and_of_these_hours(
    flooded: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, task = open_form(flooded)
    work = solve_proof_of_work(task)
    send(flooded, open_form(flooded)[0], work, body=OTHERS[0])
    assert states(database)[OTHERS[0]] == ("held", "flood")
    hour = proof_of_work._current_period()
    with flooded.application.test_request_context():
        nonce = nonce_of(form)
        for passed, good in ((0, True), (1, True), (2, False)):
            monkeypatch.setattr(proof_of_work, "_current_period", lambda passed=passed: hour + passed)
            assert proof_of_work.is_solved(nonce, work) is good
    monkeypatch.setattr(proof_of_work, "_current_period", lambda: hour)
    first, second = send(flooded, form, work), send(flooded, form, work)
    assert first.texts("p.code") == second.texts("p.code")  # sent again it is the same letter
    assert states(database)[SILOS_QUESTION] == ("received", None)


def test_the_task_says_nothing_of_when_the_form_was_opened(
    client: FlaskClient, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    _form, task = open_form(client)
    assert re.fullmatch(rf"[0-9a-f]{{64}}\.{proof_of_work.PARTS}\.{proof_of_work.BITS}", task)
    with client.application.test_request_context():
        tasks = {proof_of_work.task("one nonce") for _ in range(3)}
        monkeypatch.setattr(proof_of_work, "_current_period", lambda: 1)
        assert len(tasks | {proof_of_work.task("one nonce"), proof_of_work.task("another nonce")}) == 3
