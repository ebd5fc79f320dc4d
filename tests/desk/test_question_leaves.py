"""Before a wording leaves the house: whether it is still the reader's own, and what was told to the desk alone."""

from sqlalchemy.orm import Session

from app.db import Database
from app.letters import receive
from app.questions import moves
from app.questions.models import Question
from tests.support.cast import Newsroom
from tests.support.desk import section
from tests.support.letters import TIMUR, asked
from tests.support.shown import seen
from tests.support.stored import everything, one


def test_a_wording_that_is_still_the_readers_letter_says_so_before_it_is_confirmed(nora, database, newsroom):
    """And only then: what shares a short run of words that everybody uses is the desk's own."""
    address = question_of(database, newsroom, receive.Ask(TIMUR), receive.Ask("Who should we ask about the plates?"))
    still = "These are still the reader’s own words"
    for body, own in (
        (TIMUR, [TIMUR.rstrip("?")]),
        ("Is it true that nobody weighs the salt, and who should we ask about it?", []),
        ("A reader’s uncle at the cannery says that nobody weighs the salt here.",
         ["uncle at the cannery says that nobody weighs the salt"]),
        ("Who should we ask about the plates?", ["Who should we ask about the plates"]),
        ("Who weighs the salt?", []),
    ):  # fmt: skip
        nora.post(
            f"{address}/wording", seen=seen(nora.get(address)), headline="The Salt Wind", body=body, language="en"
        )
        block = section(nora.get(address), "wording")
        marks = block.tree.css('mark[title$="own words"]')
        assert ("".join(mark.text() for mark in marks), still in block) == ("".join(own), bool(own)), body
    nora.post(f"{address}/wording", seen=seen(nora.get(address)), headline="Salt", body=TIMUR, language="en")
    nora.post(f"{address}/clear", label=one(database, Question).text.label)  # no press more than for other words
    assert one(database, Question).text.cleared_at is not None


def test_word_for_word_is_no_word_too_many(nora, database, newsroom):
    address = question_of(database, newsroom, receive.Ask(TIMUR, verbatim=True))
    nora.post(f"{address}/wording", seen=seen(nora.get(address)), headline="The Salt Wind", body=TIMUR, language="en")
    assert "own words" not in section(nora.get(address), "wording")


def test_what_a_reader_told_only_the_desk_is_confirmed_by_itself(nora, database, newsroom):
    private = receive.Ask(
        "who weighs the salt in the orchards by the sea?",
        background="My sister works at the old harbour, and who weighs the salt there I do not know.",
        credit="first", name="Timur", place="Osh", consent="Print it.", hear_back="once", email="timur@post.example",
    )  # fmt: skip
    address = question_of(database, newsroom, private)
    words = {
        "headline": "Who weighs the salt", "language": "en", "body": "Who weighs the salt near Osh?",
        "background": "A sister of the asker works\nat the old harbour. Ask timur@post.example.",
    }  # fmt: skip
    nora.post(f"{address}/wording", seen=seen(nora.get(address)), **words)
    besides = ["works at the old harbour", "Timur", "timur@post.example"]
    label, before = one(database, Question).text.label, everything(database)
    assert section(nora.get(address), "wording").texts("li > mark[dir=auto]") == besides
    page = nora.post(f"{address}/clear", 422, label=label, looked="\n".join(besides[:2]))
    assert page.count("Something that a reader told only the desk stands in the wording.") == 2
    assert everything(database) == before
    nora.post(f"{address}/clear", label=label, looked="\r\n".join(besides))
    assert one(database, Question).text.cleared_at is not None


def question_of(database: Database, newsroom: Newsroom, *asks: receive.Ask) -> str:
    """A question as the key `q` makes it of letters: without a headline, in the words of the first. Gives its page."""

    def fn(session: Session) -> str:
        letters = asked(session, newsroom, *asks)
        return f"/questions/{moves.open_question(session, newsroom.nora, letters, body=letters[0].body).public_id}"

    return database.write(fn)
