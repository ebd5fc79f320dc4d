"""The steps of the people: readers, an expert and the editor, each with their own browser and mailbox."""

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


def sign_in_nora(context: StepContext) -> None:
    """Sign in by the link that `init` has printed, and follow the first steps."""
    context.launch_browser()
    context.nora = nora = context.open_browser()
    nora.open(context.sign_in_link)
    nora.press("Sign in")
    nora.open(f"{DESK}/")
    nora.press("Look at the ask page")
    nora.expect_heading(re.compile("."))
    nora.open(f"{DESK}/settings/mail")
    nora.page.locator("input[name=inbox]").fill("ask@example.org")
    nora.press("Save the settings")


def ask_on_the_web(context: StepContext) -> None:
    dana = context.open_browser(PHONE_WIDTH)
    dana.open(f"{LETTER}/")
    dana.write("Your question", "Can our village ask for the salt figures?")
    dana.press("Send my question")
    context.receipt = dana.read_receipt_number()


def ask_by_mail(context: StepContext) -> None:
    """Send the newsletter to Timur, as the newsroom's sending tool does, and reply to it."""
    newsletter = mail(
        "The Letter <letter@example.org>",
        TIMUR,
        "The Salt Wind",
        NEWSLETTER_TEXT,
        Reply_To="ask@example.org",
        List_Id="<letter.example.org>",
    )
    context.send_mail(newsletter, "letter@example.org", TIMUR)
    received = context.wait_for_mail(TIMUR, "The Salt Wind")
    [message_id] = received.headers["message-id"]
    [to] = received.reply_to
    answer = reply_mail(message_id, f"Timur Aliev <{TIMUR}>", to, "Who measures the salt that falls on our orchards?")
    context.send_mail(answer, TIMUR, to)


def ask_expert(context: StepContext) -> None:
    nora = context.nora

    def has_both_letters() -> bool:
        nora.open(f"{DESK}/letters")
        return nora.page.locator(".row input[type=checkbox]").count() == 2

    wait_until(has_both_letters, "both letters at the desk", 60)
    word_question(nora, DESK)
    invite_new_expert(nora)


def find_link(context: StepContext, subject: str) -> str:
    """Wait for a mail to Laura with this text in its subject, and return its one link."""
    [link] = set(re.findall(r"https://\S+", context.wait_for_mail(LAURA, subject).text))
    return link


def answer_by_link(context: StepContext) -> None:
    write_answer(context.open_browser(PHONE_WIDTH), find_link(context, "150"))


def check_quote(context: StepContext) -> None:
    edit_and_send_check(context.nora, DESK)
    accept_edited_answer(context.open_browser(PHONE_WIDTH), find_link(context, "Your answer"))


def publish_edition(context: StepContext) -> None:
    approve_answer(context.nora, DESK)
    build_edition(context.nora, DESK)
    lock_and_send_edition(context.nora)


def find_published_answer(context: StepContext) -> None:
    follow_receipt_to_answer(context.open_browser(PHONE_WIDTH), context.receipt, LETTER)


def check_first_steps(context: StepContext) -> None:
    """Check that only the first step "Invite a colleague" is left to do: Nora works alone."""
    context.nora.open(f"{DESK}/")
    steps = context.nora.page.locator(".steps-list li")
    expect(steps.filter(has_text="To do")).to_have_count(1)
    expect(steps.filter(has_text="To do")).to_contain_text("Invite a colleague")
