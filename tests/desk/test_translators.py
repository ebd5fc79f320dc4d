"""Nora asks somebody outside for a translation, on the page of the texts: sends the words, again, or withdraws the link."""

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import translators
from app.answers.models import AnswerText
from app.core.actors import Clock
from app.db.engine import Database
from app.db.session import now
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.questions.models import Translation, Translator
from tests.support.database_checks import count_rows, get_one
from tests.support.desk import FIRST_QUESTION, ComingEdition, Desk, get_version_token
from tests.support.pages import Browser, Page
from tests.support.translations import (
    PERSIAN,
    SHIRIN,
    approve_translation,
    find_translator_page,
    get_answer_id,
    save_translation,
)

WHO = dict(zip(("name", "email"), SHIRIN, strict=True))


def texts(question: str) -> str:
    return f"questions/{question}/translations/fa"


def invite_translator(nora: Desk, question: str) -> str:
    """Nora sends the question's wording out; gives the path of the translator's page."""
    nora.post(f"{texts(question)}/question/translator", **WHO)
    with nora.database.read() as session:
        return find_translator_page(session)


def hand_in(app: Flask, page: str) -> Browser:
    shirin = Browser(app, cookies=False)
    shirin.open(page)
    assert shirin.submit(f"{page}/send", **PERSIAN).status_code == 303
    return shirin


def test_from_the_press_to_the_approval(nora: Desk, coming_edition: ComingEdition, app: Flask) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    page = invite_translator(nora, first)
    start = "Shirin Amini was asked to translate it on"
    assert [line for line in nora.get(texts(first)).texts("section p") if line.startswith(start)] != []
    hand_in(app, page)
    there = nora.get(texts(first))
    assert there.texts("section .num")[0] == "written, not approved"
    assert "Translated by Shirin Amini, who isn’t named in print." in there.main_text
    approve_translation(nora, first)
    assert "Shirin Amini translated it for you; it was approved on" in nora.get_text(texts(first))
    assert get_one(nora.database, Translation).state == "approved"
    assert "A translator handed in a text in Persian." in nora.get_text(f"questions/{first}")


def test_home_shows_what_a_translator_handed_in_until_it_is_approved_or_removed(
    nora: Desk, ilya: Desk, coming_edition: ComingEdition, app: Flask
) -> None:
    def get_lines(person: Desk) -> list[tuple[str, list[tuple[str, str]]]]:
        """The heading of each column of Home that mentions Shirin, with those of its links."""
        parts = person.get("").parts("section[aria-labelledby^=waits-]")
        columns = {re.sub(r" (\d+|none)$", "", part.texts("h3")[0]): part.links for part in parts}
        found = {heading: [link for link in links if "Shirin" in link[0]] for heading, links in columns.items()}
        return [(heading, links) for heading, links in found.items() if links]

    [first] = coming_edition.create_questions(FIRST_QUESTION)
    page = invite_translator(nora, first)
    assert get_lines(nora) == []
    hand_in(app, page)
    line = ("Approve Shirin Amini’s translation into Persian", f"/desk/steppe/{texts(first)}")
    assert get_lines(nora) == [("For you", [line])]
    assert get_lines(ilya) == [("For an editor", [line])]
    assert "One text waits for you." in nora.get_text("")
    [listed] = [link for link in nora.get("waiting/translation").links if "Shirin" in link[0]]
    assert listed == line
    nora.post(f"{texts(first)}/question/drop", seen=get_version_token(nora.get(texts(first)), "question/drop"))
    assert (get_lines(nora), get_lines(ilya)) == ([], [])
    using = "question/translator/use"
    nora.post(f"{texts(first)}/{using}", seen=get_version_token(nora.get(texts(first)), using))
    assert get_lines(nora) == [("For you", [line])]
    approve_translation(nora, first)
    assert (get_lines(nora), get_lines(ilya)) == ([], [])


def test_an_assistant_sees_how_it_stands_and_sends_nothing_out(
    nora: Desk, ilya: Desk, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    place = f"{texts(first)}/question/translator"
    ilya.post(place, 404, **WHO)
    assert "Send them the words" not in " ".join(ilya.get(texts(first)).buttons)
    invite_translator(nora, first)
    there = ilya.get(texts(first))
    assert "Shirin Amini was asked" in there.main_text
    for move in ("again", "withdraw"):
        ilya.post(f"{place}/{move}", 404, seen=get_version_token(nora.get(texts(first)), f"translator/{move}"))
    assert count_rows(nora.database)["translators"] == 1


@pytest.mark.parametrize(("fields", "field", "fault"), [
    ({"name": " "}, "name", "A name is missing."),
    ({"email": ""}, "email", "Nothing can be sent to this address."),
    ({"email": "shirin@words"}, "email", "Nothing can be sent to this address."),
])  # fmt: skip
def test_what_is_missing_is_said_and_what_was_typed_stays(
    nora: Desk, coming_edition: ComingEdition, fields: dict[str, str], field: str, fault: str
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    page = Page(nora.post(f"{texts(first)}/question/translator", 422, **WHO | fields))
    assert page.texts(f"#{field}-question-error") == [fault]
    assert page.form("question/translator").fields["name"] == (WHO | fields)["name"]
    assert count_rows(nora.database)["translators"] == 0


def test_a_name_that_is_too_long_is_not_cut(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    page = Page(nora.post(f"{texts(first)}/question/translator", 422, **WHO | {"name": "x" * 201}))
    assert page.form("question/translator").fields["name"] == "x" * 201


def test_where_it_is_not_approved_or_stands_already_nobody_is_asked(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    place = f"{texts(first)}/question/translator"
    save_translation(nora, first, **PERSIAN)
    offered = [one.action for one in nora.get(texts(first)).forms if one.action.endswith("/translator")]
    assert [action.split("/")[-2] for action in offered] == [get_answer_id(nora.database, first)]
    nora.post(place, 409, **WHO)
    nora.post_action(
        f"questions/{first}", "wording", headline="The Salt Wind", body="Who counts the salt?", language="en"
    )
    nora.post(place, 422, **WHO)
    nora.get(f"questions/{first}/translations/de", 404)
    nora.post(f"questions/{first}/translations/en/question/translator", 404, **WHO)
    assert count_rows(nora.database)["translators"] == 0


def test_the_words_are_sent_again_and_the_link_is_withdrawn(
    nora: Desk, coming_edition: ComingEdition, app: Flask
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    old = invite_translator(nora, first)
    place = f"{texts(first)}/question/translator"
    before = get_version_token(nora.get(texts(first)), "translator/again")
    nora.post(f"{place}/again", seen=before)
    with nora.database.read() as session:
        new = find_translator_page(session)
    shirin = Browser(app, cookies=False)
    assert (shirin.open(old).status_code, shirin.open(new).status_code) == (404, 200)
    assert "sent a translator into Persian the words" in nora.post(f"{place}/withdraw", 409, seen=before)
    nora.post(f"{place}/withdraw", seen=get_version_token(nora.get(texts(first)), "translator/withdraw"))
    assert shirin.open(new).status_code == 200
    assert shirin.heading == "No translation is needed any more"
    invite_translator(nora, first)  # somebody else, or the same
    assert [made.state for made in everybody(nora.database)] == ["withdrawn", "invited"]


def test_a_link_is_withdrawn_also_when_its_language_left_the_settings_or_its_text_is_gone(
    nora: Desk, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    key = get_answer_id(nora.database, first)
    nora.post(f"{texts(first)}/{key}/translator", **WHO)
    with_text = get_version_token(nora.get(texts(first)), "translator/withdraw")

    def leaves(session: Session) -> None:
        session.scalars(select(Newsletter)).one().languages = []
        for text in session.scalars(select(AnswerText)):
            text.body = ""

    nora.database.write(leaves)
    there = nora.get(texts(first))
    assert (get_version_token(there, "translator/withdraw"), there.texts("h2")[-1]) == (with_text, "Shirin Amini")
    nora.post(f"{texts(first)}/{key}/translator/withdraw", seen=with_text)
    assert [made.state for made in everybody(nora.database)] == ["withdrawn"]


def everybody(database: Database) -> list[Translator]:
    with database.read() as session:
        return list(session.scalars(select(Translator).order_by(Translator.id)))


def test_once_the_words_have_changed_the_desk_sees_what_was_typed(
    nora: Desk, coming_edition: ComingEdition, app: Flask
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    page = invite_translator(nora, first)
    shirin = Browser(app, cookies=False)
    shirin.open(page)
    shirin.submit(f"{page}/draft", form_action=f"{page}/send", **PERSIAN)
    assert PERSIAN["body"] not in nora.get_text(texts(first))  # it is theirs until they hand it in
    nora.post_action(
        f"questions/{first}", "wording", headline="The Salt Wind", body="Who counts the salt?", language="en"
    )
    there = nora.get(texts(first))
    assert ("The words have changed since: their page shows none." in there.main_text, PERSIAN["body"] in there.main_text) == (
        True, True,
    )  # fmt: skip
    assert "Send the words and a new link" not in " ".join(there.buttons)  # not before they are approved
    nora.post_action(f"questions/{first}", "clear")
    nora.post(
        f"{texts(first)}/question/translator/again", seen=get_version_token(nora.get(texts(first)), "translator/again")
    )
    with nora.database.read() as session:
        assert "Who counts the salt?" in shirin.open(find_translator_page(session)).text


def test_what_the_desk_wrote_meanwhile_stands_beside_what_was_handed_in(
    nora: Desk, coming_edition: ComingEdition, app: Flask
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    page = invite_translator(nora, first)
    save_translation(nora, first, **PERSIAN | {"body": "از میز"})
    hand_in(app, page)
    there = nora.get(texts(first))
    assert ("از میز" in there.main_text, PERSIAN["body"] in there.main_text) == (True, True)
    assert "What Shirin Amini handed in" in there.texts("summary")
    nora.post(f"{texts(first)}/question/translator/use", seen=get_version_token(there, "translator/use"))
    made = get_one(nora.database, Translation)
    assert (made.body, made.translator, made.state) == (PERSIAN["body"], "Shirin Amini", "draft")


def test_what_the_desk_wrote_stays_also_out_of_date_until_the_desk_chooses(
    nora: Desk, coming_edition: ComingEdition, app: Flask
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    save_translation(nora, first, **PERSIAN)
    nora.post_action(
        f"questions/{first}", "wording", headline="The Salt Wind", body="Who counts the salt?", language="en"
    )
    nora.post_action(f"questions/{first}", "clear")
    hand_in(app, invite_translator(nora, first))  # word for word what stands, but of the new version
    there = nora.get(texts(first))
    assert there.texts("section .num")[0] == "out of date: the original has changed"
    nora.post(f"{texts(first)}/question/translator/use", seen=get_version_token(there, "translator/use"))
    assert nora.get(texts(first)).texts("section .num")[0] == "written, not approved"


def test_words_of_an_old_version_are_never_put_into_the_place_of_a_translation(
    nora: Desk, coming_edition: ComingEdition, app: Flask
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    page = invite_translator(nora, first)
    save_translation(nora, first, **PERSIAN | {"body": "از میز"})
    hand_in(app, page)
    before = get_version_token(nora.get(texts(first)), "translator/use")
    nora.post_action(
        f"questions/{first}", "wording", headline="The Salt Wind", body="Who counts the salt?", language="en"
    )
    there = nora.get(texts(first))
    assert (PERSIAN["body"] in there.main_text, [form for form in there.forms if form.action.endswith("/use")]) == (
        True,
        [],
    )
    nora.post(f"{texts(first)}/question/translator/use", 409, seen=before)
    assert get_one(nora.database, Translation).body == "از میز"


def test_the_mail_has_the_link_and_no_word_of_the_text_and_is_not_kept_once_it_left(
    nora: Desk, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    invite_translator(nora, first)

    def get_mail_state(session: Session) -> tuple[str, bool]:
        mail = session.scalars(select(OutboxMail).filter_by(kind=translators.INVITATION_KIND)).one()
        text = outbox.read(session, mail).text
        outbox.move(session, Clock(), mail, "send", sent_at=now(session))
        return text, outbox.has_contents(session, mail)

    text, is_kept = nora.database.write(get_mail_state)
    assert ("Could you translate a question into Persian" in text, "salt" in text.lower(), is_kept) == (
        True, False, False,
    )  # fmt: skip
