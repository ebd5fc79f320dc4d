"""At the outbox: other words for a held mail, one press for many mails, and a minute to take something back."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers.models import Assignment
from app.db.session import now
from app.mail import outbox
from app.mail.kinds import KINDS
from app.mail.models import OutboxContent, OutboxMail
from app.newsletters.models import Newsletter
from tests.support.database_checks import dump_tables
from tests.support.desk import (
    Desk,
    get_mail_state,
    get_newest_mail_ids,
    get_open_mail_version,
    invite_leyla,
    list_pane_buttons,
    move_mail,
    queue_news_for_dana,
)
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom


def hold(session: Session) -> None:
    for mail in session.scalars(select(OutboxMail)):
        mail.state = "held"


def hold_invitation(nora: Desk, newsroom: Newsroom) -> str:
    """An invitation that waits for an editor."""
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    nora.database.write(hold)
    [public_id] = get_newest_mail_ids(nora.database).values()
    return public_id


def mailed(nora: Desk, public_id: str) -> tuple[str, str]:
    with nora.database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(public_id=public_id)).one()
        message = outbox.read(session, mail)
        return message.subject, message.text


def test_an_assistant_words_a_held_mail_and_the_editor_reads_it_before_it_goes(
    nora: Desk, ilya: Desk, newsroom: Newsroom
) -> None:
    public_id = hold_invitation(nora, newsroom)
    secret = mailed(nora, public_id)[1].partition("/a/")[2].split()[0]
    form = ilya.open(f"outbox/{public_id}/edit")
    text = Page(form.text).value("body")
    assert (secret in form.text, text.count("{link}"), text.startswith("Dear Leyla")) == (False, 1, True)
    changed = text.replace("Dear Leyla Aydın", "Dear Leyla").replace("\n", "\r\n")
    where = ilya.press(
        f"outbox/{public_id}/edit", subject="One question: <salt>", body=changed, version=get_open_mail_version(form)
    )
    assert where == f"/desk/steppe/outbox/{public_id}"
    page = nora.open(f"outbox/{public_id}")
    said = Page(page.text).main_text
    assert ("One question: <salt>" in said, "Dear Leyla," in said, secret in page.text) == (True, True, False)
    assert mailed(nora, public_id) == (
        "One question: <salt>",
        changed.replace("\r\n", "\n").replace("{link}", f"https://ask.newsroom.example/a/{secret}"),
    )
    nora.press(f"outbox/{public_id}/release", version=get_open_mail_version(page))
    assert get_mail_state(nora.database, public_id) == "queued"


def test_an_invitation_whose_dates_are_over_stays_held_and_the_page_says_why(nora: Desk, newsroom: Newsroom) -> None:
    public_id = hold_invitation(nora, newsroom)

    def let_reply_date_pass(session: Session) -> None:
        session.scalars(select(Assignment)).one().reply_by = now(session) - timedelta(hours=1)

    nora.database.write(let_reply_date_pass)
    version = get_open_mail_version(nora.open(f"outbox/{public_id}"))
    said = nora.press(f"outbox/{public_id}/release", 409, version=version)
    assert (
        "It has waited too long: the dates in it are past, or leave too little time. Discard it, and ask again." in said
    )
    assert get_mail_state(nora.database, public_id) == "held"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"subject": "Salt", "body": "I lost it."}, "Each place for a link must be in the text"),
        ({"subject": "Salt", "body": " \n"}, "The mail needs a text."),
        ({"subject": "", "body": "Here: {link}"}, "The mail needs a subject."),
    ],
)
def test_what_lacks_something_comes_back_as_it_was_typed(
    nora: Desk, newsroom: Newsroom, fields: dict[str, str], message: str
) -> None:
    public_id = hold_invitation(nora, newsroom)
    version = get_open_mail_version(nora.open(f"outbox/{public_id}/edit"))
    before = dump_tables(nora.database)
    response = nora.send(f"outbox/{public_id}/edit", {**fields, "version": version})
    page = Page(response.text)
    assert (response.status_code, message in page.main_text) == (422, True)
    assert (page.value("body"), page.value("subject")) == (fields["body"].strip(), fields["subject"])
    assert dump_tables(nora.database) == before


def test_two_who_word_one_mail_at_once_both_keep_their_text(nora: Desk, ilya: Desk, newsroom: Newsroom) -> None:
    public_id = hold_invitation(nora, newsroom)
    version = get_open_mail_version(nora.open(f"outbox/{public_id}/edit"))
    ilya.press(f"outbox/{public_id}/edit", subject="His", body="His text {link}", version=version)
    said = nora.press(f"outbox/{public_id}/edit", 409, subject="Hers", body="Her text {link}", version=version)
    assert ["His text {link}" in said, "Her text {link}" in said] == [True, True]
    nora.press(f"outbox/{public_id}/release", 409, version=version)
    assert get_mail_state(nora.database, public_id) == "held"


def test_what_is_not_held_has_no_form(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    [public_id] = get_newest_mail_ids(nora.database).values()
    nora.get_text(f"outbox/{public_id}/edit", 409)
    nora.press(f"outbox/{public_id}/edit", 409, subject="x", body="{link}", version="1")


def test_one_press_does_what_it_can_and_says_what_it_could_not(nora: Desk, ilya: Desk, newsroom: Newsroom) -> None:
    """Nora ticks everything: a held mail, one whose text is gone, one just going out, one that somebody has changed."""
    for _ in range(4):
        nora.database.write(lambda s: invite_leyla(s, newsroom))
    nora.database.write(hold)
    with nora.database.read() as session:
        ids = list(session.scalars(select(OutboxMail.public_id).order_by(OutboxMail.id)))
    ticks = nora.get("outbox").values("mail")
    assert [tick.partition(".")[0] for tick in ticks] == ids[::-1]
    first, changed, going, gone = ids
    nora.press(f"outbox/{changed}/edit", subject="x", body="{link}", version=dict(t.split(".") for t in ticks)[changed])

    def meanwhile(session: Session) -> None:
        rows = {mail.public_id: mail for mail in session.scalars(select(OutboxMail))}
        outbox.release(session, newsroom.nora, rows[going])
        rows[going].leased_until = now(session) + timedelta(minutes=5)
        session.delete(session.get_one(OutboxContent, rows[gone].id))

    nora.database.write(meanwhile)
    ilya.press("outbox", act="release", mail=[ticks[-1]])
    assert "One can’t be: an editor has to do it." in ilya.get_text("outbox")
    where = nora.press("outbox", act="release", mail=ticks, state="held")
    assert where == "/desk/steppe/outbox?state=held"
    said = nora.get_text("outbox")
    assert "One mail goes out. One can’t be: the text is no longer kept." in said
    assert "One can’t be: you, in another window, released the held mail; read it first." in said
    assert "One can’t be: you, in another window, changed the words of the mail; read it first." in said
    assert [get_mail_state(nora.database, one) for one in (first, changed, going, gone)] == [
        "queued",
        "held",
        "queued",
        "held",
    ]
    nora.press("outbox", act="discard", mail=ticks[1:])
    said = nora.get_text("outbox")
    assert "One can’t be: it is just going out." in said
    assert "One can’t be: you, in another window, changed the words of the mail; read it first." in said
    assert "One can’t be: you, in another window, released the held mail; read it first." in said
    nora.press("outbox", act="discard", mail=nora.get("outbox").values("mail"))
    assert "3 mails aren’t sent. One can’t be: it is just going out." in nora.get_text("outbox")
    nora.press("outbox", act="discard", mail=[f"{first}.1"])
    assert "One can’t be: that isn’t possible in its current state." in nora.get_text("outbox")
    nora.press("outbox", act="retry", mail=[])
    assert "Select the mails first." in nora.get_text("outbox")


def test_a_press_that_is_none_and_a_mail_of_others_change_nothing(nora: Desk, newsroom: Newsroom) -> None:
    public_id = hold_invitation(nora, newsroom)
    before = dump_tables(nora.database)
    nora.press("outbox", 400, act="forget", mail=[f"{public_id}.1"])
    nora.press("outbox", 404, act="discard", mail=["000000000000.1"])
    assert dump_tables(nora.database) == before


def test_a_mail_that_came_back_stands_with_the_failed_ones(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    [public_id] = get_newest_mail_ids(nora.database).values()
    with nora.database.read() as session:
        at = now(session)
    move_mail(nora.database, public_id, "send", sent_at=at)
    move_mail(nora.database, public_id, "bounce", said="550 5.1.1 no … here", bounced_at=at, sent_at=None)
    assert "Came back Leyla Aydın mail comes back Invitation came back: 550 5.1.1 no … here Salt" in nora.get_text(
        "outbox?state=failed"
    )
    assert list_pane_buttons(nora.open(f"outbox/{public_id}")) == ["Try again", "Discard"]


def test_an_invitation_can_be_taken_back_for_a_minute_from_its_question(nora: Desk, newsroom: Newsroom) -> None:
    def with_a_minute(session: Session) -> str:
        session.get_one(Newsletter, newsroom.newsletter_id).undo_seconds = 60
        invite_leyla(session, newsroom)
        return session.scalars(select(OutboxMail)).one().public_id

    public_id = nora.database.write(with_a_minute)
    about = next(href for _said, href in nora.get("outbox").links if href.startswith("/desk/steppe/questions/"))
    said = nora.get_text(about)
    assert re.search(r"Invitation , Leyla Aydın \. Goes out in \d\d s\.", said) is not None
    version = get_open_mail_version(nora.open(f"outbox/{public_id}"))
    assert nora.press(f"outbox/{public_id}/discard", to="question", version=version) == about
    said = nora.get_text(about)
    assert ("Goes out in" in said, "Nora Lind stopped the invitation to Leyla Aydın." in said) == (False, True)
    assert get_mail_state(nora.database, public_id) == "discarded"


def test_too_late_is_said_as_such(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    [public_id] = get_newest_mail_ids(nora.database).values()
    with nora.database.read() as session:
        at = now(session)
    move_mail(nora.database, public_id, "send", sent_at=at)
    said = nora.press(f"outbox/{public_id}/discard", 409)
    assert "It can’t be stopped any more: it has gone out, or it is just going." in said


def test_a_held_notice_to_a_reader_is_worded_without_their_address(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: queue_news_for_dana(s, newsroom))
    nora.database.write(hold)
    page = nora.open(f"outbox/{get_newest_mail_ids(nora.database)['reader.news']}/edit")
    assert "Somebody may read over the reader’s shoulder" in Page(page.text).main_text
    assert ["dana" in page.text.lower(), "/stop/" in page.text] == [False, False]


def test_every_kind_of_mail_has_a_name_at_the_desk() -> None:
    """But the ways in, which no newsletter has in its outbox."""
    assert [kind for kind, row in KINDS.items() if not row.name] == ["sign_in", "house.test"]


def test_an_invitation_whose_dates_are_over_does_not_leave(nora: Desk, newsroom: Newsroom) -> None:
    public_id = hold_invitation(nora, newsroom)

    def let_time_pass(session: Session) -> None:
        assignment = session.scalars(select(Assignment)).one()
        assignment.reply_by = assignment.due_at = now(session) - timedelta(minutes=1)

    nora.database.write(let_time_pass)
    nora.press("outbox", act="release", mail=nora.get("outbox").values("mail"))
    said = "One can’t be: it names dates that are too near or over; discard it, or take the check back, and ask again."
    assert said in nora.get_text("outbox")
    assert get_mail_state(nora.database, public_id) == "held"
