"""What an edition's mail is called: by the newsletter's pattern and with the headlines, in files and in drafts alike."""

from datetime import date

import pytest

from app.db.engine import Database
from app.editions.subject import MAX_LENGTH, Subject, compose_subject
from app.newsletters import settings
from app.newsletters.models import Newsletter
from app.typesetting.house_form import ItemContent
from tests.support.sample_newsroom import Newsroom

DAY = date(2026, 12, 16)


def qa(headline: str, question: str = "Who measures the salt in the wind?", language: str = "en") -> ItemContent:
    return ItemContent(language, "typographic", "Expert Corner", headline, (None,), question, ())


def subject(
    database: Database, newsroom: Newsroom, *pieces: ItemContent, language: str = "en", pattern: str = ""
) -> Subject:
    def fn(session):  # type: ignore[no-untyped-def]
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        if pattern:
            settings.save_house_sentences(session, newsroom.nora, newsletter, language, {"subject": pattern})
        return compose_subject(session, newsletter, language, pieces, DAY)

    return database.write(fn)


def test_it_names_the_newsletter_and_the_headlines(database: Database, newsroom: Newsroom) -> None:
    two = subject(database, newsroom, qa("The Salt Wind"), qa("The Silos", "Who built them?"))
    assert two == ("The Steppe Letter: The Salt Wind · The Silos", "Who measures the salt in the wind?")
    assert subject(database, newsroom, qa("")).line == "The Steppe Letter: Who measures the salt in the wind?"
    assert subject(database, newsroom) == ("The Steppe Letter", "")


def test_its_quotation_marks_are_those_that_are_printed(database: Database, newsroom: Newsroom) -> None:
    quoted = qa('"At Your Own Wish"', 'Is a shift "as a favour" overtime?')
    assert subject(database, newsroom, quoted) == (
        "The Steppe Letter: “At Your Own Wish”",
        "Is a shift “as a favour” overtime?",
    )


@pytest.mark.parametrize(
    ("language", "pattern", "line"),
    [
        ("en", "{headlines} ({newsletter}, {date})", "The Salt Wind (The Steppe Letter, 16 December 2026)"),
        ("en", "Asked and answered: {headlines}", "Asked and answered: The Salt Wind"),
        ("ru", "{newsletter}, {date}: {headlines}", "The Steppe Letter, 16 декабря 2026 г.: The Salt Wind"),
    ],
)
def test_it_follows_the_newsletters_own_pattern(
    database: Database, newsroom: Newsroom, language: str, pattern: str, line: str
) -> None:
    assert subject(database, newsroom, qa("The Salt Wind"), language=language, pattern=pattern).line == line


def test_a_pattern_without_the_headlines_or_with_an_unknown_word_is_refused() -> None:
    faults = settings.faults_of_sentences({"subject": "The Steppe Letter, {date}"})
    assert {kind: fault.code for kind, fault in faults.items()} == {"subject": "field.hole"}
    faults = settings.faults_of_sentences({"subject": "{headlines} {section}"})
    assert {kind: fault.code for kind, fault in faults.items()} == {"subject": "field.place"}


def test_only_whole_headlines_are_in_it_and_the_first_in_any_case(database: Database, newsroom: Newsroom) -> None:
    long = "Why the water of the upper reservoir is let out in winter and who decides when that is done"
    assert subject(database, newsroom, qa(long), qa(long), qa("Salt")).line == f"The Steppe Letter: {long}"
    cut = subject(database, newsroom, qa(f"{long}, {long}"), qa("Salt"))
    assert (cut.line.startswith(f"The Steppe Letter: {long}, Why"), cut.line[-1]) == (True, "…")
    asked = subject(database, newsroom, qa("盐", "盐" * 200))
    assert [len(asked.excerpt), len(cut.line) <= MAX_LENGTH] == [MAX_LENGTH, True]


def test_a_headline_is_one_line_and_no_pattern(database: Database, newsroom: Newsroom) -> None:
    assert subject(database, newsroom, qa("Salt {date}\r\nBcc: x@y.example")).line == (
        "The Steppe Letter: Salt {date} Bcc: x@y.example"
    )
