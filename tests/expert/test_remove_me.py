"""Leyla removes herself: what she reads before, what goes and stays, what the desk hears, and that nobody else can."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.answers import assigning, editing, unused_answers, writing
from app.answers.models import Answer, AnswerText
from app.audit import Event
from app.backup.erasing_again import ERASURE_KINDS
from app.core.actors import Clock
from app.core.clock import utc_now
from app.core.domain_errors import InvalidTransition
from app.db.engine import Database
from app.db.session import now
from app.editions import locking
from app.editions.models import Edition, EditionItem
from app.editions.queries import list_editions_to_run
from app.mail import asked_others, outbox
from app.mail.kinds import KINDS
from app.mail.mail_templates import render_examples
from app.mail.message import REMOVAL_PATH, Sender
from app.mail.models import OutboxMail
from app.people import directory, sign_in
from app.people.models import BrowserSession, Expert, Person
from app.questions.models import Question
from app.workflows.publishing import publication
from app.workflows.retention import erase_people
from tests.support.assignments import EDITED_ANSWER, ExpertAssignment, send_queued_mails
from tests.support.database_checks import dump_tables, find_in_files, find_unerased
from tests.support.desk import Desk
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

DRAFT = "a first try about the tin plates"
BIO = "grew up in Moynaq and swims in the lake"
CREDIT_LINE = "soil scientist at the Karakum Field Station"


@pytest.fixture
def leyla(app: Flask, database: Database, newsroom: Newsroom) -> Browser:
    """Leyla's browser, signed in."""
    return enter(app, database, newsroom.leyla.expert_id)


def enter(app: Flask, database: Database, expert_id: int) -> Browser:
    def invite(session: Session) -> str:
        return sign_in.invite(session, Clock(), session.get_one(Expert, expert_id).person, "expert")

    link, browser = database.write(invite), Browser(app)
    browser.open(link)
    browser.press(link)
    return browser


def remove(browser: Browser) -> TestResponse:
    browser.open(REMOVAL_PATH)
    return browser.submit(REMOVAL_PATH, sure="yes")


def get_leyla(session: Session, newsroom: Newsroom) -> Expert:
    return session.get_one(Expert, newsroom.leyla.expert_id)


def states(salt: ExpertAssignment) -> tuple[str | None, str | None, str | None]:
    """The states of the question, the assignment and the answer."""
    with salt.database.read() as session:
        answer = session.scalar(select(Answer).filter_by(assignment_id=salt.assignment_id))
        question = session.get_one(Question, salt.question_id)
        return question.state, salt.assignment(session).state, answer.state if answer else None


def mails_to_desk(database: Database) -> list[tuple[str, str]]:
    """The address and the text of each mail that tells a desk of a removal."""
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).filter_by(kind="desk.removed").order_by(OutboxMail.id)).all()
        messages = [outbox.read(session, mail) for mail in mails]
    return [(message.to, message.text) for message in messages]


def unsent_to_leyla(database: Database) -> list[str]:
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).where(OutboxMail.waits, OutboxMail.kind.startswith("expert."))).all()
        return [mail.kind for mail in mails]


def lock(salt: ExpertAssignment) -> Callable[[Callable[[Session, Edition], None]], None]:
    """Lock the next edition, and return a function that does something else with it."""

    def get_edition(session: Session) -> Edition:
        return list_editions_to_run(session, salt.newsroom.newsletter_id, 1)[0]

    salt.database.write(lambda session: locking.lock_edition(session, salt.newsroom.nora, get_edition(session)))
    return lambda fn: salt.database.write(lambda session: fn(session, get_edition(session)))


def approve_and_lock(salt: ExpertAssignment) -> Callable[[Callable[[Session, Edition], None]], None]:
    """Bring the text into an edition and lock it; return what `lock` returns."""
    salt.send()
    salt.edit()
    salt.approve()
    return lock(salt)


@pytest.mark.threat("erased words", "court order")
@pytest.mark.both_databases
def test_leyla_is_gone_from_the_files_and_her_question_is_open_again(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    def write_draft(session: Session) -> None:
        directory.change_profile(session, newsroom.nora, get_leyla(session, newsroom), None, bio=BIO)
        content = writing.AnswerContent(DRAFT)
        writing.save_draft(session, newsroom.leyla, salt.assignment(session), "page", content, 1)

    database.write(write_draft)
    assert find_in_files(database, BIO, DRAFT, CREDIT_LINE) == [BIO, DRAFT, CREDIT_LINE]
    assert unsent_to_leyla(database) == ["expert.invitation"]
    response = remove(leyla)
    assert (response.status_code, leyla.heading) == (200, "You are removed")
    database.write(send_queued_mails)  # the desk's mail was the last to name her
    assert find_unerased(database, BIO, DRAFT, CREDIT_LINE, "Leyla Aydın") == []
    assert unsent_to_leyla(database) == []
    assert states(salt) == ("open", "declined", None)
    with database.read() as session:
        expert = get_leyla(session, newsroom)
        assert expert.name == f"Former expert {expert.person.public_id[:4].upper()}"
        assert directory.by_email(session, "leyla@field.example") is None
        assert session.scalars(select(BrowserSession).filter_by(door="expert")).all() == []


def test_the_desk_hears_at_once_which_question_lost_her_and_home_has_it(
    newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser, nora: Desk
) -> None:
    remove(leyla)
    ((address, text),) = mails_to_desk(salt.database)
    assert address == nora_address(salt.database, newsroom)
    assert text.startswith("Leyla Aydın used “Remove me”.")
    assert "“The Salt Wind”: they were asked, and won’t answer." in text
    assert "The Salt Wind" in nora.get_text("")


def nora_address(database: Database, newsroom: Newsroom) -> str | None:
    with database.read() as session:
        return directory.email_of(session, session.get_one(Person, newsroom.nora.person_id))


def test_the_trail_has_the_removal_without_a_word_of_hers(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    remove(leyla)
    with database.read() as session:
        events = session.scalars(select(Event).filter_by(action="expert.remove")).all()
        assert [(event.actor, event.facts) for event in events] == [(newsroom.leyla.ref, None)]


def test_opening_the_page_removes_nobody_and_neither_does_a_press_without_the_tick_or_from_elsewhere(
    app: Flask, database: Database, salt: ExpertAssignment, leyla: Browser
) -> None:
    before = dump_tables(database)
    scanner = Browser(app)
    assert scanner.open(REMOVAL_PATH).status_code == 200
    assert (scanner.heading, scanner.page.forms) == ("Remove me", [])
    assert scanner.press(REMOVAL_PATH, sure="yes").status_code == 403
    leyla.open(REMOVAL_PATH)
    assert leyla.submit(REMOVAL_PATH).status_code == 400
    assert "Tick this first. It can’t be undone." in leyla.text
    assert leyla.submit(REMOVAL_PATH, sure="yes", csrf_token="").status_code == 400
    assert dump_tables(database) == before


def test_the_link_of_a_question_leads_to_the_page_and_removes_nobody(
    app: Flask, database: Database, salt: ExpertAssignment
) -> None:
    """Whoever has a forwarded link can act for one question, and must not be able to erase a person."""
    browser = Browser(app, cookies=False)
    browser.open(salt.link)
    assert f"{REMOVAL_PATH}?lang=en" in browser.page.attributes("a", "href")
    browser.open(REMOVAL_PATH)
    assert "/sign-in?to=expert&next=/expert/remove&lang=en" in browser.page.urls
    assert browser.page.forms == []


def test_a_visitor_reads_the_page_in_a_language_of_the_browser(app: Flask, database: Database) -> None:
    page = app.test_client().get(REMOVAL_PATH, headers={"Accept-Language": "fa"}).text
    assert '<html lang="fa" dir="rtl"' in page


@pytest.mark.parametrize("path", ["/expert/", "/expert/profile", "/expert/assignments/{}"])
def test_each_page_of_her_own_leads_to_it(salt: ExpertAssignment, leyla: Browser, path: str) -> None:
    leyla.open(path.format(salt.public_id))
    links = [href.partition("?")[0] for href in leyla.page.attributes("a", "href")]
    assert REMOVAL_PATH in links


@pytest.mark.both_databases
def test_a_second_press_says_the_same_and_does_no_more(
    app: Flask, database: Database, salt: ExpertAssignment, leyla: Browser
) -> None:
    leyla.open(REMOVAL_PATH)
    form = {**leyla.page.form(REMOVAL_PATH).fields, "sure": "yes"}
    leyla.press(REMOVAL_PATH, **form)
    after = dump_tables(database)
    again = Browser(app)
    assert again.press(REMOVAL_PATH, **form).status_code == 200
    assert again.heading == "You are removed"
    assert dump_tables(database) == after
    assert leyla.open("/expert/").status_code == 303  # to the page for signing in


def test_a_form_of_another_expert_says_nothing_about_her(
    app: Flask, database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    marek = enter(app, database, newsroom.marek.expert_id)
    marek.open(REMOVAL_PATH)
    proof = marek.value("proof")
    leyla.open(REMOVAL_PATH)
    who = leyla.value("who")
    leyla.submit(REMOVAL_PATH, sure="yes")
    assert Browser(app).press(REMOVAL_PATH, who=who, proof=proof, sure="yes").status_code == 403


@pytest.mark.parametrize("stage", ["sent", "edited", "checking"])
def test_a_text_on_the_desk_is_withdrawn(salt: ExpertAssignment, leyla: Browser, stage: str) -> None:
    salt.send()
    if stage != "sent":
        salt.edit()
    if stage == "checking":
        salt.send_to_check()
    leyla.open(REMOVAL_PATH)
    assert "Your text is withdrawn and erased." in leyla.text
    leyla.submit(REMOVAL_PATH, sure="yes")
    assert states(salt) == ("open", "cancelled", "withdrawn")
    assert "“The Salt Wind”: their text is withdrawn and erased." in mails_to_desk(salt.database)[0][1]
    with salt.database.read() as session:
        assert {text.body for text in session.scalars(select(AnswerText))} == {""}


@pytest.mark.both_databases
def test_an_approved_text_leaves_its_edition_and_the_slot_is_free(
    newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    salt.send()
    salt.edit()
    salt.approve()
    leyla.open(REMOVAL_PATH)
    assert "Your approved text is withdrawn and erased, and doesn’t run." in leyla.text
    leyla.submit(REMOVAL_PATH, sure="yes")
    assert states(salt) == ("open", "cancelled", "withdrawn")
    with salt.database.read() as session:
        question = session.get_one(Question, salt.question_id)
        assert (question.edition_id, question.position) == (None, None)
        assert {text.body for text in session.scalars(select(AnswerText))} == {""}


@pytest.mark.both_databases
def test_a_question_that_marek_answers_too_keeps_its_slot(
    newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    def answer_as_marek(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        assignment = assigning.assign(session, newsroom.nora, question, marek)
        content = writing.AnswerContent("The river does.", own_words=True)
        answer = writing.submit(session, newsroom.marek, assignment, content)
        editing.approve(session, newsroom.nora, answer, checklist=editing.CHECKLIST)

    salt.send()
    salt.edit()
    salt.database.write(answer_as_marek)
    salt.approve()
    remove(leyla)
    assert states(salt) == ("queued", "cancelled", "withdrawn")


@pytest.mark.both_databases
def test_a_text_in_a_locked_edition_runs_as_printed_and_all_else_goes_at_once(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    with_edition = approve_and_lock(salt)
    leyla.open(REMOVAL_PATH)
    assert "Its edition is closed, so your text runs." in leyla.text
    leyla.submit(REMOVAL_PATH, sure="yes")
    assert states(salt) == ("queued", "done", "approved")
    assert "so it runs as approved. Only you can still take it out" in mails_to_desk(database)[0][1]
    with database.read() as session:
        assert directory.by_email(session, "leyla@field.example") is None
    with_edition(lambda session, edition: publication.send(session, newsroom.nora, edition))
    assert unsent_to_leyla(database) == []
    assert database.write(erase_people.erase_due) == 1
    assert database.write(erase_people.erase_due) == 0
    with database.read() as session:
        item = session.scalars(select(EditionItem)).one()
        assert "Leyla Aydın" in item.output and CREDIT_LINE in item.output
        kept = [text.body for text in session.scalars(select(AnswerText)) if text.body]
        assert kept == [EDITED_ANSWER]


@pytest.mark.both_databases
def test_when_the_edition_is_unlocked_the_worker_withdraws_the_text(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    with_edition = approve_and_lock(salt)
    remove(leyla)
    with_edition(lambda session, edition: locking.unlock(session, newsroom.nora, edition))
    assert database.write(erase_people.erase_due) == 1
    assert states(salt) == ("open", "cancelled", "withdrawn")
    with database.read() as session:
        assert {text.body for text in session.scalars(select(AnswerText))} == {""}


def test_what_has_run_stays_and_the_page_says_to_whom_to_write(
    database: Database, salt: ExpertAssignment, leyla: Browser
) -> None:
    salt.send()
    salt.edit()
    salt.approve()
    salt.publish()
    leyla.open(REMOVAL_PATH)
    assert "mailto:nora@steppe.example" in leyla.page.urls
    leyla.submit(REMOVAL_PATH, sure="yes")
    assert states(salt) == ("published", "done", "approved")
    with database.read() as session:
        assert "Leyla Aydın" in session.scalars(select(EditionItem)).one().output
    assert "They had something to do with" not in mails_to_desk(database)[0][1]


def test_a_held_over_text_is_withdrawn_and_cannot_be_used(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    salt.send()

    def hold_over(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        unused_answers.mark_unused(session, newsroom.nora, question, now(session))

    database.write(hold_over)
    assert states(salt)[1:] == ("cancelled", "held over")
    remove(leyla)
    assert states(salt)[1:] == ("cancelled", "withdrawn")
    with pytest.raises(InvalidTransition):
        database.write(lambda s: unused_answers.reuse_answer(s, newsroom.nora, salt.assignment(s)))


def test_nobody_can_ask_her_any_more_and_no_sign_in_is_mailed(
    app: Flask, database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    remove(leyla)
    with pytest.raises(InvalidTransition):
        database.write(
            lambda s: assigning.assign(s, newsroom.nora, s.get_one(Question, salt.question_id), get_leyla(s, newsroom))
        )
    browser = Browser(app)
    browser.open("/sign-in?to=expert")
    browser.press("/sign-in", email="leyla@field.example", to="expert")
    assert browser.response is not None and browser.response.status_code == 303
    with database.read() as session:
        assert session.scalars(select(OutboxMail).filter_by(kind="sign_in")).all() == []
    assert browser.open(salt.link).status_code == 404


def test_who_also_works_at_a_desk_keeps_that_account_and_hears_nothing_as_an_expert(
    app: Flask, database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    def give_role(session: Session) -> None:
        person = get_leyla(session, newsroom).person
        directory.give_role(session, Clock(), person, newsroom.newsletter_id, "assistant")

    database.write(give_role)
    leyla.open(REMOVAL_PATH)
    assert "You also have an account at a desk here. It stays, with its name and address." in leyla.text
    form = {**leyla.page.form(REMOVAL_PATH).fields, "sure": "yes"}
    for browser in (leyla, Browser(app)):  # the second press is made without the session
        assert browser.press(REMOVAL_PATH, **form).status_code == 200
        assert "Your account at a desk here stays, with its name and address." in browser.text
        assert "we send you no more mail" not in browser.text
    assert leyla.open("/expert/").status_code == 303
    with database.read() as session:
        expert = get_leyla(session, newsroom)
        assert (expert.name, expert.credit_line) == ("Leyla Aydın", "")
        assert directory.email_of(session, expert.person) == "leyla@field.example"
        assert sign_in.may_enter(session, expert.person, "desk")
        assert not sign_in.may_enter(session, expert.person, "expert")


def test_after_a_restore_she_is_removed_again_with_the_question_that_was_open_then(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    """A backup from before the removal has her at work; `erasing_again` calls this for whom the list of erasures has."""
    assert ERASURE_KINDS["expert"].erase is erase_people.forget_expert
    database.write(lambda session: erase_people.forget_expert(session, get_leyla(session, newsroom)))
    assert states(salt) == ("open", "declined", None)


SILENT = {"expert.address_changed"}  # a notice of security to an address that may be a stranger's


def test_every_mail_to_an_expert_says_how_to_be_removed_and_no_other_does() -> None:
    """Each kind is rendered in each of its examples, with a sender who has the address."""
    link = f"https://localhost{REMOVAL_PATH}"
    sender = Sender(newsletter="The Steppe Letter", editor="Nora Lind", address="n@steppe.example", removal_link=link)
    examples = {kind: render_examples(kind, sender, utc_now(), "https://localhost/a/x") for kind in KINDS}
    with_link = {kind for kind, mails in examples.items() for mail in mails if link in mail.text}
    without_link = {kind for kind, mails in examples.items() for mail in mails if link not in mail.text}
    assert with_link == {kind for kind in KINDS if kind.startswith("expert.")} - SILENT
    assert without_link == KINDS.keys() - with_link
    assert {mail.unsubscribe for kind in with_link for mail in examples[kind]} == {None}  # no scanner may press it


def test_the_count_of_others_who_are_asked_stands_above_the_signature() -> None:
    link = f"https://localhost{REMOVAL_PATH}"
    sender = Sender(newsletter="The Steppe Letter", editor="Nora Lind", removal_link=link)
    mail = asked_others.update_sentence(render_examples("expert.letter", sender, utc_now(), "")[0], 2)
    paragraphs = mail.text.strip().split("\n\n")
    assert paragraphs[-3].startswith("Something has changed since I wrote to you about this")
    assert paragraphs[-2:] == [
        "Nora Lind\nThe Steppe Letter",
        f"If you don’t want to be asked any more, remove yourself here, or reply and say so:\n{link}",
    ]
