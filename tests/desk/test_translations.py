"""Wordings and answers in a second language: written beside the originals, approved like them, and run whole or not at all."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import editing, translating
from app.answers.models import Answer
from app.core.actors import Reader
from app.db.engine import Database
from app.editions import locking
from app.editions.items import item_digest
from app.editions.models import ItemTranslation
from app.letters import receive
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.models import Question, Translation
from app.typesetting.exports import EXPORTS
from app.workflows.retention import erase_answers
from tests.support.assignments import ExpertAssignment
from tests.support.database_checks import count_rows, get_one
from tests.support.desk import (
    FIRST_QUESTION,
    FIRST_QUESTION_IN_PRINT,
    SECOND_QUESTION,
    ComingEdition,
    Desk,
    get_version_token,
)
from tests.support.pages import Browser, Page
from tests.support.sample_newsroom import Newsroom
from tests.support.translations import approve_translation, get_answer_id, save_translation

QUESTION = {"headline": "باد شور", "body": "چه کسی نمک را اندازه می‌گیرد؟", "translator": "Shirin Amini"}
ANSWER = {
    "name": "لیلا آیدین",
    "credit_line": "خاک‌شناس ایستگاه قره‌قوم",
    "body": "در سال ۲۰۰۹ صفحه‌های نمک گذاشتیم و می‌شماریم چه بر آن‌ها می‌نشیند.",
    "translator": "Shirin Amini",
    "is_credited": "1",
}
IN_PERSIAN = """\
Ask The Steppe: باد شور

یکی از خوانندگان پرسید: «چه کسی نمک را اندازه می‌گیرد؟»

برای آگاهی بیشتر، از لیلا آیدین، خاک‌شناس ایستگاه قره‌قوم پرسیدم (ترجمه: Shirin Amini):

«در سال ۲۰۰۹ صفحه‌های نمک گذاشتیم و می‌شماریم چه بر آن‌ها می‌نشیند.»
"""


def in_persian(nora: Desk, question: str) -> None:
    """Both texts of a question are translated and approved."""
    answer = get_answer_id(nora.database, question)
    save_translation(nora, question, **QUESTION)
    save_translation(nora, question, key=answer, **ANSWER)
    approve_translation(nora, question)
    approve_translation(nora, question, answer)


def text_of(nora: Desk, coming_edition: ComingEdition, language: str = "fa") -> str:
    return nora.open(f"{coming_edition.page}/export.txt?language={language}").text


def test_both_texts_are_translated_approved_and_exported_in_every_form(
    nora: Desk, coming_edition: ComingEdition
) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    for question in (first, second):
        coming_edition.press("pick", question=question)
    nora.get(f"{coming_edition.page}/export.txt?language=fa", 404)
    in_persian(nora, first)
    page = nora.get(f"{coming_edition.page}?language=fa")
    assert page.texts('nav[aria-label="Language of the preview and of its files"] [aria-current]') == ["Persian"]
    assert page.texts(".whys li")[-1:] == [SECOND_QUESTION]  # not whole in it, and in English therefore
    assert text_of(nora, coming_edition).startswith(f"{IN_PERSIAN}\nAsk The Steppe: {SECOND_QUESTION}\n")
    assert nora.open(f"{coming_edition.page}/export.txt").text.startswith(
        FIRST_QUESTION_IN_PRINT.partition("What would")[0]
    )
    for export in EXPORTS.values():
        file = nora.open(f"{coming_edition.page}/export.{export.suffix}?language=fa")
        assert file.headers["Content-Disposition"].endswith(f'-fa.{export.suffix}"')
        with nora.database.read() as session:
            preview = locking.preview(session, coming_edition.edition(session), "fa")
        assert [block.language for block in preview.blocks] == ["fa", "en"]
        headline = IN_PERSIAN.partition("\n")[0].partition(": ")[2]
        assert preview.subject.line == f"The Steppe Letter: {headline} · {SECOND_QUESTION}"
        assert file.data == export.write(preview.blocks, preview.subject.line)


def test_a_newsletter_words_section_call_and_credit_in_each_language(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    in_persian(nora, first)
    assert "translated_call" not in nora.get("settings/sentences/en").form("sentences/en").fields
    form = nora.get("settings/sentences/fa").form("sentences/fa").fields
    own = {
        "translated_section": "از استپ بپرسید",
        "translated_call": "بنویسید: {address}",
        "translation": "به قلم {translator}",
    }
    nora.post("settings/sentences/fa", **{**form, **own})
    text = text_of(nora, coming_edition)
    assert text == IN_PERSIAN.replace("Ask The Steppe", "از استپ بپرسید").replace("ترجمه: ", "به قلم ") + (
        "\nبنویسید: nora@steppe.example\n"
    )


def test_a_newsletters_own_sentences_are_typed_in_the_direction_of_their_language(nora: Desk) -> None:
    for page in ("settings/sentences", "settings/mail-texts"):
        kind = "/reader.acknowledgement" if page.endswith("texts") else ""
        for language, direction in (("fa", "rtl"), ("ru", "ltr")):
            fields = f'textarea[lang="{language}"], input[lang="{language}"]'
            written = nora.get(f"{page}/{language}{kind}").attributes(fields, "dir")
            assert (written != [], set(written)) == (True, {direction})


def test_without_an_approval_of_both_nothing_runs_in_the_language(
    nora: Desk, ilya: Desk, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    answer = get_answer_id(nora.database, first)
    coming_edition.press("pick", question=first)
    save_translation(ilya, first, **QUESTION)
    assert "Approve it" not in ilya.get(f"questions/{first}/translations/fa").buttons
    ilya.post(f"questions/{first}/translations/fa/question/approve", 404, compared="1", version="1")
    save_translation(ilya, first, key=answer, **ANSWER)
    nora.get(f"{coming_edition.page}/export.txt?language=fa", 404)
    place = f"questions/{first}/translations/fa"
    page = nora.post(f"{place}/question/approve", 422, seen=get_version_token(nora.get(place), "question/approve"))
    assert Page(page).error_summary == [("question", "Read it against the original, and tick that you did.")]
    approve_translation(nora, first)
    nora.get(f"{coming_edition.page}/export.txt?language=fa", 404)
    approve_translation(nora, first, answer)
    assert text_of(nora, coming_edition) == IN_PERSIAN
    ilya.post(f"{place}/question/drop", 404, version=get_one(nora.database, Translation, answer_id=None).version)


def test_a_translation_of_a_changed_original_is_out_of_date_and_runs_nowhere(
    nora: Desk, ilya: Desk, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    in_persian(nora, first)
    nora.post_action(
        f"questions/{first}", "wording", headline="The Salt Wind", body="Who counts the salt?", language="en"
    )
    nora.post_action(f"questions/{first}", "clear")
    coming_edition.press("pick", question=first)
    nora.get(f"{coming_edition.page}/export.txt?language=fa", 404)
    page = nora.get(f"questions/{first}/translations/fa")
    assert page.texts("section .num") == ["out of date: the original has changed", "approved"]
    assert ("measures" in page.main_text, "counts" in page.main_text) == (True, True)  # what has changed, beside it
    assert "Persian , out of date" in nora.get(f"questions/{first}").texts("dd")
    save_translation(ilya, first, **QUESTION | {"body": "چه کسی نمک را می‌شمارد؟"})  # no editor is needed for that
    nora.get(f"{coming_edition.page}/export.txt?language=fa", 404)
    approve_translation(nora, first)
    assert "«چه کسی نمک را می‌شمارد؟»" in text_of(nora, coming_edition)


@pytest.mark.parametrize(("missing", "fault"), [
    ("clearance", "The original isn’t approved yet: that comes first."),
    ("approval", "The original isn’t approved yet: that comes first."),
])  # fmt: skip
def test_a_translation_is_approved_after_its_original(
    nora: Desk, coming_edition: ComingEdition, missing: str, fault: str
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    key = get_answer_id(nora.database, first)
    if missing == "clearance":
        key = "question"
        nora.post_action(
            f"questions/{first}", "wording", headline="The Salt Wind", body="Who counts the salt?", language="en"
        )
    else:
        nora.post(f"questions/{first}/answers/{key}/reopen")
    save_translation(nora, first, key=key, **(QUESTION if missing == "clearance" else ANSWER))
    assert Page(approve_translation(nora, first, key, 422)).error_summary == [(key, fault)]


LEFT = "Words of the original are left in it. Translate these first: {}"
# What is translated of an answer, and what of it is still the original's.
LEFTOVERS = [
    ({"credit_line": "soil scientist at the Karakum Field Station"}, "“\u2068soil scientist at the Karakum Field Station\u2069”"),
    ({"body": "در سال ۲۰۰۹ گذاشتیم. We count what falls on them."}, ""),
    ({"body": "سال.\n\nWe put up salt plates in 2009 and count what falls on them."},
     "“\u2068We put up salt plates in 2009 and count what falls on them.\u2069”"),
    ({"body": "آن سال، we put up salt plates in 2009 and count what falls، بود."},
     "“\u2068we put up salt plates in 2009 and count what falls\u2069”"),
    ({"name": "Leyla Aydın"}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "rest_text"), LEFTOVERS)
def test_a_translation_with_words_of_the_original_is_not_approved(
    nora: Desk, coming_edition: ComingEdition, texts: dict[str, str], rest_text: str
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    key = get_answer_id(nora.database, first)
    save_translation(nora, first, key=key, **{**ANSWER, **texts})
    if not rest_text:
        approve_translation(nora, first, key)
        return
    assert f"Not translated: {rest_text}" in nora.get(f"questions/{first}/translations/fa").texts(".late")
    assert Page(approve_translation(nora, first, key, 422)).error_summary == [(key, LEFT.format(rest_text))]
    save_translation(nora, first, key=key, **ANSWER)
    approve_translation(nora, first, key)


def test_a_headline_is_translated_and_a_name_may_stay(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    headline = nora.get(f"questions/{first}/translations/fa").texts(".tongues b")[0]
    save_translation(nora, first, **{**QUESTION, "headline": headline})
    refused = Page(approve_translation(nora, first, "question", 422))
    assert refused.error_summary == [("question", LEFT.format(f"“\u2068{headline}\u2069”"))]
    nora.post_action(f"questions/{first}", "wording", headline="Nukus", body="Who counts the salt?", language="en")
    nora.post(f"questions/{first}/clear", label="en.2")
    save_translation(nora, first, **{**QUESTION, "headline": "Nukus"})
    approve_translation(nora, first, "question")


def test_a_form_for_a_translation_begins_with_nothing_but_the_name(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    form = nora.get(f"questions/{first}/translations/fa/{get_answer_id(nora.database, first)}")
    names = ("name", "credit_line", "relation", "body")
    assert [form.value(name) for name in names] == ["Leyla Aydın", "", "", ""]


def test_what_a_translation_lacks_is_said_beside_it(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    key = get_answer_id(nora.database, first)
    section = "The section has no name in this language and is printed as “Ask The Steppe”. Name it"
    save_translation(nora, first, key=key, **{**ANSWER, "credit_line": "", "body": "یک.\n\nدو.\n\n\nسه."})
    page = f"questions/{first}/translations/fa"
    assert nora.get(page).texts(".late") == [
        section,
        "Empty in the translation: Credit line",
        "Paragraphs: 1 in the original, 3 in the translation.",
    ]
    save_translation(nora, first, key=key, **{**ANSWER, "name": "Leyla Aydın"})
    other_letters = "The expert’s name isn’t in the letters of this language: Leyla Aydın"
    assert nora.get(page).texts(".late") == [section, other_letters]
    save_translation(nora, first, key=key, **ANSWER)
    assert nora.get(page).texts(".late") == [section]
    nora.post(
        "settings/sentences/fa",
        translated_section="بپرسید",
        seen=get_version_token(nora.get("settings/sentences/fa"), "fa"),
    )
    assert nora.get(page).texts(".late") == []


def test_a_section_needs_no_name_in_the_newsletters_own_language(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    nora.post_action(
        f"questions/{first}", "wording", headline=QUESTION["headline"], body=QUESTION["body"], language="fa"
    )
    assert nora.get(f"questions/{first}/translations/en").texts(".late") == []


def test_of_two_who_translate_the_second_sees_both(nora: Desk, ilya: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    place = f"questions/{first}/translations/fa/question"
    opened_by_both = get_version_token(nora.get(place))
    ilya.post(place, seen=opened_by_both, **QUESTION)
    page = Page(nora.post(place, 409, seen=opened_by_both, headline="باد نمک", body=QUESTION["body"]))
    assert ("Ilya Brandt was faster" in page.main_text, page.value("headline")) == (True, "باد نمک")
    nora.post(place, seen=get_version_token(page), **QUESTION | {"headline": "باد نمک"})
    made = get_one(nora.database, Translation)
    assert (made.headline, made.state, made.translator) == ("باد نمک", "draft", "Shirin Amini")
    all_texts = f"questions/{first}/translations/fa"
    old = get_version_token(nora.get(all_texts), "approve")
    save_translation(ilya, first, **QUESTION)
    assert "Ilya Brandt changed a translation into Persian" in nora.post(
        f"{all_texts}/question/approve", 409, seen=old, compared="1"
    )
    nora.post(place, 422, seen=get_version_token(nora.get(place)), body=" ")
    nora.get(f"questions/{first}/translations/en/question", 404)
    nora.get(f"questions/{first}/translations/de", 404)


def test_what_a_reader_wrote_in_that_very_language_is_found_before_it_runs(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    """The desk worded a Persian letter in English: its translation is where the reader's own words come back."""
    letter_words = "همسایه من در کارخانه کنسرو کار می‌کند و می‌پرسد چه کسی نمک را اندازه می‌گیرد"

    def receive_letter(session: Session) -> str:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        letter = receive.send(
            session, Reader(0), newsletter, receive.Submission(letter_words), form=receive.FormToken("a form", 1)
        )
        return actions.open_question(
            session, newsroom.nora, [letter], headline=FIRST_QUESTION, body=FIRST_QUESTION, language="en"
        ).public_id

    question = database.write(receive_letter)
    nora.post_action(f"questions/{question}", "clear")
    save_translation(nora, question, headline="باد شور", body=letter_words)
    page = Page(approve_translation(nora, question, status=422))
    assert page.texts(".mailed mark") == [letter_words]
    save_translation(nora, question, headline="باد شور", body="بپرسید از shirin@post.example")
    assert "That never leaves the house" in approve_translation(
        nora, question, status=422, looked="shirin@post.example"
    )
    save_translation(nora, question, headline="باد شور", body=letter_words)
    approve_translation(nora, question, looked=letter_words)
    assert get_one(database, Translation).state == "approved"


def speaks(database: Database, newsroom: Newsroom, *languages: str) -> None:
    database.write(
        lambda session: setattr(session.get_one(Expert, newsroom.leyla.expert_id), "languages", list(languages))
    )


@pytest.mark.parametrize("languages", [("en",), ("en", "fa"), ("en", "fa-AF"), ("en", "fa-Latn")])
def test_the_check_shows_an_expert_a_translation_in_a_language_that_they_read_and_no_other(
    nora: Desk, database: Database, newsroom: Newsroom, salt: ExpertAssignment, app: Flask, languages: tuple[str, ...]
) -> None:
    reads = languages in (("en", "fa"), ("en", "fa-AF"))
    speaks(database, newsroom, *languages)
    salt.send()
    salt.edit()
    with database.read() as session:
        question = session.get_one(Question, salt.question_id).public_id
    answer = get_answer_id(database, question)
    save_translation(nora, question, key=answer, **ANSWER)
    salt.send_to_check()
    leyla = Browser(app)
    leyla.open(salt.link)
    assert leyla.page.texts("h2[id=in-fa]") == (["It also runs in Persian"] if reads else [])
    assert (ANSWER["body"] in leyla.text, "Shirin Amini" in leyla.text) == (reads, reads)
    labels = leyla.page.attributes("input[name=translation]", "value")
    leyla.press(f"{salt.link}/check", outcome="fine", number=leyla.value("number"), translation=labels)
    assert (get_one(database, Translation).checked_at is not None) == reads
    database.write(
        lambda session: editing.approve(session, newsroom.nora, salt.answer(session), checklist=editing.CHECKLIST)
    )
    approve_translation(nora, question, answer)
    assert get_one(database, Translation).unread_reason is None


def test_an_expert_who_reads_it_and_did_not_say_yes_needs_a_reason_and_a_changed_text_a_new_yes(
    nora: Desk, database: Database, newsroom: Newsroom, coming_edition: ComingEdition
) -> None:
    speaks(database, newsroom, "fa")
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    answer = get_answer_id(database, first)
    save_translation(nora, first, key=answer, **ANSWER)
    database.write(
        lambda session: setattr(
            session.scalars(select(Translation)).one(), "checked_at", coming_edition.edition(session).runs_at
        )
    )
    save_translation(nora, first, key=answer, **ANSWER | {"body": ANSWER["body"] + " و بس."})
    page = Page(approve_translation(nora, first, answer, 422))
    assert page.error_summary == [
        (answer, "The expert reads this language and hasn’t said yes to it. Write down why it runs all the same.")
    ]
    approve_translation(nora, first, answer, reason="She is on a boat until May.")
    assert "She is on a boat until May." in nora.get_text(f"questions/{first}/translations/fa")


def publish(nora: Desk, coming_edition: ComingEdition, question: str) -> None:
    coming_edition.press("pick", question=question)
    coming_edition.press("lock", version=coming_edition.version())
    coming_edition.press("send", version=coming_edition.version())


def test_readers_find_the_version_of_their_language_with_the_way_to_the_others(
    nora: Desk, client: FlaskClient, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    in_persian(nora, first)
    publish(nora, coming_edition, first)
    here = f"/steppe/q/{first}/who-measures-the-salt"
    lasting = Page(client.get(here).text).attributes("link[rel=canonical]", "href")[0]
    for asked, shown, heading in (
        ("", "en", FIRST_QUESTION),
        ("?lang=fa", "fa", "باد شور"),
        ("?lang=en", "en", FIRST_QUESTION),
        ("?lang=ru", "en", FIRST_QUESTION),
    ):
        page = Page(client.get(f"{here}{asked}").text)
        assert page.texts("h1") == [heading]
        assert page.attributes("h1", "lang") == [shown]
        assert page.attributes("link[rel=canonical]", "href") == [lasting + ("?lang=fa" if shown == "fa" else "")]
        assert page.attributes("link[rel=alternate][hreflang]", "hreflang") == ["en", "fa", "x-default"]
        assert page.attributes("link[rel=alternate][hreflang]", "href") == [lasting, f"{lasting}?lang=fa", lasting]
        assert page.attributes(".article-meta + .langs a", "hreflang") == ["fa" if shown == "en" else "en"]
        assert page.attributes(".article-meta + .langs a", "href") == [f"{here}?lang={'fa' if shown == 'en' else 'en'}"]
    words = Page(client.get(f"{here}?lang=fa").text).main_text
    assert "«چه کسی نمک را اندازه می‌گیرد؟»" in words
    assert "ترجمه: Shirin Amini" in words
    # What is changed is shown once it is approved, and as it was until then; what is taken away is gone at once.
    tag = client.get(f"{here}?lang=fa").headers["ETag"]
    place = f"questions/{first}/translations/fa"
    nora.post(f"{place}/question/reopen", seen=get_version_token(nora.get(place), "question/reopen"))
    save_translation(nora, first, **QUESTION | {"headline": "باد نمک"})
    assert Page(client.get(f"{here}?lang=fa").text).texts("h1") == ["باد شور"]
    approve_translation(nora, first)
    assert Page(client.get(f"{here}?lang=fa", headers={"If-None-Match": tag}).text).texts("h1") == ["باد نمک"]
    with nora.database.read() as session:
        kept = session.scalars(select(ItemTranslation).order_by(ItemTranslation.number)).all()
        assert [(item.number, item.sha256 == item_digest(item.input, item.output)) for item in kept] == [
            (1, True),
            (2, True),
        ]
    assert text_of(nora, coming_edition) == IN_PERSIAN.replace("باد شور", "باد نمک")
    nora.post(f"{place}/question/reopen", seen=get_version_token(nora.get(place), "question/reopen"))
    nora.post(f"{place}/question/drop", seen=get_version_token(nora.get(place), "question/drop"))
    assert Page(client.get(f"{here}?lang=fa").text).texts("h1") == [FIRST_QUESTION]
    assert Page(client.get(here).text).attributes(".masthead .langs [hreflang]", "hreflang") == ["fa"]
    assert Page(client.get(here).text).attributes("main [hreflang], head [hreflang]", "hreflang") == []


def test_what_is_translated_after_it_ran_stands_beside_it_and_an_unlocked_edition_is_set_anew(
    nora: Desk, client: FlaskClient, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    coming_edition.press("lock", version=coming_edition.version())
    in_persian(nora, first)
    assert text_of(nora, coming_edition) == IN_PERSIAN
    coming_edition.press("unlock", version=coming_edition.version())
    assert count_rows(nora.database)["item_translations"] == 0
    assert text_of(nora, coming_edition) == IN_PERSIAN
    coming_edition.press("lock", version=coming_edition.version())
    assert count_rows(nora.database)["item_translations"] == 1


def test_translations_are_erased_with_the_words_that_they_were_made_of(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    salt.send()

    def translate_all(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        for original in translating.list_originals(session, question):
            translating.translate(
                session, newsroom.nora, original, "fa", translating.TranslationFields("نمک", name="لیلا")
            )

    database.write(translate_all)
    database.write(lambda session: editing.withdraw(session, newsroom.leyla, salt.answer(session)))
    database.write(lambda session: erase_answers.erase(session, Answer.id == salt.answer(session).id))
    assert get_one(database, Translation).answer_id is None
    database.write(lambda session: wording.erase_words(session, session.get_one(Question, salt.question_id)))
    assert count_rows(database)["translations"] == 0
