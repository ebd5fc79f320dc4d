"""Translations of a Q&A after it was sent: none is shown once its words were corrected, and none is left for safety."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import translating
from app.answers.translation_fields import TranslationFields as Translated
from app.db.engine import Database
from app.editions import locking
from app.editions.items import PrintedExpert
from app.editions.models import Edition, EditionItem, ItemTranslation
from app.questions.models import Question
from app.workflows.publishing import after_sending, publication, translations
from app.workflows.publishing.after_sending import CorrectionNote, PublishedText
from app.workflows.retention import erase_published
from tests.support.database_checks import count_rows, find_unerased
from tests.support.desk import Desk
from tests.support.pages import Page
from tests.support.reader_pages import get_question, publish_answer
from tests.support.sample_newsroom import Newsroom

HERE = "/steppe/q/{}/-?lang=fa"
AS_SENT = PublishedText(
    "The Silos", "Who built the silos, and who owns them now?", ("Nobody knows.\n\nWe asked the mill.",)
)
SAFE = PublishedText("The Silos", AS_SENT.question, ("One owner is known.",))
NOTE = CorrectionNote("We wrote that nobody knows.", "The mill in Nukus knows.")


def translate_both(session: Session, newsroom: Newsroom, question: Question, message: str) -> None:
    """Both of its texts are put into Persian and approved."""
    for original in translating.list_originals(session, question):
        words = Translated(message, headline="Anbarha", name="Leyla", translator="Shirin")
        one = translating.translate(session, newsroom.nora, original, "fa", words)
        translations.approve(session, newsroom.nora, one, original, compared=True)


@pytest.fixture
def silos(database: Database, newsroom: Newsroom) -> str:
    public_id = publish_answer(database, newsroom, [])
    database.write(lambda s: translate_both(s, newsroom, get_question(s, public_id), "Wolkenstein anbar darad."))
    return public_id


def languages(client: FlaskClient, silos: str) -> list[str]:
    """The language in which a page in Persian has the Q&A, and those that it leads to."""
    page = Page(client.get(HERE.format(silos), follow_redirects=True).text)
    return [*page.attributes("h1", "lang"), *page.attributes("link[rel=alternate][hreflang]", "hreflang")]


def exported(database: Database) -> list[tuple[str, int]]:
    """The language of each block of the edition that was sent, asked for in Persian, and its notes."""
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one()
        return [(block.language, len(block.notes)) for block in locking.blocks(session, edition, "fa")]


def test_the_form_says_beforehand_what_becomes_of_the_translation(nora: Desk, silos: str) -> None:
    translated = "The translations into Persian"
    said = {
        act: re.findall(rf"{translated}[^.]*\.", nora.get_text(f"questions/{silos}/{act}"))
        for act in ("correct", "protect")
    }
    assert said == {
        "correct": [f"{translated} are hidden once more than a typo changes: they translate the words that were sent."],
        "protect": [f"{translated} are erased with the former words."],
    }


WITH_IT = ["fa", "en", "fa", "x-default"]
MENDS: list[tuple[PublishedText, CorrectionNote, bool, list[str]]] = [
    (PublishedText(AS_SENT.headline, AS_SENT.question, ("The mill knows.",)), NOTE, False, ["en"]),
    (replace(AS_SENT, experts=(PrintedExpert("Leyla Aydin", "geographer"),)), NOTE, False, ["en"]),
    (AS_SENT, NOTE, False, WITH_IT),
    (replace(AS_SENT, question="Who built the sylos, and who owns them now?"), NOTE, False, WITH_IT),
    (
        PublishedText(AS_SENT.headline, "Who built the silos and who owns them now?", AS_SENT.answers),
        CorrectionNote(),
        True,
        WITH_IT,
    ),
]


@pytest.mark.parametrize(
    ("words", "note", "quietly", "seen"), MENDS, ids=["words", "a name", "a note alone", "a letter", "a sign"]
)
def test_a_page_whose_words_were_corrected_shows_no_translation_and_the_edition_as_sent_keeps_it(
    client: FlaskClient,
    database: Database,
    newsroom: Newsroom,
    silos: str,
    words: PublishedText,
    note: CorrectionNote,
    quietly: bool,
    seen: list[str],
) -> None:
    assert languages(client, silos) == WITH_IT
    database.write(
        lambda s: after_sending.correct(s, newsroom.nora, get_question(s, silos), words, note, quietly) and None
    )
    assert languages(client, silos) == seen
    page = Page(client.get(HERE.format(silos), follow_redirects=True).text)
    assert page.attributes(".corrections [itemprop=text]", "lang") == ([] if quietly else ["en"])
    assert exported(database) == [("fa", 0 if quietly else 1)]


def test_the_archive_at_the_desk_names_the_languages_that_readers_see(
    nora: Desk, database: Database, newsroom: Newsroom, silos: str
) -> None:
    def list_languages() -> list[str]:
        return nora.get("archive").texts(".ran [lang]")

    assert list_languages() == ["فارسی"]
    words = replace(AS_SENT, answers=("The mill knows.",))
    database.write(lambda s: after_sending.correct(s, newsroom.nora, get_question(s, silos), words, NOTE) and None)
    assert list_languages() == []


def reword_for_safety(session: Session, newsroom: Newsroom, silos: str) -> None:
    after_sending.reword_for_safety(session, newsroom.nora, get_question(session, silos), SAFE)


def retract_for_good(session: Session, newsroom: Newsroom, silos: str) -> None:
    publication.retract(session, newsroom.nora, get_question(session, silos), "Somebody is in danger.")
    erase_published.forget_withdrawn(session, newsroom.nora, get_question(session, silos))


@pytest.mark.both_databases
@pytest.mark.threat("erased words")
@pytest.mark.parametrize("erase", [reword_for_safety, retract_for_good])
def test_words_that_endanger_somebody_are_gone_in_every_language(
    client: FlaskClient,
    database: Database,
    newsroom: Newsroom,
    silos: str,
    erase: Callable[[Session, Newsroom, str], None],
) -> None:
    assert "Wolkenstein" in client.get(HERE.format(silos), follow_redirects=True).text
    database.write(lambda s: erase(s, newsroom, silos))
    page = client.get(HERE.format(silos), follow_redirects=True)
    assert (page.status_code, "Wolkenstein" in page.text) == (200 if erase is reword_for_safety else 410, False)
    assert (count_rows(database)["translations"], count_rows(database)["item_translations"]) == (0, 0)
    assert find_unerased(database, "Wolkenstein anbar") == []
    assert exported(database) == ([("en", 0)] if erase is reword_for_safety else [])
    if erase is reword_for_safety:
        # The new words can be translated like any.
        database.write(lambda s: translate_both(s, newsroom, get_question(s, silos), "Yek malek."))
        assert languages(client, silos) == WITH_IT


def test_what_is_approved_after_a_correction_is_of_the_words_that_were_sent(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    public_id = publish_answer(database, newsroom, [])
    words = PublishedText(AS_SENT.headline, AS_SENT.question, ("The mill knows.",))
    database.write(lambda s: after_sending.correct(s, newsroom.nora, get_question(s, public_id), words, NOTE) and None)
    database.write(lambda s: translate_both(s, newsroom, get_question(s, public_id), "Hichkas."))
    assert (languages(client, public_id), exported(database)) == (["en"], [("fa", 1)])
    with database.read() as session:
        made = session.scalars(select(ItemTranslation)).one()
        assert made.item_id == session.scalars(select(EditionItem.id)).one()
