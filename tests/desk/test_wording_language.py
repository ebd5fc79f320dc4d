"""The language of the desk's wording is its own: it follows the words, and is chosen by its name."""

import pytest
from sqlalchemy import select

from app.db.engine import Database
from app.people import directory
from app.people.models import Expert
from app.questions import actions
from app.questions.models import Question
from app.text.languages import guess_language
from tests.support.desk import Desk, get_version_token
from tests.support.letters import get_letter, list_checkbox_values, send_letter
from tests.support.sample_newsroom import Newsroom

SERBIAN = "Zašto niko u opštini ne meri so u vazduhu i ko je za to odgovoran?"
ENGLISH = "Why does nobody in the municipality measure the salt in the air?"
WORDED = {"headline": "Salt in the air", "body": ENGLISH, "background": ""}


@pytest.fixture
def serbian_question(nora: Desk, database: Database, newsroom: Newsroom) -> str:
    """A question that Milica asked in Serbian, with its address at the desk."""
    send_letter(database, newsroom, SERBIAN)
    return nora.post("/letters", act="question", letter=list_checkbox_values(nora.get("/letters")))


def languages(database: Database) -> tuple[str, str]:
    with database.read() as session:
        [question] = session.scalars(select(Question)).all()
        assert question.text
        return question.text.language, question.wording or ""


def test_english_words_for_a_serbian_letter_are_english(nora: Desk, database: Database, serbian_question: str) -> None:
    assert languages(database) == ("sr-Latn", SERBIAN)
    page = nora.get(serbian_question)
    form = page.form("/wording").fields
    assert form["language"] == "sr-Latn"
    nora.post(
        f"{serbian_question}/wording", seen=get_version_token(page, "wording"), language=form["language"], **WORDED
    )
    assert languages(database) == ("en", ENGLISH)
    page = nora.get(serbian_question)
    assert page.part("h1").attributes("h1", "lang") == ["en"]
    assert page.part("div.tongues").attributes("h3, p", "lang") == ["sr-Latn", "en"]
    assert "The desk’s wording, English" in page.main_text
    assert page.attributes("del, ins", "class") == []


def test_a_word_or_two_are_in_the_newsletters_language(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    """And not in Romanian, which "Salt" looks like."""
    question = database.write(lambda session: actions.open_question(session, newsroom.nora, [], body="Salt?").public_id)
    assert languages(database) == ("en", "Salt?")
    assert "These words look like" not in nora.get_text(f"/questions/{question}")


def test_experts_are_ranked_by_the_language_of_the_wording(
    nora: Desk, database: Database, newsroom: Newsroom, serbian_question: str
) -> None:
    def profiles(session):
        for key, tongues in ((newsroom.leyla.expert_id, ["en"]), (newsroom.marek.expert_id, ["sr"])):
            directory.change_profile(session, newsroom.nora, session.get_one(Expert, key), None, languages=tongues)

    database.write(profiles)
    assert "Writes Serbian" in nora.get_text(f"{serbian_question}/ask")
    nora.post(
        f"{serbian_question}/wording",
        seen=get_version_token(nora.get(serbian_question), "wording"),
        language="sr-Latn",
        **WORDED,
    )
    said = nora.get_text(f"{serbian_question}/ask")
    assert ("Writes English" in said, "Writes Serbian" in said) == (True, False)


def test_a_language_is_chosen_by_its_name_and_stays_while_the_words_stay_in_one_language(
    nora: Desk, database: Database, serbian_question: str
) -> None:
    page = nora.get(serbian_question)
    offered = dict(page.options("select#language"))
    assert {code: offered.get(code) for code in ("en", "ky", "sr-Latn", "tk", "uz-Cyrl")} == {
        "en": "English",
        "ky": "Kyrgyz",
        "sr-Latn": "Serbian (Latin)",
        "tk": "Turkmen",
        "uz-Cyrl": "Uzbek (Cyrillic)",
    }
    assert list(offered.values()) == sorted(offered.values())
    bosnian = {"headline": "", "body": SERBIAN, "background": ""}
    nora.post(f"{serbian_question}/wording", seen=get_version_token(page, "wording"), language="pl", **bosnian)
    assert languages(database) == ("pl", SERBIAN)
    page = nora.get(serbian_question)
    assert "These words look like Serbian (Latin)." in page.main_text
    more = bosnian | {"body": f"{SERBIAN} I zašto?"}
    nora.post(f"{serbian_question}/wording", seen=get_version_token(page, "wording"), language="pl", **more)
    assert languages(database) == ("pl", more["body"])


def test_no_language_has_to_be_known_by_its_code(nora: Desk, serbian_question: str) -> None:
    for page in (nora.get(serbian_question), nora.get("/letters/new")):
        assert page.attributes("select[name=language]", "name") == ["language"]
        assert "as a code" not in page.main_text
    faulty = nora.post(
        f"{serbian_question}/wording",
        422,
        seen=get_version_token(nora.get(serbian_question), "wording"),
        language="klingonisch",
        **WORDED,
    )
    assert "No language has this code" in faulty.main_text


def test_a_letter_that_was_heard_is_kept_in_the_chosen_language(nora: Desk, database: Database) -> None:
    sent = nora.get("/letters/new").form("/letters/new").fields
    address = nora.post("/letters/new", **(sent | {"body": SERBIAN, "language": "bs", "given_on": "2022-10-20"}))
    assert get_letter(database, address.rpartition("/")[2]).language == "bs"
    address = nora.post("/letters/new", **(sent | {"body": ENGLISH, "language": "", "given_on": "2022-10-20"}))
    assert get_letter(database, address.rpartition("/")[2]).language == guess_language(ENGLISH) == "en"
