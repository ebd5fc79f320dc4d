"""Knowing an edition never makes trimming worse: what its program adds is nobody's words (PRODUCT M2)."""

import textwrap

import pytest

from app.mailtext.incoming import Mail, TrimContext
from app.mailtext.trim import trim
from tests.support.reply_languages import REPLY_LANGUAGES
from tests.support.reply_mails import (
    INVITATION,
    KNOWN_PART,
    NEWSLETTER_ADDRESS,
    NEWSLETTER_NAME,
    REPLY_PROGRAMS,
    SENT_EDITION,
    Reply,
    list_partly_known_replies,
)

REPLIES = list(list_partly_known_replies())
HEADS = f"From: {NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>\nSent: Thursday\nTo: Timur\nSubject: 14"
PART = TrimContext(frozenset({NEWSLETTER_ADDRESS}), editions=(KNOWN_PART,))
MAIL = TrimContext(frozenset({NEWSLETTER_ADDRESS}), texts=(KNOWN_PART,))


def flat(text: str) -> str:
    return " ".join(text.split())


def of_text(text: str, context: TrimContext) -> str:
    return flat(trim(Mail(plain=text, body=text), context).text)


@pytest.mark.parametrize("program", [program.__name__ for program in REPLY_PROGRAMS])
@pytest.mark.parametrize("context", [PART, MAIL], ids=["as an edition", "as a mail of ours"])
def test_lines_of_an_edition_that_we_do_not_know_are_not_the_readers(program: str, context: TrimContext) -> None:
    def trim_reply(reply: Reply) -> str:
        return flat(trim(reply.mail, context).text)

    mine = [reply for reply in REPLIES if reply.name.startswith(f"{program}-")]
    wrong = {reply.name: trim_reply(reply) for reply in mine if trim_reply(reply) != flat(reply.own_text)}
    assert (len(mine), wrong) == (len(REPLY_LANGUAGES), {})


@pytest.mark.parametrize("context", [PART, MAIL], ids=["as an edition", "as a mail of ours"])
def test_nobodys_link_to_unsubscribe_comes_into_a_letter(context: TrimContext) -> None:
    sent = SENT_EDITION.replace("Photo: the depot at Tastak\n\n", "")
    for mail in (f"{HEADS}\n\n{sent}\n\nWho pays for the lamps?", f"{sent}\n\nWho pays for the lamps?"):
        assert of_text(mail, context) == "Who pays for the lamps?"


def test_other_stories_of_an_edition_are_not_the_readers() -> None:
    story = "The river rose by two metres in March. Nobody had measured it since 1961."
    quoted = SENT_EDITION.replace("Readers asked:", f"{story}\n\nReaders asked:")
    assert of_text(f"Who pays?\n\n{HEADS}\n\n{quoted}", PART) == "Who pays?"


def test_an_answer_in_an_invitation_is_one_however_short_it_is() -> None:
    known = TrimContext(frozenset({NEWSLETTER_ADDRESS}), texts=(INVITATION,))
    invitation = INVITATION.replace("lamps?\n", "lamps?\nThe district\n").replace(
        "pay?\n", "pay?\n\nSee https://budget.example/2023, page 4.\n"
    )
    button = invitation.replace("About 150", "Write your answer <https://ask.example/a/xyz>\n\nAbout 150")
    for text in (invitation, button):
        said = "My answers are below. The district See https://budget.example/2023, page 4."
        assert of_text(f"My answers are below.\n\n{HEADS}\n\n{text}", known) == said


def test_a_reader_may_write_of_buttons_and_of_leaving() -> None:
    for words in (
        "Please unsubscribe my mother.\n\nRead more\n\nhttps://other.example/page",
        "Share: who shares the road?",
    ):
        assert of_text(f"{words}\n\n{HEADS}\n\n{SENT_EDITION}", PART) == flat(words)
        assert of_text(words, PART) == flat(words)


def test_a_wrapped_foot_is_known_by_the_paragraph_that_it_stands_in() -> None:
    foot = textwrap.fill(
        "You are receiving this email at timur@mail.example because you once signed up, Tastak, Box 14", 40
    )
    assert of_text(f"{KNOWN_PART}\n{foot}\n\nWho pays for the lamps?", PART) == "Who pays for the lamps?"
