"""The part of the people: readers, an expert and the editor, each with a browser and a mailbox of their own."""

import re

from playwright.sync_api import expect

from tests.support.first_edition.step_context import StepContext
from tests.support.incoming_mails import mail, reply_mail
from tests.support.main_job import (
    accept_edited_answer,
    approve_answer,
    build_edition,
    edit_and_send_check,
    follow_receipt_to_answer,
    invite_new_expert,
    lock_and_send_edition,
    word_question,
    write_answer,
)
from tests.support.waiting import wait_until

PHONE_WIDTH = 390
DESK, LETTER = "/desk/letter", "/letter"
TIMUR, LAURA = "timur@post.example", "laura@aral.example"
NEWSLETTER_TEXT = "The salt comes with the spring wind.\n\nWhat would you like to know? Just answer this mail."


def sign_in_nora(stage: StepContext) -> None:
    """By the link that `init` printed; then she goes along the first steps."""
    stage.launch_browser()
    stage.nora = nora = stage.open_browser()
    nora.open(stage.sign_in_link)
    nora.press("Sign in")
    nora.open(f"{DESK}/")
    nora.press("Look at the ask page")
    nora.expect_heading(re.compile("."))
    nora.open(f"{DESK}/settings/mail")
    nora.page.locator("input[name=inbox]").fill("ask@example.org")
    nora.press("Save the settings")


def ask_on_the_web(stage: StepContext) -> None:
    dana = stage.open_browser(PHONE_WIDTH)
    dana.open(f"{LETTER}/")
    dana.write("Your question", "Can our village ask for the salt figures?")
    dana.press("Send my question")
    stage.receipt = dana.read_receipt_number()


def ask_by_mail(stage: StepContext) -> None:
    """The newsletter arrives in Timur's mailbox from the tool that the newsroom sends it with, and he answers it."""
    sent = mail(
        "The Letter <letter@example.org>",
        TIMUR,
        "The Salt Wind",
        NEWSLETTER_TEXT,
        Reply_To="ask@example.org",
        List_Id="<letter.example.org>",
    )
    stage.send_mail(sent, "letter@example.org", TIMUR)
    arrived = stage.wait_for_mail(TIMUR, "The Salt Wind")
    [message_id] = arrived.headers["message-id"]
    [to] = arrived.reply_to
    answer = reply_mail(message_id, f"Timur Aliev <{TIMUR}>", to, "Who measures the salt that falls on our orchards?")
    stage.send_mail(answer, TIMUR, to)


def ask_expert(stage: StepContext) -> None:
    nora = stage.nora

    def both_are_there() -> bool:
        nora.open(f"{DESK}/letters")
        return nora.page.locator(".row input[type=checkbox]").count() == 2

    wait_until(both_are_there, "both letters at the desk", 60)
    word_question(nora, DESK)
    invite_new_expert(nora)


def find_link(stage: StepContext, subject: str) -> str:
    """The one link of Laura's mail about this."""
    [link] = set(re.findall(r"https://\S+", stage.wait_for_mail(LAURA, subject).text))
    return link


def answer_by_link(stage: StepContext) -> None:
    write_answer(stage.open_browser(PHONE_WIDTH), find_link(stage, "150"))


def check_quote(stage: StepContext) -> None:
    edit_and_send_check(stage.nora, DESK)
    accept_edited_answer(stage.open_browser(PHONE_WIDTH), find_link(stage, "Your answer"))


def publish_edition(stage: StepContext) -> None:
    approve_answer(stage.nora, DESK)
    build_edition(stage.nora, DESK)
    lock_and_send_edition(stage.nora)


def find_published_answer(stage: StepContext) -> None:
    follow_receipt_to_answer(stage.open_browser(PHONE_WIDTH), stage.receipt, LETTER)


def check_first_steps(stage: StepContext) -> None:
    """All but a colleague, who isn't needed: Nora works alone."""
    stage.nora.open(f"{DESK}/")
    steps = stage.nora.page.locator(".steps-list li")
    expect(steps.filter(has_text="To do")).to_have_count(1)
    expect(steps.filter(has_text="To do")).to_contain_text("Invite a colleague")
