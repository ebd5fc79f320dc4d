"""The page of a translator: from the mail to thanks, what is typed is kept, and what ends the link."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import editing, translating, translators
from app.db.engine import Database
from app.db.session import now
from app.letters import receipts
from app.letters.models import Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.people.models import Link
from app.questions import wording
from app.questions.models import Question, Translator
from app.workflows.letters import endings
from app.workflows.letters.withdrawal import withdraw
from app.workflows.publishing import translations
from tests.support.assignments import EDITED_ANSWER, WORDING, ExpertAssignment
from tests.support.database_checks import count_rows, get_one
from tests.support.pages import Browser
from tests.support.translations import PERSIAN, TranslatorTask, ask_translator, find_translator_page, get_original


@pytest.fixture
def shirin(salt: ExpertAssignment) -> TranslatorTask:
    """The wording of Timur's question, which Shirin is asked to put into Persian."""
    return ask_translator(salt)


def reword(assignment: ExpertAssignment, body: str = "Who counts the salt?", clear: bool = True) -> None:
    def fn(session: Session) -> None:
        question = session.get_one(Question, assignment.question_id)
        text = wording.reword(session, assignment.newsroom.nora, question, headline="The Salt Wind", body=body)
        if clear:
            wording.clear(session, assignment.newsroom.nora, question, text.id)

    assignment.database.write(fn)


def approved(salt: ExpertAssignment) -> None:
    """Nora approves Leyla's answer, and picks the question for no edition."""
    salt.database.write(
        lambda session: editing.approve(
            session, salt.newsroom.nora, salt.answer(session), checklist=editing.CHECKLIST, reason="by phone"
        )
    )


def approve(shirin: TranslatorTask) -> None:
    def fn(session: Session) -> None:
        original = get_original(session, shirin.assignment.question_id)
        translation = translating.get_translations(session, original.question)[(original.key, "fa")]
        translations.approve(session, shirin.assignment.newsroom.nora, translation, original, compared=True)

    shirin.assignment.database.write(fn)


def test_from_the_mail_to_thanks_and_to_the_approval(shirin: TranslatorTask, app: Flask) -> None:
    browser = shirin.open_browser(app)
    assert browser.page.texts(".brief .said") == [WORDING]
    assert browser.page.texts(".brief .head") == ["The Salt Wind"]
    assert browser.value("translator") == "Shirin Amini"
    assert browser.page.attributes("textarea[name=body]", "dir") == ["auto"]
    assert browser.submit(f"{shirin.page}/send", **PERSIAN, is_credited="1").status_code == 303
    browser.follow()
    assert browser.heading == "Thank you. Nora Lind has your translation"
    made = shirin.get_translation()
    assert made is not None
    assert (made.headline, made.body, made.translator) == tuple(PERSIAN.values())
    assert (made.state, made.is_credited, made.written_by_id, shirin.state) == ("draft", True, None, "handed in")
    approve(shirin)
    browser.open(shirin.page)
    assert (browser.heading, PERSIAN["body"] in browser.text) == ("Thank you. It is done", False)
    gone = get_one(shirin.assignment.database, Translator)
    assert (gone.state, gone.email_sealed, gone.name) == ("done", None, "Shirin Amini")


def test_an_answer_begins_with_its_expert_as_in_the_original(salt: ExpertAssignment, app: Flask) -> None:
    salt.send()
    salt.edit()
    salt.approve()
    shirin = ask_translator(salt, "answer")
    browser = shirin.open_browser(app)
    assert browser.page.texts(".brief .said") == [" ".join(part.split()) for part in EDITED_ANSWER.split("\n\n")]
    names = ("name", "credit_line", "body")
    assert [browser.value(name) for name in names] == ["Leyla Aydın", "", ""]
    other_letters = "This name isn’t in the letters of Persian. Write it in them if that is usual, or leave it."
    assert browser.page.texts("#name-help") == [other_letters]
    browser.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", body="صفحه‌های نمک گذاشتیم.")
    browser.follow()
    original, translated = len(EDITED_ANSWER.split("\n\n")), 1
    counts = f"Paragraphs: {original} in the original, {translated} in the translation."
    assert browser.page.texts("form .aside-note") == [counts]
    browser.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", name="لیلا آیدین")
    browser.follow()
    assert browser.page.texts("#name-help") == []
    browser.submit(f"{shirin.page}/send", body="صفحه‌های نمک گذاشتیم.", name="لیلا آیدین")
    made = shirin.get_translation()
    assert made is not None
    assert (made.body, made.name, made.translator) == ("صفحه‌های نمک گذاشتیم.", "لیلا آیدین", "Shirin Amini")


def test_what_is_typed_is_kept_without_scripts_and_the_page_goes_on_with_it(shirin: TranslatorTask, app: Flask) -> None:
    page = shirin.open_browser(app)
    page.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", **PERSIAN, is_credited="1")
    page.follow()
    assert (page.value("body"), page.value("headline")) == (PERSIAN["body"], PERSIAN["headline"])
    assert shirin.open_browser(app).value("body") == PERSIAN["body"]
    assert (shirin.state, shirin.get_translation()) == ("invited", None)


def test_the_script_is_told_what_is_kept(shirin: TranslatorTask, app: Flask) -> None:
    browser = shirin.open_browser(app)
    fields = {**browser.page.form("/send").fields, **PERSIAN}
    for count, kept in ((2, True), (1, False)):
        answer = browser.client.post(
            f"{shirin.page}/draft",
            data=fields | {"count": count},
            headers={"Accept": "application/json"},
            base_url=browser.site,
        )
        state = answer.get_json()
        assert (state["kept"], state["open"], state["beside"]) == (kept, True, False)


def test_nothing_is_handed_in_without_words_and_the_rest_is_kept(shirin: TranslatorTask, app: Flask) -> None:
    browser, before = shirin.open_browser(app), count_rows(shirin.assignment.database)
    assert browser.submit(f"{shirin.page}/send", **PERSIAN | {"body": " \n"}).status_code == 400
    assert browser.page.error_summary == [("body", "The translation needs words.")]
    assert browser.value("headline") == PERSIAN["headline"]
    assert count_rows(shirin.assignment.database) == before


@pytest.mark.parametrize(("field", "most"), [("headline", 300), ("translator", 200), ("body", 20_000)])
def test_what_is_too_long_is_never_cut(shirin: TranslatorTask, app: Flask, field: str, most: int) -> None:
    browser, long = shirin.open_browser(app), "ن" * (most + 1)
    assert browser.submit(f"{shirin.page}/send", **PERSIAN | {field: long}).status_code == 400
    assert browser.page.error_summary == [(field, f"This is too long: the limit is {most} characters.")]
    assert (browser.value(field), shirin.get_translation()) == (long, None)


def test_a_nul_is_no_word(shirin: TranslatorTask, app: Flask) -> None:
    page = shirin.open_browser(app)
    typed = {name: f"\0{text}\0" for name, text in PERSIAN.items()}
    page.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", **typed)
    page.follow()
    assert page.submit(f"{shirin.page}/send", **typed).status_code == 303
    made = shirin.get_translation()
    assert made is not None
    assert (made.headline, made.body, made.translator) == tuple(PERSIAN.values())


def test_the_same_words_twice_are_one_translation_and_one_mail(shirin: TranslatorTask, app: Flask) -> None:
    browser = shirin.open_browser(app)
    form = {**browser.page.form("/send").fields, **PERSIAN}
    browser.press(f"{shirin.page}/send", **form)
    before = count_rows(shirin.assignment.database)
    assert browser.press(f"{shirin.page}/send", **form).status_code == 303
    assert count_rows(shirin.assignment.database) == before
    assert browser.press(f"{shirin.page}/send", **form | {"body": "دیگر"}).status_code == 409
    assert browser.heading == "Thank you. Nora Lind has your translation"
    assert "دیگر" in browser.page.part("section[aria-labelledby=others]").main_text
    made = shirin.get_translation()
    assert made is not None and made.body == PERSIAN["body"]


def test_two_tabs_the_one_that_cannot_know_of_the_other_asks(shirin: TranslatorTask, app: Flask) -> None:
    phone, laptop = shirin.open_browser(app), shirin.open_browser(app)
    laptop.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", **PERSIAN)
    other = {**PERSIAN, "body": "نمک را که می‌شمارد؟"}
    assert phone.submit(f"{shirin.page}/send", **other).status_code == 409
    assert (phone.value("body"), shirin.state) == (other["body"], "invited")
    assert PERSIAN["body"] in phone.page.part("section[aria-labelledby=others]").main_text
    assert phone.submit(f"{shirin.page}/send").status_code == 303
    made = shirin.get_translation()
    assert made is not None and made.body == other["body"]
    phone.follow()
    assert PERSIAN["body"] in phone.page.part("section[aria-labelledby=others]").main_text


def test_no_is_said_in_one_press_and_the_address_is_forgotten(shirin: TranslatorTask, app: Flask) -> None:
    page = shirin.open_browser(app)
    assert page.press(f"{shirin.page}/decline", note="x" * 401).status_code == 400
    page.press(f"{shirin.page}/decline", note="I am away.")
    page.follow()
    assert (page.heading, WORDING in page.text) == ("Thank you for telling us", False)
    gone = get_one(shirin.assignment.database, Translator)
    assert (gone.state, gone.email_sealed, gone.key_no) == ("declined", None, None)
    with shirin.assignment.database.read() as session:
        mails = session.scalars(select(OutboxMail).filter_by(kind="desk.translator_declined")).all()
        assert ["I am away." in outbox.read(session, mail).text for mail in mails] == [True]


@pytest.mark.parametrize("clear", [True, False])
def test_where_the_words_change_the_page_says_so_and_what_was_typed_is_kept(
    shirin: TranslatorTask, app: Flask, clear: bool
) -> None:
    page = shirin.open_browser(app)
    page.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", **PERSIAN | {"body": "نمک"})
    page.follow()
    reword(shirin.assignment, clear=clear)
    assert page.submit(f"{shirin.page}/send", **PERSIAN).status_code == 409  # from a page that was open
    assert page.heading == "The words have changed"
    assert (PERSIAN["body"] in page.text, WORDING in page.text, "Who counts" in page.text) == (True, False, False)
    assert (shirin.state, shirin.get_translation()) == ("invited", None)
    with shirin.assignment.database.read() as session:
        assert translators.list_drafts(session, shirin.get_translator(session))[0].words["body"] == PERSIAN["body"]


def test_the_new_words_come_by_a_press_of_the_desk_with_a_new_link(shirin: TranslatorTask, app: Flask) -> None:
    browser = shirin.open_browser(app)
    browser.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", **PERSIAN)
    reword(shirin.assignment)

    def invite_again(session: Session) -> str:
        original = get_original(session, shirin.assignment.question_id)
        translators.invite_again(session, shirin.assignment.newsroom.nora, shirin.get_translator(session), original)
        return find_translator_page(session)

    fresh = shirin.assignment.database.write(invite_again)
    assert browser.open(shirin.page).status_code == 404
    browser.open(fresh)
    assert browser.page.texts(".brief .said") == ["Who counts the salt?"]
    assert browser.value("body") == PERSIAN["body"]
    assert browser.submit(f"{fresh}/send").status_code == 303


def test_back_to_the_same_words_opens_the_page_again(shirin: TranslatorTask, app: Flask) -> None:
    reword(shirin.assignment)
    assert shirin.open_browser(app).heading == "The words have changed"
    reword(shirin.assignment, WORDING)
    assert shirin.open_browser(app).page.texts(".brief .said") == [WORDING]


def test_an_answer_whose_approval_is_taken_back_is_on_no_translators_page(salt: ExpertAssignment, app: Flask) -> None:
    salt.send()
    salt.edit()
    approved(salt)
    shirin = ask_translator(salt, "answer")
    salt.database.write(lambda session: editing.reopen(session, salt.newsroom.nora, salt.answer(session)))
    page = shirin.open_browser(app)
    assert (page.heading, "salt plates" in page.text) == ("The words have changed", False)


def test_what_the_desk_wrote_meanwhile_is_not_overwritten(shirin: TranslatorTask, app: Flask) -> None:
    page, nora = shirin.open_browser(app), shirin.assignment.newsroom.nora

    def write(session: Session) -> None:
        original = get_original(session, shirin.assignment.question_id)
        translating.translate(session, nora, original, "fa", translating.TranslationFields("از میز", "باد"))

    shirin.assignment.database.write(write)
    page.submit(f"{shirin.page}/send", **PERSIAN)
    made = shirin.get_translation()
    assert made is not None and made.body == "از میز"
    shirin.assignment.database.write(
        lambda session: translators.use(
            session, nora, shirin.get_translator(session), get_original(session, shirin.assignment.question_id)
        )
    )
    used = shirin.get_translation()
    assert used is not None and (used.body, used.translator) == (PERSIAN["body"], "Shirin Amini")


def test_once_the_desk_approves_its_own_nobody_outside_is_asked_any_more(shirin: TranslatorTask, app: Flask) -> None:
    nora, page = shirin.assignment.newsroom.nora, shirin.open_browser(app)

    def write(session: Session) -> None:
        original = get_original(session, shirin.assignment.question_id)
        translating.translate(session, nora, original, "fa", translating.TranslationFields("از میز", "باد"))

    shirin.assignment.database.write(write)
    approve(shirin)
    assert page.submit(f"{shirin.page}/send", **PERSIAN).status_code == 409
    assert PERSIAN["body"] in page.text  # it is given back, and was not passed on
    assert (shirin.state, shirin.open_browser(app).heading) == ("withdrawn", "No translation is needed any more")


@pytest.mark.parametrize("key", ["question", "answer"])
def test_a_closed_question_is_on_no_translators_page_and_what_was_just_sent_is_given_back(
    salt: ExpertAssignment, app: Flask, key: str
) -> None:
    if key == "answer":
        salt.send()
        salt.edit()
        approved(salt)
    shirin = ask_translator(salt, key)
    page = shirin.open_browser(app)

    def close(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        endings.close_question(session, salt.newsroom.nora, question, "nobody", "We have it from elsewhere.")

    salt.database.write(close)
    assert page.submit(f"{shirin.page}/send", **PERSIAN).status_code == 409
    assert (page.heading, PERSIAN["body"] in page.text) == ("No translation is needed any more", True)
    page.open(shirin.page)
    assert (page.heading, PERSIAN["body"] in page.text) == ("No translation is needed any more", False)
    assert shirin.get_translation() is None


def test_a_reader_who_takes_the_question_back_takes_along_whoever_was_asked_for_the_answer(
    salt: ExpertAssignment, app: Flask
) -> None:
    salt.send()
    salt.edit()
    approved(salt)
    shirin = ask_translator(salt, "answer")
    page = shirin.open_browser(app)
    page.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", body="صفحه‌های نمک")

    def take_back(session: Session) -> None:
        letter = session.scalars(select(Letter)).one()
        withdraw(session, receipts.reader_of(letter), letter)

    salt.database.write(take_back)
    assert {table: count_rows(salt.database)[table] for table in ("translators", "translator_drafts")} == {
        "translators": 0, "translator_drafts": 0,
    }  # fmt: skip
    assert page.open(shirin.page).status_code == 404


def test_an_address_does_not_outlive_the_question_once_its_end_stands(
    salt: ExpertAssignment, database: Database
) -> None:
    shirin = ask_translator(salt)

    def close(session: Session) -> datetime:
        question = session.get_one(Question, salt.question_id)
        endings.close_question(session, salt.newsroom.nora, question, "nobody", "We have it from elsewhere.")
        return now(session)

    at = database.write(close)
    database.write(translators.delete_expired, at + timedelta(minutes=2))
    assert shirin.state == "invited"  # the press can be taken back
    database.write(translators.delete_expired, at + timedelta(hours=2))
    gone = get_one(database, Translator)
    assert (gone.state, gone.email_sealed, gone.key_no) == ("withdrawn", None, None)
    assert mails_of(shirin) == ["discarded"]


def mails_of(shirin: TranslatorTask) -> list[str | None]:
    with shirin.assignment.database.read() as session:
        kind = select(OutboxMail).filter_by(kind=translators.INVITATION_KIND)
        return [mail.state for mail in session.scalars(kind.order_by(OutboxMail.id))]


def test_a_mail_that_waits_is_stopped_once_its_link_is_another_or_ends(shirin: TranslatorTask, app: Flask) -> None:
    nora, database = shirin.assignment.newsroom.nora, shirin.assignment.database

    def invite_again(session: Session) -> str:
        original = get_original(session, shirin.assignment.question_id)
        translators.invite_again(session, nora, shirin.get_translator(session), original)
        return find_translator_page(session)

    assert mails_of(shirin) == ["queued"]
    page = database.write(invite_again)
    assert mails_of(shirin) == ["discarded", "queued"]
    browser = Browser(app, cookies=False)
    browser.open(page)
    browser.press(f"{page}/decline")
    assert mails_of(shirin) == ["discarded", "discarded"]


def test_a_mail_that_waits_is_stopped_when_the_desk_takes_the_link_back(shirin: TranslatorTask) -> None:
    nora, database = shirin.assignment.newsroom.nora, shirin.assignment.database
    database.write(lambda session: translators.withdraw(session, nora, shirin.get_translator(session)))
    assert mails_of(shirin) == ["discarded"]


def test_numbers_that_no_column_holds_are_as_if_they_were_not_sent(shirin: TranslatorTask, app: Flask) -> None:
    browser = shirin.open_browser(app)
    form = {**browser.page.form("/send").fields, **PERSIAN}
    for count, knows in (("9" * 30, '{"a": 1e999}'), ("-5", "[" * 5_000), ("1", '{"a": %s}' % ("9" * 30))):
        assert browser.press(f"{shirin.page}/draft", **form | {"count": count, "knows": knows}).status_code == 303
    with shirin.assignment.database.read() as session:
        [draft] = translators.list_drafts(session, shirin.get_translator(session))
        assert (draft.count, draft.words["body"]) == (2**31 - 1, PERSIAN["body"])


def test_a_fresh_page_unfolds_what_another_device_wrote_before_it_hands_anything_in(
    shirin: TranslatorTask, app: Flask
) -> None:
    laptop, phone = shirin.open_browser(app), shirin.open_browser(app)
    laptop.submit(f"{shirin.page}/draft", form_action="/send", body="صفحه‌های نمک را کسی نمی‌خواند")
    phone.submit(f"{shirin.page}/draft", form_action="/send", body="دیگر")
    fresh = shirin.open_browser(app)
    assert (fresh.value("body"), fresh.page.texts("details[open]")) == ("دیگر", [])
    assert fresh.submit(f"{shirin.page}/send", body="دیگر").status_code == 409
    assert ["صفحه‌های نمک را کسی نمی‌خواند" in words for words in fresh.page.texts("details[open]")] == [True]
    assert fresh.submit(f"{shirin.page}/send", body="دیگر").status_code == 303


def test_of_very_many_tabs_the_newest_twenty_are_kept(shirin: TranslatorTask, database: Database) -> None:
    def fill(session: Session) -> list[str]:
        for number in range(22):
            translators.save_draft(session, shirin.get_translator(session), PERSIAN, f"tab {number}", 1)
        return [draft.tab for draft in translators.list_drafts(session, shirin.get_translator(session))]

    assert database.write(fill) == [f"tab {number}" for number in range(21, 1, -1)]


def test_what_was_handed_in_stands_in_the_form_when_the_words_are_sent_again(
    shirin: TranslatorTask, app: Flask
) -> None:
    shirin.open_browser(app).submit(f"{shirin.page}/send", **PERSIAN)

    def invite_again(session: Session) -> str:
        original = get_original(session, shirin.assignment.question_id)
        translators.invite_again(session, shirin.assignment.newsroom.nora, shirin.get_translator(session), original)
        return find_translator_page(session)

    fresh = shirin.assignment.database.write(invite_again)
    browser = Browser(app, cookies=False)
    browser.open(fresh)
    assert (browser.value("body"), browser.value("headline")) == (PERSIAN["body"], PERSIAN["headline"])
    assert browser.submit(f"{fresh}/send", body="دیگر").status_code == 303
    with shirin.assignment.database.read() as session:
        handed = translators.get_handed_in_text(session, shirin.get_translator(session))
        assert handed is not None and handed.body == "دیگر"


def test_name_and_drafts_have_their_time(shirin: TranslatorTask, app: Flask, database: Database) -> None:
    page = shirin.open_browser(app)
    with database.read() as session:
        start = now(session)
    later = start + timedelta(days=300)
    database.write(
        lambda session: translators.save_draft(session, shirin.get_translator(session), PERSIAN, "tab", 1), later
    )
    database.write(translators.delete_expired, start + timedelta(days=400))
    assert count_rows(database)["translators"] == 1  # something was typed since
    database.write(translators.delete_expired, later + timedelta(days=366))
    assert {table: count_rows(database)[table] for table in ("translators", "translator_drafts")} == {
        "translators": 0, "translator_drafts": 0,
    }  # fmt: skip
    assert page.open(shirin.page).status_code == 404
    with database.read() as session:
        assert [link for link in session.query(Link) if link.assignment_id is None and link.letter_id is None] == []
