"""What may still happen to a mail: other words while it is held, a bounce after it was sent, an undo before it goes."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, expert_mails, writing
from app.answers.models import Answer, Assignment
from app.answers.queries import checks_of
from app.audit import Event
from app.core.actors import Clock, ExpertActor, Mailroom, Reader, Staff
from app.core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied, VersionConflict
from app.db.engine import Database
from app.db.session import get_keyring
from app.letters import receive
from app.letters.models import Letter
from app.mail import outbox, secret_links
from app.mail.delivery import deliver_due
from app.mail.message import Message
from app.mail.models import OutboxContent, OutboxMail
from app.mail.sending import transport
from app.newsletters.models import Newsletter
from app.people import links
from app.people.models import Expert, Link
from app.questions import actions, wording
from app.workflows import invitations, undo
from app.workflows.letters import endings
from tests.support.assignments import send_queued_mails
from tests.support.sample_newsroom import Newsroom, create_submitted_answer
from tests.support.smtp_servers import RESET, create_mail_app, run_smtp_server

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
PAGE, STOP = "https://ask.example/a/9f-Q_x2", "https://ask.example/stop/8Jm1xN3y"
MAIL = Message(
    kind="expert.check",
    to="leyla@field.example",
    to_name="Leyla Aydın",
    subject="Your answer",
    text=f"Dear Leyla,\n\nplease look:\n{PAGE}\n\nSee https://ask.example/steppe/q/1/a\n",
    language="en",
    from_name="Nora Lind",
    html="<p>old</p>",
    references=("<first@ask.example>",),
)


def queue(database: Database, message: Message = MAIL, **facts: Any) -> OutboxMail:
    mail = database.write(lambda session: outbox.put(session, message, **facts), at=MONDAY)
    assert mail is not None
    return mail


def act(database: Database, verb: Any, actor: Any, mail: OutboxMail, *values: Any, time: datetime = MONDAY) -> None:
    database.write(lambda session: verb(session, actor, session.get_one(OutboxMail, mail.id), *values), at=time)


def read(database: Database, mail: OutboxMail) -> Message:
    with database.read() as session:
        return outbox.read(session, session.get_one(OutboxMail, mail.id))


def mails(session: Session, kind: str) -> list[OutboxMail]:
    return list(session.scalars(select(OutboxMail).filter_by(kind=kind).order_by(OutboxMail.id)))


def setting(database: Database, newsroom: Newsroom, **values: Any) -> None:
    def fn(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for name, value in values.items():
            setattr(newsletter, name, value)

    database.write(fn)


def invite(session: Session, newsroom: Newsroom, expert: ExpertActor, text: str = "Who measures it?") -> Assignment:
    question = actions.open_question(session, newsroom.nora, [], headline="Salt", body=text, language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    row = session.get_one(Expert, expert.expert_id)
    assignment = assigning.assign(session, newsroom.nora, question, row)
    invitations.invite(session, newsroom.nora, assignment)
    return assignment


def create_checked_answer(session: Session, newsroom: Newsroom) -> Answer:
    answer = create_submitted_answer(session, newsroom, "Who counts the plates?")
    editing.edit(session, newsroom.nora, answer, "We count what falls on the plates.")
    editing.ask_check(session, newsroom.nora, answer)
    return answer


def test_a_held_mail_gets_other_words_and_keeps_its_secret_address(database: Database, newsroom: Newsroom) -> None:
    mail = queue(database, hold=True)
    shown = secret_links.with_placeholders(read(database, mail).text)
    assert shown == "Dear Leyla,\n\nplease look:\n{link}\n\nSee https://ask.example/steppe/q/1/a\n"
    changed = shown.replace("please look", "could you look <today>")
    act(database, outbox.rewrite, newsroom.ilya, mail, "Your answer,\n today", changed, mail.version)
    now_stands = read(database, mail)
    assert (now_stands.subject, now_stands.text) == ("Your answer, today", changed.replace("{link}", PAGE))
    html = now_stands.html or ""
    assert (html.count(f'<a href="{PAGE}">'), html.count("&lt;today&gt;"), "old" in html) == (1, 1, False)
    assert replace(now_stands, subject=MAIL.subject, text=MAIL.text, html=MAIL.html, return_token=None) == MAIL
    with database.read() as session:
        assert [(one.actor, one.action) for one in session.scalars(select(Event).filter_by(action="mail.rewrite"))] == [
            (newsroom.ilya.ref, "mail.rewrite")
        ]
        sealed = session.get_one(OutboxContent, mail.id)
        assert (b"Leyla" in sealed.sealed, sealed.key_no) == (False, 1)


@pytest.mark.parametrize(
    ("subject", "text", "missing"),
    [
        (" ", "{link}", "subject"), ("Hello", "\n \n", "text"), ("Hello", "Dear Leyla", "link"),
        ("Hello", "{link} {link 2}", "link"), ("Hello", "{ link }", "link"),
    ],
)  # fmt: skip
def test_what_would_lose_something_is_refused(
    database: Database, newsroom: Newsroom, subject: str, text: str, missing: str
) -> None:
    mail = queue(database, hold=True)
    with pytest.raises(MissingPrecondition, match=missing):
        act(database, outbox.rewrite, newsroom.nora, mail, subject, text, mail.version)
    assert read(database, mail).text == MAIL.text


def test_several_secret_addresses_and_braces_of_somebodys_own_find_their_places() -> None:
    text = f"A {{link}} of mine, {PAGE}, {STOP} and {PAGE}-longer, {PAGE} again\n"
    shown = secret_links.with_placeholders(text)
    assert (PAGE in shown, "/stop/8" in shown, shown.count("{link}")) == (False, False, 1)
    assert secret_links.restore_secrets(shown, text) == text
    assert secret_links.without_secrets(f"{PAGE}, {STOP}.") == "https://ask.example/a/…, https://ask.example/stop/…."


def test_the_digits_of_a_receipt_are_as_secret() -> None:
    text = "type this number:\n0123 4567 8901 2345 6789\n"
    assert secret_links.without_secrets(text) == "type this number:\n…\n"
    assert secret_links.restore_secrets(secret_links.with_placeholders(text), text) == text


def test_the_second_of_two_who_change_a_mail_is_told_and_nobody_sends_what_they_have_not_read(
    database: Database, newsroom: Newsroom
) -> None:
    mail = queue(database, hold=True)
    act(database, outbox.rewrite, newsroom.ilya, mail, "His", "His {link}", mail.version)
    with pytest.raises(VersionConflict):
        act(database, outbox.rewrite, newsroom.nora, mail, "Hers", "Hers {link}", mail.version)
    with pytest.raises(VersionConflict):
        act(database, outbox.release, newsroom.nora, mail, mail.version)
    assert read(database, mail).subject == "His"


@pytest.mark.parametrize("state", ["queued", "sent", "discarded"])
def test_only_a_held_mail_is_changed_and_only_by_the_desk(database: Database, newsroom: Newsroom, state: str) -> None:
    held, mail = queue(database, hold=True), queue(database, hold=state == "discarded")
    steps = {"sent": ("send", Clock(), {"sent_at": MONDAY}), "discarded": ("discard", newsroom.nora, {})}
    if state in steps:
        action, actor, facts = steps[state]
        database.write(lambda s: outbox.move(s, actor, s.get_one(OutboxMail, mail.id), action, **facts))
    with pytest.raises(InvalidTransition):
        act(database, outbox.rewrite, newsroom.nora, mail, "x", "{link}")
    for actor in (newsroom.leyla, Reader(), Clock(), Mailroom()):
        with pytest.raises(PermissionDenied):
            act(database, outbox.rewrite, actor, held, "x", "{link}")


def test_a_mail_that_was_written_before_there_were_threads_still_opens(database: Database) -> None:
    mail = queue(database)

    def store_old_format(session: Session) -> None:
        place = f"outbox_contents.sealed.{mail.public_id}"
        text = (
            '{"kind": "sign_in", "to": "a@b.example", "to_name": "", "subject": "x", "text": "y", "language": "en",'
            ' "from_name": "z", "html": null, "from_address": null, "reply_to": null}'
        )
        session.get_one(OutboxContent, mail.id).sealed = get_keyring(session).seal(place, text)

    database.write(store_old_format)
    assert read(database, mail) == Message("sign_in", "a@b.example", "", "x", "y", "en", "z")


def test_every_mail_has_a_return_path_by_which_a_bounce_finds_it(database: Database) -> None:
    rows = [queue(database), queue(database, replace(MAIL, kind="sign_in"))]
    tokens = [read(database, mail).return_token or "" for mail in rows]
    assert (len(set(tokens)), {len(token) for token in tokens}) == (2, {16})
    with database.read() as session:
        assert [mail.return_mac for mail in rows] == [
            get_keyring(session).mac("outbox.return", token) for token in tokens
        ]


def test_a_mail_that_comes_back_has_failed_after_all_and_can_be_tried_again(
    database: Database, newsroom: Newsroom
) -> None:
    mail = queue(database, newsletter_id=newsroom.newsletter_id)
    later = MONDAY + timedelta(hours=1)
    database.write(lambda s: outbox.move(s, Clock(), s.get_one(OutboxMail, mail.id), "send", sent_at=MONDAY), at=MONDAY)
    for said in ("550 5.1.1\nno … here", "550 a second report"):
        act(database, outbox.mark_bounced, Mailroom(), mail, said, time=later)
    with database.read() as session:
        row = session.get_one(OutboxMail, mail.id)
        assert (row.state, row.said, row.bounced_at, row.sent_at) == ("failed", "550 5.1.1 no … here", later, None)
    act(database, outbox.retry, newsroom.ilya, mail, time=later)
    with database.read() as session:
        row = session.get_one(OutboxMail, mail.id)
        assert (row.state, row.said, row.bounced_at, row.message_id) == ("queued", None, None, mail.message_id)


def test_a_bounce_ends_the_tries_of_a_mail_whose_server_was_cut_off(database: Database) -> None:
    mail = queue(database)
    with run_smtp_server() as server:
        server.replies["END"] = RESET
        deliver_due(database, transport(create_mail_app(MAIL_PORT=server.port)), now=MONDAY)
        act(database, outbox.mark_bounced, Mailroom(), mail, "550 5.1.1 no … here")
        assert (len(server.mails), deliver_due(database, print, now=MONDAY + timedelta(hours=1))) == (1, Counter())


def test_the_desk_has_a_minute_to_undo_and_nobody_else_is_kept_waiting(database: Database, newsroom: Newsroom) -> None:
    setting(database, newsroom, undo_seconds=60)
    due = {}
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        session.info["at"] = MONDAY
        for actor in (newsroom.nora, newsroom.leyla, Clock(), Reader()):
            ways = expert_mails.delivery_options(session, actor, newsletter, "expert.check")
            assert ways["hold"] is False
            due[actor.role] = ways["due_at"] - MONDAY
        hour = MONDAY + timedelta(hours=1)
        assert expert_mails.delivery_options(session, newsroom.nora, newsletter, "expert.check", hour)["due_at"] == hour
    none = timedelta()
    assert due == {newsroom.nora.role: timedelta(minutes=1), "expert": none, "clock": none, "reader": none}


def test_what_the_newsletter_holds_and_what_an_assistant_causes_waits_for_an_editor(
    database: Database, newsroom: Newsroom
) -> None:
    setting(database, newsroom, held_kinds=["expert.check"])

    def fn(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        create_checked_answer(session, newsroom)
        invite(session, newsroom, newsroom.marek)
        for number, actor in enumerate((newsroom.nora, newsroom.ilya)):
            ask = receive.Submission("who knew of it?", hear_back="while", email=f"dana{number}@post.example")
            letter = receive.send(session, Reader(), newsletter, ask, form=receive.FormToken(f"dana{number}", 1))
            endings.end_letter(session, actor, session.get_one(Letter, letter.id), "later")

    database.write(fn, at=MONDAY)
    with database.read() as session:
        rows = session.execute(select(OutboxMail.kind, OutboxMail.state).order_by(OutboxMail.id))
        stand = [(kind, state) for kind, state in rows if not kind.startswith("desk.")]
    assert stand == [
        ("expert.check", "held"), ("expert.invitation", "queued"), ("reader.news", "queued"), ("reader.news", "held"),
    ]  # fmt: skip


def test_all_mails_on_one_assignment_are_one_thread(database: Database, newsroom: Newsroom) -> None:
    def fn(session: Session) -> None:
        assignment = invite(session, newsroom, newsroom.leyla)
        assigning.send_link_again(session, newsroom.nora, assignment)
        other = invite(session, newsroom, newsroom.marek, "And who reads it?")
        send_queued_mails(session)
        assigning.cancel(session, newsroom.nora, assignment, "We found it.")
        assigning.send_link_again(session, newsroom.nora, other)

    database.write(fn, at=MONDAY)
    with database.read() as session:
        rows = list(session.scalars(select(OutboxMail).order_by(OutboxMail.id)))
        letters = [outbox.read(session, mail) for mail in rows]
    first, second = rows[0].message_id, rows[2].message_id
    assert [(letter.in_reply_to, letter.references) for letter in letters] == [
        (None, ()), (first, (first,)), (None, ()), (first, (first,)), (second, (second,)),
    ]  # fmt: skip


def test_a_reply_comes_back_to_an_address_that_is_about_one_assignment(database: Database, newsroom: Newsroom) -> None:
    database.write(lambda session: invite(session, newsroom, newsroom.marek), at=MONDAY)
    setting(database, newsroom, inbox="ask@steppe.example")
    key = database.write(lambda session: invite(session, newsroom, newsroom.leyla).id, at=MONDAY)
    with database.read() as session:
        plain, tokened = (outbox.read(session, mail) for mail in mails(session, "expert.invitation"))
        token = (tokened.reply_to or "").removeprefix("ask+").removesuffix("@steppe.example")
        link = links.find_link(session, token, "reply")
        assert (link and link.assignment_id, links.find_link(session, token)) == (key, None)
    assert (plain.reply_to, plain.from_address, tokened.from_address) == ("nora@steppe.example",) * 3

    def cancel(session: Session) -> None:
        assigning.cancel(session, newsroom.nora, session.get_one(Assignment, key))

    database.write(cancel, at=MONDAY)
    with database.read() as session:
        assert links.find_link(session, token, "reply") is None


def test_undoing_an_invitation_leaves_a_draft_that_can_be_sent_anew(database: Database, newsroom: Newsroom) -> None:
    key = database.write(lambda session: invite(session, newsroom, newsroom.leyla).id, at=MONDAY)

    def undo_and_again(session: Session) -> None:
        assignment = session.get_one(Assignment, key)
        undo.discard(session, newsroom.nora, mails(session, "expert.invitation")[0])
        assert (assignment.state, assignment.question.state) == ("drafted", "open")
        assert {link.revoked_at is None for link in session.scalars(select(Link))} == {False}
        invitations.invite(session, newsroom.nora, assignment)

    database.write(undo_and_again, at=MONDAY)
    with database.read() as session:
        first, second = mails(session, "expert.invitation")
        assert (first.state, second.state) == ("discarded", "queued")
        assert outbox.read(session, second).in_reply_to is None


def send(session: Session, mail: OutboxMail) -> None:
    outbox.move(session, Clock(), mail, "send", sent_at=MONDAY)


def test_a_check_that_never_left_is_no_check_whose_silence_could_count(database: Database, newsroom: Newsroom) -> None:
    key = database.write(lambda session: create_checked_answer(session, newsroom).id, at=MONDAY)

    def turn(session: Session) -> list[str | None]:
        [mail] = mails(session, "expert.check")
        outbox.move(session, Clock(), mail, "fail", said="550 no such mailbox")
        undo.discard(session, newsroom.ilya, mail)
        answer = session.get_one(Answer, key)
        editing.ask_check(session, newsroom.nora, answer)
        return [answer.state, *(check.outcome for check in checks_of(session, [answer.id])[answer.id])]

    def overdue(session: Session) -> list[int]:
        return list(editing.overdue_checks(session))

    assert database.write(turn, at=MONDAY) == ["checking", "recalled", None]
    later = MONDAY + timedelta(days=30)
    assert database.write(overdue, at=later) == []  # the second mail has not left either
    database.write(lambda session: send(session, mails(session, "expert.check")[-1]), at=MONDAY)
    assert database.write(overdue, at=later) == [key]


def test_an_old_mail_that_is_discarded_undoes_nothing_of_the_new_one(database: Database, newsroom: Newsroom) -> None:
    key = database.write(lambda session: invite(session, newsroom, newsroom.leyla).id, at=MONDAY)

    def turn(session: Session) -> str | None:
        assignment = session.get_one(Assignment, key)
        [first] = mails(session, "expert.invitation")
        undo.discard(session, newsroom.nora, first)
        invitations.invite(session, newsroom.nora, assignment)
        [_, second] = mails(session, "expert.invitation")
        outbox.move(session, Clock(), second, "fail", said="550 no")
        writing.submit(session, newsroom.leyla, assignment, writing.AnswerContent("By telephone.", own_words=True))
        undo.discard(session, newsroom.nora, second)
        return assignment.state

    assert database.write(turn, at=MONDAY) == "received"


@pytest.mark.threat("rogue assistant")
def test_an_assistant_prepares_and_an_editor_sends(database: Database, newsroom: Newsroom) -> None:
    mail = queue(database, hold=True)
    with pytest.raises(PermissionDenied):
        act(database, outbox.release, newsroom.ilya, mail)
    assert isinstance(newsroom.nora, Staff)
    act(database, outbox.release, newsroom.nora, mail, mail.version)
    with database.read() as session:
        assert session.get_one(OutboxMail, mail.id).state == "queued"
