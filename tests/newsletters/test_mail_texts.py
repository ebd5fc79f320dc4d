"""How a newsletter words its mails: Nora words them in English, and the readers' ones in Russian and Persian too."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.answers import assigning, editing
from app.core.domain_errors import PermissionDenied
from app.db.engine import Database
from app.editions import slots
from app.editions.queries import list_editions_to_run
from app.mail import outbox
from app.mail.mail_templates import (
    default_wording,
    fill_placeholders,
    find_part_fault,
    find_placeholder_fault,
    parts_of,
    render_examples,
    render_mail,
)
from app.mail.mail_values import AssignmentMail, LetterMail
from app.mail.message import Message, Sender
from app.mail.models import OutboxMail
from app.newsletters import mail_texts, settings
from app.newsletters.models import Newsletter, NewsletterText
from app.questions import wording
from app.questions.models import Question
from app.workflows.letters import endings
from app.workflows.publishing import publication
from tests.support.assignments import EDITED_ANSWER, TIMURS_DETAILS, ask_expert, send_queued_mails
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk, get_version_token
from tests.support.outgoing_mails import list_paragraphs, render_invitation, render_quote_check
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

OWN = {
    "subject": "Still by {due}?",
    "body": "Could you still, by {due}? {link}",
    "silent": "Did you see it? {due} {link}",
}
PAGE = "settings/mail-texts/en/expert.reminder"


# --- The language ---


def test_names_are_filled_in_once_and_braces_can_be_written() -> None:
    values = {"headline": "{link} {{x}} %(name)s \\1", "link": "https://a.example/"}
    assert (
        fill_placeholders("{{{headline}}} at {link}{{}}", values)
        == "{{link} {{x}} %(name)s \\1} at https://a.example/{}"
    )


@pytest.mark.threat("hostile words")
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Dear {name}, by {due}.", None),
        ("by {due} {{literally}}", None),
        ("Dear {nmae}, {due}", ("unknown", "nmae")),
        ("Dear {name}", ("needs", "due")),
        ("{due} {", ("brace", "")),
        ("{due} }", ("brace", "")),
        ("{due} {name!r}", ("brace", "")),
        ("{due} {name:>90000}", ("brace", "")),
        ("{due} {name.__class__}", ("brace", "")),
        ("{due} {name[0]}", ("brace", "")),
        ("{due} {0}", ("brace", "")),
        ("{due} {}", ("brace", "")),
        ("{due} {Name}", ("brace", "")),
        ("{due} {{name}", ("brace", "")),
    ],
)
def test_nothing_but_known_names_can_stand_in_braces(text: str, fault: tuple[str, str] | None) -> None:
    assert find_placeholder_fault(text, ("name", "due"), ("due",)) == fault


@given(st.text(alphabet="{}ab_.!:%()s \n"))
def test_whatever_has_no_fault_can_be_filled(text: str) -> None:
    if find_placeholder_fault(text, ("a", "b", "a_b")) is None:
        filled = fill_placeholders(text, {"a": "{", "b": "}", "a_b": "{b}"})
        assert filled.replace("{b}", "").count("{") >= text.count("{{")
    else:
        with pytest.raises((KeyError, ValueError)):
            fill_placeholders(text, {"a": "{", "b": "}", "a_b": "{b}"})


def test_the_product_s_own_text_is_the_same_language() -> None:
    assert (
        default_wording("expert.invitation", "subject", "en")
        == "Readers’ question on “{headline}”: about {words} words by {due}?"
    )


@pytest.mark.parametrize(
    ("kind", "part"), [(kind, part) for kind in mail_texts.REWORDABLE_KINDS for part in parts_of(kind)]
)
@pytest.mark.parametrize("language", ["en", "fa"])
def test_every_usual_text_could_be_a_newsletter_s_own(kind: str, part: str, language: str) -> None:
    text = default_wording(kind, part, language)
    assert find_part_fault(kind, part, text) is None
    if (kind, part) == ("expert.invitation", "opening"):  # without a newsletter's own words it says how many asked
        return
    nora = Sender("The Corridor", "Nora", "corridor@newsroom.example", language, "Europe/Prague")
    known = "https://a.example/", datetime(2022, 11, 11, 17, tzinfo=UTC)
    assert render_examples(kind, nora, known[1], known[0], {part: text}) == render_examples(
        kind, nora, known[1], known[0]
    )


# --- What goes out ---


def test_an_invitation_in_own_words_keeps_what_is_fair_and_safe() -> None:
    own = {
        "subject": "{headline}, {words} words by {due}?",
        "opening": "I am {newsletter}, and you know {headline}.",
        "closing": "A no by {reply_by} is fine.",
    }
    mail, plain = (
        render_invitation(headline="Police stations", custom_texts=own),
        list_paragraphs(render_invitation(headline="Police stations")),
    )
    assert mail.subject == "Police stations, 180 words by Fri 11 Nov?"
    changed = {1: "I am The Corridor, and you know Police stations.", 7: "A no by Wednesday 9 November is fine."}
    assert list_paragraphs(mail) == [changed.get(number, text) for number, text in enumerate(plain)]


def test_a_check_in_own_words_keeps_the_changes_the_text_and_the_terms() -> None:
    own = {"subject": "{headline}: {changes}, {due}", "opening": "Here it is, {name}."}
    mail, plain = render_quote_check(custom_texts=own), list_paragraphs(render_quote_check())
    assert mail.subject == "Police Stations: 3 changes, Mon 14 Nov 12:00"
    assert list_paragraphs(mail)[1].startswith("Here it is, Leyla Hüseynli. I cut it from 214 to 169 words.")
    assert list_paragraphs(mail)[2:] == plain[2:]


def test_a_reader_s_mail_in_own_words_still_says_what_becomes_of_the_address() -> None:
    own = {"subject": "{newsletter} hat geschrieben", "answered": "Es gibt etwas zu lesen."}
    about = LetterMail(opening="answered", link="https://a.example/")
    mail = render_mail("reader.news", Sender("The Corridor"), "t@a.example", "", about, own)
    assert (mail.subject, list_paragraphs(mail)[1]) == ("The Corridor hat geschrieben", "Es gibt etwas zu lesen.")
    assert list_paragraphs(mail)[3] == (
        "We erase your address here as soon as there is nothing more to tell you. Copies in backups are deleted some time later."
    )


def test_a_wording_that_lacks_what_has_to_be_there_is_not_sent() -> None:
    nora = Sender("The Corridor", "Nora", "corridor@newsroom.example", "en", "Europe/Prague")

    def render_dropped(own: dict[str, str] | None = None) -> Message:
        about = AssignmentMail(headline="Police", typed="It was long.")
        return render_mail("expert.dropped", nora, "l@a.example", "L", about, own)

    assert render_dropped({"body": "No reason."}) == render_dropped()
    assert render_dropped({"body": "{why.__class__}"}) == render_dropped()


@pytest.mark.threat("hostile words")
def test_values_are_text_whatever_they_look_like() -> None:
    mail = render_invitation(headline="{link} {{due}} <b>", custom_texts={"subject": "{headline}: {due}"})
    assert mail.subject == "{link} {{due}} <b>: Fri 11 Nov"


def test_the_newsletter_s_words_reach_the_mail(database: Database, newsroom: Newsroom) -> None:
    def set_texts(session: Any) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for kind, texts in {
            "expert.invitation": {"opening": "We are {newsletter}."},
            "expert.check": {"opening": "Thanks for {headline}."},
            "expert.published": {"body": "It ran: {link}"},
        }.items():
            mail_texts.save_custom_texts(session, newsroom.nora, newsletter, "en", kind, texts)

    database.write(set_texts)
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()
    salt.send_to_check()
    salt.approve()
    salt.publish()
    found = dict(salt.mails())
    assert "We are The Steppe Letter." in found["expert.invitation"]
    assert "Thanks for The Salt Wind. I cut it from" in found["expert.check"]
    assert "\n\nIt ran: https://ask.newsroom.example/steppe/q/" in found["expert.published"]


# --- What an expert hears of a text after it left their hands ---


def sent_to_leyla(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).where(OutboxMail.kind.like("expert.%")).order_by(OutboxMail.id))
        return [(mail.kind, outbox.read(session, mail).text) for mail in mails][1:]


def test_changes_that_leyla_has_not_seen_are_listed_when_nora_approves(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()

    def approve(session: Any) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).check_policy = "off"
        editing.approve(session, newsroom.nora, salt.answer(session), checklist=editing.CHECKLIST)

    database.write(approve)
    ((kind, text),) = sent_to_leyla(database)
    assert kind == "expert.shortened"
    assert "“The Salt Wind” is ready to run. " in text
    assert re.search(r"I changed one thing:\n\n1\. “.*Nobody is.*” becomes “.*Nobody has.*”", text)
    assert "> A village can ask, and the list is short." in text


def test_what_leyla_has_seen_is_not_told_again(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()
    salt.send_to_check()
    salt.approve()
    assert [kind for kind, _ in sent_to_leyla(database)] == ["expert.check"]


def test_what_is_changed_after_the_check_is_told(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()
    salt.send_to_check()
    database.write(lambda s: editing.settle_check(s, newsroom.leyla, salt.answer(s), "fine"))
    salt.edit(EDITED_ANSWER.replace("short", "long"))
    salt.approve()
    kinds = [kind for kind, _ in sent_to_leyla(database)]
    assert kinds == ["expert.check", "expert.shortened"]
    assert "becomes" in sent_to_leyla(database)[1][1] and "long" in sent_to_leyla(database)[1][1]


def test_an_answer_that_nora_withdraws_is_not_used_and_leyla_hears_why(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    salt.send()
    database.write(lambda s: editing.withdraw(s, newsroom.nora, salt.answer(s), "It repeats what ran in May."))
    ((kind, text),) = sent_to_leyla(database)
    assert kind == "expert.not_used"
    assert "“The Salt Wind” will not run, and you should know why.\n\nIt repeats what ran in May.\n\n" in text


def test_who_has_not_written_yet_is_told_not_to(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    database.write(send_queued_mails)
    database.write(lambda s: assigning.cancel(s, newsroom.nora, salt.assignment(s), "We have it."))
    assert [kind for kind, _ in sent_to_leyla(database)] == ["expert.cancelled"]


def test_no_mail_about_an_answer_says_who_asked_or_how(database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()

    def all_that_can_happen(session: Any) -> None:
        nora, question = newsroom.nora, session.get_one(Question, salt.question_id)
        reworded = {"headline": "The salt of Orynbay", "body": "Who measures it in Orynbay?"}
        wording.reword(session, newsroom.ilya, question, **reworded)
        session.get_one(Newsletter, newsroom.newsletter_id).check_policy = "off"
        editing.approve(session, nora, salt.answer(session), checklist=editing.CHECKLIST)
        slots.pick(session, nora, question, list_editions_to_run(session, newsroom.newsletter_id, 1)[0])
        publication.carry_over(session, nora, question)
        publication.drop(session, nora, question, "It is too long.")
        endings.close_question(session, nora, question, "nobody", "We have it from elsewhere.")

    database.write(all_that_can_happen)
    found = salt.mails()
    assert [kind.removeprefix("expert.") for kind, _ in found] == [
        "invitation", "shortened", "carried_over", "dropped", "not_used",
    ]  # fmt: skip
    assert [secret for secret in TIMURS_DETAILS if any(secret in words for _, words in found)] == []
    assert all("The Salt Wind" in words for _, words in found)


# --- The page ---


def list_texts(database: Database) -> list[tuple[str, str, str]]:
    with database.read() as session:
        rows = session.execute(select(NewsletterText.kind, NewsletterText.language, NewsletterText.body))
        return sorted(tuple(row) for row in rows)  # type: ignore[misc]


def test_the_settings_lead_to_every_mail_in_every_language(nora: Desk) -> None:
    listed = "/desk/steppe/settings/mail-texts"
    assert listed in nora.get("settings").urls
    kinds = {}
    for language in ("en", "ru", "fa"):
        addresses, those = nora.get(f"{listed}?language={language}").urls, f"{listed}/{language}/"
        kinds[language] = [address.removeprefix(those) for address in addresses if address.startswith(those)]
        for kind in kinds[language]:
            assert nora.open(f"settings/mail-texts/{language}/{kind}").status_code == 200, kind
    assert kinds == {
        "en": mail_texts.REWORDABLE_KINDS,
        "ru": mail_texts.REWORDABLE_KINDS[-2:],
        "fa": mail_texts.REWORDABLE_KINDS[-2:],
    }
    nora.get_text("settings/mail-texts?language=de", status=404)
    nora.get_text("settings/mail-texts/ru/expert.reminder", status=404)
    nora.get_text("settings/mail-texts/en/sign_in", status=404)


def test_the_usual_words_stand_in_the_fields_and_the_mail_beside_them(nora: Desk) -> None:
    page = nora.get(PAGE)
    assert page.value("subject") == "A reminder for {due}: {headline}"
    read = page.main_text
    assert "{due} until when" in read and "It must have: {due}, {link}." in read
    assert re.search(r"A reminder for \w+ \d+ \w+( \d{4})?: The Salt Wind", read)
    assert "I hope to have your answer to “The Salt Wind” by" in read
    assert "I asked you whether you could answer a question from readers, “The Salt Wind”" in read


def test_nora_words_a_mail_and_looks_at_it_first(nora: Desk, database: Database) -> None:
    seen = nora.press(PAGE, status=200, look="1", **OWN)
    assert "Not saved yet: this is how it would look." in seen
    assert re.search(r"Could you still, by \w+ \d+ \w+( \d{4})?, 18:00 Prague time\? https://", seen)
    assert list_texts(database) == []
    assert nora.press(PAGE, **OWN) == f"/desk/steppe/{PAGE}"
    assert list_texts(database) == [
        (f"mail.expert.reminder.{part}", "en", OWN[part]) for part in ("body", "silent", "subject")
    ]
    assert "in your own words" in nora.get_text("settings/mail-texts")
    nora.press(PAGE, subject="", body=default_wording("expert.reminder", "body", "en"), silent=OWN["silent"])
    assert list_texts(database) == [("mail.expert.reminder.silent", "en", OWN["silent"])]


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        ("body", "By {due}, please.", "It must have {link}."),
        ("body", "By {due}: {link} {password}", "{password} can’t be filled in here."),
        ("body", "By {due}: {link} {", "There is a single brace. Write {{ for a brace."),
        ("subject", "x" * 201, "This is too long."),
    ],
)
def test_a_fault_is_told_at_its_field_and_nothing_typed_is_lost(
    nora: Desk, database: Database, part: str, text: str, message: str
) -> None:
    before = dump_tables(database)
    response = nora.send(f"{PAGE}", OWN | {part: text})
    assert response.status_code == 422
    [(place, sentence)] = Page(response.text).errors
    assert (place, sentence.startswith(message)) == (part, True)
    assert response.text.count('aria-invalid="true"') == 1
    assert text in response.text and OWN["silent"] in response.text
    assert dump_tables(database) == before


def test_of_two_who_word_a_mail_the_second_sees_both(nora: Desk, vera: Desk, database: Database) -> None:
    opened = get_version_token(nora.open(PAGE).text)
    vera.press(PAGE, seen=opened, **OWN)
    before = dump_tables(database)
    said = nora.press(PAGE, 409, seen=opened, **OWN | {"subject": "By {due}, please?"})
    assert "Vera" in said and "was faster" in said and "Now it says: Still by {due}?" in said
    assert said.count("Now it says") == 1
    assert dump_tables(database) == before


def test_a_reader_s_mail_is_worded_in_persian(nora: Desk, database: Database) -> None:
    nora.press("settings/mail-texts/fa/reader.news", subject="خبری از {newsletter}")
    assert list_texts(database) == [("mail.reader.news.subject", "fa", "خبری از {newsletter}")]
    page = nora.open("settings/mail-texts/fa/reader.news").text
    assert '<article class="letter mail" lang="fa" dir="rtl">' in page
    assert "خبری از The Steppe Letter" in page


def test_only_an_editor_words_mails(ilya: Desk, database: Database, newsroom: Newsroom) -> None:
    before = dump_tables(database)
    ilya.get_text("settings/mail-texts", status=404)
    ilya.get_text(PAGE, status=404)
    ilya.press(PAGE, status=404, **OWN)
    assert dump_tables(database) == before
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    with pytest.raises(PermissionDenied):
        database.write(
            lambda s: mail_texts.save_custom_texts(s, newsroom.ilya, newsletter, "en", "expert.reminder", OWN)
        )
    with pytest.raises(settings.InvalidSettings):
        database.write(
            lambda s: mail_texts.save_custom_texts(s, newsroom.nora, newsletter, "en", "expert.reminder", {"body": "{"})
        )
