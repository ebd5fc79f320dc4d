"""Whatever somebody at the desk types for an expert is looked through for the askers, whichever press sends it."""

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning
from app.answers.expert_mails import send_desk_letter
from app.answers.models import Answer
from app.core.actors import Clock
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import now
from app.editions.queries import list_editions_to_run
from app.mail import outbox
from app.mail.kinds import KINDS
from app.mail.models import OutboxMail
from app.people.models import Expert
from app.questions.models import Question
from app.workflows.publishing import publication
from tests.support.assignments import ExpertAssignment, ask_expert
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk, combine_version_tokens, get_token_fact, get_version, get_version_token
from tests.support.outgoing_mails import list_template_variables
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

LETTER = "Timur of Nukus writes:\nMy cousin Zarina in Moynaq coughs\nfrom the salt. Ask her."
FOUND = ["My cousin Zarina in Moynaq coughs from the salt", "Nukus", "Timur"]
REACHED = "timur@post.example"  # by which Timur can be reached
HARMLESS = "We have it from elsewhere. Thank you all the same."
LATER = "2099-01-01T10:00"

Press = tuple[str, str, dict[str, Any]]  # the address, the field, and what else the form holds


def get_paths(salt: ExpertAssignment) -> tuple[str, str, str]:
    """The pages of Timur's question, of Leyla's part in it and, where there is one, of her answer."""
    with salt.database.read() as session:
        page = f"/questions/{session.get_one(Question, salt.question_id).public_id}"
        answer = session.scalar(select(Answer))
        return page, f"{page}/assignments/{salt.public_id}", f"{page}/answers/{answer.public_id}" if answer else ""


def get_version_field(nora: Desk, page: str) -> dict[str, Any]:
    return {"seen": combine_version_tokens(nora.get(page))}


def to_ask(nora: Desk, salt: ExpertAssignment) -> Press:
    with salt.database.read() as session:
        marek = session.get_one(Expert, salt.newsroom.marek.expert_id).public_id
    return f"{get_paths(salt)[0]}/ask", "brief", {"expert": marek}


def to_brief(nora: Desk, salt: ExpertAssignment) -> Press:
    def draft(session: Session) -> str:
        question = session.get_one(Question, salt.question_id)
        marek = session.get_one(Expert, salt.newsroom.marek.expert_id)
        return assigning.assign(session, salt.newsroom.nora, question, marek).public_id

    address = f"{get_paths(salt)[0]}/assignments/{salt.database.write(draft)}/brief"
    return address, "brief", {"words": "150", "seen": get_version_token(nora.get(address))}


def to_write(nora: Desk, salt: ExpertAssignment) -> Press:
    return f"{get_paths(salt)[1]}/write", "letter", {}


def has_heard(salt: ExpertAssignment) -> None:
    """The invitation went out: what was only about to be asked is never told to end."""

    def send(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one()
        outbox.move(session, Clock(), mail, "send", sent_at=now(session))

    salt.database.write(send)


def to_take_back(nora: Desk, salt: ExpertAssignment) -> Press:
    has_heard(salt)
    return f"{get_paths(salt)[1]}/cancel", "sentence", {}


def to_send_back(nora: Desk, salt: ExpertAssignment) -> Press:
    salt.send()
    return f"{get_paths(salt)[2]}/return", "note", {"due_at": f"{utc_now() + timedelta(days=3):%Y-%m-%dT%H:%M}"}


def to_check(nora: Desk, salt: ExpertAssignment) -> Press:
    salt.send()
    address = f"{get_paths(salt)[2]}/edit"
    return address, "answer", {"act": "check", "seen": get_version_token(nora.get(address))}


def to_pull_for_good(nora: Desk, salt: ExpertAssignment) -> Press:
    salt.send()
    return f"{get_paths(salt)[2]}/withdraw", "sentence", {}


def to_close(nora: Desk, salt: ExpertAssignment) -> Press:
    has_heard(salt)
    page = get_paths(salt)[0]
    return f"{page}/close", "sentence", {"reason": "later", **get_version_field(nora, page)}


def to_close_what_was_answered(nora: Desk, salt: ExpertAssignment) -> Press:
    pick_answer(salt)
    salt.database.write(
        lambda session: publication.drop(session, salt.newsroom.nora, session.get_one(Question, salt.question_id))
    )
    return to_close(nora, salt)


def pick_answer(salt: ExpertAssignment) -> str:
    """Leyla's answer is approved and stands in the coming edition. Gives its key."""
    salt.send()
    salt.approve()
    with salt.database.read() as session:
        return list_editions_to_run(session, salt.newsroom.newsletter_id, 1)[0].public_id


def to_pull(nora: Desk, salt: ExpertAssignment) -> Press:
    pick_answer(salt)
    page = get_paths(salt)[0]
    return f"{page}/pull", "why", get_version_field(nora, page)


def to_take_out(nora: Desk, salt: ExpertAssignment) -> Press:
    edition = pick_answer(salt)
    return f"/editions/{edition}/drop", "why", {"question": get_paths(salt)[0].rpartition("/")[2]}


def to_take_the_page_down(nora: Desk, salt: ExpertAssignment) -> Press:
    pick_answer(salt)
    salt.publish()
    page = get_paths(salt)[0]
    return f"{page}/retract", "why", get_version_field(nora, page)


def to_word_a_held_mail_anew(nora: Desk, salt: ExpertAssignment) -> Press:
    def hold_letter(session: Session) -> str:
        """What an assistant writes waits for an editor."""
        send_desk_letter(session, salt.newsroom.ilya, salt.assignment(session), "Could you ring us?")
        return session.scalars(select(OutboxMail).filter_by(kind="expert.letter")).one().public_id

    address = f"/outbox/{salt.database.write(hold_letter)}/edit"
    return address, "body", {"subject": "The salt", "version": get_version(nora.get(address))}


# Every press whose words reach an expert, with the mail and the value of it that holds them.
PRESSES: dict[Callable[[Desk, ExpertAssignment], Press], tuple[str, str]] = {
    to_ask: ("expert.invitation", "brief"),
    to_brief: ("expert.invitation", "brief"),
    to_write: ("expert.letter", "typed"),
    to_take_back: ("expert.cancelled", "typed"),
    to_send_back: ("expert.returned", "typed"),
    to_check: ("expert.check", "full_text"),
    to_pull_for_good: ("expert.not_used", "typed"),
    to_close: ("expert.cancelled", "typed"),
    to_close_what_was_answered: ("expert.not_used", "typed"),
    to_pull: ("expert.dropped", "typed"),
    to_take_out: ("expert.dropped", "typed"),
    to_take_the_page_down: ("expert.dropped", "typed"),
    to_word_a_held_mail_anew: ("expert.letter", "typed"),
}
# What mails to experts say besides: facts, the desk's cleared wording, and the newsletter's own sentences.
SAID = {"headline", "link", "said", "wording", "background", "lead_in", "policy", "verify", "pay", "rights"}
NOTED = ("expert.corrected", "typed")  # a note that readers see: tests/workflows/test_after_sending.py looks through it
APPROVED = ("expert.shortened", "full_text")  # a line of the checklist says what of the readers stands in it


def list_marked(page: Page) -> list[str]:
    return page.texts("li > mark[dir=auto]")


@pytest.mark.threat("curious expert")
@pytest.mark.parametrize("ready", PRESSES, ids=lambda ready: ready.__name__)
def test_readers_words_in_what_is_typed_for_an_expert_are_looked_at_first(
    nora: Desk, database: Database, newsroom: Newsroom, ready: Callable[[Desk, ExpertAssignment], Press]
) -> None:
    salt = ask_expert(database, newsroom)
    address, field, more = ready(nora, salt)
    before = dump_tables(database)
    page = nora.post(address, 422, **more, **{field: LETTER})
    assert (list_marked(page), f">\n{LETTER}</textarea>" in page) == (FOUND, True)
    assert page.count('<section class="summary"') == 1
    nora.post(address, 422, **more, **{field: LETTER}, looked="\r\n".join(FOUND[:-1]))
    assert dump_tables(database) == before
    nora.post(address, **more, **{field: LETTER}, looked="\r\n".join(FOUND))
    assert dump_tables(database) != before


@pytest.mark.threat("curious expert")
@pytest.mark.parametrize("ready", PRESSES, ids=lambda ready: ready.__name__)
def test_by_what_a_reader_can_be_reached_goes_by_no_press_whoever_has_looked_at_it(
    nora: Desk, database: Database, newsroom: Newsroom, ready: Callable[[Desk, ExpertAssignment], Press]
) -> None:
    salt = ask_expert(database, newsroom)
    address, field, more = ready(nora, salt)
    before, typed, found = dump_tables(database), f"{LETTER} Or {REACHED}.", [*FOUND, REACHED]
    for looked in ("", "\r\n".join(found)):
        page = nora.post(address, 422, **more, **{field: typed}, looked=looked)
        assert (list_marked(page), f">\n{typed}</textarea>" in page) == (found, True)
        assert page.texts(".mailed > p.error") == [
            "Somebody could be reached by something in it. That never leaves the house: take it out."
        ]
        assert page.attributes("[name=looked]", "value") == []
        assert dump_tables(database) == before


@pytest.mark.parametrize("ready", PRESSES, ids=lambda ready: ready.__name__)
def test_what_holds_nothing_of_the_askers_goes_at_once(
    nora: Desk, database: Database, newsroom: Newsroom, ready: Callable[[Desk, ExpertAssignment], Press]
) -> None:
    salt = ask_expert(database, newsroom)
    address, field, more = ready(nora, salt)
    nora.post(address, **more, **{field: HARMLESS})
    kind, value = PRESSES[ready]
    if value == "brief":  # it goes with the invitation, later
        return
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(kind=kind)).one()
        twice = kind == "expert.check"  # in the list of changes, and whole
        assert outbox.read(session, mail).text.count(HARMLESS) == 1 + twice


def test_every_word_of_the_desk_in_a_mail_to_an_expert_has_its_press_above() -> None:
    """A new mail, or a new value of one, has to be told apart: typed and looked through, or said by the house."""
    typed = set()
    for kind, row in KINDS.items():
        if kind.startswith("expert."):
            words = {one.name for one in fields(row.values_class) if one.type in (str, str | None)}
            typed |= {(kind, value) for value in list_template_variables(kind) & words - SAID}
    assert typed == {*PRESSES.values(), NOTED, APPROVED}
    assert {value for _kind, value in typed} == {"typed", "brief", "full_text"}


def test_what_stands_in_a_held_mail_already_is_not_asked_about_again(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    salt = ask_expert(database, newsroom)
    address, field, more = to_word_a_held_mail_anew(nora, salt)
    nora.post(address, **more, **{field: LETTER}, looked="\n".join(FOUND))
    more["version"] = get_version(nora.get(address))
    nora.post(address, **more, **{field: LETTER + " Soon, please."})
    more["version"] = get_version(nora.get(address))
    assert list_marked(nora.post(address, 422, **more, **{field: LETTER + " The cannery by the old harbour."})) == [
        "The cannery by the old harbour"
    ]


def test_what_the_expert_wrote_themselves_goes_back_to_them_and_what_was_added_opens_the_box(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    salt = ask_expert(database, newsroom)
    salt.send("Your cousin Zarina in Moynaq coughs from the salt: nobody measures it there.")
    salt.edit("Your cousin Zarina in Moynaq coughs from the salt. She works at the cannery by the old harbour.")
    answer, before = get_paths(salt)[2], dump_tables(database)
    with database.read() as session:
        here = {"version": salt.answer(session).version}
    page = nora.post(f"{answer}/check", 422, **here)
    assert (list_marked(page), get_token_fact(page, "label")) == (
        ["She works at the cannery by the old harbour"],
        "en.2",
    )
    assert dump_tables(database) == before
    nora.post(f"{answer}/check", **here, looked="She works at the cannery by the old harbour")
    assert salt.checks() == [(None, None)]
