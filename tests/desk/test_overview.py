"""This edition's page: what is broken or pressing comes first, each with the way to mend it, in so many queries and no more."""

import re
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.answers import editing
from app.core.clock import utc_now
from app.db import secure_delete
from app.db.engine import Database
from app.editions import slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.mail import stalled
from app.mail.models import OutboxMail
from app.questions.models import Question
from app.watching import sightings
from tests.support.assignments import ask_expert
from tests.support.commands import record_sighting
from tests.support.database_checks import record_statements
from tests.support.desk import Desk
from tests.support.sample_newsroom import Newsroom, create_answered_question, create_submitted_answer

MINUTE = timedelta(minutes=1)


def alarms(nora: Desk) -> list[tuple[str, str]]:
    """What stands in red, each with the page that its button leads to."""
    found = nora.get("").parts("section.alarm")
    leads = [next(iter(one.attributes("a.btn", "href")), "") for one in found]
    said = [one.texts(".late")[0] for one in found]
    return [
        (words, lead.removeprefix("/desk/steppe/").partition("/")[0].partition("?")[0])
        for words, lead in zip(said, leads, strict=True)
    ]


def objects(database: Database, newsroom: Newsroom) -> None:
    """Leyla says in the quote check that something is wrong."""
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()
    salt.send_to_check()
    database.write(lambda s: editing.settle_check(s, newsroom.leyla, salt.answer(s), "wrong", "It was 2010."))


def breaks(session: Session, newsroom: Newsroom) -> None:
    """An edition's hour passes without a lock, a mail is refused, and mail waits for a worker."""
    edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
    slots.pick(session, newsroom.nora, create_answered_question(session, newsroom, "Who pays the gauges?"), edition)
    past = utc_now() - timedelta(days=1)
    session.execute(update(Edition).where(Edition.id == edition.id).values(runs_at=past, cutoff_at=past - timedelta(2)))
    first, second = session.scalars(select(OutboxMail).order_by(OutboxMail.id).limit(2))
    refused = {"state": "failed", "said": "550 no such mailbox", "ended_at": past}
    session.execute(OutboxMail.__table__.update().where(OutboxMail.id == first.id).values(refused))
    late = {"state": "queued", "due_at": utc_now() - 20 * MINUTE}
    session.execute(OutboxMail.__table__.update().where(OutboxMail.id == second.id).values(late))


def test_what_is_broken_comes_first_with_the_way_to_mend_it(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    assert alarms(nora) == []
    objects(database, newsroom)
    database.write(lambda session: breaks(session, newsroom))
    said = alarms(nora)
    assert [re.sub(r"(of \w+ \d+ \w+(?: \d{4})?|for \d+ \w+)", "…", one) for one, _ in said] == [
        "Mail has not moved ….",
        "The edition … wasn’t locked.",
        "One mail can’t be delivered.",
        "Leyla Aydın says that something in the text is wrong.",
    ]
    assert [lead for _, lead in said] == ["", "editions", "outbox", "questions"]


def test_erased_words_that_stay_in_the_files_are_told(nora: Desk, database: Database) -> None:
    record_sighting(database, utc_now() - 45 * MINUTE, secure_delete.EMPTY_LOG_DUTY)
    assert alarms(nora) == []
    database.write(
        lambda session: sightings.record_sightings(session, {sightings.FAILED + secure_delete.EMPTY_LOG_DUTY: 1})
    )
    assert alarms(nora) == [("What was erased in the last 45 minutes is still in the database’s own files.", "")]


def test_mail_that_waits_for_its_hour_waits_for_nobody(database: Database, newsroom: Newsroom) -> None:
    objects(database, newsroom)
    now = utc_now()
    for due, waits in ((now + MINUTE, False), (now - 20 * MINUTE, True)):
        columns = {"state": "queued", "due_at": due, "leased_until": None}
        database.write(lambda s, columns=columns: s.execute(OutboxMail.__table__.update().values(columns)))
        with database.read() as session:
            assert (stalled.get_stalled_since(session) is not None) is waits
    leased = {"leased_until": now + MINUTE}  # a worker has them in hand
    database.write(lambda s: s.execute(OutboxMail.__table__.update().values(leased)))
    with database.read() as session:
        assert stalled.get_stalled_since(session) is None


def test_the_page_asks_so_often_and_no_more(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    def statements() -> int:
        with record_statements(nora.database) as found:
            nora.get_text("")
        return len(found)

    objects(database, newsroom)
    database.write(lambda session: breaks(session, newsroom))

    def add_questions(session: Session, numbers: range) -> None:
        for number in numbers:
            question = create_answered_question(session, newsroom, f"What falls on plate {number}?")
            question.must_run_by = utc_now().date()
        assert session.scalars(select(Question).where(Question.must_run_by.is_not(None))).first()

    database.write(lambda session: add_questions(session, range(1)))
    few = statements()
    database.write(lambda session: add_questions(session, range(1, 7)))
    assert statements() == few <= 18


def test_what_only_an_editor_may_do_waits_apart_and_is_not_ilyas_task(
    nora: Desk, ilya: Desk, database: Database, newsroom: Newsroom
) -> None:
    """Ilya may edit what Leyla sent; to have it checked, or to fill a slot, is for Nora."""
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()
    database.write(lambda session: create_submitted_answer(session, newsroom, "Who pays the gauges?"))
    edit, check, slot = "Edit Leyla Aydın’s text", "Send Leyla Aydın the quote check", "Fill slot 1"
    assert columns(nora)[0] == ("For you", [edit, check, slot])
    assert [heading for heading, _lines in columns(nora)] == [
        "For you", "For experts", "For their check", "For an answer",
    ]  # fmt: skip
    assert columns(ilya)[:2] == [("For you", [edit]), ("For an editor", [check, slot])]
    assert "One text waits for you. One text waits for an editor." in ilya.get_text("")
    assert "2 texts wait for you." in nora.get_text("")


def columns(person: Desk) -> list[tuple[str, list[str]]]:
    """Who waits for whom: each heading, with the lines under it."""
    parts = person.get("").parts("section[aria-labelledby^=waits-]")
    return [
        (re.sub(r" (\d+|none)$", "", part.texts("h3")[0]), [words for words, _href in part.links]) for part in parts
    ]
