"""What an expert mails waits on the assignment until the desk files it with one key; then the assignment follows. E4, E6."""

from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, mailed_answers
from app.answers.models import AnswerText, Assignment
from app.core.clock import utc_now
from app.core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied, VersionConflict
from app.db.engine import Database
from app.letters.models import Letter
from app.mail.models import Inbound
from app.newsletters.models import Newsletter
from app.questions import queries as questions
from app.questions.models import Note, Question
from tests.support.assignments import ExpertAssignment
from tests.support.incoming_mails import DESK_ADDRESS, dmarc_pass, mail
from tests.support.mailroom import LEYLAS_ADDRESS, NewsletterMailroom
from tests.support.sample_newsroom import Newsroom

WORDS = "We measure it at the station.\n\nA village can ask for the figures."


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    return NewsletterMailroom(database, newsroom)


@pytest.fixture
def salt(room: NewsletterMailroom) -> ExpertAssignment:
    """Leyla was asked, and has answered the invitation by mail."""
    found, address = room.invite_expert()
    room.receive(mail(LEYLAS_ADDRESS, address, body=WORDS, Authentication_Results=dmarc_pass(LEYLAS_ADDRESS)))
    return found


def file(room: NewsletterMailroom, kind: str, number: int = -1, version: int | None = None, **about: Any) -> None:
    letter_id = room.list_letters()[number].id

    def change(session: Session) -> None:
        letter, said = session.get_one(Letter, letter_id), mailed_answers.FilingDetails(**about)
        mailed_answers.file(session, room.newsroom.ilya, letter, kind, said, version)

    room.database.write(change)


def receive_again(room: NewsletterMailroom, salt: ExpertAssignment, text: str) -> None:
    """She writes another mail, which the desk's hand brings to the assignment."""
    room.database.write(
        lambda s: mailed_answers.create_letter(s, room.newsroom.ilya, salt.assignment(s), text, utc_now())
    )


def waiting(room: NewsletterMailroom, salt: ExpertAssignment) -> set[int]:
    with room.database.read() as session:
        return mailed_answers.find_with_waiting_letter(session, [salt.assignment_id, 999])


def texts(room: NewsletterMailroom) -> list[tuple[str, str, str, bool]]:
    with room.database.read() as session:
        rows = session.scalars(select(AnswerText).order_by(AnswerText.id))
        return [(text.kind, text.channel, text.body, text.own_words) for text in rows]


def test_the_letter_waits_and_reminders_pause_until_it_is_filed(
    room: NewsletterMailroom, salt: ExpertAssignment
) -> None:
    assert (waiting(room, salt), salt.state()) == ({salt.assignment_id}, "invited")
    file(room, "question back")
    assert waiting(room, salt) == set()


def test_as_an_answer_it_becomes_the_submitted_version(room: NewsletterMailroom, salt: ExpertAssignment) -> None:
    file(room, "answer")
    assert (salt.state(), texts(room)) == ("received", [("submitted", "mail", WORDS, False)])
    (letter,) = room.list_letters()
    assert (letter.state, letter.filed_as, letter.assignment_id, letter.question_id) == (
        "filed", "answer", salt.assignment_id, None,
    )  # fmt: skip
    with room.database.read() as session:
        text = session.scalars(select(AnswerText)).one()
        zone_day = letter.received_at.date()
        assert text.given_on is not None and abs((text.given_on - zone_day).days) <= 1
        # Who asks is counted by letters; an expert's is none of these.
        assert len(questions.letters_of(session, session.get_one(Question, salt.question_id))) == 1


def test_a_no_that_was_meant_as_an_answer_after_all_becomes_one(
    room: NewsletterMailroom, salt: ExpertAssignment
) -> None:
    file(room, "cannot", reason="not my field")
    assert salt.state() == "declined"
    receive_again(room, salt, "On second thoughts: nobody measures it.")
    file(room, "answer")
    assert (salt.state(), texts(room)[-1][2]) == ("received", "On second thoughts: nobody measures it.")


def test_an_answer_to_what_was_sent_back_is_a_new_version(room: NewsletterMailroom, salt: ExpertAssignment) -> None:
    file(room, "answer")
    due = datetime(2099, 1, 1).astimezone()
    room.database.write(lambda s: editing.send_back(s, room.newsroom.nora, salt.answer(s), "Shorter, please.", due))
    receive_again(room, salt, "We measure it.")
    file(room, "answer")
    assert [body for _, _, body, _ in texts(room)] == [WORDS, "We measure it."]


def test_a_second_answer_is_refused_while_the_first_is_being_read(
    room: NewsletterMailroom, salt: ExpertAssignment
) -> None:
    file(room, "answer")
    receive_again(room, salt, "And one more thing.")
    with pytest.raises(InvalidTransition):
        file(room, "answer")
    assert (room.list_letters()[-1].state, texts(room)) == ("received", [("submitted", "mail", WORDS, False)])


def test_filing_twice_does_it_once(room: NewsletterMailroom, salt: ExpertAssignment) -> None:
    file(room, "question back")
    file(room, "question back")
    with room.database.read() as session:
        assert [note.body for note in session.scalars(select(Note))] == [WORDS]


def test_cannot_and_later_say_no_in_the_experts_name(room: NewsletterMailroom, salt: ExpertAssignment) -> None:
    file(room, "later", later_on=date(2099, 2, 1))
    with room.database.read() as session:
        found = salt.assignment(session)
        assert (found.state, found.decline_reason, found.later_on) == ("declined", "no time", date(2099, 2, 1))
        assert session.get_one(Question, salt.question_id).state == "open"
    receive_again(room, salt, "No, really not.")
    file(room, "cannot")  # it is a no already
    assert (salt.state(), room.list_letters()[-1].filed_as) == ("declined", "cannot")


def test_a_question_back_stands_under_the_experts_name_and_nothing_moves(
    room: NewsletterMailroom, salt: ExpertAssignment
) -> None:
    file(room, "question back", note="Which year do you mean?")
    with room.database.read() as session:
        note = session.scalars(select(Note)).one()
        assert (note.body, note.person_id) == ("Which year do you mean?", salt.assignment(session).expert.person_id)
    assert (salt.state(), room.list_letters()[0].filed_as) == ("invited", "question back")


@pytest.mark.parametrize(
    ("policy", "kind", "outcome", "reply"),
    [
        ("facts", "fine", "fine", "Looks right to me."),
        ("facts", "wrong", "wrong", "Looks right to me."),
        ("approve", "yes", "approved", "Looks right to me."),
    ],
)
def test_a_mail_to_the_quote_check_settles_it_once_it_is_filed(
    room: NewsletterMailroom, salt: ExpertAssignment, policy: str, kind: str, outcome: str, reply: str
) -> None:
    room.database.write(lambda s: setattr(s.get_one(Newsletter, room.newsroom.newsletter_id), "check_policy", policy))
    file(room, "answer")
    salt.edit()
    salt.send_to_check()
    receive_again(room, salt, "Looks right to me.")
    assert salt.checks() == [(None, None)]
    file(room, kind)
    assert salt.checks() == [(outcome, reply)]


@pytest.mark.parametrize("kind", ["fine", "wrong", "yes"])
def test_without_an_open_check_there_is_nothing_to_settle(
    room: NewsletterMailroom, salt: ExpertAssignment, kind: str
) -> None:
    with pytest.raises(InvalidTransition):
        file(room, kind)
    assert room.list_letters()[0].state == "received"


def test_a_stale_page_another_desk_and_a_readers_letter_file_nothing(
    room: NewsletterMailroom, salt: ExpertAssignment
) -> None:
    with pytest.raises(VersionConflict):
        file(room, "answer", version=99)
    with pytest.raises(InvalidTransition):
        file(room, "tip")
    room.receive(mail("aigerim@post.example"))
    with pytest.raises(InvalidTransition):
        file(room, "answer")
    elsewhere = type(room.newsroom.ilya)(2, "Ilya Brandt", 99, "editor")
    with pytest.raises(PermissionDenied):
        room.database.write(
            lambda s: mailed_answers.file(s, elsewhere, s.get_one(Letter, room.list_letters()[0].id), "answer")
        )
    assert (salt.state(), [letter.state for letter in room.list_letters()]) == ("invited", ["received", "received"])


def test_the_desk_takes_a_mail_from_the_holding_pen_to_an_assignment(
    room: NewsletterMailroom, salt: ExpertAssignment
) -> None:
    row = room.receive(mail("leyla.home@post.example", DESK_ADDRESS, body=WORDS, From=[LEYLAS_ADDRESS, "x@y.example"]))

    def take(s: Session) -> int:
        pen = s.get_one(Inbound, row.id)
        return mailed_answers.take_from_pen(s, room.newsroom.ilya, salt.assignment(s), pen, row.version).id

    key = room.database.write(take)
    taken = room.get_mail(row.id)
    assert (taken.state, taken.letter_id, taken.assignment_id) == ("letter", key, salt.assignment_id)
    letter = room.list_letters()[-1]
    assert (letter.author, letter.state, letter.hear_back) == ("expert", "received", "number")
    with pytest.raises((InvalidTransition, VersionConflict)):
        room.database.write(take)
    assert len(room.list_letters()) == 2


def test_only_words_that_are_shown_to_be_the_experts_run_without_being_read_back(
    room: NewsletterMailroom, salt: ExpertAssignment
) -> None:
    """Anybody can write a mail in Leyla's name; what the desk took out of the holding pen she sees before it can run."""
    with room.database.read() as session:
        newsletter_id = salt.assignment(session).newsletter_id
    room.database.write(lambda s: setattr(s.get_one(Newsletter, newsletter_id), "check_policy", "off"))
    row = room.receive(mail("leyla.home@post.example", DESK_ADDRESS, body=WORDS, From=[LEYLAS_ADDRESS, "x@y.example"]))
    room.database.write(
        lambda s: mailed_answers.take_from_pen(
            s, room.newsroom.ilya, salt.assignment(s), s.get_one(Inbound, row.id), row.version
        )
    )

    def faults() -> list[str]:
        with room.database.read() as session:
            found = editing.faults_of_approval(session, salt.answer(session), editing.CHECKLIST)
            return [fault.code for fault in found]

    file(room, "answer", number=0 if room.list_letters()[0].author == "expert" else 1)
    assert (texts(room)[-1][1], faults()) == ("mail", [])
    due = datetime(2099, 1, 1).astimezone()
    room.database.write(lambda s: editing.send_back(s, room.newsroom.nora, salt.answer(s), "Shorter, please.", due))
    file(room, "answer")
    assert (texts(room)[-1][1], faults()) == ("pen", [editing.NOT_CHECKED])


def test_nothing_is_taken_that_says_nothing(room: NewsletterMailroom, salt: ExpertAssignment) -> None:
    with pytest.raises(MissingPrecondition):
        receive_again(room, salt, " \n ")


def test_a_cancelled_assignment_takes_no_answer(room: NewsletterMailroom, salt: ExpertAssignment) -> None:
    room.database.write(lambda s: assigning.cancel(s, room.newsroom.nora, salt.assignment(s)))
    for kind in ("answer", "cannot", "later"):
        with pytest.raises(InvalidTransition):
            file(room, kind)
    with room.database.read() as session:
        assert session.get_one(Assignment, salt.assignment_id).state == "cancelled"
    assert room.list_letters()[0].state == "received"
