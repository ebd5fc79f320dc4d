"""Nora fills the slots: what is ready narrowed down by the address, orders by dragging, dates that warn, and what others did."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, writing
from app.answers.models import Answer, Assignment
from app.core.actors import Clock, Reader
from app.core.clock import utc_now
from app.core.domain_errors import DomainError, VersionConflict
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition, EditionItem
from app.letters import receipts, receive
from app.letters.models import Letter
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter, Topic
from app.people import directory
from app.people.models import Expert
from app.questions import actions as questions
from app.questions import wording
from app.questions.models import Question
from app.typesetting.renderers import to_text
from app.workflows.letters.withdrawal import withdraw
from app.workflows.publishing import publication
from tests.support.database_checks import dump_tables, record_statements
from tests.support.databases import wait_until_blocked
from tests.support.desk import FIRST_QUESTION, SECOND_QUESTION, THIRD_QUESTION, ComingEdition, Desk, get_version_token
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.waiting import WAIT_TIMEOUT

ALL = [FIRST_QUESTION, SECOND_QUESTION, THIRD_QUESTION]


@pytest.fixture
def dana(app: Flask, nora: Desk, newsroom: Newsroom) -> Desk:
    """A second editor, at the same desk at the same time."""

    def hire(session: Session) -> Any:
        person = directory.add_person(session, Clock(), "Dana Kim", "dana@desk.example")
        directory.give_role(session, Clock(), person, newsroom.newsletter_id, "editor")
        return directory.staff_actor(session, person.id, newsroom.newsletter_id)

    return Desk(app, nora.database.write(hire))


def get_question(session: Session, public_id: str) -> Question:
    return session.scalars(select(Question).filter_by(public_id=public_id)).one()


def change(coming_edition: ComingEdition, public_id: str, fn: Any) -> None:
    coming_edition.database.write(lambda session: fn(session, get_question(session, public_id)))


def list_ready(coming_edition: ComingEdition, query: str = "") -> list[str]:
    """The headlines that are ready, in the page's order."""
    return coming_edition.nora.get(f"{coming_edition.page}{query}").part("#ready-list").texts("h3.head > a")


def marek_answers(session: Session, newsroom: Newsroom, question: Question) -> None:
    """Marek answers the same question, at greater length than there is room for."""
    expert = session.get_one(Expert, newsroom.marek.expert_id)
    assignment = assigning.assign(session, newsroom.nora, question, expert)
    written = writing.AnswerContent("The river took half of it. " * 100, own_words=True)
    answer = writing.submit(session, newsroom.marek, assignment, written)
    editing.approve(session, newsroom.nora, answer, checklist=editing.CHECKLIST)


@pytest.mark.both_databases
def test_what_is_ready_is_narrowed_down_by_the_address(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    first, second, third = coming_edition.create_questions(*ALL)
    today = utc_now().date()

    def prepare(session: Session) -> None:
        topic = Topic(newsletter_id=newsroom.newsletter_id, slug="salt", name="Salt")
        session.add(topic)
        session.flush()
        questions.set_topics(session, newsroom.nora, get_question(session, first), [topic.id])
        marek_answers(session, newsroom, get_question(session, second))
        questions.shelve(session, newsroom.nora, get_question(session, third))
        get_question(session, third).must_run_by = today
        old = session.scalars(select(Answer).filter_by(question_id=get_question(session, first).id)).one()
        session.execute(
            Answer.__table__.update().where(Answer.id == old.id).values({"state_at": utc_now() - timedelta(9)})
        )

    nora.database.write(prepare)
    with nora.database.read() as session:
        marek = session.get_one(Expert, newsroom.marek.expert_id).public_id
    assert list_ready(coming_edition) == [
        THIRD_QUESTION,
        FIRST_QUESTION,
        SECOND_QUESTION,
    ]  # what has a date comes first
    found = {
        "topic=salt": [FIRST_QUESTION],
        f"expert={marek}": [SECOND_QUESTION],
        "age=7": [FIRST_QUESTION],
        "age=28": [],
        "length=long": [SECOND_QUESTION],
        "length=fits": [THIRD_QUESTION, FIRST_QUESTION],
        "by=any": [THIRD_QUESTION],
        "by=this": [THIRD_QUESTION],
        "source=shelf": [THIRD_QUESTION],
        "source=answered&length=fits": [FIRST_QUESTION],
    }
    assert {query: list_ready(coming_edition, f"?{query}") for query in found} == found
    said = nora.get_text(f"{coming_edition.page}?topic=salt&expert=nobody&age=soon")
    assert "left out: Expert, Approved." in said
    # A press keeps the address, so that the same is looked at afterwards.
    assert (
        nora.press(f"{coming_edition.page}/pick?topic=salt", question=first)
        == f"/desk/steppe/{coming_edition.page}?topic=salt#slots"
    )


def test_the_slots_are_put_in_an_order_at_once(nora: Desk, coming_edition: ComingEdition) -> None:
    first, second, third = coming_edition.create_questions(*ALL)
    coming_edition.press("arrange", order=[second, first], version=coming_edition.version())
    assert coming_edition.get_contents() == ("planned", [SECOND_QUESTION, FIRST_QUESTION])
    coming_edition.press("arrange", order=[third, second], version=coming_edition.version())  # one out, one in
    assert coming_edition.get_contents() == ("planned", [THIRD_QUESTION, SECOND_QUESTION])
    before = dump_tables(nora.database)
    coming_edition.press("arrange", 409, order=[first, second, third], version=coming_edition.version())
    coming_edition.press("arrange", 409, order=[first, first], version=coming_edition.version())
    coming_edition.press("arrange", 409, order=[first])  # a form without the version it was drawn for
    coming_edition.press("arrange", 404, order=["0" * 12], version=coming_edition.version())
    assert dump_tables(nora.database) == before
    coming_edition.press("arrange", version=coming_edition.version())
    assert coming_edition.get_contents() == ("planned", [])


def test_of_two_at_once_the_second_is_told_who_did_what(nora: Desk, coming_edition: ComingEdition, dana: Desk) -> None:
    first, second, third = coming_edition.create_questions(*ALL)
    coming_edition.press("arrange", order=[first, second], version=coming_edition.version())
    opened = get_version_token(nora.open(coming_edition.page).text)
    dana.press(f"{coming_edition.page}/down", question=first, seen=opened)
    dana.press(f"{coming_edition.page}/drop", question=first)

    said = coming_edition.press("arrange", 409, order=[first, second], seen=opened)
    assert "This edition was changed after you opened this page" in said
    assert f"“{FIRST_QUESTION}”: Dana Kim moved it within the edition." in said
    assert f"“{FIRST_QUESTION}”: Dana Kim took it out of its edition." in said
    coming_edition.press("up", 409, question=second, seen=opened)
    assert coming_edition.get_contents() == ("planned", [SECOND_QUESTION])
    # What names its question is done whoever else was at work, and the page after it tells the rest.
    coming_edition.press("pick", question=third, seen=opened)
    said = nora.get_text(coming_edition.page)
    assert (
        f"“{THIRD_QUESTION}” is in slot 2." in said
        and f"Since you opened it: “{FIRST_QUESTION}”: Dana Kim took it out of its edition." in said
    )
    assert coming_edition.get_contents() == ("planned", [SECOND_QUESTION, THIRD_QUESTION])
    # The same person in another window is told what they did there.
    assert f"“{THIRD_QUESTION}”: You picked it for an edition." in coming_edition.press(
        "slots", 409, slots=3, seen=opened
    )


def test_a_date_is_set_taken_away_and_warned_of(nora: Desk, coming_edition: ComingEdition) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    with nora.database.read() as session:
        runs = coming_edition.edition(session).rule_date
    before = dump_tables(nora.database)
    for bad in ("soon", "2020-02-30", "2020-01-01"):
        assert "Give a day that is still to come." in coming_edition.press("date", 409, question=first, by=bad)
    assert dump_tables(nora.database) == before
    coming_edition.press("date", question=first, by=runs.isoformat())
    coming_edition.press("pick", question=second)
    said = nora.get_text(coming_edition.page)
    assert f"{FIRST_QUESTION} : it must run by" in said and "the edition after this one is too late" in said
    assert "It must run by" in nora.get_text("")
    coming_edition.press("pick", question=first)
    assert "is too late" not in nora.get_text(coming_edition.page)
    assert "It must run by" not in nora.get_text("")
    coming_edition.press("carry", question=first)
    said = nora.get_text(f"editions/{coming_edition.next_id}")
    assert f"{FIRST_QUESTION} : it was to run by" in said
    nora.press(f"editions/{coming_edition.next_id}/date", question=first, by="")
    assert "it was to run by" not in nora.get_text(f"editions/{coming_edition.next_id}")


def test_a_date_can_be_set_on_the_questions_own_page(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    by = (utc_now() + timedelta(days=40)).date()
    nora.press(f"questions/{first}/must-run-by", must_run_by="", by=by.isoformat())
    with nora.database.read() as session:
        assert get_question(session, first).must_run_by == by
    assert "Give a day that is still to come" in nora.press(
        f"questions/{first}/must-run-by", 422, by="soon", must_run_by=by.isoformat()
    )
    nora.press(f"questions/{first}/must-run-by", by="", must_run_by=by.isoformat())
    with nora.database.read() as session:
        assert get_question(session, first).must_run_by is None


def test_several_answers_run_together_in_the_order_that_is_wanted(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    change(coming_edition, first, lambda session, question: marek_answers(session, newsroom, question))
    coming_edition.press("pick", question=first)

    def list_printed_names() -> list[str]:
        with nora.database.read() as session:
            [block] = locking.blocks(session, coming_edition.edition(session))
        return re.findall(r"I (?:also )?asked ([^,]+),", to_text(block))

    assert list_printed_names() == ["Leyla Aydın", "Marek Dvořák"]
    assert [word for word in nora.get(coming_edition.page).buttons if word == "Put it first"] == ["Put it first"]
    with nora.database.read() as session:
        marek = session.scalars(select(Answer).filter_by(expert_id=newsroom.marek.expert_id)).one().public_id
    coming_edition.press("first", question=first, answer=marek)
    assert list_printed_names() == ["Marek Dvořák", "Leyla Aydın"]
    coming_edition.press("first", 409, question=first, answer="nobody's")


def test_a_slot_less_carries_over_what_no_longer_fits_and_its_expert_is_told(
    nora: Desk, coming_edition: ComingEdition
) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    coming_edition.press("arrange", order=[first, second], version=coming_edition.version())
    assert any(word.startswith("Remove slot 2 and move it to") for word in nora.get(coming_edition.page).buttons)
    coming_edition.press("slots", slots=1)
    assert coming_edition.get_contents() == ("planned", [FIRST_QUESTION])
    assert SECOND_QUESTION in nora.get_text(f"editions/{coming_edition.next_id}")
    with nora.database.read() as session:
        kinds = session.scalars(select(OutboxMail.kind).where(OutboxMail.kind.like("expert.%")))
        assert list(kinds).count("expert.carried_over") == 1


def test_what_stands_in_the_way_of_the_lock_is_said_with_the_way_there(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    coming_edition.press("arrange", order=[first, second], version=coming_edition.version())
    assert "Lock the edition" in nora.get(coming_edition.page).buttons

    def reword(session: Session, question: Question) -> None:
        wording.reword(
            session, newsroom.nora, question, headline=FIRST_QUESTION, body="Who measures it now?", language="en"
        )

    change(coming_edition, first, reword)
    page = nora.get(coming_edition.page)
    before = page.part("section.before")
    assert "It can’t be locked yet" in before.main_text and "its newest words are not cleared yet" in before.main_text
    assert f"/desk/steppe/questions/{first}" in before.urls
    assert "Lock the edition" not in page.buttons
    assert "First confirm that nobody could recognise" in coming_edition.press(
        "lock", 409, version=coming_edition.version()
    )


def test_what_is_too_long_is_cut_from_where_the_builder_leads(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    """One press takes it out and its approval back, and leads to the text. Of two who press, the second is told."""
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)

    def short_slots(session: Session) -> str:
        session.get_one(Newsletter, newsroom.newsletter_id).words = 5
        return session.scalars(select(Answer)).one().public_id

    answer = nora.database.write(short_slots)
    ways = [href for words, href in nora.get(coming_edition.page).links if words.startswith("Cut it")]
    chapter = f"answer-{answer}"
    assert ways == [f"/desk/steppe/questions/{first}?open={chapter}#{chapter}"]
    question = nora.get(f"questions/{first}")
    assert question.buttons.count("Take it out of the edition and edit it") == 1
    here = f"questions/{first}/answers/{answer}"
    opened = get_version_token(question, "cut")
    assert nora.press(f"{here}/cut", seen=opened) == f"/desk/steppe/{here}/edit"
    assert "It is out of the edition, and its approval taken back." in nora.get_text(f"{here}/edit")
    with nora.database.read() as session:
        assert (session.scalars(select(Answer)).one().state, get_question(session, first).state) == (
            "edited",
            "seeking",
        )
        kinds = session.scalars(select(OutboxMail.kind).where(OutboxMail.kind.like("expert.%"))).all()
    assert (coming_edition.get_contents(), kinds) == (("planned", []), [])
    before = dump_tables(nora.database)
    nora.press(f"{here}/cut", 409, seen=opened)
    assert dump_tables(nora.database) == before


def timur_asks_alone(session: Session, newsroom: Newsroom, question: Question) -> None:
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    form = receive.FormToken("timur", 1)
    letter = receive.send(session, Reader(), newsletter, receive.Submission("who measures it there?"), form=form)
    questions.join(session, newsroom.nora, question, [letter])


def take_back(session: Session) -> None:
    letter = session.scalars(select(Letter)).one()
    withdraw(session, receipts.reader_of(letter), letter)


def test_a_question_taken_back_a_second_before_the_lock_is_out_and_the_page_says_so(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    change(coming_edition, first, lambda session, question: timur_asks_alone(session, newsroom, question))
    coming_edition.press("arrange", order=[first, second], version=coming_edition.version())
    opened = get_version_token(nora.open(coming_edition.page).text)
    nora.database.write(take_back)
    said = coming_edition.press("lock", 409, seen=opened)
    assert "A reader took their question back. It is out of this edition, and its words are erased." in said
    assert FIRST_QUESTION not in said
    assert coming_edition.get_contents() == ("planned", [SECOND_QUESTION])
    coming_edition.press("lock", version=coming_edition.version())
    assert coming_edition.get_contents() == ("locked", [SECOND_QUESTION])


@pytest.mark.parametrize("first_there", ["the lock", "the reader"])
def test_a_reader_and_the_lock_at_the_same_moment(database: Database, newsroom: Newsroom, first_there: str) -> None:
    """Whoever comes first has the other wait for the end of it; nobody is refused what is theirs, and nothing is half done."""

    def prepare(session: Session) -> tuple[int, int]:
        question = create_answered_question(session, newsroom, FIRST_QUESTION)
        timur_asks_alone(session, newsroom, question)
        edition = session.scalars(select(Edition).order_by(Edition.runs_at).where(Edition.state == "planned")).first()
        assert edition is not None
        slots.pick(session, newsroom.nora, question, edition)
        return edition.id, edition.version

    key, version = database.write(prepare)
    holds, refusals = threading.Event(), []

    def lock(session: Session) -> None:
        locking.lock_edition(session, newsroom.nora, session.get_one(Edition, key), version)

    def first(verb: Any) -> Any:
        def fn(session: Session) -> None:
            verb(session)
            session.flush()
            holds.set()
            wait_until_blocked(database, other)

        return fn

    def second(verb: Any) -> None:
        holds.wait(WAIT_TIMEOUT)
        try:
            database.write(verb)
        except DomainError as refused:
            refusals.append(type(refused))

    verbs = (lock, take_back) if first_there == "the lock" else (take_back, lock)
    other = threading.Thread(target=second, args=(verbs[1],))
    other.start()
    database.write(first(verbs[0]))
    other.join(WAIT_TIMEOUT)
    with database.read() as session:
        stands = [session.get_one(Edition, key).state, session.scalars(select(Question.state)).one()]
        words = session.scalars(select(Letter.body)).one()
        items = session.scalar(select(func.count()).select_from(EditionItem))
    assert (words, refusals, stands, items) == (
        (None, [], ["locked", "queued"], 1)
        if first_there == "the lock"
        else (None, [VersionConflict], ["planned", "closed"], 0)
    )


def test_the_record_shows_what_ran_as_it_was_locked_and_what_became_of_it(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    for press in ("lock", "send"):
        coming_edition.press(press, version=coming_edition.version())
    said = nora.get_text(coming_edition.page)
    assert "We put up salt plates in 2009 and count what falls on them.” SHA-256" in said
    assert "its hash doesn’t match" not in said

    def spoil(session: Session, question: Question) -> None:
        publication.retract(session, newsroom.nora, question, "somebody is in danger")
        session.scalars(select(EditionItem)).one().output += " "

    change(coming_edition, first, spoil)
    said = nora.get_text(coming_edition.page)
    assert "Its public page has been taken down since." in said and "its hash doesn’t match" in said


def test_what_happened_tells_what_was_put_in_taken_out_moved_and_carried_over(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    first, second, third = coming_edition.create_questions(*ALL[:3])
    nora.press(f"editions/{coming_edition.next_id}/pick", question=third)
    for question in (first, second):
        coming_edition.press("pick", question=question)
    coming_edition.press("down", question=first)
    coming_edition.press("drop", question=second)
    coming_edition.press("pick", question=second)
    coming_edition.press("carry", question=second)
    coming_edition.press("lock", version=coming_edition.version())

    def happened(edition: str) -> list[str]:
        return nora.get(f"editions/{edition}").texts("ol.happened span")

    def lock_next(session: Session) -> None:
        edition = session.scalars(select(Edition).filter_by(public_id=coming_edition.next_id)).one()
        locking.lock_edition(session, newsroom.nora, edition)

    assert happened(coming_edition.id) == [
        "The calendar planned the edition.",
        f"“{ALL[0]}”: Nora Lind picked it for an edition.",
        f"“{ALL[1]}”: Nora Lind picked it for an edition.",
        f"“{ALL[0]}”: Nora Lind moved it within the edition.",
        f"“{ALL[1]}”: Nora Lind took it out of its edition.",
        f"“{ALL[1]}”: Nora Lind picked it for an edition.",
        f"“{ALL[1]}”: Nora Lind carried it over to a later edition.",
        "Nora Lind locked the edition.",
    ]
    nora.database.write(lock_next)
    assert happened(coming_edition.next_id) == [
        "The calendar planned the edition.",
        f"“{ALL[2]}”: Nora Lind picked it for an edition.",
        f"“{ALL[1]}”: Nora Lind carried it over to this edition.",
        "Nora Lind locked the edition.",
    ]


def test_the_page_asks_as_often_however_much_is_ready_and_picked(nora: Desk, coming_edition: ComingEdition) -> None:
    def count_queries() -> int:
        with record_statements(nora.database) as statements:
            nora.get_text(coming_edition.page)
        return len(statements)

    coming_edition.create_questions(*ALL)
    few = count_queries()
    coming_edition.create_questions(*(f"What falls on plate {number}?" for number in range(5)))
    assert count_queries() == few <= 34


def test_a_free_slot_is_looked_for_among_the_editions_to_come(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    def full(session: Session) -> tuple[str, str]:
        edition = coming_edition.edition(session)
        later = list(session.scalars(slots.select_later_editions(edition).limit(2)))
        for number in range(later[0].slots):
            slots.pick(
                session, newsroom.nora, create_answered_question(session, newsroom, f"Plate {number}?"), later[0]
            )
        newsletter = session.get_one(Newsletter, edition.newsletter_id)
        found = slots.find_edition_with_room(newsletter, slots.load_later_picks(session, edition), 0)
        assert found is not None
        return found.public_id, later[1].public_id

    found, expected = nora.database.write(full)
    assert found == expected
    assert nora.database.write(lambda s: s.scalar(select(func.count()).select_from(Assignment))) == 2


def test_an_edition_has_slots_in_its_own_sections_alone(coming_edition: ComingEdition) -> None:
    coming_edition.press("slots", slots=3, section=0)
    said = coming_edition.press("slots", 409, slots=4, section=1)
    assert "That number of slots doesn’t fit what is picked." in said
    with coming_edition.database.read() as session:
        assert coming_edition.edition(session).slots == 3


def test_a_question_that_keeps_its_slot_is_not_changed_by_what_leaves_the_edition(
    coming_edition: ComingEdition,
) -> None:
    def versions() -> list[int]:
        with coming_edition.database.read() as session:
            return [get_question(session, key).version for key in (first, second)]

    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    for key in (first, second):
        coming_edition.press("pick", question=key)
    before = versions()
    coming_edition.press("drop", question=second)
    coming_edition.press("slots", slots=1, section=0)
    assert versions()[0] == before[0]
