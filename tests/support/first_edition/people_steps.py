"""The part of the people: readers, an expert and the editor, each with a browser and a mailbox of their own."""

import re

from playwright.sync_api import expect

from tests.support.first_edition.stage import Stage
from tests.support.incoming_mails import mail, reply_mail
from tests.support.main_job import (
    the_desk_invites,
    the_desk_words_it,
    the_edition_is_built,
    the_edition_is_locked_and_sent,
    the_editor_approves,
    the_editor_edits_and_sends_the_check,
    the_expert_agrees,
    the_expert_answers,
    the_receipt_says_so,
)
from tests.support.waiting import wait_until

PHONE = 390
DESK, LETTER = "/desk/letter", "/letter"
TIMUR, LAURA = "timur@post.example", "laura@aral.example"
EDITION = "The salt comes with the spring wind.\n\nWhat would you like to know? Just answer this mail."


def nora_comes_in(stage: Stage) -> None:
    """By the link that `init` printed; then she goes along the first steps."""
    stage.open_browser()
    stage.nora = nora = stage.visit()
    nora.open(stage.way_in)
    nora.press("Sign in")
    nora.open(f"{DESK}/")
    nora.press("Look at the ask page")
    nora.shows(re.compile("."))
    nora.open(f"{DESK}/settings/mail")
    nora.page.locator("input[name=inbox]").fill("ask@example.org")
    nora.press("Save the settings")


def a_reader_asks_on_the_web(stage: Stage) -> None:
    dana = stage.visit(PHONE)
    dana.open(f"{LETTER}/")
    dana.write("Your question", "Can our village ask for the salt figures?")
    dana.press("Send my question")
    stage.receipt = dana.receipt()


def a_reader_answers_the_newsletter(stage: Stage) -> None:
    """The newsletter arrives in Timur's mailbox from the tool that the newsroom sends it with, and he answers it."""
    sent = mail(
        "The Letter <letter@example.org>",
        TIMUR,
        "The Salt Wind",
        EDITION,
        Reply_To="ask@example.org",
        List_Id="<letter.example.org>",
    )
    stage.hand_in(sent, "letter@example.org", TIMUR)
    arrived = stage.mail(TIMUR, "The Salt Wind")
    [message_id] = arrived.headers["message-id"]
    [to] = arrived.reply_to
    answer = reply_mail(message_id, f"Timur Aliev <{TIMUR}>", to, "Who measures the salt that falls on our orchards?")
    stage.hand_in(answer, TIMUR, to)


def the_desk_asks_an_expert(stage: Stage) -> None:
    nora = stage.nora

    def both_are_there() -> bool:
        nora.open(f"{DESK}/letters")
        return nora.page.locator(".row input[type=checkbox]").count() == 2

    wait_until(both_are_there, "both letters at the desk", 60)
    the_desk_words_it(nora, DESK)
    the_desk_invites(nora)


def link_in(stage: Stage, subject: str) -> str:
    """The one link of Laura's mail about this."""
    [link] = set(re.findall(r"https://\S+", stage.mail(LAURA, subject).text))
    return link


def the_expert_answers_by_link(stage: Stage) -> None:
    the_expert_answers(stage.visit(PHONE), link_in(stage, "150"))


def the_quote_is_checked(stage: Stage) -> None:
    the_editor_edits_and_sends_the_check(stage.nora, DESK)
    the_expert_agrees(stage.visit(PHONE), link_in(stage, "Your answer"))


def approved_picked_locked_and_sent(stage: Stage) -> None:
    the_editor_approves(stage.nora, DESK)
    the_edition_is_built(stage.nora, DESK)
    the_edition_is_locked_and_sent(stage.nora)


def the_reader_finds_the_answer(stage: Stage) -> None:
    the_receipt_says_so(stage.visit(PHONE), stage.receipt, LETTER)


def the_first_steps_are_done(stage: Stage) -> None:
    """All but a colleague, who isn't needed: Nora works alone."""
    stage.nora.open(f"{DESK}/")
    steps = stage.nora.page.locator(".steps-list li")
    expect(steps.filter(has_text="To do")).to_have_count(1)
    expect(steps.filter(has_text="To do")).to_contain_text("Invite a colleague")
