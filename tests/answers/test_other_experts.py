"""What an expert is told of others who are asked is true when the mail leaves, and the next mail puts right what has changed."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, expert_mails
from app.answers.models import Assignment
from app.db.engine import Database
from app.db.session import now
from app.mail import outbox
from app.mail.delivery import Transient, deliver_due
from app.mail.message import Message
from app.mail.models import OutboxMail
from app.people.models import Expert
from app.questions.models import Question
from app.workflows import invitations
from tests.support.assignments import ExpertAssignment, ask_expert
from tests.support.sample_newsroom import Newsroom

ONLY, ONE_MORE = "I’m asking only you.", "I’m asking one other expert too."
CHANGED = "Something has changed since I wrote to you about this: I’m asking one other expert, too."


@pytest.fixture
def leyla_alone(database: Database, newsroom: Newsroom) -> ExpertAssignment:
    """Leyla is asked alone; her invitation waits for its minute."""
    return ask_expert(database, newsroom)


def ask_marek(leyla_alone: ExpertAssignment) -> None:
    def ask(session: Session) -> None:
        marek = session.get_one(Expert, leyla_alone.newsroom.marek.expert_id)
        question = session.get_one(Question, leyla_alone.question_id)
        invitations.invite(
            session, leyla_alone.newsroom.nora, assigning.assign(session, leyla_alone.newsroom.nora, question, marek)
        )

    leyla_alone.database.write(ask)


def write_to_leyla(leyla_alone: ExpertAssignment) -> None:
    leyla_alone.database.write(
        lambda s: expert_mails.send_desk_letter(
            s, leyla_alone.newsroom.nora, leyla_alone.assignment(s), "Take all the time you need."
        )
    )


def leaves(database: Database, time: datetime | None = None) -> list[tuple[str, str]]:
    """What goes out now: to whom, and all the words as they are read."""
    out: list[tuple[str, str]] = []

    def send(message: Message, _id: str) -> None:
        out.append((message.to.partition("@")[0], " ".join(message.text.split())))
        assert message.html is not None
        assert all(said in message.html for said in (ONLY, ONE_MORE, CHANGED) if said in out[-1][1])

    deliver_due(database, send, before_send=expert_mails.set_asked_others, now=time)
    return [mail for mail in out if mail[0] in ("leyla", "marek")]


def list_sentences(mails: list[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    return [(to, [one for one in (ONLY, ONE_MORE, CHANGED) if one in words]) for to, words in mails]


def test_two_who_are_asked_in_one_minute_are_told_of_each_other(leyla_alone: ExpertAssignment) -> None:
    ask_marek(leyla_alone)
    assert list_sentences(leaves(leyla_alone.database)) == [("leyla", [ONE_MORE]), ("marek", [ONE_MORE])]


def test_who_was_told_that_they_are_the_only_one_reads_in_the_next_mail_that_they_are_not(
    leyla_alone: ExpertAssignment,
) -> None:
    assert list_sentences(leaves(leyla_alone.database)) == [("leyla", [ONLY])]
    ask_marek(leyla_alone)
    write_to_leyla(leyla_alone)
    out = dict(leaves(leyla_alone.database))
    assert list_sentences(list(out.items())) == [("marek", [ONE_MORE]), ("leyla", [CHANGED])]
    assert f"Take all the time you need. {CHANGED} Nora Lind The Steppe Letter If you don’t want" in out["leyla"]
    write_to_leyla(leyla_alone)
    assert list_sentences(leaves(leyla_alone.database)) == [("leyla", [])]  # she has been told


def test_nobody_is_told_of_one_who_said_no_before_the_mail_left(leyla_alone: ExpertAssignment) -> None:
    ask_marek(leyla_alone)

    def decline(session: Session) -> None:
        marek = session.scalars(select(Assignment).filter_by(expert_id=leyla_alone.newsroom.marek.expert_id)).one()
        assigning.decline(session, leyla_alone.newsroom.nora, marek, "no time")

    leyla_alone.database.write(decline)
    assert ("leyla", [ONLY]) in list_sentences(leaves(leyla_alone.database))


def test_the_desk_reads_what_the_expert_was_told(leyla_alone: ExpertAssignment) -> None:
    ask_marek(leyla_alone)
    leaves(leyla_alone.database)
    with leyla_alone.database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(assignment_id=leyla_alone.assignment_id)).one()
        assert (ONE_MORE in outbox.read(session, mail).text, mail.asked_others) == (True, 1)


def test_a_mail_that_is_tried_again_says_what_is_true_then(leyla_alone: ExpertAssignment) -> None:
    def refuse(_message: Message, _id: str) -> None:
        raise Transient("451 later")

    deliver_due(leyla_alone.database, refuse, before_send=expert_mails.set_asked_others)
    ask_marek(leyla_alone)
    with leyla_alone.database.read() as session:
        later = now(session) + timedelta(hours=2)
    assert ("leyla", [ONE_MORE]) in list_sentences(leaves(leyla_alone.database, later))
