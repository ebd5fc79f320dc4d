"""Eight real processes change the same rows through the product's own verbs, and no change is lost on either database.

Each change reads first and writes what it read plus its own, as a person does with a page open. What the product takes is
counted, what it refuses (`VersionConflict`: somebody was faster) is counted and tried again with fresh eyes, as a person would.
"""

import queue
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from os import getpid
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.answers import editing
from app.answers.models import Answer
from app.audit import Event
from app.core.actors import Staff
from app.core.domain_errors import DomainError, VersionConflict
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.fault_kinds import Busy
from app.editions import slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.questions import actions, notes, wording
from app.questions.models import Note, Question, QuestionText
from app.workflows.publishing import publication
from tests.support.app import BASE_URL, SECRETS
from tests.support.processes import FORKSERVER
from tests.support.sample_newsroom import Newsroom, create_answered_question, create_submitted_answer
from tests.support.waiting import WAIT_TIMEOUT

PROCESSES = 8
# Of each process; most where one can overwrite what another has written.
CHANGES = {"reword": 50, "note": 40, "move": 40}

Verb = Callable[[Database, Newsroom], None]


def reword(database: Database, newsroom: Newsroom) -> None:
    """Somebody counts one up in the question's wording, in words of their own: the classic lost update."""
    with database.read() as session:
        question = session.scalars(select(Question).order_by(Question.id)).first()
        assert question is not None and question.text is not None
        key, seen, number = question.id, question.text.label, int(question.wording.split()[-1])

    def change(session: Session) -> None:
        question = session.get_one(Question, key)
        wording.reword(
            session,
            newsroom.ilya,
            question,
            headline="",
            body=f"By {getpid()}: number {number + 1}",
            language="en",
            base_label=seen,
        )

    database.write(change)


def note(database: Database, newsroom: Newsroom) -> None:
    """Notes stand beside each other; nobody is ever refused."""

    def change(session: Session) -> None:
        question = session.scalars(select(Question).order_by(Question.id)).one()
        notes.note(session, newsroom.ilya, question, "I called them.")

    database.write(change)


def move(database: Database, newsroom: Newsroom) -> None:
    """Somebody moves one of an edition's three questions up or down; the rows of all three are written."""
    step = secrets.choice((-2, -1, 1, 2))

    def change(session: Session) -> None:
        question = secrets.choice(session.scalars(select(Question).filter_by(state="queued")).all())
        slots.move(session, newsroom.nora, question, step)

    database.write(change)


VERBS: dict[str, Verb] = {"reword": reword, "note": note, "move": move}


def at_work(url: str, newsroom: Newsroom, verb: str, start: Any, counts: Any) -> None:
    """One process: so many changes, each tried until it is taken. Tells how many were taken and how often it was refused."""
    database = Database(url, Keys(SECRETS), BASE_URL)
    counted: Counter[str] = Counter()
    start.wait()
    for _ in range(CHANGES[verb]):
        while True:
            try:
                VERBS[verb](database, newsroom)
            except VersionConflict:
                counted["refused"] += 1
            except (
                Busy
            ):  # SQLite's turns aren't fair: on a busy machine a process can wait 10 seconds in vain, and is told so
                counted["busy"] += 1
            except Exception as error:
                counted[f"failed: {type(error).__name__}"] += 1
                break
            else:
                counted["taken"] += 1
                break
    database.close()
    counts.put(counted)


def count_outcomes(database: Database, newsroom: Newsroom, verb: str) -> Counter[str]:
    """Let all processes start at once, and add up what they tell."""
    start, counts = FORKSERVER.Barrier(PROCESSES), FORKSERVER.Queue()
    arguments = (database.url, newsroom, verb, start, counts)
    processes = [FORKSERVER.Process(target=at_work, args=arguments) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    heard: list[Counter[str]] = []
    while len(heard) < PROCESSES:
        try:
            heard.append(counts.get(timeout=1))
        except queue.Empty:
            assert all(process.exitcode in (None, 0) for process in processes), "a process died"
    for process in processes:
        process.join(WAIT_TIMEOUT)
    return sum(heard, Counter[str]())


def events(session: Session, action: str) -> int:
    return session.scalar(select(func.count()).select_from(Event).filter_by(action=action)) or 0


def test_two_editors_reword_and_no_wording_is_lost(database: Database, newsroom: Newsroom) -> None:
    database.write(lambda s: actions.open_question(s, newsroom.ilya, [], body="Number 0", language="en"))
    with database.read() as session:
        before = session.scalars(select(Question)).one().version
    counted = count_outcomes(database, newsroom, "reword")
    assert counted["taken"] == PROCESSES * CHANGES["reword"] == 400, dict(counted)
    assert set(counted) <= {"taken", "refused", "busy"}, dict(counted)
    with database.read() as session:
        question = session.scalars(select(Question)).one()
        last = int(question.wording.split()[-1])
        assert last == 400, f"{400 - last} of 400 changes lost"
        assert question.version == before + 400
        assert session.scalar(select(func.count()).select_from(QuestionText)) == 1 + 400
        assert events(session, "question.reword") == 1 + 400


def test_many_note_at_once_and_every_note_stands(database: Database, newsroom: Newsroom) -> None:
    database.write(lambda s: actions.open_question(s, newsroom.ilya, [], body="Number 0", language="en"))
    counted = count_outcomes(database, newsroom, "note")
    assert counted["taken"] == 320 and set(counted) <= {"taken", "busy"}, dict(counted)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Note)) == 320
        assert events(session, "question.note") == 320


def test_many_move_at_once_and_the_order_is_what_the_trail_says(database: Database, newsroom: Newsroom) -> None:
    """Every taken move, made again in the order of the trail, leads to the order that stands there: none is lost."""

    def pick_three(session: Session) -> tuple[int, list[int], int]:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        publication.set_slots(session, newsroom.nora, edition, 3)
        for words in ("Who measures the salt?", "Who pays for it?", "Who reads the figures?"):
            slots.pick(session, newsroom.nora, create_answered_question(session, newsroom, words), edition)
        session.refresh(edition)
        return edition.id, [question.id for question in slots.list_picked_questions(session, edition)], edition.version

    edition_id, order, version = database.write(pick_three)
    counted = count_outcomes(database, newsroom, "move")
    assert counted["taken"] == 320 and set(counted) <= {"taken", "busy"}, dict(counted)
    with database.read() as session:
        moves = session.scalars(select(Event).filter_by(action="question.move").order_by(Event.id)).all()
        assert len(moves) == 320
        for event in moves:
            assert event.facts is not None
            at = order.index(event.noun_id)
            order.insert(max(0, min(2, at + event.facts["step"])), order.pop(at))
        edition = session.get_one(Edition, edition_id)
        standing_there = [
            (question.id, question.position) for question in slots.list_picked_questions(session, edition)
        ]
        assert standing_there == list(zip(order, (1, 2, 3), strict=True))
        assert edition.version == version + 320


def run_concurrently(database: Database, *changes: Callable[[Session], Any]) -> list[str]:
    """Run the changes at the same moment, each on a connection of its own; tells what became of each."""
    start, outcomes = threading.Barrier(len(changes)), [""] * len(changes)

    def run(number: int) -> None:
        start.wait()
        try:
            database.write(changes[number])
            outcomes[number] = "taken"
        except DomainError as error:
            outcomes[number] = type(error).__name__

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(changes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_TIMEOUT)
    return outcomes


ROUNDS = 10


def test_two_editions_pick_one_question_and_one_of_them_has_it(database: Database, newsroom: Newsroom) -> None:
    for number in range(ROUNDS):
        question_id = database.write(lambda s, n=number: create_answered_question(s, newsroom, f"Question {n}").id)  # type: ignore[misc]
        with database.read() as session:
            editions_ids = [e.id for e in list_editions_to_run(session, newsroom.newsletter_id, 12)[-2:]]

        def create_pick(edition_id: int, question_id: int = question_id) -> Callable[[Session], None]:
            def pick(session: Session) -> None:
                edition = session.get_one(Edition, edition_id)
                if len(slots.list_picked_questions(session, edition)) == edition.slots:
                    publication.set_slots(session, newsroom.nora, edition, edition.slots + 1)
                slots.pick(session, newsroom.nora, session.get_one(Question, question_id), edition)

            return pick

        assert sorted(run_concurrently(database, *map(create_pick, editions_ids))) == ["InvalidTransition", "taken"]
        with database.read() as session:
            question = session.get_one(Question, question_id)
            assert question.state == "queued"
            assert question.edition_id in editions_ids
    with database.read() as session:
        assert events(session, "question.pick") == ROUNDS


def test_nora_approves_while_leyla_withdraws(database: Database, newsroom: Newsroom) -> None:
    """Whoever comes first: in the end the answer is withdrawn, nothing of it is approved, and the question is open."""
    for number in range(ROUNDS):
        question_id = database.write(
            lambda s, n=number: create_submitted_answer(s, newsroom, f"Question {n}").question_id
        )  # type: ignore[misc]

        def approve(session: Session, question_id: int = question_id) -> None:
            answer = session.scalars(select(Answer).filter_by(question_id=question_id)).one()
            editing.approve(session, newsroom.nora, answer, checklist=editing.CHECKLIST)

        def withdraw(session: Session, question_id: int = question_id) -> None:
            answer = session.scalars(select(Answer).filter_by(question_id=question_id)).one()
            editing.withdraw(session, newsroom.leyla, answer)

        approved, withdrawn = run_concurrently(database, approve, withdraw)
        assert (approved in ("taken", "InvalidTransition"), withdrawn) == (True, "taken"), (approved, withdrawn)
        with database.read() as session:
            answer = session.scalars(select(Answer).filter_by(question_id=question_id)).one()
            states = (answer.state, answer.assignment.state, session.get_one(Question, question_id).state)
            assert states == ("withdrawn", "cancelled", "open"), (approved, withdrawn)


def test_two_editors_reword_and_the_slower_one_is_told(database: Database, newsroom: Newsroom) -> None:
    question_id = database.write(lambda s: actions.open_question(s, newsroom.ilya, [], body="Who?", language="en").id)
    for number in range(ROUNDS):
        with database.read() as session:
            text = session.get_one(Question, question_id).text
            seen = text.label if text else None

        def create_rewording(editor: Staff, number: int = number, seen: str | None = seen) -> Callable[[Session], None]:
            def change(session: Session) -> None:
                question = session.get_one(Question, question_id)
                body = f"{editor.name}, {number}"
                wording.reword(session, editor, question, headline="", body=body, base_label=seen)

            return change

        outcomes = run_concurrently(database, create_rewording(newsroom.nora), create_rewording(newsroom.ilya))
        assert sorted(outcomes) == ["VersionConflict", "taken"]
        first = (newsroom.nora, newsroom.ilya)[outcomes.index("taken")]
        with database.read() as session:
            assert session.get_one(Question, question_id).wording == f"{first.name}, {number}"
