"""Before a wording leaves the house: whether it is still the reader's own, and what was told to the desk alone."""

from sqlalchemy.orm import Session

from app.db.engine import Database
from app.letters import receive
from app.questions import actions
from app.questions.models import Question
from tests.support.database_checks import dump_tables, get_one
from tests.support.desk import get_section, get_version_token
from tests.support.letters import TIMURS_QUESTION, send_letters
from tests.support.sample_newsroom import Newsroom


def test_a_wording_that_is_still_the_readers_letter_says_so_before_it_is_confirmed(nora, database, newsroom):
    """And only then: what shares a short run of words that everybody uses is the desk's own."""
    address = question_of(
        database,
        newsroom,
        receive.Submission(TIMURS_QUESTION),
        receive.Submission("Who should we ask about the plates?"),
    )
    still = "These are still the reader’s own words"
    for body, own in (
        (TIMURS_QUESTION, [TIMURS_QUESTION.rstrip("?")]),
        ("Is it true that nobody weighs the salt, and who should we ask about it?", []),
        ("A reader’s uncle at the cannery says that nobody weighs the salt here.",
         ["uncle at the cannery says that nobody weighs the salt"]),
        ("Who should we ask about the plates?", ["Who should we ask about the plates"]),
        ("Who weighs the salt?", []),
    ):  # fmt: skip
        nora.post(
            f"{address}/wording",
            seen=get_version_token(nora.get(address)),
            headline="The Salt Wind",
            body=body,
            language="en",
        )
        block = get_section(nora.get(address), "wording")
        marks = block.tree.css('mark[title$="own words"]')
        assert ("".join(mark.text() for mark in marks), still in block) == ("".join(own), bool(own)), body
    nora.post(
        f"{address}/wording",
        seen=get_version_token(nora.get(address)),
        headline="Salt",
        body=TIMURS_QUESTION,
        language="en",
    )


def test_a_readers_own_words_leave_only_for_a_reason_which_stays_in_the_trail(nora, database, newsroom):
    address = question_of(database, newsroom, receive.Submission(TIMURS_QUESTION))
    nora.post(
        f"{address}/wording",
        seen=get_version_token(nora.get(address)),
        headline="Salt",
        body=TIMURS_QUESTION,
        language="en",
    )
    label, before = get_one(database, Question).text.label, dump_tables(database)
    for own in ("", "  "):
        page = nora.post(f"{address}/clear", 422, label=label, own=own)
        assert get_section(page, "wording").count("Reword the reader’s own phrases, or write why") == 1
        assert dump_tables(database) == before
    assert "400 characters" in nora.post(f"{address}/clear", 422, label=label, own="x" * 401)

    nora.post(f"{address}/clear", label=label, own="He said on the phone that he wants it so.")
    sentence = (
        "Nora Lind confirmed that nobody can be recognised in the wording, "
        "in a reader’s own words: “He said on the phone that he wants it so.”."
    )
    assert sentence in get_section(nora.get(address), "trail").main_text
    assert sentence in nora.get("trail").main_text

    nora.post(
        f"{address}/wording",
        seen=get_version_token(nora.get(address)),
        headline="Salt",
        body="Who weighs it?",
        language="en",
    )
    nora.post(f"{address}/clear", label=get_one(database, Question).text.label)
    assert get_one(database, Question).text.own_words_reason is None


def test_what_a_reader_can_be_reached_by_leaves_for_no_reason(nora, database, newsroom):
    """Whoever typed it, and however it is written; the desk's own link to what everybody can read is another thing."""
    block = "-----BEGIN PGP MESSAGE-----\n\nhQEMA1\n=abcd\n-----END PGP MESSAGE-----"
    words = f"Who weighs the salt? Ring +998 (61) 222-33-44 or see https://www.post.example/timur/.\n{block}"
    address = question_of(database, newsroom, receive.Submission(words, verbatim=True))
    for field, typed in (
        ("headline", "Salt, ask @timur_osh"),
        ("body", "Who weighs the salt? Call 61 222 33 44."),
        ("background", "He put it on www.post.example/Timur"),
        ("background", "Write to anybody@else.example"),
        ("background", block),
    ):
        words = {"headline": "The Salt Wind", "body": "Who weighs it?", "background": "", "language": "en"}
        nora.post(f"{address}/wording", seen=get_version_token(nora.get(address)), **words | {field: typed})
        stopped = get_section(nora.get(address), "wording").texts("ul.whys > li")
        heading = {"headline": "Headline", "body": "Question", "background": "Background"}[field]
        assert [one.partition(":")[0] for one in stopped] == [heading]
        passage = stopped[0].partition(": ")[2]
        assert passage in " ".join(typed.split())
        label, before = get_one(database, Question).text.label, dump_tables(database)
        page = nora.post(f"{address}/clear", 422, label=label, looked=passage, own="It may be known.")
        assert "That never leaves the house: take it out." in get_section(page, "wording")
        assert dump_tables(database) == before
    words = {"headline": "The Salt Wind", "body": "Who weighs it?", "language": "en"}
    nora.post(
        f"{address}/wording",
        seen=get_version_token(nora.get(address)),
        **words,
        background="See https://ours.example/salt",
    )
    nora.post(f"{address}/clear", label=get_one(database, Question).text.label)
    assert get_one(database, Question).text.cleared_at is not None


def test_word_for_word_is_no_word_too_many(nora, database, newsroom):
    address = question_of(database, newsroom, receive.Submission(TIMURS_QUESTION, verbatim=True))
    nora.post(
        f"{address}/wording",
        seen=get_version_token(nora.get(address)),
        headline="The Salt Wind",
        body=TIMURS_QUESTION,
        language="en",
    )
    assert "own words" not in get_section(nora.get(address), "wording")


def test_what_a_reader_told_only_the_desk_is_confirmed_by_itself(nora, database, newsroom):
    private = receive.Submission(
        "who weighs the salt in the orchards by the sea?",
        background="My sister works at the old harbour, and who weighs the salt there I do not know.",
        credit="first", name="Timur", place="Osh", consent="Print it.", hear_back="once", email="timur@post.example",
    )  # fmt: skip
    address = question_of(database, newsroom, private)
    words = {
        "headline": "Who weighs the salt", "language": "en", "body": "Who weighs the salt near Osh?",
        "background": "A sister of the asker works\nat the old harbour. Ask Timur.",
    }  # fmt: skip
    nora.post(f"{address}/wording", seen=get_version_token(nora.get(address)), **words)
    besides = ["works at the old harbour", "Timur"]
    label, before = get_one(database, Question).text.label, dump_tables(database)
    assert get_section(nora.get(address), "wording").texts("li > mark[dir=auto]") == besides
    page = nora.post(f"{address}/clear", 422, label=label, looked=besides[0])
    assert page.count("It has something that a reader told only the desk.") == 2
    assert dump_tables(database) == before
    nora.post(f"{address}/clear", label=label, looked="\r\n".join(besides))
    assert get_one(database, Question).text.cleared_at is not None


def question_of(database: Database, newsroom: Newsroom, *asks: receive.Submission) -> str:
    """A question as the key `q` makes it of letters: without a headline, in the words of the first. Gives its page."""

    def fn(session: Session) -> str:
        letters = send_letters(session, newsroom, *asks)
        return f"/questions/{actions.open_question(session, newsroom.nora, letters, body=letters[0].body).public_id}"

    return database.write(fn)
