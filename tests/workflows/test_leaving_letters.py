"""Letters that have had their time are found along indexes, and they are just those of the rules."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db import sqlite
from app.db.engine import Database
from app.letters import filing
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.questions import actions
from app.workflows.letters import endings
from app.workflows.retention import erase_letters, open_letters, retention_preview
from app.workflows.retention.retention_preview import RULES, Rule
from tests.support.letters import send_letters, send_letters_by_outcome
from tests.support.sample_newsroom import Newsroom

NOW = utc_now()
DAY = timedelta(days=1)


def by_the_rule(session: Session, newsletter: Newsletter, rule: Rule, until: datetime) -> list[tuple[int, datetime]]:
    """All letters, asked one by one."""
    own, lead = retention_preview._own, retention_preview._lead
    query = (
        select(Letter.id, rule.since)
        .outerjoin(own, own.id == Letter.question_id)
        .outerjoin(lead, lead.id == func.coalesce(own.merged_into_id, own.id))
        .where(Letter.newsletter_id == newsletter.id, Letter.erased_at.is_(None), rule.condition)
        .where(rule.get_due_condition(newsletter, until))
        .order_by(rule.since, Letter.id)
    )
    return [(key, since) for key, since in session.execute(query)]


def add_questions(session: Session, newsroom: Newsroom) -> None:
    """Questions with others in them, one that came to nothing and one that goes on; and two letters of an expert."""
    for number in range(2):
        first, second, alone = send_letters(
            session, newsroom, *(f"Who counts the {one} of {number}?" for one in ("pears", "plums", "figs"))
        )
        lead, other = (
            actions.open_question(session, newsroom.nora, [one], headline="The Fruit") for one in (first, second)
        )
        actions.merge(session, newsroom.nora, other, lead)
        if number:
            endings.close_question(session, newsroom.nora, lead, "nobody")
        filing.file(session, newsroom.nora, alone, "tip")
    unread, read = send_letters(session, newsroom, "I can't say.", "Ask my colleague.")
    filing.file(session, newsroom.nora, read, "comment")
    session.flush()
    session.execute(update(Letter).where(Letter.id.in_((unread.id, read.id))).values(author="expert"))


def test_what_is_found_along_indexes_is_what_the_rules_say(database: Database, newsroom: Newsroom) -> None:
    send_letters_by_outcome(database, newsroom)
    database.write(lambda session: add_questions(session, newsroom))
    database.write(open_letters.announce_due, NOW + 340 * DAY)
    kinds = set()
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for days in (0, 30, 31, 183, 184, 365, 366, 4_000):
            until = NOW + timedelta(days=days, hours=1)
            session.info["at"] = until
            told = retention_preview.list_leaving(session, newsletter, timedelta(0), 500)
            numbers = retention_preview.count_due_by_rule(session, newsletter, timedelta(0))
            for name, rule in RULES.items():
                expected = by_the_rule(session, newsletter, rule, until)
                erased = [(key, rule.get_erasure_time(newsletter, since)) for key, since in expected]
                assert [(one.letter.id, one.erased_at) for one in told if one.rule == name] == erased, (name, days)
                assert numbers[name] == len(expected), (name, days)
                kinds |= {name} if expected else set()
    assert kinds == {"spam", "idle", "open", "closed", "ran", "expert"}


def test_what_is_taken_up_while_it_is_looked_for_keeps_its_words(database: Database, newsroom: Newsroom) -> None:
    letter_id = database.write(lambda session: send_letters(session, newsroom, "Who counts the pears?")[0].id)
    late = NOW + 184 * DAY
    with database.read(late) as session:
        (batch,) = retention_preview.list_due_batches(session)
    assert (batch.rule, list(batch.keys)) == ("idle", [letter_id])
    database.write(
        lambda session: actions.open_question(
            session, newsroom.nora, [session.get_one(Letter, letter_id)], headline="Pears"
        )
    )
    assert database.write(lambda session: erase_letters.forget_batch(session, batch), late) == 0
    with database.read() as session:
        assert session.get_one(Letter, letter_id).body == "Who counts the pears?"


def test_few_go_in_one_transaction(database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = NOW - 200 * DAY
    database.write(
        lambda session: send_letters(session, newsroom, *(f"Who counts the pears of {one}?" for one in range(7))),
        long_ago,
    )
    monkeypatch.setattr(retention_preview, "LETTERS_PER_TRANSACTION", 3)
    done: list[int] = []
    write = database.write
    emptied: list[int] = []
    monkeypatch.setattr(database, "write", lambda fn, **how: done.append(write(fn, **how)))
    monkeypatch.setattr(sqlite, "empty_log", lambda *_: emptied.append(len(done)) or True)
    erase_letters.forget_letters(database, 5)
    assert done == [3, 3, 1]
    assert emptied == ([3] if database.is_sqlite else []), "once, and not behind each"
    with database.read() as session:
        assert session.scalar(select(func.count()).where(Letter.erased_at.is_(None))) == 0
