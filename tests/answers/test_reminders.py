"""Reminders: Nora asks Leyla on Monday 2 November; a word is wanted by Wednesday, the text by Friday 13 November, 18:00."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, mailed_answers, reminders, writing
from app.answers.models import Answer, Assignment
from app.answers.schedule import Schedule
from app.core.actors import Clock, Mailroom
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import now
from app.letters.models import Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters import mail_texts
from app.newsletters.models import Newsletter
from app.people.models import Expert, Link, Person
from app.questions import actions, wording
from app.questions.models import Question
from tests.support.assignments import TIMURS_DETAILS, ask_expert
from tests.support.sample_newsroom import Newsroom

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 11, 2, 10, tzinfo=UTC)  # 11:00 in Prague
REPLY_BY = datetime(2026, 11, 4, 17, tzinfo=UTC)
DUE = datetime(2026, 11, 13, 17, tzinfo=UTC)
NINE = timedelta(hours=8)  # 09:00 in Prague, after midnight UTC


def nine(day: int) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC) + NINE


def ask_leyla(
    database: Database, newsroom: Newsroom, *, yes: bool = True, reply_by: datetime = REPLY_BY, due_at: datetime = DUE
) -> int:
    """Nora asks, and Leyla says yes an hour later. Returns the assignment's key."""

    def ask(session: Session) -> int:
        words = "Who measures the salt in the wind?"
        question = actions.open_question(
            session, newsroom.nora, [], headline="The Salt Wind", body=words, language="en"
        )
        wording.clear(session, newsroom.nora, question, question.text_id or 0)
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        row = assigning.assign(session, newsroom.nora, question, leyla)
        schedule = Schedule(now(session), min(reply_by, due_at), due_at)
        assigning.invite(session, newsroom.nora, row, assigning.Terms(schedule, "I asked Leyla Aydın:"))
        return row.id

    key = database.write(ask, at=MONDAY)
    if yes:
        change(database, key, lambda session, row: assigning.accept(session, newsroom.leyla, row), MONDAY + HOUR)
    return key


def change(database: Database, key: int, fn: Callable[[Session, Assignment], object], time: datetime) -> None:
    database.write(lambda session: fn(session, session.get_one(Assignment, key)) and None, at=time)


def days(database: Database, first: int, last_day: int) -> list[tuple[str, int]]:
    """Which reminder goes out on which day of November; the clock looks just before nine, at nine, and in the evening."""
    found = []
    for day in range(first, last_day + 1):
        for at in (nine(day) - timedelta(minutes=1), nine(day), nine(day) + 12 * HOUR):
            before, written = mails(database), reminders.remind(database, at)
            new = mails(database)[len(before) :]
            assert len(new) == written
            found += [(kind, day if at == nine(day) else -day) for kind in new]
    return found


def mails(database: Database) -> list[str]:
    with database.read() as session:
        kinds = select(OutboxMail.kind).where(OutboxMail.kind.in_(("expert.reminder", "expert.overdue")))
        return list(session.scalars(kinds.order_by(OutboxMail.id)))


def text_of(database: Database, kind: str) -> str:
    with database.read() as session:
        message = outbox.read(session, session.scalars(select(OutboxMail).filter_by(kind=kind)).one())
        return f"{message.subject}\n{message.text}"


def test_who_said_yes_is_reminded_two_days_before_and_on_the_morning_after(
    database: Database, newsroom: Newsroom
) -> None:
    ask_leyla(database, newsroom)
    assert days(database, 3, 20) == [("expert.reminder", 11), ("expert.overdue", 14)]
    assert "by Friday 13 November, 18:00 Prague time" in text_of(database, "expert.reminder")


def test_who_says_nothing_is_reminded_on_the_day_a_word_was_wanted_and_never_again(
    database: Database, newsroom: Newsroom
) -> None:
    ask_leyla(database, newsroom, yes=False)
    assert days(database, 2, 20) == [("expert.reminder", 4)]
    assert "haven’t heard from you yet" in text_of(database, "expert.reminder")


def test_where_the_time_is_short_the_reminder_comes_half_way_and_where_it_is_shorter_none(
    database: Database, newsroom: Newsroom
) -> None:
    ask_leyla(database, newsroom, due_at=datetime(2026, 11, 4, 17, tzinfo=UTC))
    assert days(database, 2, 10) == [("expert.reminder", 3), ("expert.overdue", 5)]
    ask_leyla(database, newsroom, due_at=MONDAY + 6 * HOUR)
    assert days(database, 2, 10) == [("expert.overdue", 3)]


def test_a_silent_one_whose_text_is_due_already_is_left_alone(database: Database, newsroom: Newsroom) -> None:
    ask_leyla(database, newsroom, yes=False, reply_by=MONDAY + 6 * HOUR, due_at=MONDAY + 6 * HOUR)
    assert days(database, 2, 10) == []


def test_more_time_moves_the_reminders_and_never_adds_one(database: Database, newsroom: Newsroom) -> None:
    key = ask_leyla(database, newsroom)
    change(database, key, lambda session, row: assigning.extend(session, newsroom.nora, row, DUE + DAY), nine(10))
    assert days(database, 10, 12) == [("expert.reminder", 12)]
    change(database, key, lambda session, row: assigning.extend(session, newsroom.nora, row, DUE + 5 * DAY), nine(13))
    assert days(database, 13, 19) == [("expert.overdue", 19)]
    change(database, key, lambda session, row: assigning.extend(session, newsroom.nora, row, DUE + 9 * DAY), nine(20))
    assert days(database, 20, 28) == []


def _answer(session: Session, newsroom: Newsroom, row: Assignment) -> None:
    writing.submit(session, newsroom.leyla, row, writing.AnswerContent("Nobody is told to.", own_words=True))


def _decline(session: Session, newsroom: Newsroom, row: Assignment) -> None:
    assigning.decline(session, newsroom.leyla, row, "no time")


def _cancel(session: Session, newsroom: Newsroom, row: Assignment) -> None:
    assigning.cancel(session, newsroom.nora, row)


def _mail(session: Session, newsroom: Newsroom, row: Assignment) -> None:
    mailed_answers.create_letter(session, Mailroom(), row, "Here is my answer: nobody is told to.", MONDAY)


@pytest.mark.parametrize("step", [_answer, _decline, _cancel, _mail])
def test_reminders_stop(
    database: Database, newsroom: Newsroom, step: Callable[[Session, Newsroom, Assignment], None]
) -> None:
    key = ask_leyla(database, newsroom)
    change(database, key, lambda session, row: step(session, newsroom, row), nine(10))
    assert days(database, 10, 20) == []


def test_a_mail_that_is_filed_as_a_question_back_lets_them_go_on(database: Database, newsroom: Newsroom) -> None:
    key = ask_leyla(database, newsroom)
    change(database, key, lambda session, row: _mail(session, newsroom, row), nine(10))
    assert days(database, 10, 12) == []

    def file(session: Session, row: Assignment) -> None:
        letter = session.scalars(select(Letter).filter_by(assignment_id=row.id)).one()
        mailed_answers.file(session, newsroom.nora, letter, "question back")

    change(database, key, file, nine(12) + HOUR)
    assert days(database, 13, 20) == [("expert.reminder", 13), ("expert.overdue", 14)]


def test_a_text_that_was_sent_back_has_reminders_by_its_own_date(database: Database, newsroom: Newsroom) -> None:
    key = ask_leyla(database, newsroom)
    change(database, key, lambda session, row: _answer(session, newsroom, row), nine(5))

    def send_back(session: Session, row: Assignment) -> None:
        answer = session.scalars(select(Answer).filter_by(assignment_id=row.id)).one()
        editing.send_back(session, newsroom.nora, answer, "Since when?", DUE + 4 * DAY)

    change(database, key, send_back, nine(10))
    assert days(database, 10, 20) == [("expert.reminder", 15), ("expert.overdue", 18)]


def test_a_worker_that_was_down_makes_up_for_it_on_a_morning_but_not_long_after_the_date(
    database: Database, newsroom: Newsroom
) -> None:
    ask_leyla(database, newsroom)
    assert reminders.remind(database, nine(25)) == 0
    assert reminders.remind(database, nine(12) + 11 * HOUR) == 0
    assert reminders.remind(database, nine(13) + 2 * HOUR) == 1
    assert mails(database) == ["expert.reminder"]


def test_two_workers_at_once_write_one_mail(database: Database, newsroom: Newsroom) -> None:
    ask_leyla(database, newsroom)
    workers = [threading.Thread(target=reminders.remind, args=(database, nine(11))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert mails(database) == ["expert.reminder"]


def test_who_has_no_address_gets_no_link_either(database: Database, newsroom: Newsroom) -> None:
    key = ask_leyla(database, newsroom)

    def forget(session: Session, row: Assignment) -> None:
        person = session.get_one(Person, row.expert.person_id)
        person.email_sealed = person.email_mac = None

    change(database, key, forget, nine(3))
    with database.read() as session:
        links = session.scalar(select(func.count()).select_from(Link))
    assert days(database, 10, 15) == []
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Link)) == links


@pytest.mark.parametrize("state", ["held", "failed"])
def test_nobody_is_reminded_of_an_invitation_that_never_reached_them(
    database: Database, newsroom: Newsroom, state: str
) -> None:
    def hold(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).held_kinds = ["expert.invitation"]

    def fail(session: Session, _row: Assignment) -> None:
        outbox.move(session, Clock(), session.scalars(select(OutboxMail)).one(), "fail", said="550 No such user")

    if state == "held":
        database.write(hold)
    key = ask_leyla(database, newsroom, yes=False)
    if state == "failed":
        change(database, key, fail, MONDAY + HOUR)
    assert days(database, 2, 6) == []


def test_the_newsletter_s_own_words_go_out_and_each_mail_has_its_own_link(
    database: Database, newsroom: Newsroom
) -> None:
    ask_leyla(database, newsroom)

    def set_texts(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        words = {"subject": "{name}: {headline}", "body": "Still by {due}? {link}\n\nIt is for {newsletter}."}
        mail_texts.save_custom_texts(session, newsroom.nora, newsletter, "en", "expert.reminder", words)

    database.write(set_texts)
    days(database, 11, 14)
    subject, _blank, *lines = text_of(database, "expert.reminder").split("\n", 2)
    assert (subject, _blank) == ("Leyla Aydın: The Salt Wind", "Dear Leyla Aydın,")
    assert "Still by Friday 13 November, 18:00 Prague time? https://ask.newsroom.example/a/" in lines[0]
    assert "It is for The Steppe Letter.\n\nNora Lind\nThe Steppe Letter\n" in lines[0]
    assert "Is it still coming? The Salt Wind" in text_of(database, "expert.overdue")


def test_no_reminder_says_who_asked_or_how(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)

    def reword(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        wording.reword(session, newsroom.ilya, question, headline="The salt of Orynbay", body="Who in Orynbay?")

    database.write(reword)
    database.write(lambda session: assigning.accept(session, newsroom.leyla, salt.assignment(session)))
    evening = utc_now().replace(hour=17, minute=0)  # in Prague too, on whichever day this runs
    due_at = evening + 10 * DAY
    database.write(lambda session: assigning.extend(session, newsroom.nora, salt.assignment(session), due_at))
    reminders.remind(database, due_at - 8 * HOUR)
    reminders.remind(database, due_at + 16 * HOUR)
    found = salt.mails()
    assert [kind for kind, _ in found] == ["expert.invitation", "expert.reminder", "expert.overdue"]
    assert [secret for secret in TIMURS_DETAILS if any(secret in words for _, words in found)] == []
    assert all("The Salt Wind" in words for _, words in found)
