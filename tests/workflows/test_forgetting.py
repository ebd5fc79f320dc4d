"""What people wrote has its time, by the newsletter's settings; then the worker erases it, and what was printed stays."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.answers import writing
from app.answers.models import Draft
from app.core.clock import utc_now
from app.core.domain_errors import MissingPrecondition
from app.db import secure_delete
from app.db.engine import Database
from app.editions.models import EditionItem
from app.letters import contacts, filing
from app.letters.models import Contact, Credit, Letter
from app.letters.receive import Submission
from app.mail.delivery import deliver_due
from app.mail.models import OutboxContent, OutboxMail
from app.newsletters.models import Newsletter
from app.questions.models import Note, QuestionText
from app.workflows.overview import digest
from app.workflows.retention import erase_letters
from tests.support.assignments import ask_expert_and_send
from tests.support.database_checks import find_in_files, find_unerased
from tests.support.desk import Desk
from tests.support.letters import LETTERS_BY_OUTCOME, send_letters, send_letters_by_outcome
from tests.support.pages import Page
from tests.support.reader_pages import publish_answer, read_receipt
from tests.support.reader_pages import send_question as sent_by_form
from tests.support.sample_newsroom import Newsroom

NOW = utc_now()
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def sweep(database: Database, time: datetime) -> None:
    while database.write(erase_letters.erase_due, time):
        pass


def list_remaining(database: Database) -> list[str]:
    with database.read() as session:
        bodies = session.scalars(select(Letter.body).where(Letter.body.is_not(None))).all()
    return [name for name, words in LETTERS_BY_OUTCOME.items() if words in bodies]


@pytest.mark.threat("court order", "erased words")
@pytest.mark.parametrize(
    ("days", "gone"),
    [
        (30, ["held", "spam"]),
        (183, ["held", "spam", "unfiled", "ended", "comment", "closed"]),
        (365, ["held", "spam", "unfiled", "ended", "comment", "closed", "ran"]),
    ],
)
def test_each_letter_goes_on_its_day_and_no_byte_of_it_stays(
    database: Database, newsroom: Newsroom, days: int, gone: list[str]
) -> None:
    send_letters_by_outcome(database, newsroom)
    stay = [name for name in LETTERS_BY_OUTCOME if name not in gone]
    before = {30: [], 183: gone[:2], 365: gone[:-1]}[days]
    sweep(database, MIDNIGHT + days * DAY - HOUR)  # of a letter without an address the day is kept
    assert list_remaining(database) == [name for name in LETTERS_BY_OUTCOME if name not in before]
    sweep(database, NOW + days * DAY + HOUR)
    assert list_remaining(database) == stay
    assert find_unerased(database, *(LETTERS_BY_OUTCOME[name] for name in gone)) == []
    assert find_in_files(database, *(LETTERS_BY_OUTCOME[name] for name in stay)) == [
        LETTERS_BY_OUTCOME[name] for name in stay
    ]


def test_what_they_were_stays_and_what_was_printed(database: Database, newsroom: Newsroom) -> None:
    letters = send_letters_by_outcome(database, newsroom)
    sweep(database, NOW + 400 * DAY)
    with database.read() as session:
        states = {name: session.get_one(Letter, key).state for name, key in letters.items()}
        assert states == {
            "held": "ended", "spam": "filed", "unfiled": "ended", "ended": "ended",
            "comment": "filed", "closed": "filed", "running": "filed", "ran": "filed",
        }  # fmt: skip
        # The desk's words for a question that came to nothing went with its last letter, and its notes.
        texts = {text.headline: text.body for text in session.scalars(select(QuestionText))}
        assert sorted(body for body in texts.values() if body) == sorted(
            [LETTERS_BY_OUTCOME["running"], "Who built the silos, and whose are they?"]
        )
        assert session.scalars(select(Note.id)).all() == []


def test_a_name_that_was_printed_stays_printed_and_nowhere_else(database: Database, newsroom: Newsroom) -> None:
    named = Submission(
        "Who owns the silos?", background="my brother drives there", credit="full", name="Timur Osmanov",
        consent="Print it.", hear_back="while", email="timur@post.example",
    )  # fmt: skip

    def write(session: Session) -> int:
        (letter,) = send_letters(session, newsroom, named)
        contacts.verify_credit(session, newsroom.nora, letter, "rung back")
        return letter.id

    publish_answer(database, newsroom, [database.write(write)])
    sweep(database, NOW + 366 * DAY)
    with database.read() as session:
        assert session.scalars(select(EditionItem)).one().credits == ["Timur Osmanov"]
        credit = session.scalars(select(Credit)).one()
        assert (credit.choice, credit.name_sealed, credit.consent_text) == ("none", None, None)
        assert session.scalars(select(Contact.id)).all() == []


def test_a_newsletter_keeps_as_long_as_its_settings_say(database: Database, newsroom: Newsroom) -> None:
    send_letters_by_outcome(database, newsroom)
    database.write(lambda session: session.execute(update(Newsletter).values(spam_days=3, idle_days=5, ran_days=7)))
    for days in (3, 5, 7):
        sweep(database, NOW + days * DAY + HOUR)
    assert list_remaining(database) == ["running"]


def test_what_has_no_words_is_not_taken_up_again(database: Database, newsroom: Newsroom) -> None:
    letters = send_letters_by_outcome(database, newsroom)
    sweep(database, NOW + 400 * DAY)
    again: dict[str, Callable[[Session, Letter], None]] = {
        "ended": lambda session, letter: filing.reopen(session, newsroom.nora, letter),
        "comment": lambda session, letter: filing.file(session, newsroom.nora, letter, "tip"),
    }
    for name, verb in again.items():
        with pytest.raises(MissingPrecondition) as refused:
            database.write(lambda session: verb(session, session.get_one(Letter, letters[name])))  # noqa: B023
        assert refused.value.code == "precondition.letter_erased"


def test_many_go_batch_by_batch(database: Database, newsroom: Newsroom) -> None:
    send_letters_by_outcome(database, newsroom)

    def copy_spam(session: Session) -> None:
        row = session.execute(select(Letter.__table__).where(Letter.filed_as == "spam")).mappings().one()
        copies = [
            dict(row) | {"id": 1_000 + n, "public_id": f"SPAM{n:08}", "form_mac": None, "receipt_mac": None}
            for n in range(250)
        ]
        session.execute(insert(Letter), copies)
        session.execute(delete(Letter).where(Letter.id == row["id"]))

    database.write(copy_spam)
    at = NOW + 30 * DAY + HOUR
    assert [database.write(erase_letters.erase_due, at) for _ in range(4)] == [100, 100, 51, 0]  # and the held one


@pytest.mark.threat("erased words")
def test_mails_to_experts_and_what_they_left_unfinished_have_their_time(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert_and_send(database, newsroom)
    deliver_due(database, lambda _message, _id: None)
    draft = writing.AnswerContent("I would begin with the gauges of 1974.")
    database.write(lambda s: writing.save_draft(s, newsroom.leyla, salt.assignment(s), "tab", draft, 1))

    def count_rows() -> tuple[int, int]:
        with database.read() as session:
            counts = [session.scalar(select(func.count()).select_from(one)) for one in (OutboxContent, Draft)]
            return counts[0] or 0, counts[1] or 0

    def erase(time: datetime) -> None:
        sweep(database, time)
        database.write(writing.delete_old_drafts, time)

    erase(NOW + 365 * DAY - HOUR)
    assert count_rows() == (1, 1)
    erase(NOW + 365 * DAY + HOUR)
    assert count_rows() == (0, 0)
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one()
        assert (mail.state, mail.assignment_id) == ("sent", salt.assignment_id)
    secure_delete.empty_log(database)  # the worker's next duty
    assert find_unerased(database, "gauges of 1974") == []


def test_the_morning_mail_says_what_goes_within_a_week_and_is_not_written_for_that_alone(
    database: Database, newsroom: Newsroom
) -> None:
    send_letters_by_outcome(database, newsroom)

    def count_announced(days: int) -> dict[str, int]:
        with database.read(NOW + days * DAY) as session:
            newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
            return {one.kind: one.number for one in digest.list_sections(session, newsletter)}

    assert count_announced(22).get("leaving") is None
    assert count_announced(24)["leaving"] == 2
    section = digest.MorningSection("leaving", 2, (), "")
    assert digest._is_worth_a_mail([section], None, NOW) is False


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_desk_sees_what_goes_next_and_what_is_gone(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    letters = send_letters_by_outcome(database, newsroom)
    assert nora.get("leaving").texts("main h2") == ["Held, or filed as spam 2"]
    database.write(lambda s: s.execute(update(Letter).values(state_at=NOW - 175 * DAY)))
    assert nora.get("leaving").texts("main h2") == ["Held, or filed as spam 2", "Led to nothing 3"]
    assert ("What is erased next", "/desk/steppe/leaving") in nora.get("settings").links
    sweep(database, NOW + 9 * DAY)
    with database.read() as session:
        public_id = session.get_one(Letter, letters["ended"]).public_id
    page = nora.get(f"letters/{public_id}")
    assert "Erased: its retention period has ended." in page.main_text
    assert page.texts(".acts button") == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_receipt_says_that_the_words_had_their_time(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    receipt = read_receipt(sent_by_form(client).text)
    sweep(database, NOW + 184 * DAY)
    page = Page(client.post("/steppe/receipt", data={"receipt": receipt}).text)
    assert page.texts("h1") == ["It is erased"]
    assert page.texts(".lede") == [
        "Your words were erased when their time was up. Your words, your address and your name are gone from here."
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_protection_page_names_the_days_of_the_settings(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    database.write(lambda session: session.execute(update(Newsletter).values(spam_days=3, idle_days=5, ran_days=7)))
    (said,) = [
        one for one in Page(client.get("/steppe/protection").text).texts(".said") if "Otherwise we erase it" in one
    ]
    assert "7 days after the answer ran, 5 days after it was closed" in said
    assert "3 days after it was set aside" in said
