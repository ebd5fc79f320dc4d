"""What readers find in the archive: names, headlines, other forms of a word, words with a typo, in each script."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.letters import contacts
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.search.models import PublicDoc
from app.search.terms import cut
from app.workflows.indexing import index_due
from app.workflows.letters import withdrawal
from tests.support.letters import send_letter
from tests.support.pages import Page
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.both_databases


@pytest.fixture
def find(client: FlaskClient, database: Database, newsroom: Newsroom) -> Callable[[str], list[str]]:
    """Search as a reader does, following the redirect, and return the headlines that are found."""

    def find(text: str) -> list[str]:
        while index_due(database):
            pass
        response = client.post("/steppe/answers", data={"words": text}, follow_redirects=True)
        assert response.status_code == 200
        return Page(response.text).texts("h2.head > a")

    return find


@pytest.fixture
def run(database: Database, newsroom: Newsroom) -> Callable[..., str]:
    def run(headline: str, body: str, answer: str = "Nobody knows.", **texts: Any) -> str:
        return publish_answer(database, newsroom, [], headline=headline, body=body, answer=answer, **texts)

    return run


def test_what_is_printed_is_found(find: Callable[[str], list[str]], run: Callable[..., str]) -> None:
    run("The Silos", "Who built them?", "The mill did.")
    found = {
        words: find(words)
        for words in ("silos", "Leyla Aydın", "leyla aydin", "soil scientist", "Karakum Leyla", "mill", "marek")
    }
    assert found == {words: [] if words == "marek" else ["The Silos"] for words in found}


def test_a_word_is_found_in_its_other_forms(find: Callable[[str], list[str]], run: Callable[..., str]) -> None:
    run("A Strike", "May a labour lawyer call a strike in the city?")
    run("Two Factories", "Which factories were striking?", "Workers’ unions closed them.")
    run("A String", "Who sells new string?")
    found = {
        "strikes": ["Two Factories", "A Strike"],
        "strike": ["Two Factories", "A Strike"],
        "labour lawyers": ["A Strike"],
        "cities": ["A Strike"],
        "factory": ["Two Factories"],
        "union closing": ["Two Factories"],
        "news": [],
        '"strikes"': [],
    }
    assert {words: find(words) for words in found} == found


@pytest.mark.parametrize(
    ("language", "text", "looked_for"),
    [
        ("fa", "چرا کارگران کتاب‌های قانون کار را در راه‌آهن می‌خوانند؟", "کارگر"),
        ("fa", "چرا کارگران کتاب‌های قانون کار را در راه‌آهن می‌خوانند؟", "کتابها کارگرها"),
        ("fa", "چرا کارگران کتاب‌های قانون کار را در راه‌آهن می‌خوانند؟", "کتاب ها"),
        ("fa", "چرا قطار در راه آهن هرات نمی‌رود؟", "راه‌آهن"),
        ("fa", "چرا قطار در راه آهن هرات نمی‌رود؟", "قطارهای هرات"),
        ("ug", "ئۈرۈمچىدىكى ئىشچىلار قانچىلىك مائاش ئالىدۇ؟", "ئىشچىنىڭ مائاشى"),
        ("ug", "ئۈرۈمچىدىكى ئىشچىلار قانچىلىك مائاش ئالىدۇ؟", "ئۈرۈمچى ئىشچىلىرى"),
        ("ru", "Кто платит рабочим за поезда в Бишкеке?", "поездов рабочие"),
        ("en", "Why is “l’œuvre” printed in the Karakum?", "œuvre"),
    ],
)
def test_a_language_is_found_with_its_endings_and_joined_words(
    find: Callable[[str], list[str]],
    run: Callable[..., str],
    database: Database,
    newsroom: Newsroom,
    language: str,
    text: str,
    looked_for: str,
) -> None:
    database.write(
        lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "languages", ["en", "ru", "fa", "ug"])
    )
    run("The One", text)
    run("Another", "Who built the silos?", "The mill did.")
    assert (language, find(looked_for)) == (language, ["The One"])


def test_a_typo_in_a_long_word_is_tolerated(find: Callable[[str], list[str]], run: Callable[..., str]) -> None:
    run("The Silos", "Which lawyer of the railway union built them?", "سەپەر ئىشچىلار پویزدا")
    found = {
        "raillway": 1,
        "railwya": 1,
        "ailway": 1,
        "reilway union": 1,
        "lawyrs": 1,
        "Leyla Aydn": 0,  # a short word has to be right
        "uniom": 0,
        "karakm": 1,
        "ئىشچلار": 1,
        '"raillway"': 0,
        "rxilwxy": 0,
    }
    assert {words: len(find(words)) for words in found} == found


def test_a_word_that_is_there_is_not_taken_for_another(
    find: Callable[[str], list[str]], run: Callable[..., str]
) -> None:
    run("A Mine", "Who owns the copper?")
    run("A Choir", "Who leads the choppers?")
    run("A Harbour", "Who sells coppers?")
    assert find("copper") == ["A Harbour", "A Mine"]
    assert find("coppper") == ["A Harbour", "A Mine"]


def test_a_word_that_is_there_is_not_taken_for_another_beside_one_with_a_typo(
    find: Callable[[str], list[str]], run: Callable[..., str]
) -> None:
    run("A Mine", "Who owns the coppers?")
    run("A Choir", "Who leads the chopper on the railway?")
    assert {words: find(words) for words in ("copper raillway", "chopper raillway")} == {
        "copper raillway": [],
        "chopper raillway": ["A Choir"],
    }


def test_the_typed_word_is_marked_in_what_is_found(
    client: FlaskClient, find: Callable[[str], list[str]], run: Callable[..., str]
) -> None:
    run("The Silos", "Which lawyer of the “l’eau” union built them?")
    find("silos")
    for words, marked in (("lawyers", ["lawyer"]), ("lawyerrs", ["lawyer"]), ("eau", ["l’eau"]), ("aydin", ["Aydın"])):
        page = Page(client.post("/steppe/answers", data={"words": words}, follow_redirects=True).text)
        assert page.texts("mark") == marked


def test_a_readers_name_is_found_until_it_is_no_longer_printed(
    client: FlaskClient, database: Database, newsroom: Newsroom, find: Callable[[str], list[str]]
) -> None:
    key = send_letter(
        database, newsroom, "Who weighs it?", credit="full", name="Timur Ospanov", consent="Yes, print it."
    )

    def name(session: Session) -> int:
        session.get_one(Newsletter, newsroom.newsletter_id).names_readers = True
        letter = session.scalars(select(Letter).filter_by(public_id=key)).one()
        contacts.verify_credit(session, newsroom.nora, letter, "by phone")
        return letter.id

    letter_id = database.write(name)
    publish_answer(database, newsroom, [letter_id])
    assert find("Ospanov") == ["The Silos"]

    database.write(lambda s: withdrawal.leave_unnamed(s, newsroom.nora, s.get_one(Letter, letter_id)))
    with database.read() as session:
        kept = [f"{doc.text}\n{doc.more}" for doc in session.scalars(select(PublicDoc))]
    assert [text for text in kept if "Ospanov" in text] == []
    assert (find("Ospanov"), find("silos")) == ([], ["The Silos"])


def test_a_word_with_a_ligature_is_cut_at_its_apostrophe() -> None:
    assert [cut("l’œuvre"), cut("l’eau"), cut("œuvre"), cut("l’Æther")] == [
        ["loeuvre", "oeuvre"],
        ["leau", "eau"],
        ["oeuvre"],
        ["laether", "aether"],
    ]
