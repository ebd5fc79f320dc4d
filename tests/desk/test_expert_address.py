"""Leyla has another address: her mail follows, her old links end, and the desk sees at a glance whom no mail reaches."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.answers.editing import CHECKLIST, ask_check, faults_of_approval, overdue_checks
from app.answers.expert_address import change_address
from app.audit import Event
from app.core.actors import Clock, Visitor
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import now
from app.mail import outbox
from app.mail.models import OutboxMail
from app.people import directory, sign_in
from app.people.contact_status import status_of
from app.people.models import BrowserSession, Expert, SignIn
from app.people.sessions import NotFresh
from app.people.sign_in import RequestingBrowser
from app.questions.models import Question
from tests.support.assignments import ExpertAssignment, get_mailed_links, send_queued_mails
from tests.support.database_checks import dump_tables, get_one
from tests.support.desk import Desk
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

OLD, NEW = "leyla@field.example", "leyla@institute.example"
PHONED = "rang the institute's switchboard"
COMES_BACK = "Mail to Leyla Aydın comes back: no mail reaches them."


@pytest.fixture
def leyla(database: Database, newsroom: Newsroom) -> str:
    """The address of Leyla's page, below the desk."""
    return f"experts/{get_one(database, Expert, id=newsroom.leyla.expert_id).public_id}"


@pytest.fixture
def question(salt: ExpertAssignment, nora: Desk) -> str:
    """The address of the page of Timur's question, below the desk."""
    return f"questions/{get_one(nora.database, Question, id=salt.question_id).public_id}"


def bounce(session: Session) -> None:
    """Let all mails that were sent to experts come back."""
    for mail in session.scalars(select(OutboxMail).where(OutboxMail.kind.startswith("expert."), OutboxMail.is_sent)):
        outbox.mark_bounced(session, Clock(), mail, "550 5.1.1 user unknown")


def send_and_bounce(database: Database) -> None:
    database.write(send_queued_mails)
    database.write(bounce)


def change(nora: Desk, leyla: str, status: int = 303, email: str = NEW, **fields: str) -> str:
    form = nora.get(leyla).form(f"/desk/steppe/{leyla}/new-address")
    return nora.press(f"{leyla}/new-address", status, seen=form.fields["seen"], email=email, **fields)


def list_mails(database: Database) -> list[tuple[str, str, str]]:
    """The kind, state and address of each mail to an expert, oldest first."""
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).where(OutboxMail.kind.startswith("expert.")).order_by(OutboxMail.id))
        return [(mail.kind, str(mail.state), outbox.read(session, mail).to) for mail in mails]


def get_address(database: Database, newsroom: Newsroom) -> str | None:
    with database.read() as session:
        return directory.email_of(session, session.get_one(Expert, newsroom.leyla.expert_id).person)


@pytest.mark.threat("forged expert")
def test_waiting_mail_goes_to_the_new_address_by_a_new_link_and_the_old_link_opens_nothing(
    nora: Desk, leyla: str, salt: ExpertAssignment
) -> None:
    assert change(nora, leyla, how=PHONED) == f"/desk/steppe/{leyla}"
    assert list_mails(nora.database) == [
        ("expert.invitation", "queued", NEW), ("expert.address_changed", "queued", OLD),
    ]  # fmt: skip
    [link] = get_mailed_links(nora.database, "expert.invitation")
    assert link != salt.link
    opened = [nora.client.get(path, base_url="https://localhost").status_code for path in (salt.link, link)]
    assert opened == [404, 200]


@pytest.mark.threat("forged expert")
def test_the_old_address_hears_of_it_but_not_the_new_one(nora: Desk, leyla: str, salt: ExpertAssignment) -> None:
    change(nora, leyla)
    with nora.database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(kind="expert.address_changed")).one()
        message = outbox.read(session, mail)
    assert (message.to, message.reply_to) == (OLD, message.from_address)
    assert "If you didn’t tell us about it, please reply to this mail at once" in message.text
    assert [part for part in (NEW, "institute.example", "Salt", "/a/") if part in message.text] == []


def test_who_had_a_link_by_mail_gets_a_new_one_at_the_new_address(
    nora: Desk, leyla: str, salt: ExpertAssignment
) -> None:
    nora.database.write(send_queued_mails)
    change(nora, leyla, how=PHONED)
    assert list_mails(nora.database)[-1] == ("expert.links", "queued", NEW)
    [link] = get_mailed_links(nora.database, "expert.links")
    opened = [nora.client.get(path, base_url="https://localhost").status_code for path in (salt.link, link)]
    assert opened == [404, 200]


def test_an_invitation_that_came_back_is_sent_again_by_a_press(
    nora: Desk, leyla: str, question: str, salt: ExpertAssignment
) -> None:
    send_and_bounce(nora.database)
    change(nora, leyla, how=PHONED)
    # An address from which mail comes back isn't told, and the invitation waits for whoever reads its dates.
    assert list_mails(nora.database) == [("expert.invitation", "held", NEW)]
    mail = get_one(nora.database, OutboxMail, kind="expert.invitation")
    nora.press(f"outbox/{mail.public_id}/release", seen=Page(nora.open(f"outbox/{mail.public_id}").text).value("seen"))
    assert list_mails(nora.database) == [("expert.invitation", "queued", NEW)]
    nora.database.write(send_queued_mails)
    [link] = get_mailed_links(nora.database, "expert.invitation")
    assert nora.client.get(link, base_url="https://localhost").status_code == 200
    assert COMES_BACK not in nora.get_text(question)


def test_a_bounce_of_the_old_address_that_comes_late_says_nothing_of_the_new_one(
    nora: Desk, leyla: str, salt: ExpertAssignment
) -> None:
    nora.database.write(send_queued_mails)
    change(nora, leyla, how=PHONED)
    nora.database.write(bounce)
    assert "comes back" not in nora.get_text(leyla)
    nora.database.write(send_queued_mails)
    nora.database.write(bounce)
    assert COMES_BACK in nora.get_text(leyla)


def test_a_check_that_came_back_is_no_consent_even_when_it_is_sent_late(
    nora: Desk, leyla: str, salt: ExpertAssignment
) -> None:
    salt.send()
    salt.edit()
    salt.send_to_check()
    send_and_bounce(nora.database)
    change(nora, leyla, how=PHONED)
    assert ("expert.check", "held", NEW) in list_mails(nora.database)
    in_a_week = utc_now() + timedelta(days=7)

    def release(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(kind="expert.check")).one()
        outbox.release(session, salt.newsroom.nora, mail)
        outbox.move(session, Clock(), mail, "send", sent_at=now(session))

    nora.database.write(release, in_a_week)
    with nora.database.read(in_a_week) as session:
        assert overdue_checks(session) == []


def test_sign_in_links_and_browsers_of_the_old_address_end(
    nora: Desk, leyla: str, newsroom: Newsroom, database: Database
) -> None:
    person_id = get_one(database, Expert, id=newsroom.leyla.expert_id).person_id
    browser = RequestingBrowser("secret", "en")
    database.write(lambda s: sign_in.request_sign_in(s, Visitor(), OLD, "expert", browser))
    database.write(lambda s: sign_in.begin(s, Visitor(), person_id, "expert", ""))
    change(nora, leyla)
    with database.read() as session:
        left = [
            session.scalars(select(model).filter_by(person_id=person_id)).all() for model in (SignIn, BrowserSession)
        ]
        mail = session.scalars(select(OutboxMail).filter_by(kind="sign_in")).one()
        assert (left, str(mail.state)) == ([[], []], "discarded")
    database.write(lambda s: sign_in.request_sign_in(s, Visitor(), OLD, "expert", browser))
    with database.read() as session:
        assert len(session.scalars(select(OutboxMail).filter_by(kind="sign_in")).all()) == 1


@pytest.mark.threat("forged expert")
@pytest.mark.parametrize(
    ("variant", "says", "codes"),
    [("", "Nobody has checked yet", ["precondition.expert_not_verified"]), (PHONED, PHONED, [])],
)
def test_without_a_check_of_the_new_address_nothing_of_theirs_can_be_approved(
    nora: Desk, leyla: str, salt: ExpertAssignment, variant: str, says: str, codes: list[str]
) -> None:
    salt.send()
    change(nora, leyla, how=variant)
    assert says in nora.get_text(leyla)
    with nora.database.read() as session:
        faults = faults_of_approval(session, salt.answer(session), CHECKLIST)
        assert [fault.code for fault in faults] == codes


def test_the_trail_says_who_changed_it_and_no_address(nora: Desk, leyla: str, newsroom: Newsroom) -> None:
    change(nora, leyla)
    with nora.database.read() as session:
        event = session.scalars(select(Event).filter_by(action="expert.address")).one()
        assert (event.actor, event.noun_id) == (newsroom.nora.ref, newsroom.leyla.expert_id)
        assert event.facts == {"whose": leyla.removeprefix("experts/")}
    assert "changed the address of Leyla Aydın" in nora.get_text("trail")


def test_of_two_who_change_it_at_once_the_second_is_told_and_keeps_what_was_typed(
    nora: Desk, vera: Desk, leyla: str, newsroom: Newsroom
) -> None:
    seen = vera.get(leyla).form(f"/desk/steppe/{leyla}/new-address").fields["seen"]
    change(nora, leyla)
    page = Page(vera.send(f"{leyla}/new-address", {"seen": seen, "email": "other@institute.example"}).text)
    assert "Nora Lind changed the address of Leyla Aydın" in page.main_text
    assert page.value("email") == "other@institute.example"
    assert get_address(nora.database, newsroom) == NEW


@pytest.mark.parametrize(
    ("email", "status", "says"),
    [
        ("leyla at institute", 422, "“leyla at institute” is not an e-mail address"),
        ("nora@desk.example", 409, "Somebody else has this address already."),
    ],
)
def test_a_wrong_address_changes_nothing_and_is_kept_to_be_mended(
    nora: Desk, leyla: str, salt: ExpertAssignment, email: str, status: int, says: str
) -> None:
    before = dump_tables(nora.database)
    seen = nora.get(leyla).form(f"/desk/steppe/{leyla}/new-address").fields["seen"]
    response = nora.send(f"{leyla}/new-address", {"seen": seen, "email": email})
    assert (response.status_code, Page(response.text).value("email")) == (status, email)
    assert says in Page(response.text).main_text
    assert dump_tables(nora.database) == before


@pytest.mark.threat("forged expert")
def test_the_address_of_a_colleague_cannot_be_taken_over(nora: Desk, leyla: str, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: directory.give_role(
        s, newsroom.nora, s.get_one(Expert, newsroom.leyla.expert_id).person, newsroom.newsletter_id, "editor"
    ))  # fmt: skip
    assert "They also work at a desk and sign in there with this address" in change(nora, leyla, 409)
    assert get_address(nora.database, newsroom) == OLD


@pytest.mark.threat("forged expert")
def test_an_assistant_has_no_such_form_and_an_old_proof_does_not_count(
    ilya: Desk, nora: Desk, leyla: str, newsroom: Newsroom
) -> None:
    assert ilya.get(leyla).parts("#address") == []
    assert ilya.send(f"{leyla}/new-address", {"email": NEW}).status_code == 404
    nora.database.write(
        lambda s: s.execute(update(BrowserSession).values(stepped_up_at=utc_now() - timedelta(hours=1)))
    )
    with pytest.raises(NotFresh):
        nora.database.write(
            lambda s: change_address(s, newsroom.nora, s.get_one(Expert, newsroom.leyla.expert_id), NEW)
        )
    assert get_address(nora.database, newsroom) == OLD


def test_while_a_mail_is_being_handed_over_the_address_stays(
    nora: Desk, leyla: str, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    in_ten_minutes = utc_now() + timedelta(minutes=10)
    nora.database.write(
        lambda s: s.execute(update(OutboxMail).where(OutboxMail.is_queued).values(leased_until=in_ten_minutes))
    )
    assert "The mail is being handed over at this moment." in change(nora, leyla, 409)
    assert get_address(nora.database, newsroom) == OLD


def test_one_status_stands_on_every_page_and_nobody_waits_for_whom_no_mail_reached(
    nora: Desk, leyla: str, question: str, salt: ExpertAssignment
) -> None:
    send_and_bounce(nora.database)
    nora.database.write(lambda s: setattr(salt.assignment(s), "reply_by", utc_now() - timedelta(hours=1)))
    page = nora.get(question)
    assert ("hasn’t replied" in page, COMES_BACK in page.main_text) == (False, True)
    assert "Mail to Leyla Aydın comes back: they may know nothing of it" in page.main_text
    assert "mail comes back" in nora.get_text("experts")
    assert nora.get("experts?show=bounced").rows[1:][0][0] == "Leyla Aydın"
    assert "mail comes back" in nora.get_text("outbox")
    mail = get_one(nora.database, OutboxMail, kind="expert.invitation")
    assert COMES_BACK in nora.get_text(f"outbox/{mail.public_id}")
    home = nora.get_text("")
    assert ("Mail to Leyla Aydın comes back" in home, "hasn’t replied" in home) == (True, False)


@pytest.mark.parametrize("location", ["mail", "question"])
def test_the_address_is_changed_next_to_the_bounce(
    nora: Desk, leyla: str, question: str, salt: ExpertAssignment, newsroom: Newsroom, location: str
) -> None:
    send_and_bounce(nora.database)
    mail = get_one(nora.database, OutboxMail, kind="expert.invitation")
    path = {"mail": f"outbox/{mail.public_id}", "question": question}[location]
    form = nora.get(path).form(f"/desk/steppe/{leyla}/new-address")
    assert nora.send(form.action, {**form.fields, "email": NEW}).location == f"/desk/steppe/{path}"
    assert get_address(nora.database, newsroom) == NEW


def test_no_check_goes_to_a_dead_address_without_saying_so(nora: Desk, question: str, salt: ExpertAssignment) -> None:
    salt.send()
    salt.edit()
    opened_before = nora.get(question)
    [check_form] = [form for form in opened_before.forms if form.action.endswith("/check")]
    send_and_bounce(nora.database)
    before = list_mails(nora.database)
    response = nora.send(check_form.action, check_form.fields)
    assert (response.status_code, COMES_BACK in Page(response.text).main_text) == (422, True)
    assert list_mails(nora.database) == before
    page = nora.get(question)
    [check_form] = [form for form in page.forms if form.action.endswith("/check")]
    assert COMES_BACK in page.part(f'form[action="{check_form.action}"]').main_text
    nora.send(check_form.action, {**check_form.fields, "to_dead_address": "yes"})
    assert list_mails(nora.database)[-1] == ("expert.check", "queued", OLD)


@pytest.mark.parametrize(("hours", "is_dead"), [(23, True), (25, False)])
def test_an_address_counts_as_good_again_once_a_mail_has_stayed_away_for_a_day(
    nora: Desk, leyla: str, salt: ExpertAssignment, newsroom: Newsroom, hours: int, is_dead: bool
) -> None:
    send_and_bounce(nora.database)
    salt.send()
    salt.edit()
    nora.database.write(lambda s: ask_check(s, newsroom.nora, salt.answer(s), to_dead_address=True))
    nora.database.write(send_queued_mails)
    with nora.database.read(utc_now() + timedelta(hours=hours)) as session:
        assert status_of(session, session.get_one(Expert, newsroom.leyla.expert_id)).is_dead is is_dead
