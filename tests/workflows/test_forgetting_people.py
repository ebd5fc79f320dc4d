"""Experts and colleagues who left are forgotten, by the rules or when somebody wants it; what ran keeps its credit."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.answers import assigning, closing, editing, writing
from app.answers.models import Answer, AnswerText, Assignment, Check
from app.audit import Event
from app.core.actors import Clock
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import now
from app.editions.models import EditionItem
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people import colleagues, directory, staff
from app.people.models import BrowserSession, Expert, Factor, Person
from app.questions.models import Note
from app.workflows.overview import digest
from app.workflows.retention import erase_letters, erase_people
from tests.support.assignments import EDITED_ANSWER, ExpertAssignment, send_queued_mails
from tests.support.database_checks import find_in_files, find_unerased
from tests.support.desk import Desk
from tests.support.sample_newsroom import Newsroom

DAY = timedelta(days=1)
NOW = utc_now()
# What the house knows of Leyla besides what ran, by where it stands.
OF_LEYLA = {
    "profile": "grew up in Moynaq and swims in the lake",
    "check": "rang the switchboard of the field station",
    "brief": "say first who reads the plates at dawn",
    "sent": "Nobody is told to read the tin plates.",
    "reply": "Please call it a salt pan instead",
    "asked back": "Do you mean the eastern shore only?",
    "draft": "a first try about the plates",
}


def everything_of_leyla(salt: ExpertAssignment) -> None:
    """All that the house can know of an expert; then her answer runs."""

    def fn(session: Session) -> None:
        newsroom, assignment = salt.newsroom, salt.assignment(session)
        expert = session.get_one(Expert, newsroom.leyla.expert_id)
        directory.change_profile(session, newsroom.nora, expert, None, bio=OF_LEYLA["profile"], topics=["plate tides"])
        directory.verify_expert(session, newsroom.nora, expert, OF_LEYLA["check"])
        session.execute(update(Assignment).where(Assignment.id == assignment.id).values(brief=OF_LEYLA["brief"]))
        assigning.ask_back(session, newsroom.leyla, assignment, OF_LEYLA["asked back"])
        writing.save_draft(session, newsroom.leyla, assignment, "page", writing.AnswerContent(OF_LEYLA["draft"]), 1)
        answer = writing.submit(
            session, newsroom.leyla, assignment, writing.AnswerContent(OF_LEYLA["sent"], own_words=True)
        )
        editing.edit(session, newsroom.nora, answer, EDITED_ANSWER)
        editing.ask_check(session, newsroom.nora, answer)
        editing.settle_check(session, newsroom.leyla, answer, "wrong", OF_LEYLA["reply"])

    salt.database.write(fn)
    salt.approve()
    salt.publish()
    salt.database.write(send_queued_mails)


def sweep(database: Database, days: float = 0) -> None:
    at = utc_now() + days * DAY
    while database.write(erase_people.erase_due, at):
        pass


def fresh(newsroom: Newsroom) -> Any:
    return replace(newsroom.nora, proved_at=utc_now())


def leyla(salt: ExpertAssignment, act: Callable[..., None]) -> None:
    salt.database.write(lambda s: act(s, fresh(salt.newsroom), s.get_one(Expert, salt.newsroom.leyla.expert_id)))


@pytest.mark.threat("erased words", "court order")
def test_who_is_to_be_deleted_is_gone_from_the_files_after_a_week_but_for_what_ran(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    everything_of_leyla(salt)
    assert find_in_files(database, *OF_LEYLA.values()) == list(OF_LEYLA.values())
    leyla(salt, erase_people.leave)
    sweep(database, days=6.9)
    assert find_in_files(database, *OF_LEYLA.values()) == list(OF_LEYLA.values())
    sweep(database, days=7.1)
    assert find_unerased(database, *OF_LEYLA.values()) == []
    with database.read() as session:
        expert = session.get_one(Expert, newsroom.leyla.expert_id)
        assert expert.name == f"Former expert {expert.person.public_id[:4].upper()}"
        assert directory.email_of(session, expert.person) is None
        assert directory.by_email(session, "leyla@field.example") is None
        assert (expert.bio, expert.topics, expert.credit_line, expert.verified_how) == ("", [], "", None)
        assert session.scalars(select(Note)).all() == []
        item = session.scalars(select(EditionItem)).one()
        assert "Leyla Aydın" in item.output and "soil scientist at the Karakum Field Station" in item.output
        assert session.scalars(select(AnswerText.body).where(AnswerText.body != "")).all() == [EDITED_ANSWER]
        mails = session.scalars(select(OutboxMail).filter_by(assignment_id=salt.assignment_id)).all()
        assert {outbox.has_contents(session, mail) for mail in mails} == {False}


def test_a_deletion_is_taken_back_within_the_week(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    everything_of_leyla(salt)
    leyla(salt, erase_people.leave)
    leyla(salt, erase_people.stay)
    sweep(database, days=30)
    assert find_in_files(database, *OF_LEYLA.values()) == list(OF_LEYLA.values())


def test_who_has_a_question_or_an_answer_that_is_to_run_is_not_deleted(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    with pytest.raises(erase_people.StillNeeded):
        leyla(salt, erase_people.leave)
    salt.send()
    salt.edit()
    salt.approve()
    with pytest.raises(erase_people.StillNeeded):
        leyla(salt, erase_people.leave)
    salt.publish()
    leyla(salt, erase_people.leave)


@pytest.mark.threat("erased words", "court order")
def test_whom_no_desk_asks_any_more_leaves_after_the_days_of_the_setting(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    everything_of_leyla(salt)
    database.write(lambda s: s.execute(update(Newsletter).values(expert_days=100)))
    sweep(database, days=99)
    assert find_in_files(database, *OF_LEYLA.values()) == list(OF_LEYLA.values())
    sweep(database, days=101)
    assert find_unerased(database, *OF_LEYLA.values()) == []
    with database.read() as session:
        gone = [one.id for one in session.scalars(select(Expert).where(Expert.erased_at.is_not(None)))]
    assert gone == [newsroom.leyla.expert_id]  # whom nobody has asked yet stands in the directory


@pytest.mark.threat("erased words", "court order")
def test_what_never_ran_goes_after_the_days_of_drafts(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    salt.send(OF_LEYLA["sent"])
    salt.database.write(
        lambda s: closing.close(s, newsroom.nora, salt.assignment(s).question, "later", "We have it from elsewhere.")
    )

    def forget(days: float) -> None:
        while database.write(erase_letters.erase_due, utc_now() + days * DAY):
            pass

    database.write(lambda s: s.execute(update(Newsletter).values(draft_days=50, idle_days=3_000, expert_mail_days=1)))
    forget(49)
    assert find_in_files(database, OF_LEYLA["sent"]) == [OF_LEYLA["sent"]]
    forget(51)
    assert find_unerased(database, OF_LEYLA["sent"]) == []


def ilya_leaves(database: Database, newsroom: Newsroom) -> None:
    """Ilya, with a passkey and a browser, is shut out of the house."""

    def fn(session: Session) -> None:
        person = session.get_one(Person, newsroom.ilya.person_id)
        session.add(
            Factor(
                person_id=person.id, kind="passkey", name="key", credential=b"k", public_key=b"k", made_at=now(session)
            )
        )
        session.flush()
        staff.disable_person(session, Clock(), person)

    database.write(fn)


@pytest.mark.threat("erased words", "court order")
def test_who_is_shut_out_loses_the_second_factors_at_once_and_the_name_when_it_had_its_time(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    ilya_leaves(database, newsroom)
    with database.read() as session:
        assert session.scalars(select(Factor.id)).all() == session.scalars(select(BrowserSession.id)).all() == []
        trail = session.execute(select(Event.id, Event.actor, Event.action, Event.facts).order_by(Event.id)).all()
    sweep(database, days=364)
    with database.read() as session:
        assert session.get_one(Person, newsroom.ilya.person_id).name == "Ilya Brandt"
    sweep(database, days=366)
    with database.read() as session:
        person = session.get_one(Person, newsroom.ilya.person_id)
        assert person.name == f"Former colleague {person.public_id[:4].upper()}"
        assert (person.email_sealed, person.email_mac) == (None, None)
        # The trail is as it was: it names nobody, and the page of it says what the person's row says.
        after = session.execute(select(Event.id, Event.actor, Event.action, Event.facts).order_by(Event.id)).all()
        assert after[: len(trail)] == trail
        assert colleagues.get_display_names(session, newsroom.newsletter_id)[person.id] == person.name
        assert session.get_one(Person, newsroom.nora.person_id).name == "Nora Lind"


def test_who_works_at_a_desk_keeps_the_name_however_long_they_did_nothing(
    database: Database, newsroom: Newsroom
) -> None:
    sweep(database, days=3_000)
    with database.read() as session:
        assert session.scalars(select(Person.name).where(Person.name.like("Former%"))).all() == []


def test_page_and_morning_mail_say_who_goes_next(
    nora: Desk, database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    everything_of_leyla(salt)
    assert nora.get("leaving").headings == ["What is erased next"]
    page = f"experts/{database.write(lambda s: s.get_one(Expert, newsroom.leyla.expert_id).public_id)}"
    assert nora.get(nora.post(f"{page}/leave")).notice == "Leyla Aydın will be deleted in a week."
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        assert [one.number for one in digest.list_sections(session, newsletter) if one.kind == "leaving"] == [1]
    leaving = nora.get("leaving")
    assert leaving.headings == ["What is erased next", "Experts 1"]
    assert leaving.texts(".finds .said") == ["Leyla Aydın"]
    assert nora.get(nora.post(f"{page}/stay")).notice == "Leyla Aydın stays."
    assert nora.get("leaving").headings == ["What is erased next"]


def test_a_deleted_expert_stands_in_no_list_and_opens_nothing(
    nora: Desk, database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    everything_of_leyla(salt)
    leyla(salt, erase_people.leave)
    sweep(database, days=8)
    assert "Leyla" not in nora.get_text("experts")
    assert "Former expert" not in nora.get_text("experts")
    assert nora.client.get(salt.link, base_url="https://localhost").status_code == 404
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Check).where(Check.reply_text != "")) == 0
        assert session.scalars(select(Answer.credit)).one()["name"] == "Leyla Aydın"
