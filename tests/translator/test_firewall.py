"""A translator is held to the firewall as an expert is: one approved text, and nothing else, on the page and in the mail."""

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import translating, translators
from app.core.actors import Reader
from app.core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied
from app.db.engine import Database
from app.letters.models import Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.people.directory import BadAddress
from app.questions import notes, wording
from app.questions.models import Question, Translator
from app.workflows.letters import withdrawal
from tests.support.assignments import TIMURS_DETAILS, WORDING, ExpertAssignment, ask_expert
from tests.support.database_checks import count_rows
from tests.support.sample_newsroom import Newsroom
from tests.support.translations import PERSIAN, SHIRIN, TranslatorTask, ask_translator, get_original

# What the desk and Leyla know, and no translator needs.
OF_THE_DESK = (
    "leyla@field.example", "who reads the plates", "read to her by phone", "Zarina was at the desk", "The desk's own aside",
    "Is the lake coming back?",
)  # fmt: skip
OF_LEYLA = ("Leyla", "salt plates")


def seen_by(shirin: TranslatorTask, app: Flask) -> list[str]:
    """Every page that a translator can come to, with what their mail says."""
    page, seen = shirin.open_browser(app), []
    seen.append(page.text)
    page.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", **PERSIAN)
    page.follow()
    seen.append(page.text)
    page.submit(f"{shirin.page}/send", body=" ")
    seen.append(page.text)
    page.submit(f"{shirin.page}/send", **PERSIAN)
    page.follow()
    seen.append(page.text)
    with shirin.assignment.database.read() as session:
        mails = session.scalars(select(OutboxMail).where(OutboxMail.kind.like("translator.%")))
        read = [outbox.read(session, mail) for mail in mails]
        seen += [f"{mail.subject}\n{mail.text}\n{mail.html}" for mail in read if mail.to == SHIRIN[1]]
    return seen


@pytest.fixture
def planted(database: Database, newsroom: Newsroom) -> ExpertAssignment:
    """Timur's question with all that nobody outside may see: a note, a background, a wording that nobody cleared."""
    ask_expert(database, newsroom, "Is the lake coming back?")
    salt = ask_expert(database, newsroom, background="The desk's own aside")
    salt.send()
    salt.edit()
    salt.approve()
    database.write(
        lambda session: notes.note(
            session, newsroom.nora, session.get_one(Question, salt.question_id), "Zarina was at the desk"
        )
    )
    return salt


@pytest.mark.threat("curious expert")
@pytest.mark.parametrize("key", ["question", "answer"])
def test_no_page_and_no_mail_of_a_translator_says_more_than_the_words_to_be_translated(
    planted: ExpertAssignment, app: Flask, key: str
) -> None:
    shirin = ask_translator(planted, key)
    seen = seen_by(shirin, app)
    others = OF_LEYLA if key == "question" else (WORDING, "The Salt Wind")
    assert len(seen) == 5
    assert [secret for secret in (*TIMURS_DETAILS, *OF_THE_DESK, *others) if secret in "\n".join(seen)] == []
    words = WORDING if key == "question" else "salt plates"
    assert [words in text for text in seen] == [True, True, True, False, False]


@pytest.mark.threat("curious expert")
def test_a_wording_that_nobody_cleared_is_shown_to_no_translator(planted: ExpertAssignment, app: Flask) -> None:
    shirin = ask_translator(planted)

    def reword(session: Session) -> None:
        question = session.get_one(Question, planted.question_id)
        wording.reword(session, planted.newsroom.ilya, question, headline="Orynbay", body="Who measures it in Orynbay?")

    salt = planted.database
    salt.write(reword)
    page = shirin.open_browser(app)
    assert [secret for secret in (*TIMURS_DETAILS, *OF_THE_DESK, WORDING) if secret in page.text] == []
    with pytest.raises(MissingPrecondition, match="original_not_approved"):
        salt.write(
            lambda session: translators.invite_again(
                session,
                planted.newsroom.nora,
                shirin.get_translator(session),
                get_original(session, planted.question_id),
            )
        )


@pytest.mark.threat("curious expert")
def test_a_described_expert_is_named_to_no_translator(planted: ExpertAssignment, app: Flask) -> None:
    """What is printed of her says nothing of her name."""

    def describe(session: Session) -> None:
        answer = planted.answer(session)
        answer.credit = {**(answer.credit or {}), "name": "a soil scientist at the lake", "credit_line": ""}

    planted.database.write(describe)
    page = ask_translator(planted, "answer").open_browser(app)
    assert ("Leyla" in page.text, page.value("name")) == (False, "a soil scientist at the lake")


@pytest.mark.threat("curious expert", "erased words")
def test_a_withdrawn_question_is_off_the_translators_page_at_once(salt: ExpertAssignment, app: Flask) -> None:
    shirin = ask_translator(salt)
    browser = shirin.open_browser(app)
    browser.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", **PERSIAN)
    form = {**browser.page.forms[0].fields} if browser.page.forms else {}

    def take_back(session: Session) -> None:
        letter = session.scalars(select(Letter).where(Letter.question_id == salt.question_id)).one()
        withdrawal.withdraw(session, Reader(letter.id), letter)

    salt.database.write(take_back)
    assert browser.open(shirin.page).status_code == 404
    assert WORDING not in browser.text
    assert browser.press(f"{shirin.page}/send", **{**form, **PERSIAN}).status_code == 404
    assert {
        name: count_rows(salt.database)[name] for name in ("translators", "translator_drafts", "translations")
    } == dict.fromkeys(("translators", "translator_drafts", "translations"), 0)
    with salt.database.read() as session:
        mails = session.scalars(select(OutboxMail).where(OutboxMail.kind == translators.INVITATION_KIND)).all()
        assert [(mail.state, outbox.has_contents(session, mail)) for mail in mails] == [("discarded", False)]


@pytest.mark.threat("curious expert", "erased words")
def test_an_answer_to_a_withdrawn_question_is_off_its_page_too(planted: ExpertAssignment, app: Flask) -> None:
    shirin = ask_translator(planted, "answer")
    page = shirin.open_browser(app)
    page.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", **PERSIAN)

    def take_back(session: Session) -> None:
        letter = session.scalars(select(Letter).where(Letter.question_id == planted.question_id)).one()
        withdrawal.withdraw(session, Reader(letter.id), letter)

    planted.database.write(take_back)
    page.open(shirin.page)
    assert page.heading == "This link opens nothing"
    assert [words for words in ("salt plates", PERSIAN["body"]) if words in page.text] == []


@pytest.mark.threat("curious expert", "stranger at the door")
def test_a_link_opens_one_text_in_one_language_and_no_other_address(planted: ExpertAssignment, app: Flask) -> None:
    persian, russian = ask_translator(planted), ask_translator(planted, language="ru")
    browser = persian.open_browser(app)
    token = persian.page.split("/")[2]
    for address in (f"/a/{token}", f"{planted.link}/translation", "/a/unknown/translation", f"/a/{token}x/translation"):
        assert browser.open(address).status_code == 404, address
    assert browser.open("/expert/").status_code == browser.open("/desk/steppe/").status_code == 303
    browser.open(persian.page)
    form = {**browser.page.form("/send").fields, **PERSIAN}
    # Another text's form, and another language typed into this one, change nothing there.
    assert browser.client.post(f"{russian.page}/send", data=form, base_url=browser.site).status_code == 400
    browser.press(f"{persian.page}/send", **form, language="ru", key="answer")
    made = persian.get_translation()
    assert made is not None and (made.language, made.answer_id) == ("fa", None)
    assert (persian.state, russian.state) == ("handed in", "invited")


@pytest.mark.threat("stranger at the door")
def test_opening_the_link_changes_nothing(salt: ExpertAssignment, app: Flask) -> None:
    shirin = ask_translator(salt)
    page, before = shirin.open_browser(app), count_rows(salt.database)
    for method in ("GET", "HEAD", "GET"):
        assert page.open(shirin.page, method).status_code == 200
        assert page.open(f"{shirin.page}/send", method).status_code == 303
    assert count_rows(salt.database) == before


@pytest.mark.threat("curious expert")
def test_a_withdrawn_link_shows_no_words(salt: ExpertAssignment, app: Flask) -> None:
    shirin = ask_translator(salt)
    page = shirin.open_browser(app)
    page.submit(f"{shirin.page}/draft", form_action=f"{shirin.page}/send", **PERSIAN)
    page.follow()
    salt.database.write(
        lambda session: translators.withdraw(session, salt.newsroom.nora, shirin.get_translator(session))
    )
    assert page.submit(f"{shirin.page}/send", **PERSIAN).status_code == 409
    page.open(shirin.page)
    assert page.heading == "No translation is needed any more"
    assert [words for words in (WORDING, PERSIAN["body"]) if words in page.text] == []


@pytest.mark.threat("rogue assistant")
def test_only_an_editor_sends_words_out(salt: ExpertAssignment) -> None:
    ilya = salt.newsroom.ilya
    shirin = ask_translator(salt)
    verbs = (
        lambda session: translators.invite(session, ilya, get_original(session, salt.question_id), "ru", *SHIRIN),
        lambda session: translators.invite_again(
            session, ilya, shirin.get_translator(session), get_original(session, salt.question_id)
        ),
        lambda session: translators.withdraw(session, ilya, shirin.get_translator(session)),
    )
    for verb in verbs:
        with pytest.raises(PermissionDenied):
            salt.database.write(verb)


def test_who_has_it_already_or_no_address_is_not_asked(salt: ExpertAssignment) -> None:
    nora = salt.newsroom.nora

    def ask(language: str, name: str, email: str) -> None:
        salt.database.write(
            lambda session: translators.invite(
                session, nora, get_original(session, salt.question_id), language, name, email
            )
        )

    with pytest.raises(BadAddress):
        ask("fa", "Shirin", "shirin at words")
    with pytest.raises(MissingPrecondition, match="name"):
        ask("fa", " ", SHIRIN[1])
    with pytest.raises(InvalidTransition):
        ask("en", *SHIRIN)  # the question's own language
    ask("fa", *SHIRIN)
    with pytest.raises(InvalidTransition):
        ask("fa", "Marek", "marek@words.example")

    def translate_text(session: Session) -> None:
        original = get_original(session, salt.question_id)
        translating.translate(session, nora, original, "ru", translating.TranslationFields("Кто?", "Соль"))

    salt.database.write(translate_text)
    with pytest.raises(InvalidTransition):
        ask("ru", *SHIRIN)
    with salt.database.read() as session:
        assert [one.language for one in session.scalars(select(Translator))] == ["fa"]
