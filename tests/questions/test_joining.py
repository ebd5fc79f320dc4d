"""A letter joins a question that still goes somewhere, or none; and nobody hears that a question ended which was opened again."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, closing
from app.audit import collect_events
from app.core.actors import Reader
from app.core.domain_errors import InvalidTransition
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.queries import list_editions_to_run
from app.letters import receive
from app.letters.models import Letter
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.me_too import ask_too
from app.questions.models import Question
from app.workflows import undo
from app.workflows.letters.endings import close_question
from app.workflows.publishing import publication
from tests.support.database_checks import get_one
from tests.support.databases import ON_POSTGRESQL, write_concurrently
from tests.support.desk import Desk, get_version
from tests.support.letters import get_letter, open_question_of_letters, send_letter
from tests.support.sample_newsroom import Newsroom, create_answered_question

pytestmark = pytest.mark.usefixtures("one_minute_undo")

SALT, AGAIN = "Who counts the salt in the orchards?", "who counts the salt that falls there"


def row(session: Session, public_id: str) -> Question:
    return session.scalars(select(Question).filter_by(public_id=public_id)).one()


def test_a_letter_joins_no_question_whose_lead_ran(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    """Its reader would never hear of an answer: the notices of that edition have gone out."""
    merged = open_question_of_letters(database, newsroom, "Salt", {})

    def merge_into_lead(session: Session) -> None:
        lead = create_answered_question(session, newsroom, SALT)
        closing.merge_question(session, newsroom.nora, row(session, merged), lead)
        [edition] = list_editions_to_run(session, newsroom.newsletter_id, 1)
        slots.pick(session, newsroom.nora, lead, edition)
        locking.lock_edition(session, newsroom.nora, edition)
        publication.send(session, newsroom.nora, edition)

    database.write(merge_into_lead)
    letter = send_letter(database, newsroom, AGAIN)
    page = nora.get(f"/letters/{letter}")
    nora.post(f"/letters/{letter}/file", status=409, kind="question", question_id=merged, version=get_version(page))
    assert (get_letter(database, letter).state, get_letter(database, letter).question_id) == ("received", None)


def test_a_letter_that_is_ticked_with_one_behind_a_closed_question_is_not_closed_unheard(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    closed = open_question_of_letters(database, newsroom, "Salt", {})
    nora.post_action(f"/questions/{closed}", "close", reason="outside")
    old = get_one(database, Letter).public_id
    new = send_letter(database, newsroom, AGAIN)
    nora.post("/letters", act="question", letter=[f"{key}.{get_letter(database, key).version}" for key in (old, new)])
    assert (get_letter(database, new).state, get_letter(database, new).question_id) == ("received", None)


@ON_POSTGRESQL
def test_a_letter_that_joins_while_the_making_of_the_question_is_undone_waits_on(
    database: Database, newsroom: Newsroom
) -> None:
    letters = [send_letter(database, newsroom, words) for words in (SALT, AGAIN)]
    first, second = (get_letter(database, key).id for key in letters)

    def make(session: Session) -> tuple[int, list[int]]:
        with collect_events(session) as events:
            made = actions.open_question(session, newsroom.nora, [session.get_one(Letter, first)])
        session.flush()
        return made.id, undo.list_undoable_events(events)

    key, press = database.write(make)

    def join(session: Session) -> None:
        made = session.get_one(Question, key)
        database.write(lambda other: undo.undo(other, newsroom.nora, press))
        actions.join(session, newsroom.ilya, made, [session.get_one(Letter, second)])

    with pytest.raises(InvalidTransition):
        database.write(join)
    assert [get_letter(database, letter).state for letter in letters] == ["received", "received"]


@ON_POSTGRESQL
def test_a_question_for_which_an_expert_is_prepared_meanwhile_is_not_merged_away(
    database: Database, newsroom: Newsroom
) -> None:
    salt, wind = (open_question_of_letters(database, newsroom, words, {}) for words in ("Salt", "Wind"))

    def prepare(session: Session) -> None:
        assigning.assign(session, newsroom.nora, row(session, salt), session.get_one(Expert, newsroom.leyla.expert_id))

    refused = write_concurrently(
        database,
        prepare,
        lambda session: closing.merge_question(session, newsroom.nora, row(session, salt), row(session, wind)),
    )
    assert [why.code for why in refused] == ["merge.assigned"]


@ON_POSTGRESQL
def test_nobody_joins_a_question_that_is_just_being_closed(database: Database, newsroom: Newsroom) -> None:
    def show(session: Session) -> str:
        shown = actions.open_question(session, newsroom.nora, [], body=SALT, language="en")
        wording.clear(session, newsroom.nora, shown, shown.text_id or 0)
        actions.show(session, newsroom.nora, shown, True)
        return shown.public_id

    shown = database.write(show)

    def join(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        ask_too(session, Reader(), newsletter, shown, receive.FormToken("a nonce", 1))

    refused = write_concurrently(
        database, lambda session: close_question(session, newsroom.nora, row(session, shown), "outside"), join
    )
    assert [why.code for why in refused] == ["precondition.question_not_shown"]
    with database.read() as session:
        assert session.scalars(select(Letter)).all() == []


@pytest.mark.parametrize("state", ["queued", "held"])
def test_no_reader_hears_that_a_question_ended_which_is_open_again(
    nora: Desk, database: Database, newsroom: Newsroom, state: str
) -> None:
    if state == "held":
        database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "held_kinds", ["reader.news"]))
    closed = open_question_of_letters(database, newsroom, "Salt", {"hear_back": "while", "email": "dana@post.example"})
    nora.post_action(f"/questions/{closed}", "close", reason="outside")
    assert mails(database) == [state]
    nora.post(f"/questions/{closed}/reopen")
    assert mails(database) == ["discarded"]
    nora.post_action(f"/questions/{closed}", "close", reason="nobody")
    assert mails(database) == ["discarded", state]


def mails(database: Database) -> list[str | None]:
    with database.read() as session:
        query = select(OutboxMail.state).where(OutboxMail.letter_id.is_not(None))
        return list(session.scalars(query.order_by(OutboxMail.id)))
