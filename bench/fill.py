"""A newsroom of any size, written in bulk: what the pages are measured against. Not a demo: the words are made up."""

import random
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.actors import Clock
from app.answers.models import Answer, AnswerText, Assignment
from app.core.clock import utc_now
from app.db import Database, new_public_id
from app.editions.items import digest
from app.editions.models import Edition, EditionItem
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.people import directory
from app.people.models import Expert
from app.questions.models import Question, QuestionText
from demo.scale.book import write_rows

NOW = utc_now().replace(microsecond=0)
WORDS = [
    "who",
    "pays",
    "for",
    "the",
    "water",
    "when",
    "a",
    "river",
    "crosses",
    "two",
    "borders",
    "and",
    "nobody",
    "measures",
    "it",
    "in",
    "the",
    "winter",
]
SHARES = (("published", 0.55), ("open", 0.2), ("answered", 0.05), ("shelved", 0.1), ("closed", 0.1))
"""What becomes of questions; every question has two letters, and as many letters again are waiting to be read."""


def _sentence(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words)).capitalize() + "?"


def _batches(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    walk = iter(rows)
    while batch := list(islice(walk, size)):
        yield batch


def _bulk(session: Session, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    for batch in _batches(rows, 10_000):
        write_rows(session.connection(), table.__table__, batch)


def newsroom(database: Database, questions: int) -> str:
    """Fill an empty database with one newsletter of so many questions. Returns its slug."""
    rng = random.Random(4)
    database.write(lambda session: _fill(session, rng, questions))
    return "river"


def _fill(session: Session, rng: random.Random, questions: int) -> None:
    newsletter = Newsletter(
        slug="river",
        name="The River",
        publisher="Bench",
        editor="Nora Lind",
        language="en",
        languages=["en"],
        address="nora@river.example",
        section="Expert Corner",
        call="Write to {address}.",
        zone="Europe/Prague",
        rule="FREQ=WEEKLY;BYDAY=WE",
        rule_start=date(2000, 1, 5),
        at="09:00",
        slots=2,
        undo_seconds=0,
    )
    session.add(newsletter)
    session.flush()
    person = directory.add_person(session, Clock(), "Nora Lind", "nora@river.example")
    directory.give_role(session, Clock(), person, newsletter.id, "editor")
    expert = directory.record_expert(session, Clock(), "Leyla Aslan", "leyla@river.example", credit_line="hydrologist")
    expert.verified_at, expert.verified_by_id, expert.verified_how = NOW, person.id, "called"
    session.flush()
    states = rng.choices([s for s, _ in SHARES], [w for _, w in SHARES], k=questions)
    published = [number for number, state in enumerate(states, 1) if state == "published"]
    _bulk(session, Edition, _editions(newsletter.id, (len(published) + 1) // 2))
    _bulk(session, Question, _questions(newsletter.id, states, published))
    _bulk(session, QuestionText, _texts(rng, states))
    for number in range(1, questions + 1, 5_000):
        session.execute(update(Question).where(Question.id.between(number, number + 4_999)).values(text_id=Question.id))
    _bulk(session, Letter, _letters(rng, newsletter.id, questions))
    with_answer = [n for n, state in enumerate(states, 1) if state in ("published", "answered")]
    _bulk(session, Assignment, _assignments(newsletter.id, expert.id, with_answer))
    _bulk(session, Answer, _answers(newsletter.id, expert, person.id, with_answer))
    _bulk(session, AnswerText, _answer_texts(rng, with_answer))
    session.execute(update(Answer).values(text_id=Answer.id, approved_text_id=Answer.id, approved_by_id=person.id))
    session.execute(update(Answer).values({"state": "approved"}))
    _bulk(session, EditionItem, _items(rng, published))


def _run(edition: int, editions: int) -> datetime:
    return NOW - timedelta(hours=6 * (editions - edition + 1))


def _editions(newsletter_id: int, count: int) -> Iterator[dict[str, Any]]:
    for number in range(1, count + 1):
        runs = _run(number, count)
        yield {
            "public_id": new_public_id(),
            "newsletter_id": newsletter_id,
            "rule_date": date(1900, 1, 1) + timedelta(number),
            "local_at": f"{runs:%Y-%m-%dT%H:%M}",
            "runs_at": runs,
            "cutoff_at": runs - timedelta(days=2),
            "state": "sent",
            "state_at": runs,
            "slots": 2,
            "number": number,
            "locked_at": runs,
            "sent_at": runs,
            "version": 1,
        }


def _questions(newsletter_id: int, states: list[str], published: list[int]) -> Iterator[dict[str, Any]]:
    slot = {number: divmod(index, 2) for index, number in enumerate(published)}
    editions = (len(published) + 1) // 2
    for number, state in enumerate(states, 1):
        edition, position = slot.get(number, (None, None))
        yield {
            "public_id": new_public_id(),
            "newsletter_id": newsletter_id,
            "state": state,
            "version": 1,
            "state_at": NOW - timedelta(minutes=number % 9_999),
            "opened_at": NOW - timedelta(minutes=number % 99_999),
            "edition_id": None if edition is None else edition + 1,
            "position": None if position is None else position + 1,
            "published_at": None if edition is None else _run(edition + 1, editions),
            "closed_reason": "later" if state == "closed" else None,
        }


def _texts(rng: random.Random, states: list[str]) -> Iterator[dict[str, Any]]:
    for number in range(1, len(states) + 1):
        yield {
            "question_id": number,
            "language": "en",
            "number": 1,
            "headline": _sentence(rng, 7),
            "body": _sentence(rng, 25),
            "background": "",
            "slug": f"q-{number}",
            "written_at": NOW,
            "cleared_at": NOW,
            "cleared_by_id": 1,
        }


def _letters(rng: random.Random, newsletter_id: int, questions: int) -> Iterator[dict[str, Any]]:
    for number in range(1, 3 * questions + 1):
        filed = number <= 2 * questions
        yield {
            "public_id": new_public_id(),
            "newsletter_id": newsletter_id,
            "author": "reader",
            "channel": "mail",
            "hear_back": "number",
            "state": "filed" if filed else "received",
            "state_at": NOW,
            "version": 1,
            "filed_as": "question" if filed else None,
            "question_id": (number + 1) // 2 if filed else None,
            "body": _sentence(rng, 22),
            "language": "en",
            "received_at": NOW - timedelta(minutes=3 * questions - number),
            "verbatim": False,
            "receipt_mailed": False,
        }


def _assignments(newsletter_id: int, expert_id: int, questions: list[int]) -> Iterator[dict[str, Any]]:
    for number in questions:
        yield {
            "public_id": new_public_id(),
            "newsletter_id": newsletter_id,
            "question_id": number,
            "expert_id": expert_id,
            "state": "done",
            "state_at": NOW,
            "words": 180,
            "credit_line": "hydrologist",
            "received_at": NOW,
            "invited_at": NOW,
            "reply_by": NOW,
            "due_at": NOW,
            "version": 1,
        }


def _answers(newsletter_id: int, expert: Expert, person_id: int, questions: list[int]) -> Iterator[dict[str, Any]]:
    for index, number in enumerate(questions, 1):
        yield {
            "public_id": new_public_id(),
            "newsletter_id": newsletter_id,
            "question_id": number,
            "assignment_id": index,
            "expert_id": expert.id,
            "state": "draft",
            "state_at": NOW,
            "version": 1,
            "checklist": [],
            "run_position": 1,
            "credit": {"name": "Leyla Aslan", "credit_line": "hydrologist", "relation": ""},
        }


def _answer_texts(rng: random.Random, questions: list[int]) -> Iterator[dict[str, Any]]:
    for index in range(1, len(questions) + 1):
        yield {
            "answer_id": index,
            "language": "en",
            "number": 1,
            "kind": "submitted",
            "body": _sentence(rng, 60),
            "words": 60,
            "by": "expert:1",
            "written_at": NOW,
            "channel": "page",
            "own_words": True,
        }


def _items(rng: random.Random, published: list[int]) -> Iterator[dict[str, Any]]:
    answer = "\n\n".join(_sentence(rng, 55) for _ in range(3))
    for index, number in enumerate(published):
        edition, position = divmod(index, 2)
        piece = {
            "language": "en",
            "marks": "typographic",
            "section": "Expert Corner",
            "headline": _sentence(rng, 7),
            "askers": [None, None],
            "question": _sentence(rng, 25),
            "call": None,
            "voices": [
                {
                    "lead_in": {
                        "name": "Leyla Aslan",
                        "credit_line": "hydrologist",
                        "relation": None,
                        "pattern": None,
                        "additions": [],
                    },
                    "answer": answer,
                }
            ],
        }
        data = {"piece": piece, "own": {}}
        output = f"Expert Corner: X\n\nReaders asked: “{piece['question']}”\n\nI asked Leyla Aslan:\n\n“{answer}”\n"
        yield {
            "edition_id": edition + 1,
            "position": position + 1,
            "question_id": number,
            "input": data,
            "output": output,
            "sha256": digest(data, output),
            "credits": [None, None],
        }
