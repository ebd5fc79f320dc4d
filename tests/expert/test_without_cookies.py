"""The link of an assignment is all that Leyla needs: a mail app's own browser keeps no cookie, and is sent none."""

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.crypto import signing
from app.expert import access
from tests.support.assignments import ANSWER, ExpertAssignment, ask_expert
from tests.support.database_checks import count_rows
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def leyla(app: Flask) -> Browser:
    """Leyla in a browser that keeps no cookies."""
    return Browser(app, cookies=False)


def pressed(leyla: Browser, salt: ExpertAssignment, verb: str, **fields: str) -> TestResponse:
    """Press a button of the assignment's page, and come to the page that follows."""
    opened = leyla.open(salt.link)
    led = leyla.submit(f"{salt.link}/{verb}", **fields)
    then = leyla.follow()
    assert [page.headers.get("Set-Cookie") for page in (opened, led, then)] == [None] * 3
    return then


def test_she_answers_takes_it_back_and_answers_again(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    leyla.press(f"{salt.link}/draft", answer="Nobody is", tab="mail app", count="1")
    leyla.follow()
    assert leyla.value("answer") == "Nobody is"
    pressed(leyla, salt, "send", answer=ANSWER)
    assert (leyla.heading, salt.state()) == ("Thank you. Nora Lind has your answer", "received")
    pressed(leyla, salt, "take-back")
    assert leyla.page.notice == "You have your text back. Nobody edits it until you send it again."
    pressed(leyla, salt, "send", answer=ANSWER)
    assert salt.state() == "received"


@pytest.mark.parametrize(("outcome", "reply"), [("fine", ""), ("wrong", "It was 2010.")])
def test_she_checks(salt: ExpertAssignment, leyla: Browser, outcome: str, reply: str) -> None:
    salt.send()
    salt.edit()
    salt.send_to_check()
    leyla.open(salt.link)
    pressed(leyla, salt, "check", outcome=outcome, reply=reply, number=leyla.value("number"))
    assert salt.checks() == [(outcome, reply or None)]


@pytest.mark.parametrize(
    ("verb", "fields", "message", "state"),
    [
        ("accept", {}, "Thank you. It is yours now.", "accepted"),
        ("decline", {"reason": "not my field"}, "", "declined"),
        ("suggest", {"note": "Marek Dvořák"}, "Thank you. We’ll ask them ourselves.", "invited"),
        ("ask", {"note": "Which village?"}, "Your question is sent. The answer comes by mail.", "invited"),
    ],
)
def test_she_says_yes_no_somebody_else_or_asks_and_is_told_that_it_was_heard(
    salt: ExpertAssignment, leyla: Browser, verb: str, fields: dict[str, str], message: str, state: str
) -> None:
    pressed(leyla, salt, verb, **fields)
    assert (leyla.page.parts("p.aside-note[role=status]") != [], salt.state()) == (message != "", state)
    assert message in leyla.page.main_text


def test_she_reports_an_error_in_what_ran(salt: ExpertAssignment, leyla: Browser) -> None:
    salt.send()
    salt.approve()
    salt.publish()
    pressed(leyla, salt, "report", body="It was 2010.")
    assert leyla.page.notice == "Thank you. The desk has it, and you will hear what becomes of it."


@pytest.mark.threat("another site")
@pytest.mark.parametrize("of", ["another link", "long ago", "nothing"])
def test_a_token_of_another_link_or_too_old_changes_nothing_and_gives_the_words_back(
    salt: ExpertAssignment, newsroom: Newsroom, leyla: Browser, app: Flask, of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ask_expert(salt.database, newsroom, "Is the lake coming back?")
    now = signing.today()
    if of == "long ago":
        monkeypatch.setattr(signing, "today", lambda: now - access.GOOD_FOR - 1)
    leyla.open(other.link if of == "another link" else salt.link)
    monkeypatch.undo()
    given = "" if of == "nothing" else leyla.get_csrf_token()
    before = count_rows(salt.database)
    answer = "Words that took an hour."
    assert leyla.press(f"{salt.link}/send", csrf_token=given, answer=answer).status_code == 400
    assert leyla.value("answer") == answer
    assert ("Back to the question", salt.link) in leyla.page.links
    assert count_rows(salt.database) == before
