"""The mails that follow an answer, and those of the clock: Nora edits The Corridor, Leyla is asked, Timur is a reader."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.mail.kinds import GENERATED, KINDS, REPLIED
from app.mail.mail_templates import render_mail
from app.mail.mail_values import (
    AssignmentMail,
    DeskMail,
    EditedTextMail,
    EditionMail,
    LetterMail,
    MorningMail,
    MorningSection,
)  # fmt: skip
from app.mail.message import Message, Sender

NORA = Sender("The Corridor", "Nora Lindqvist", "corridor@newsroom.example", "en", "Europe/Prague")
FRIDAY = datetime(2022, 11, 11, 17, 0, tzinfo=UTC)
MONDAY = datetime(2022, 11, 14, 11, 0, tzinfo=UTC)
WEDNESDAY = datetime(2022, 11, 16, 8, 0, tzinfo=UTC)
LINK = "https://ask.example/a/m3Qk"
SECTIONS = ["failed", "late", "answers", "checks", "refusals", "letters", "held", "pen", "slots"]


def to_leyla(kind: str, **values: Any) -> Message:
    about = AssignmentMail(headline="Police Stations", **values)
    return render_mail(kind, NORA, "leyla@university.example", "Leyla Hüseynli", about)


def to_nora(kind: str, about: DeskMail | EditionMail | MorningMail) -> Message:
    return render_mail(kind, NORA, "nora@newsroom.example", "Nora", about)


def paragraphs(message: Message) -> list[str]:
    return message.text.rstrip("\n").split("\n\n")


def test_the_reminder_before_the_date_has_title_date_and_link_and_takes_a_reply() -> None:
    mail = to_leyla("expert.reminder", due_at=FRIDAY, link=LINK)
    assert (mail.kind, mail.subject) == ("expert.reminder", "A reminder for Fri 11 Nov: Police Stations")
    assert paragraphs(mail) == [
        "Dear Leyla Hüseynli,",
        (
            "a reminder, the only one before the date: I hope to have your answer to “Police Stations” by "
            "Friday 11 November, 18:00 Prague time."
        ),
        (
            f"Just reply to this mail. A “no” or “later” in one word is fine, too. Or write on the page, which has everything you have written so far:\n{LINK}"
        ),
        "Nora Lindqvist\nThe Corridor",
    ]
    assert (mail.from_name, mail.reply_to) == ("Nora Lindqvist", NORA.address)


def test_who_has_not_said_yes_or_no_is_asked_once_more() -> None:
    assert paragraphs(to_leyla("expert.reminder", due_at=FRIDAY, link=LINK, silent=True)) == [
        "Dear Leyla Hüseynli,",
        (
            "I asked you whether you could answer a question from readers, “Police Stations”, and haven’t heard from you yet. "
            "Your answer would still be in time by Friday 11 November, 18:00 Prague time."
        ),
        (
            f"Just reply to this mail. A “no” or “later” in one word is fine, too. The whole question, and a page to write on, is here:\n{LINK}"
        ),
        "I won’t remind you again. If I hear nothing, I’ll ask somebody else, no hard feelings.",
        "Nora Lindqvist\nThe Corridor",
    ]


def test_the_reminder_after_the_date_asks_whether_it_is_still_coming() -> None:
    mail = to_leyla("expert.overdue", due_at=FRIDAY, link=LINK)
    assert (mail.kind, mail.subject) == ("expert.overdue", "Is it still coming? Police Stations")
    assert paragraphs(mail) == [
        "Dear Leyla Hüseynli,",
        (
            "I hoped to have your answer to “Police Stations” by Friday 11 November, 18:00 Prague time, and it has not "
            "reached me. If you have sent it, please send it again."
        ),
        (
            f"If you need more time, tell me until when: just reply to this mail. You can also write here, where everything you have written so far is kept:\n{LINK}"
        ),
        "If you can’t after all, a “no” in one word is enough. I won’t remind you again.",
        "Nora Lindqvist\nThe Corridor",
    ]


def test_the_thanks_give_the_lasting_address() -> None:
    mail = to_leyla("expert.published", link=LINK, runs_on=WEDNESDAY)
    assert (mail.kind, mail.subject) == ("expert.published", "Your answer has run: Police Stations")
    assert paragraphs(mail) == [
        "Dear Leyla Hüseynli,",
        (
            "your answer to “Police Stations” ran in the edition of Wednesday 16 November. It stays at this address, under "
            f"your name:\n{LINK}"
        ),
        "If anything in it is wrong, reply and tell me, now or later: I correct errors of fact and meaning.",
        "Thank you for the time you gave the readers.",
        "Nora Lindqvist\nThe Corridor",
    ]


def test_what_is_carried_over_says_when_it_runs_now() -> None:
    mail = to_leyla("expert.carried_over", runs_on=WEDNESDAY)
    assert (mail.kind, mail.subject) == ("expert.carried_over", "Your answer now runs on Wed 16 Nov: Police Stations")
    assert paragraphs(mail)[1:3] == [
        "your answer to “Police Stations” moves to a later edition: it will now run on Wednesday 16 November.",
        "Nothing in it has changed, and you don’t need to do anything. If something in it won’t be true by then, just reply.",
    ]


def test_what_was_changed_without_a_check_is_listed() -> None:
    mail = render_mail(
        "expert.shortened",
        NORA,
        "leyla@university.example",
        "Leyla Hüseynli",
        EditedTextMail(
            headline="Police Stations",
            edits=[("In Ireland, the office was closed.", "")],
            full_text="Governments knew.",
            words_before=214,
            words_after=169,
        ),
    )
    assert (mail.kind, mail.subject) == ("expert.shortened", "What I changed in your answer: Police Stations")
    assert paragraphs(mail)[1:-1] == [
        "your answer to “Police Stations” is ready to run. I cut it from 214 to 169 words. I changed one thing:",
        "1. (cut) “In Ireland, the office was closed.”",
        "Here is all of it as it will run:",
        "> Governments knew.",
        (
            "You don’t need to do anything. If a fact or your meaning has suffered, reply and tell me: I always correct that, even after printing."
        ),
    ]


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("It repeats what ran in May.", "It repeats what ran in May."),
        ("", "The question has been settled in another way."),
    ],
)
def test_what_is_not_used_says_why(reason: str, message: str) -> None:
    mail = to_leyla("expert.not_used", typed=reason)
    assert (mail.kind, mail.subject) == ("expert.not_used", "About your answer: Police Stations")
    assert paragraphs(mail)[1:-1] == [
        "your answer to “Police Stations” will not run, and you should know why.",
        message,
        "What you wrote stays yours, to print wherever you like. Thank you for the time you gave the readers.",
    ]


def test_the_desk_hears_of_a_mail_that_waits_while_the_cut_off_is_near() -> None:
    mail = to_nora("desk.mail_waits", DeskMail(who="Leyla", headline="Police Stations", cutoff_at=MONDAY, link=LINK))
    assert (mail.kind, mail.subject) == ("desk.mail_waits", "A mail is waiting: Police Stations")
    assert paragraphs(mail) == [
        (
            "Leyla has sent a mail about “Police Stations”. It is waiting to be filed. The cut-off is Monday 14 November, "
            "12:00 Prague time."
        ),
        f"It is here:\n{LINK}",
    ]
    unknown = to_nora("desk.mail_waits", DeskMail(headline="Police", cutoff_at=MONDAY, link=LINK))
    assert unknown.subject == "A mail is waiting: Police"


def test_the_desk_hears_of_a_mail_that_failed_while_the_cut_off_is_near() -> None:
    mail = to_nora(
        "desk.mail_failed",
        DeskMail(who="Leyla", headline="Police Stations", said="550 No such user", cutoff_at=MONDAY, link=LINK),
    )
    assert (mail.kind, mail.subject) == ("desk.mail_failed", "A mail to Leyla didn’t arrive: Police Stations")
    assert paragraphs(mail) == [
        (
            "A mail to Leyla about “Police Stations” didn’t arrive; the cut-off is Monday 14 November, 12:00 Prague time."
        ),
        "The other server said:",
        "> 550 No such user",
        f"See what can be done, perhaps by phone:\n{LINK}",
    ]


def test_the_editor_is_asked_once_what_became_of_an_edition() -> None:
    mail = to_nora("desk.edition_missing", EditionMail(runs_at=WEDNESDAY, link=LINK))
    assert (mail.kind, mail.subject) == ("desk.edition_missing", "Has the edition of Wednesday 16 November gone out?")
    assert paragraphs(mail) == [
        (
            "The edition of Wednesday 16 November is locked and should have run two hours ago. It has not been marked as sent."
        ),
        (
            "If it has gone out, mark it as sent: then its answers are public, and the experts and readers are told. If it hasn’t, "
            f"you can unlock it and change the date.\n{LINK}"
        ),
        "You are asked only this once.",
    ]


def test_the_morning_mail_counts_and_names_the_first() -> None:
    found = [
        MorningSection("late", 1, ("Marek Dvořák: The River",), f"{LINK}/1"),
        MorningSection("answers", 7, ("Leyla: Police Stations", "Gulnara: Water Law"), f"{LINK}/2"),
        MorningSection("letters", 12, (), f"{LINK}/3"),
    ]
    about = MorningMail(
        on=FRIDAY, sections=found, cutoff_at=MONDAY, link=f"{LINK}/off", head="7c1e 09af 44d2 8b10 e3f5"
    )
    mail = to_nora("desk.digest", about)
    assert (mail.kind, mail.subject) == ("desk.digest", "The Corridor, Fri 11 Nov: what is waiting")
    assert paragraphs(mail) == [
        "The next cut-off is Monday 14 November, 12:00 Prague time.",
        f"One expert is late:\n- Marek Dvořák: The River\n{LINK}/1",
        f"7 answers have arrived:\n- Leyla: Police Stations\n- Gulnara: Water Law\n- and 5 more\n{LINK}/2",
        f"12 letters to file:\n{LINK}/3",
        (
            "Head of the trail: 7c1e 09af 44d2 8b10 e3f5\nKeep this mail. With these digits, the operator of the server can show that nobody has rewritten the trail since: “audit verify” asks for them."
        ),
        f"This mail comes on days when there is something to say. Switch it off here:\n{LINK}/off",
    ]


@pytest.mark.parametrize("kind", SECTIONS)
@pytest.mark.parametrize("number", [1, 3])
def test_every_part_of_the_morning_mail_has_its_words(kind: str, number: int) -> None:
    about = MorningMail(on=FRIDAY, sections=[MorningSection(kind, number, (), LINK)], cutoff_at=None, link=LINK)
    part = paragraphs(to_nora("desk.digest", about))[0]
    assert part.startswith("One " if number == 1 else "3 ")
    assert part.endswith(f":\n{LINK}")


def test_a_mailed_question_is_acknowledged_without_a_word_of_it() -> None:
    about = LetterMail(
        receipt="12345678901234567890", link="https://ask.example/corridor/receipt", stop="https://ask.example/stop/x"
    )
    mail = render_mail("reader.acknowledgement", Sender("The Corridor"), "timur@reader.example", "", about)
    assert (mail.kind, mail.subject) == ("reader.acknowledgement", "Your mail to The Corridor")
    assert paragraphs(mail) == [
        "Hello,",
        "your mail has arrived, and somebody at the desk will read it. You don’t need to do anything more.",
        ("If you want to see later what became of it, or take it back, type this number:\n1234 5678 9012 3456 7890"),
        "Here is where:\nhttps://ask.example/corridor/receipt",
        "Anybody who has the number can do the same, so keep it to yourself. Because it came by mail, it opens nothing more.",
        "If you don’t want us to write to you again, press the button here:\nhttps://ask.example/stop/x",
        "This reply was sent automatically, once a day at most, and does not repeat what you wrote.",
        "The Corridor",
    ]
    assert (mail.to_name, mail.from_name, mail.reply_to) == ("", "The Corridor", None)
    assert mail.unsubscribe == "https://ask.example/stop/x"


def test_only_a_reader_to_whom_more_may_be_written_can_stop_it() -> None:
    stop = "https://ask.example/stop/x"

    def news(kind: str, stop: str | None = None) -> Message:
        about = LetterMail(opening="answered", link=LINK, stop=stop)
        return render_mail(kind, Sender("The Corridor"), "timur@reader.example", "", about)

    more = news("reader.news", stop)
    assert paragraphs(more)[3] == (
        "We erase your address here as soon as there is nothing more to tell you. Copies in backups are deleted some time later. "
        f"To have it erased now, press the button on this page:\n{stop}"
    )
    assert (more.unsubscribe, news("reader.once").unsubscribe) == (stop, None)


def test_what_the_clock_sends_says_so() -> None:
    marked = {kind: KINDS[kind].automatic for kind in KINDS}
    assert {marked[f"expert.{kind}"] for kind in ("reminder", "overdue", "published")} == {GENERATED}
    assert {marked[f"expert.{kind}"] for kind in ("carried_over", "shortened", "not_used", "check")} == {""}
    assert marked["reader.acknowledgement"] == REPLIED
