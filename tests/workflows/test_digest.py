"""What the clock tells Nora: one mail in the morning, and at once what could cost the coming edition."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.answers import assigning, editing, mailed_answers
from app.answers.models import Assignment
from app.audit import chain, chain_check
from app.core.actors import Clock, Mailroom, Reader
from app.core.clock import utc_now
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run, run_of
from app.letters import receive
from app.mail import outbox
from app.mail.message import Message
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.questions.models import Question
from app.workflows.overview import alarms, digest
from app.workflows.publishing import publication
from app.workflows.publishing import skip as skipping
from tests.support.assignments import EDITED_ANSWER, TIMURS_DETAILS, TIMURS_LETTER, ExpertAssignment, ask_expert
from tests.support.sample_newsroom import Newsroom, create_answered_question

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DAY = timedelta(days=1)
PRAGUE = ZoneInfo("Europe/Prague")


def half_past_seven(days: int = 0) -> datetime:
    """The next morning's hour, or the one so many days later."""
    here = utc_now().astimezone(PRAGUE)
    day = here.date() + timedelta(days=days + (here.time() >= time(7, 30)))
    return datetime.combine(day, time(7, 30), PRAGUE).astimezone(UTC)


def desk_mails(database: Database, like: str = "desk.%") -> list[Message]:
    with database.read() as session:
        rows = session.scalars(select(OutboxMail).where(OutboxMail.kind.like(like)).order_by(OutboxMail.id))
        return [outbox.read(session, row) for row in rows]


def morning(database: Database, time: datetime | None = None) -> list[str]:
    """The paragraphs of the morning mails that go out now, without addresses."""
    before = len(desk_mails(database, "desk.digest"))
    digest.send_digests(database, time or half_past_seven())
    texts = [mail.text for mail in desk_mails(database, "desk.digest")[before:]]
    return [re.sub(r"\n?https://\S+", "", paragraph).strip() for text in texts for paragraph in text.split("\n\n")]


def set_up(database: Database, newsroom: Newsroom, **columns: Any) -> None:
    database.write(
        lambda s: s.execute(update(Newsletter).where(Newsletter.id == newsroom.newsletter_id).values(columns))
    )


def timur_writes(database: Database, newsroom: Newsroom) -> None:
    def write(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        receive.send(session, Reader(), newsletter, TIMURS_LETTER, form=receive.FormToken("timur", 1))

    database.write(write)


def get_coming_edition(database: Database, newsroom: Newsroom) -> Edition:
    with database.read() as session:
        return list_editions_to_run(session, newsroom.newsletter_id, 1)[0]


def edition_of(salt: ExpertAssignment) -> Edition:
    """The edition that Leyla was asked for: not the coming one, if that is near its cut-off."""
    with salt.database.read() as session:
        edition = run_of(session, session.get_one(Assignment, salt.assignment_id))
        assert edition is not None
        return edition


# --- The morning ---


@pytest.mark.parametrize(
    ("days", "is_worth_it"), [(-4, False), (-3, False), (-2, True), (0, True), (1, True), (2, True), (3, False)]
)
def test_open_slots_alone_are_worth_a_mail_from_two_days_before_the_cut_off_until_the_edition_runs(
    database: Database, newsroom: Newsroom, days: int, is_worth_it: bool
) -> None:
    """Cut-off and run are at nine, two days apart; the mail would come at half past seven."""
    day = get_coming_edition(database, newsroom).cutoff_at.astimezone(PRAGUE).date() + timedelta(days=days)
    found = morning(database, datetime.combine(day, time(7, 30), PRAGUE).astimezone(UTC))
    assert ("2 slots are still open:" in found) is is_worth_it
    assert bool(found) is is_worth_it


def test_one_mail_at_the_newsletter_s_hour_and_one_only(database: Database, newsroom: Newsroom) -> None:
    timur_writes(database, newsroom)
    at = half_past_seven()
    written = [digest.send_digests(database, at + later) for later in (-MINUTE, 0 * HOUR, MINUTE, HOUR, 3 * HOUR)]
    assert written == [0, 1, 0, 0, 0]
    (mail,) = desk_mails(database)
    assert (mail.kind, mail.to, mail.from_name) == ("desk.digest", "nora@desk.example", "The Steppe Letter")
    assert digest.send_digests(database, half_past_seven(1)) == 1


def test_a_worker_that_was_down_makes_up_for_it_but_not_at_night(database: Database, newsroom: Newsroom) -> None:
    timur_writes(database, newsroom)
    assert digest.send_digests(database, half_past_seven() + 2 * HOUR) == 0
    assert digest.send_digests(database, half_past_seven() + 2 * HOUR - MINUTE) == 1


@pytest.mark.threat("stolen database")
@pytest.mark.parametrize("signs", [(), ("trap",)])
def test_a_letter_of_the_same_morning_causes_no_mail_and_is_not_counted(
    database: Database, newsroom: Newsroom, signs: tuple[str, ...]
) -> None:
    """Its time would be that of the letter: in the outbox, in the mail itself, and at the mail provider of the desk."""
    at = half_past_seven()

    def write(number: int) -> None:
        def work(session: Session) -> None:
            newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
            form = receive.FormToken(f"{number}", 1)
            ask = receive.Submission(f"Who weighs the salt at the mill ({number})?")
            receive.send(session, Reader(), newsletter, ask, form=form, signs=signs)

        database.write(work, at=at + (number - 1) * HOUR)

    write(0)  # before the hour of the mail
    morning(database, at)  # may tell of open slots
    assert "letter" not in "".join(mail.text for mail in desk_mails(database, "desk.digest"))
    database.write(lambda session: session.execute(delete(OutboxMail)))
    write(2)  # within the two hours in which a worker that was down makes up for it
    morning(database, at + HOUR + MINUTE)
    assert "letter" not in "".join(mail.text for mail in desk_mails(database, "desk.digest"))
    found = morning(database, at + DAY)
    assert [part for part in found if "letters" in part and "file" in part or "held" in part] != []


def test_it_names_the_head_of_the_trail_which_stays_in_the_chain(database: Database, newsroom: Newsroom) -> None:
    timur_writes(database, newsroom)
    chain.extend(database, half_past_seven())
    with database.read() as session:
        reach = chain.get_position(session)
    said = [line for paragraph in morning(database) for line in paragraph.splitlines() if line.startswith("Head of")]
    assert said == [f"Head of the trail: {reach.short_head}"]
    mailed = reach.short_head.replace(" ", "")
    chain.extend(database, half_past_seven(1))
    looked = chain_check.check(database, pytest.fail, head_prefixes=[mailed])
    assert looked.found_heads == {mailed: reach.number} and looked.end.number > reach.number


def test_without_an_hour_there_is_none(database: Database, newsroom: Newsroom) -> None:
    timur_writes(database, newsroom)
    set_up(database, newsroom, digest_at="")
    assert [digest.send_digests(database, half_past_seven() + hours * HOUR) for hours in range(-8, 16)] == [0] * 24


def test_it_counts_what_waits_and_names_the_first_without_a_word_of_a_reader(
    database: Database, newsroom: Newsroom
) -> None:
    salt = ask_expert(database, newsroom)
    timur_writes(database, newsroom)
    late = ask_expert(database, newsroom, "Who owns the river?", "marek")
    no = ask_expert(database, newsroom, "Who owns the law?", "gulnara")
    salt.send()
    database.write(lambda s: assigning.decline(s, newsroom.gulnara, no.assignment(s), "not my field"))
    yesterday = half_past_seven() - HOUR
    database.write(
        lambda s: s.execute(update(Assignment).where(Assignment.id == late.assignment_id).values(reply_by=yesterday))
    )
    found = morning(database)
    # The slots and the cut-off depend on the day on which the tests run.
    assert [part for part in found if "slot" not in part and "cut-off" not in part] == [
        "One expert is late:\n- Marek Dvořák: The Salt Wind",
        "One answer has arrived:\n- Leyla Aydın: The Salt Wind",
        "One expert said no:\n- Gulnara Esenova: The Salt Wind",
        "One letter to file:",
        "This mail comes on days when there is something to say. Switch it off here:",
    ]
    (mail,) = desk_mails(database, "desk.digest")
    assert [secret for secret in TIMURS_DETAILS if secret in f"{mail.subject}{mail.text}"] == []
    links = re.findall(r"https://ask\.newsroom\.example/desk/steppe(\S*)", mail.text)
    assert [link for link in links if "editions" not in link] == [
        "/waiting/experts", "", "", "/letters", "/settings/mail#digest_at",
    ]  # fmt: skip


def test_what_has_been_told_of_yesterday_is_not_told_again(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    salt.send()
    assert "One answer has arrived:\n- Leyla Aydın: The Salt Wind" in morning(database)
    assert not [part for part in morning(database, half_past_seven(2)) if "answer" in part]


def test_a_check_that_has_ended_is_told(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()
    salt.send_to_check()
    database.write(lambda s: editing.settle_check(s, newsroom.leyla, salt.answer(s), "wrong", "The year is 2008."))
    assert "One quote check has ended:\n- Leyla Aydın: The Salt Wind" in morning(database)


def test_who_has_mailed_is_not_late(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    at = half_past_seven(60)
    assert "One expert is late:\n- Leyla Aydın: The Salt Wind" in morning(database, at)
    database.write(lambda s: mailed_answers.create_letter(s, Mailroom(), salt.assignment(s), "Here it is.", utc_now()))
    assert not [part for part in morning(database, at + DAY) if "late" in part]


# --- At once ---


def raised(database: Database, time: datetime) -> list[str]:
    """The subjects of what is told now; a second look tells nothing."""
    before = len(desk_mails(database))
    written = alarms.raise_alarms(database, time)
    new = desk_mails(database)[before:]
    assert (written, alarms.raise_alarms(database, time + MINUTE)) == (len(new), 0)
    return [mail.subject for mail in new]


def mailed_by_leyla(database: Database, salt: ExpertAssignment) -> None:
    database.write(lambda s: mailed_answers.create_letter(s, Mailroom(), salt.assignment(s), "Here it is.", utc_now()))


@pytest.mark.parametrize(("hours", "subjects"), [(49, []), (47, ["A mail is waiting: The Salt Wind"]), (-1, [])])
def test_a_mail_that_waits_is_told_at_once_when_the_cut_off_is_near(
    database: Database, newsroom: Newsroom, hours: int, subjects: list[str]
) -> None:
    salt = ask_expert(database, newsroom)
    mailed_by_leyla(database, salt)
    assert raised(database, edition_of(salt).cutoff_at - hours * HOUR) == subjects
    assert [mail.to for mail in desk_mails(database)] == ["nora@desk.example"] * len(subjects)


def fail_invitation(database: Database, salt: ExpertAssignment, **facts: Any) -> None:
    def fail(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(assignment_id=salt.assignment_id)).first()
        assert mail is not None
        if "said" in facts:
            outbox.move(session, Clock(), mail, "fail", **facts)
        else:
            outbox.move(session, Clock(), mail, "send", sent_at=utc_now())
            mail.bounced_at = utc_now()

    database.write(fail)


@pytest.mark.parametrize("facts", [{"said": "550 No such user"}, {}], ids=["failed", "bounced"])
@pytest.mark.parametrize(("hours", "count"), [(73, 0), (71, 1)])
def test_a_mail_that_did_not_arrive_is_told_at_once_when_the_cut_off_is_near(
    database: Database, newsroom: Newsroom, facts: dict[str, str], hours: int, count: int
) -> None:
    salt = ask_expert(database, newsroom)
    fail_invitation(database, salt, **facts)
    at = edition_of(salt).cutoff_at - hours * HOUR
    database.write(lambda s: s.execute(update(OutboxMail).values(created_at=at)))
    assert raised(database, at) == ["A mail to Leyla Aydın didn’t arrive: The Salt Wind"] * count
    assert [("550 No such user" in mail.text) for mail in desk_mails(database)] == [bool(facts)] * count


def test_what_belongs_to_a_later_edition_can_wait_for_the_morning(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    mailed_by_leyla(database, salt)

    def postpone(session: Session) -> None:
        later = list_editions_to_run(session, newsroom.newsletter_id, 2)[1]
        session.execute(update(Assignment).values(for_edition_id=later.id))

    database.write(postpone)
    assert raised(database, get_coming_edition(database, newsroom).cutoff_at - HOUR) == []


def lock_edition(database: Database, newsroom: Newsroom) -> Edition:
    def lock(session: Session) -> None:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        slots.pick(session, newsroom.nora, create_answered_question(session, newsroom, "Who measures it?"), edition)
        locking.lock_edition(session, newsroom.nora, edition)

    database.write(lock)
    return get_coming_edition(database, newsroom)


def test_nora_is_asked_once_about_an_edition_of_which_nothing_is_heard(database: Database, newsroom: Newsroom) -> None:
    edition = lock_edition(database, newsroom)
    assert raised(database, edition.runs_at + 2 * HOUR - 2 * MINUTE) == []
    (subject,) = raised(database, edition.runs_at + 2 * HOUR)
    assert re.fullmatch(r"Has the edition of \w+ \d+ \w+( \d{4})? gone out\?", subject)
    assert raised(database, edition.runs_at + 30 * HOUR) == []


@pytest.mark.parametrize("step", ["sent", "arrived", "long ago"])
def test_nobody_asks_about_an_edition_that_was_sent_or_has_arrived_or_ran_long_ago(
    database: Database, newsroom: Newsroom, step: str
) -> None:
    edition = lock_edition(database, newsroom)

    def go_on(session: Session) -> None:
        row = session.get_one(Edition, edition.id)
        if step == "sent":
            publication.send(session, newsroom.nora, row)
        elif step == "arrived":
            row.arrived_at = edition.runs_at

    database.write(go_on)
    assert raised(database, edition.runs_at + (90 if step == "long ago" else 3) * HOUR) == []


# --- An edition that changes: what the experts hear ---


def expert_mails(database: Database) -> list[tuple[str, str]]:
    return [(mail.kind, mail.subject) for mail in desk_mails(database, "expert.%")]


def pick_question(database: Database, newsroom: Newsroom) -> int:
    def pick(session: Session) -> int:
        question = create_answered_question(session, newsroom, "Who measures it?")
        slots.pick(session, newsroom.nora, question, list_editions_to_run(session, newsroom.newsletter_id, 1)[0])
        return question.id

    return database.write(pick)


def test_who_is_carried_over_hears_when_it_runs_now(database: Database, newsroom: Newsroom) -> None:
    key = pick_question(database, newsroom)
    database.write(lambda s: publication.carry_over(s, newsroom.nora, s.get_one(Question, key)).id)
    ((kind, subject),) = expert_mails(database)
    assert kind == "expert.carried_over"
    assert re.fullmatch(r"Your answer now runs on \w+ \d+ \w+( \d{4})?: Who measures it\?", subject)


@pytest.mark.parametrize(("room", "kind"), [(True, "expert.carried_over"), (False, "expert.dropped")])
def test_a_skipped_edition_tells_once_what_becomes_of_its_answers(
    database: Database, newsroom: Newsroom, room: bool, kind: str
) -> None:
    pick_question(database, newsroom)

    def skip(session: Session) -> None:
        first, *later = list_editions_to_run(session, newsroom.newsletter_id, 100)
        for edition in later if not room else ():
            skipping.skip(session, newsroom.nora, edition)
        skipping.skip(session, newsroom.nora, first)

    database.write(skip)
    assert [one for one, _ in expert_mails(database)] == [kind]


def test_the_words_of_a_check_do_not_change_the_digest(database: Database, newsroom: Newsroom) -> None:
    """A text that Nora has edited again since its check has ended is her own work, not news."""
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()
    salt.send_to_check()
    database.write(lambda s: editing.settle_check(s, newsroom.leyla, salt.answer(s), "fine"))
    salt.edit(EDITED_ANSWER.replace("short", "long"))
    assert not [part for part in morning(database) if "check" in part]
