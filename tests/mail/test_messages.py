"""The words of every mail: Nora edits The Corridor, Leyla is asked, Timur is a reader."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pytest

from app.mail import messages, translation
from app.mail.kinds import KINDS
from app.mail.message import Block, Piece, blocks, quote, shortened
from app.mail.messages import Message, Sender
from app.mail.messages.desk import NOTICES
from app.mail.messages.readers import OPENINGS
from tests.support.messages import CHECK, FRIDAY, LINK, MONDAY, NORA, WEDNESDAY, check, invite, paragraphs

CHANGED = {name: CHECK[name] for name in ("headline", "changes", "full_text", "words_before", "words_after")}


def test_the_invitation_is_complete_without_a_click() -> None:
    mail = invite(
        headline="Police stations", background="The report is of September.", brief="Who knew, and since when?"
    )
    assert mail.subject == "Readers’ question on “Police stations”: about 180 words by Fri 11 Nov?"
    assert paragraphs(mail) == [
        "Dear Leyla Hüseynli,",
        "I write The Corridor. 2 readers asked something that you can answer better than I could:",
        "> Last edition, you mentioned a report about overseas police stations.\n>\n> Did governments not know?",
        "Some background: The report is of September.",
        "What would help most: Who knew, and since when?",
        (
            "Could you answer in about 180 words, in your own words, by Friday 11 November, 18:00 Prague time? "
            "It would run on Wednesday 16 November, after this line:"
        ),
        "> To find out more, I asked Leyla Hüseynli, a researcher in Baku:",
        "Please correct that line if it is wrong.",
        (
            "Just reply to this mail. A “no” or “later” in one word is fine too. If you prefer a page that saves as you "
            f"type, without an account (you can also name a colleague there):\n{LINK}"
        ),
        (
            "If you can’t, a word by Wednesday 9 November helps me. I remind you once; if I hear nothing then either, "
            "I’ll ask somebody else, no hard feelings."
        ),
        (
            "How it goes on: I may shorten. You see the edited text and have until Monday 14 November, 12:00 Prague time "
            "to tell me what is wrong; if I hear nothing, it runs as you saw it. We don’t pay for answers. Your words stay "
            "yours; we may print, keep and translate them under your name. If you or your organisation have a stake in this "
            "that readers should know, add a line. I’m asking only you. If it doesn’t run, I’ll tell you why."
        ),
        (
            "Is this really me? Don’t take this mail’s word. Look up The Corridor yourself, and ask for me there. "
            "I’ll never ask for a password or send you a file to open."
        ),
        "Nora Lindqvist\nThe Corridor",
    ]
    assert (mail.to, mail.to_name) == ("leyla@university.example", "Leyla Hüseynli")
    assert (mail.from_name, mail.from_address, mail.reply_to) == ("Nora Lindqvist", NORA.address, NORA.address)


@pytest.mark.parametrize(
    ("policy", "until", "sentence"),
    [
        (
            "facts",
            None,
            "You see the edited text, with a date by which to tell me what is wrong; if I hear nothing, it runs",
        ),
        (
            "approve",
            MONDAY,
            "it won’t run without your yes. You have until Monday 14 November, 12:00 Prague time; without",
        ),
        (
            "approve",
            None,
            "How it goes on: I may shorten. You see the edited text, and it won’t run without your yes. We",
        ),
        ("off", None, "How it goes on: I may edit for length and clarity; I won’t change your meaning. We"),
        ("off", MONDAY, "How it goes on: I may edit for length and clarity; I won’t change your meaning. We"),
    ],
)
def test_the_invitation_says_how_quotes_are_checked(policy: str, until: datetime | None, sentence: str) -> None:
    terms = paragraphs(invite(policy=policy, check_until=until))[-3]
    assert sentence in terms


def test_the_newsletter_s_own_sentences_take_the_place_of_the_house_s() -> None:
    mail = invite(verify="Call +420 555 0100.", pay="We pay 100 euros.", rights="You keep all rights.", asked_others=2)
    terms, really = paragraphs(mail)[-3:-1]
    assert "We pay 100 euros. You keep all rights. If you" in terms
    assert "I’m asking 2 other experts too. If it" in terms
    assert really.startswith("Is this really me? Don’t take this mail’s word. Call +420 555 0100. I’ll never")


def test_an_invitation_without_an_edition_names_no_day() -> None:
    mail = invite(runs_on=None, check_until=None, readers=1)
    assert paragraphs(mail)[3].endswith("by Friday 11 November, 18:00 Prague time? It would run after this line:")
    assert (
        paragraphs(mail)[1] == "I write The Corridor. A reader asked something that you can answer better than I could:"
    )


def test_the_quote_check_under_facts_lists_the_changes_and_says_what_silence_means() -> None:
    mail = check()
    assert mail.subject == "Your answer for Wed 16 Nov: 3 changes, please look by Mon 14 Nov 12:00"
    assert paragraphs(mail) == [
        "Dear Leyla Hüseynli,",
        "thank you for your answer to “Police Stations”. I cut it from 214 to 169 words. I changed 3 things:",
        (
            "1. “a number of governments” becomes “Governments or local authorities”\n"
            "2. (cut) “In Ireland, the office was closed.”\n"
            "3. (added) “She named both later.”"
        ),
        "Here is all of it as it will run on Wednesday 16 November:",
        "> Governments or local authorities knew.\n>\n> She named both later.",
        (
            "If it is right, you need do nothing: it runs as you see it. If a fact or your meaning is wrong, "
            f"reply by Monday 14 November, 12:00 Prague time, or mark it here:\n{LINK}"
        ),
        (
            "Errors of fact and of meaning I mend, always, also after that day and after printing. "
            "The headline, the question and the length are mine to decide."
        ),
        "Nora Lindqvist\nThe Corridor",
    ]


def test_the_quote_check_under_approval_waits_for_a_yes() -> None:
    mail = check(policy="approve", changes=[], words_after=214, runs_on=None)
    assert mail.subject == "Your answer: please look by Mon 14 Nov 12:00"
    assert paragraphs(mail)[1:] == [
        "thank you for your answer to “Police Stations”. I changed nothing in it.",
        "Here is all of it as it will run:",
        "> Governments or local authorities knew.\n>\n> She named both later.",
        (
            "It won’t run without your yes. Answer “yes” to this mail and I’ll note it, by Monday 14 November, 12:00 "
            "Prague time; without it I keep the text for a later edition. You can also press “Approve” here:"
            f"\n{LINK}"
        ),
        *paragraphs(check())[-2:],
    ]


def test_there_is_no_quote_check_under_off() -> None:
    with pytest.raises(KeyError, match="off"):
        check(policy="off")


def test_a_long_change_is_shown_by_its_ends() -> None:
    line = paragraphs(check(changes=[("cut", "word " * 200 + "end", "")]))[2]
    assert line.startswith("1. (cut) “word word")
    assert line.endswith("word end”")
    assert len(line) < 190


@pytest.mark.parametrize("kind", OPENINGS)
@pytest.mark.parametrize("once", [True, False])
def test_a_reader_s_mail_has_a_neutral_subject(kind: str, once: bool) -> None:
    mail = messages.reader_news(
        "The Corridor", "en", "timur@reader.example", kind, "We keep it.", "https://a.example/c/", once=once
    )
    assert mail.subject == "News from The Corridor"
    assert mail.kind == ("reader.once" if once else "reader.news")
    assert "question" not in mail.text
    assert "ask" not in mail.text
    assert (mail.to_name, mail.from_name, mail.reply_to) == ("", "The Corridor", None)
    assert paragraphs(mail)[2:4] == ["We keep it.", "https://a.example/c/"]


def test_the_way_in_has_a_link_and_a_code_to_type() -> None:
    mail = messages.sign_in("en", "nora@newsroom.example", "Nora", "https://ask.example/s/x", "01234567", 15)
    assert paragraphs(mail)[1:4] == [
        "this opens a page with a button that signs you in, in the browser where you asked for it:\nhttps://ask.example/s/x",
        "In any other browser, type this code there:\n0123 4567",
        "Both work once, within 15 minutes.",
    ]
    assert "0123" not in mail.subject


@pytest.mark.parametrize("kind", NOTICES)
def test_the_desk_is_told_who_did_what(kind: str) -> None:
    mail = messages.desk_notice(NORA, "nora@newsroom.example", "Nora", kind, "Leyla", "Police", "Wrong\nyear", LINK)
    assert mail.kind in KINDS
    assert mail.subject.startswith("Leyla ")
    assert paragraphs(mail)[1:] == ["> Wrong\n> year", f"It is here:\n{LINK}"]


LINKS = {
    "cancelled": 0,
    "carried_over": 0,
    "dropped": 0,
    "not_used": 0,
    "shortened": 0,
    "acknowledgement": 2,
    "letter_to_expert": 0,
}
FA = Sender("دالان", "نورا", "corridor@newsroom.example", "fa", "Asia/Tehran")
ALL: dict[str, Callable[[Sender], Message]] = {
    "sign_in": lambda s: messages.sign_in(s.language, "n@a.example", "N", LINK, "12345678", 1),
    "staff_invitation": lambda s: messages.staff_invitation(s.language, "n@a.example", "N", "The Newsroom", LINK, 3),
    "invitation": invite,
    "invitation_again": lambda s: messages.invitation_again(s, "l@a.example", "L", "Police", FRIDAY, LINK),
    "returned": lambda s: messages.returned(s, "l@a.example", "L", "Police", "Since when?\n\nWho?", FRIDAY, LINK),
    "reminder": lambda s: messages.reminder(s, "l@a.example", "L", "Police", FRIDAY, LINK),
    "overdue": lambda s: messages.overdue(s, "l@a.example", "L", "Police", FRIDAY, LINK),
    "cancelled": lambda s: messages.cancelled(s, "l@a.example", "L", "Police", "Another edition had it."),
    "shortened": lambda s: messages.shortened(s, "l@a.example", "L", **CHANGED),
    "carried_over": lambda s: messages.carried_over(s, "l@a.example", "L", "Police", WEDNESDAY),
    "not_used": lambda s: messages.not_used(s, "l@a.example", "L", "Police"),
    "mail_waits": lambda s: messages.mail_waits(s, "n@a.example", "N", "L", "Police", MONDAY, LINK),
    "mail_failed": lambda s: messages.mail_failed(
        s, "n@a.example", "N", "L", "Police", "550 No such user", MONDAY, LINK
    ),
    "edition_missing": lambda s: messages.edition_missing(s, "n@a.example", "N", WEDNESDAY, LINK),
    "digest": lambda s: messages.digest(s, "n@a.example", "N", WEDNESDAY, [], MONDAY, LINK),
    "acknowledgement": lambda s: messages.acknowledgement(
        s.newsletter, s.language, "t@a.example", receipt="1234" * 5, page=LINK, stop=LINK
    ),
    "quote_check": check,
    "published": lambda s: messages.published(s, "l@a.example", "L", "Police", LINK, date(2022, 11, 16)),
    "dropped": lambda s: messages.dropped(s, "l@a.example", "L", "Police", "It was too long."),
    "reader_news": lambda s: messages.reader_news(s.newsletter, s.language, "t@a.example", "ended", "No.", LINK),
    "letter_withdrawn": lambda s: messages.letter_withdrawn(s, "n@a.example", "N", True, LINK),
    "letter_to_expert": lambda s: messages.letter_to_expert(s, "l@a.example", "L", "Police", "Could you\n\nring me?"),
    "mention": lambda s: messages.mention(s.language, "n@a.example", "N", s.newsletter, "Ilya", LINK),
    "desk_notice": lambda s: messages.desk_notice(s, "n@a.example", "N", "fine", "L", "Police", None, LINK),
}


def test_every_mail_of_the_product_is_tried_here() -> None:
    assert sorted(ALL) == sorted(set(messages.__all__) - {"Message", "Section", "Sender"})


class Outline(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "body" in self.open:
            self.words += data.split()


@pytest.mark.parametrize("sender", [NORA, FA], ids=["en", "fa"])
@pytest.mark.parametrize("name", ALL)
def test_every_mail_says_the_same_in_text_and_in_html(name: str, sender: Sender) -> None:
    mail = ALL[name](sender)
    assert mail.kind in KINDS
    outline = Outline(mail.html or "")
    assert outline.words == re.sub(r"^>", "", mail.text, flags=re.MULTILINE).split()
    assert outline.open == []
    assert outline.tags[0] == ("html", {"lang": sender.language, "dir": "rtl" if sender is FA else "ltr"})
    links = [attributes["href"] for tag, attributes in outline.tags if tag == "a"]
    assert links == [LINK] * LINKS.get(name, 1)
    assert {tag for tag, _ in outline.tags} <= {
        "html",
        "head",
        "meta",
        "title",
        "body",
        "div",
        "p",
        "br",
        "a",
        "blockquote",
    }
    assert mail.subject == " ".join(mail.subject.split())
    assert "%(" not in mail.subject + mail.text


def test_what_people_wrote_stays_text_in_html() -> None:
    mail = invite(wording="<script>alert(1)</script> https://evil.example/\"onclick=x 'a' & b")
    tags = {tag for tag, _ in Outline(mail.html or "").tags}
    assert "script" not in tags
    hrefs = [attributes["href"] for tag, attributes in Outline(mail.html or "").tags if tag == "a"]
    assert hrefs == ["https://evil.example/", LINK]


def test_any_script_stays_exact_and_overrides_are_dropped() -> None:
    persian = "آیا دولت\u200cها نمی\u200cدانستند؟"
    mail = invite(FA, wording=f"{persian}\u202e\n新疆发生了什么？", lead_in="از لیلا پرسیدم:")
    assert paragraphs(mail)[2] == f"> {persian}\n> 新疆发生了什么？"
    assert "جمعه ۱۱ نوامبر" in translation.day("fa", FRIDAY, "Asia/Tehran") or "جمعه" in translation.day(
        "fa", FRIDAY, "Asia/Tehran"
    )


def test_a_subject_is_one_line_whatever_stands_in_the_headline() -> None:
    mail = messages.dropped(NORA, "l@a.example", "L", "Police\r\nBcc: all@a.example\u2028" + "x" * 300, "Why.")
    assert mail.subject.startswith("About your answer: Police Bcc: all@a.example x")
    assert len(mail.subject) < 130


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Friday 11 November, 18:00 Prague time"),
        ("en-GB", "Friday 11 November, 18:00 Prague time"),
        ("xx", "Friday 11 November, 18:00 Prague time"),
        ("kk-Latn", "Friday 11 November, 18:00 Prague time"),  # never in letters of another script
    ],
)
def test_a_moment_names_the_day_the_hour_and_whose_time_it_is(language: str, said: str) -> None:
    assert translation.moment(language, FRIDAY, "Europe/Prague") == said


def test_days_are_of_the_newsletter_s_zone() -> None:
    late = datetime(2022, 11, 11, 23, 30, tzinfo=UTC)
    assert translation.day("en", late, "Europe/Prague") == "Saturday 12 November"
    assert translation.day("en", late, "America/New_York") == "Friday 11 November"
    assert translation.day("en", date(2022, 11, 11), "Asia/Almaty") == "Friday 11 November"
    assert translation.short_day("zh-Hans", late, "Europe/Prague") == "11月12日周六"
    assert translation.city("en", "America/Argentina/Buenos_Aires") == "Buenos Aires"


def test_text_is_read_back_as_paragraphs_quotations_and_links() -> None:
    quoted = quote("One.\n\n> Two.")
    assert blocks(f"Hello,\n\n{quoted}\n\n(see https://a.example/x?y=1.)\nBye\n") == [
        Block(False, [[Piece("Hello,")]]),
        Block(True, [[Piece("One.")], [], [Piece("> Two.")]]),
        Block(
            False,
            [
                [Piece("(see "), Piece("https://a.example/x?y=1", "https://a.example/x?y=1"), Piece(".)")],
                [Piece("Bye")],
            ],
        ),
    ]


def test_shortening_keeps_what_fits() -> None:
    assert shortened("a  b\nc", 10) == "a b c"
    assert shortened("x" * 30, 10) == "xxxxx […] xxxxx"
