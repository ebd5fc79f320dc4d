"""The words of every mail: Nora edits The Corridor, Leyla is asked, Timur is a reader."""

import ast
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from app.mail.kinds import EXAMPLES, KINDS
from app.mail.mail_templates import parts_of, render_examples, render_mail
from app.mail.mail_values import AccountMail, AssignmentMail, DeskMail, LetterMail
from app.mail.message import MailParagraph, Message, Sender, TextRun, parse_blocks, quote, shortened
from app.text import translation
from tests.support.outgoing_mails import (
    ASSIGNMENT_LINK,
    FRIDAY,
    LEYLA_RECIPIENT,
    MONDAY,
    NORA_SENDER,
    list_paragraphs,
    list_template_variables,
    render_invitation,
    render_quote_check,
)
from tests.support.source import ROOT, list_app_modules, parse_module


def test_the_invitation_is_complete_without_a_click() -> None:
    mail = render_invitation(
        headline="Police stations", background="The report is of September.", brief="Who knew, and since when?"
    )
    assert mail.subject == "Readers’ question on “Police stations”: about 180 words by Fri 11 Nov?"
    assert list_paragraphs(mail) == [
        "Dear Leyla Hüseynli,",
        "I write The Corridor. Readers asked something that you can answer better than I could:",
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
            "Just reply to this mail. A “no” or “later” in one word is fine, too. If you prefer a page that saves as you "
            f"type, without an account (you can also name a colleague there):\n{ASSIGNMENT_LINK}"
        ),
        (
            "If you can’t, a word by Wednesday 9 November helps me. "
            "I’ll remind you once, then ask somebody else, no hard feelings."
        ),
        (
            "What happens next: I may shorten it. You will see the edited text, with a date by which to tell me what is wrong: Monday "
            "14 November, 12:00 Prague time at the latest. If I hear nothing by then, it runs as you saw it. We don’t pay for answers. Your words stay "
            "yours; we may print, keep and translate them under your name. If you or your organisation have a stake in this "
            "that readers should know, add a line. I’m asking only you. If it doesn’t run, I’ll tell you why."
        ),
        (
            "Is this really me? Don’t just trust this mail. Look up The Corridor yourself, and ask for me there. "
            "I’ll never ask for a password or send you a file to open."
        ),
        "Nora Lindqvist\nThe Corridor",
    ]
    assert (mail.to, mail.to_name) == ("leyla@university.example", "Leyla Hüseynli")
    assert (mail.from_name, mail.from_address, mail.reply_to) == (
        "Nora Lindqvist",
        NORA_SENDER.address,
        NORA_SENDER.address,
    )


@pytest.mark.parametrize(
    ("policy", "until", "sentence"),
    [
        (
            "facts",
            None,
            "You will see the edited text, with a date by which to tell me what is wrong. If I hear nothing, it runs",
        ),
        (
            "approve",
            MONDAY,
            "it won’t run without your yes. You have until Monday 14 November, 12:00 Prague time. Without",
        ),
        (
            "approve",
            None,
            "What happens next: I may shorten it. You will see the edited text, and it won’t run without your yes. We",
        ),
        ("off", None, "What happens next: I may edit for length and clarity. I won’t change your meaning. We"),
        ("off", MONDAY, "What happens next: I may edit for length and clarity. I won’t change your meaning. We"),
    ],
)
def test_the_invitation_says_how_quotes_are_checked(policy: str, until: datetime | None, sentence: str) -> None:
    terms = list_paragraphs(render_invitation(policy=policy, check_until=until))[-3]
    assert sentence in terms


def test_the_newsletter_s_own_sentences_take_the_place_of_the_house_s() -> None:
    mail = render_invitation(
        verify="Call +420 555 0100.", pay="We pay 100 euros.", rights="You keep all rights.", asked_others=2
    )
    terms, really = list_paragraphs(mail)[-3:-1]
    assert "We pay 100 euros. You keep all rights. If you" in terms
    assert "I’m asking 2 other experts too. If it" in terms
    assert really.startswith("Is this really me? Don’t just trust this mail. Call +420 555 0100. I’ll never")


def test_an_invitation_without_an_edition_names_no_day() -> None:
    mail = render_invitation(runs_on=None, check_until=None)
    assert list_paragraphs(mail)[3].endswith("by Friday 11 November, 18:00 Prague time? It would run after this line:")


def test_the_quote_check_under_facts_lists_the_changes_and_says_what_silence_means() -> None:
    mail = render_quote_check()
    assert mail.subject == "Your answer for Wed 16 Nov: 3 changes, please look by Mon 14 Nov 12:00"
    assert list_paragraphs(mail) == [
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
            "If it is right, you don’t need to do anything: it runs as you see it. If a fact or your meaning is wrong, "
            f"reply by Monday 14 November, 12:00 Prague time, or mark it here:\n{ASSIGNMENT_LINK}"
        ),
        (
            "I always correct errors of fact and meaning, also after that day and after printing. "
            "I decide on the headline, the question and the length."
        ),
        "Nora Lindqvist\nThe Corridor",
    ]


def test_the_quote_check_under_approval_waits_for_a_yes() -> None:
    mail = render_quote_check(policy="approve", edits=[], words_after=214, runs_on=None)
    assert mail.subject == "Your answer: please look by Mon 14 Nov 12:00"
    assert list_paragraphs(mail)[1:] == [
        "thank you for your answer to “Police Stations”. I changed nothing in it.",
        "Here is all of it as it will run:",
        "> Governments or local authorities knew.\n>\n> She named both later.",
        (
            "It won’t run without your yes. Reply “yes” to this mail by Monday 14 November, 12:00 Prague time "
            "and I’ll note it. Without your yes, I’ll keep the text for a later edition. You can also press “Approve” here:"
            f"\n{ASSIGNMENT_LINK}"
        ),
        *list_paragraphs(render_quote_check())[-2:],
    ]


def test_there_is_no_quote_check_under_off() -> None:
    with pytest.raises(UndefinedError, match="off"):
        render_quote_check(policy="off")


def test_a_long_change_is_shown_by_its_ends() -> None:
    line = list_paragraphs(render_quote_check(edits=[("word " * 200 + "end", "")]))[2]
    assert line.startswith("1. (cut) “word word")
    assert line.endswith("word end”")
    assert len(line) < 190


@pytest.mark.threat("mail provider")
@pytest.mark.parametrize("opening", [part for part in parts_of("reader.news") if part != "subject"])
@pytest.mark.parametrize("kind", ["reader.once", "reader.news"])
def test_a_reader_s_mail_has_a_neutral_subject(kind: str, opening: str) -> None:
    about = LetterMail(opening=opening, sentence="We keep it.", link="https://a.example/c/")
    mail = render_mail(kind, Sender("The Corridor"), "timur@reader.example", "", about)
    assert mail.subject == "News from The Corridor"
    assert mail.kind == kind
    assert "question" not in mail.text
    assert "ask" not in mail.text
    assert (mail.to_name, mail.from_name, mail.reply_to) == ("", "The Corridor", None)
    assert list_paragraphs(mail)[2:4] == ["We keep it.", "https://a.example/c/"]


def test_the_way_in_has_a_link_and_a_code_to_type() -> None:
    about = AccountMail(link="https://ask.example/s/x", code="01234567", minutes=15)
    mail = render_mail("sign_in", Sender(), "nora@newsroom.example", "Nora", about)
    assert list_paragraphs(mail)[1:4] == [
        "this opens a page with a button that signs you in, in the browser where you asked for it:\nhttps://ask.example/s/x",
        "In any other browser, type this code there:\n0123 4567",
        "Both work once, within 15 minutes.",
    ]
    assert "0123" not in mail.subject


@pytest.mark.parametrize("name", ["answer", "objection", "fine", "withdrawn", "suggestion", "question_back"])
def test_the_desk_is_told_who_did_what(name: str) -> None:
    about = DeskMail(who="Leyla", headline="Police", said="Wrong\nyear", link=ASSIGNMENT_LINK)
    mail = render_mail(f"desk.{name}", NORA_SENDER, "nora@newsroom.example", "Nora", about)
    assert mail.subject.startswith("Leyla ")
    assert list_paragraphs(mail)[1:] == ["> Wrong\n> year", f"It is here:\n{ASSIGNMENT_LINK}"]


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"decline_reason": "not my field"}, ["Leyla won’t answer “Police”. It is not their field."]),
        (
            {"decline_reason": "no time", "free_from": date(2026, 12, 8)},
            ["Leyla won’t answer “Police”. They have no time now.", "They are free again from Tuesday 8 December."],
        ),
        (
            {"decline_reason": "conflict of interest", "suggestion": "Marek Dvořák", "said": "He knows\nmore."},
            [
                "Leyla won’t answer “Police”. They have a conflict of interest.",
                "They suggest asking Marek Dvořák",
                "Their note:",
                "> He knows\n> more.",
            ],
        ),
        ({"decline_reason": "other"}, ["Leyla won’t answer “Police”. They gave no reason."]),
    ],
)
def test_a_no_says_why_until_when_and_whom_to_ask(details: dict[str, Any], expected: list[str]) -> None:
    about = DeskMail(who="Leyla", headline="Police", link=ASSIGNMENT_LINK, **details)
    mail = render_mail("desk.declined", NORA_SENDER, "nora@newsroom.example", "Nora", about)
    assert mail.subject == "Leyla can’t answer: Police"
    assert list_paragraphs(mail) == [*expected, f"It is here:\n{ASSIGNMENT_LINK}"]


FA = Sender("دالان", "نورا", "corridor@newsroom.example", "fa", "Asia/Tehran")
TEMPLATES = ROOT / "app" / "mail" / "templates"


def template_of(kind: str) -> Path:
    return TEMPLATES / f"{KINDS[kind].template_kind or kind}.txt"


# A kind that lacks its template or its example fails a test of rows with a sentence, and these tests leave it out.
WITH_WORDS = [kind for kind, row in KINDS.items() if template_of(kind).is_file() and row.values_class in EXAMPLES]


def test_every_mail_has_its_template_and_every_template_its_mail() -> None:
    texts = {path.stem for path in TEMPLATES.glob("*.txt") if not path.name.startswith("_")}
    rows = {kind for kind, row in KINDS.items() if not row.template_kind}
    assert not rows - texts, f"Write the words of {rows - texts} into app/mail/templates/<kind>.txt."
    assert not texts - rows, f"Give {texts - rows} a row in app/mail/kinds.py, or delete the template."


def test_some_verb_sends_every_mail() -> None:
    """It is sent under its name, or as what `notify_desk` tells the desk of."""
    names, found = set[str](), set[str]()
    for _room, path in list_app_modules():
        for node in ast.walk(parse_module(path)) if path.name != "kinds.py" else ():
            if isinstance(node, ast.Constant):
                names.add(str(node.value))
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "notify_desk":
                found |= {
                    f"desk.{one.value}" for part in node.args for one in ast.walk(part) if isinstance(one, ast.Constant)
                }
    found = [
        f"No verb sends {kind!r}: call send_to_expert, tell_reader, send_to_editors or `outbox.put` with it, or take its row out of "
        "app/mail/kinds.py and its text out of app/mail/templates."
        for kind in KINDS
        if kind not in names | found
    ]
    assert not found, "\n".join(found)


def test_every_class_of_values_has_an_example() -> None:
    for kind, row in KINDS.items():
        assert row.values_class in EXAMPLES, (
            f"Put an example of {row.values_class.__name__}, which {kind} is about, into EXAMPLES."
        )


@pytest.mark.parametrize("kind", WITH_WORDS)
def test_a_newsletter_words_only_blocks_that_the_mail_has(kind: str) -> None:
    template = template_of(kind).read_text()
    for part in parts_of(kind):
        assert f"{{% block {part} %}}" in template, f"{kind} has no block {part!r} that a newsletter could word."


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


@pytest.mark.parametrize("sender", [NORA_SENDER, FA], ids=["en", "fa"])
@pytest.mark.parametrize("kind", WITH_WORDS)
def test_every_mail_says_the_same_in_text_and_in_html(kind: str, sender: Sender) -> None:
    for mail in render_examples(kind, sender, FRIDAY, ASSIGNMENT_LINK):
        same_in_html(mail, sender)


def same_in_html(mail: Message, sender: Sender) -> None:
    outline = Outline(mail.html or "")
    assert outline.words == re.sub(r"^>", "", mail.text, flags=re.MULTILINE).split()
    assert outline.open == []
    assert outline.tags[0] == ("html", {"lang": sender.language, "dir": "rtl" if sender is FA else "ltr"})
    links = [attributes["href"] for tag, attributes in outline.tags if tag == "a"]
    listed_links = [page.link for page in EXAMPLES[KINDS[mail.kind].values_class].get("pages", ())]
    assert links == [ASSIGNMENT_LINK] * len(list_template_variables(mail.kind) & {"link", "stop"}) + listed_links
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


@pytest.mark.threat("hostile words")
def test_what_people_wrote_stays_text_in_html() -> None:
    mail = render_invitation(wording="<script>alert(1)</script> https://evil.example/\"onclick=x 'a' & b")
    tags = {tag for tag, _ in Outline(mail.html or "").tags}
    assert "script" not in tags
    hrefs = [attributes["href"] for tag, attributes in Outline(mail.html or "").tags if tag == "a"]
    assert hrefs == ["https://evil.example/", ASSIGNMENT_LINK]


@pytest.mark.threat("hostile words")
def test_any_script_stays_exact_and_overrides_are_dropped() -> None:
    persian = "آیا دولت\u200cها نمی\u200cدانستند؟"
    mail = render_invitation(sender=FA, wording=f"{persian}\u202e\n新疆发生了什么？", lead_in="از لیلا پرسیدم:")
    assert list_paragraphs(mail)[2] == f"> {persian}\n> 新疆发生了什么？"
    assert "جمعه ۱۱ نوامبر" in translation.day("fa", FRIDAY, "Asia/Tehran") or "جمعه" in translation.day(
        "fa", FRIDAY, "Asia/Tehran"
    )


def test_numbers_are_in_the_digits_of_the_mail_s_language() -> None:
    invitation = render_invitation(sender=FA, headline="نمک")
    assert invitation.subject == "پرسش خوانندگان دربارهٔ «نمک»: حدود ۱۸۰ کلمه تا جمعه ۱۱ نوامبر؟"
    reworded = render_invitation({"subject": "{words} کلمه تا {due}"}, sender=FA, headline="نمک")
    assert reworded.subject == "۱۸۰ کلمه تا جمعه ۱۱ نوامبر"
    check = render_quote_check(sender=FA, edits=[("salt of 2008", "salt of 2009")])
    assert list_paragraphs(check)[1:3] == [
        "از پاسخ شما به «Police Stations» سپاسگزارم. آن را از ۲۱۴ به ۱۶۹ کلمه کوتاه کرده‌ام. یک چیز را تغییر داده‌ام:",
        "۱. به‌جای «salt of 2008» آمده است: «salt of 2009»",
    ]
    assert "about 180 words" in render_invitation().subject


@pytest.mark.threat("hostile words")
def test_a_subject_is_one_line_whatever_stands_in_the_headline() -> None:
    about = AssignmentMail(headline="Police\r\nBcc: all@a.example\u2028" + "x" * 300, typed="Why.")
    mail = render_mail("expert.dropped", NORA_SENDER, *LEYLA_RECIPIENT, about)
    assert mail.subject.startswith("About your answer: Police Bcc: all@a.example x")
    assert len(mail.subject) < 130


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "Friday 11 November, 18:00 Prague time"),
        ("en-GB", "Friday 11 November, 18:00 Prague time"),
        ("xx", "Friday 11 November, 18:00 Prague time"),
        ("kk-Latn", "Friday 11 November, 18:00 Prague time"),  # never in letters of another script
    ],
)
def test_a_moment_names_the_day_the_hour_and_whose_time_it_is(language: str, message: str) -> None:
    assert translation.moment(language, FRIDAY, "Europe/Prague") == message


def test_the_clock_of_a_zone_that_is_named_after_no_city_is_its_abbreviation() -> None:
    for zone in ("UTC", "Etc/UTC"):
        assert translation.moment("en", FRIDAY, zone) == "Friday 11 November, 17:00 UTC"
    assert translation.moment("fa", FRIDAY, "Asia/Tehran") == "جمعه ۱۱ نوامبر (۲۰ آبان)، ساعت ۲۰:۳۰ به وقت تهران"


def test_days_are_of_the_newsletter_s_zone() -> None:
    late = datetime(2022, 11, 11, 23, 30, tzinfo=UTC)
    assert translation.day("en", late, "Europe/Prague") == "Saturday 12 November"
    assert translation.day("en", late, "America/New_York") == "Friday 11 November"
    assert translation.day("en", date(2022, 11, 11), "Asia/Almaty") == "Friday 11 November"
    assert translation.short_day("zh-Hans", late, "Europe/Prague") == "11月12日周六"
    assert translation.city("en", "America/Argentina/Buenos_Aires") == "Buenos Aires"


def test_text_is_read_back_as_paragraphs_quotations_and_links() -> None:
    quoted = quote("One.\n\n> Two.")
    assert parse_blocks(f"Hello,\n\n{quoted}\n\n(see https://a.example/x?y=1.)\nBye\n") == [
        MailParagraph(False, [[TextRun("Hello,")]]),
        MailParagraph(True, [[TextRun("One.")], [], [TextRun("> Two.")]]),
        MailParagraph(
            False,
            [
                [TextRun("(see "), TextRun("https://a.example/x?y=1", "https://a.example/x?y=1"), TextRun(".)")],
                [TextRun("Bye")],
            ],
        ),
    ]


def test_shortening_keeps_what_fits() -> None:
    assert shortened("a  b\nc", 10) == "a b c"
    assert shortened("x" * 30, 10) == "xxxxx […] xxxxx"
