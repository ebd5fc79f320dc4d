"""Nora builds an edition: picks, orders, previews, exports, locks, sends, and takes it back."""

import json
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.actors import Clock, Reader
from app.editions import planning
from app.editions.models import Edition, EditionItem
from app.editions.queries import list_editions_to_run
from app.letters import receive
from app.letters.models import Credit, Letter
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people import directory
from app.questions import actions as questions
from app.questions.models import Question
from app.typesetting.exports import BY_SUFFIX, EXPORTS, Export
from app.web.static_files import current_version
from tests.support.database_checks import dump_tables, record_statements
from tests.support.desk import (
    FIRST_QUESTION,
    FIRST_QUESTION_IN_PRINT,
    SECOND_QUESTION,
    THIRD_QUESTION,
    ComingEdition,
    Desk,
)
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_submitted_answer

HTML = """\
<section class="qa" lang="en" dir="ltr">
<h2 class="qa-heading">Ask The Steppe: Who measures the salt?</h2>
<p class="qa-question">A reader asked: “Who measures the salt?”</p>
<p class="qa-lead-in">To find out more, I asked Leyla Aydın, soil scientist at the Karakum Field Station:</p>
<p class="qa-answer">“We put up salt plates in 2009 and count what falls on them.”</p>
<p class="qa-call">What would you like to know? Write to nora@steppe.example.</p>
</section>
"""
ENDINGS = [export.suffix for export in EXPORTS.values()]


def test_from_an_approved_answer_to_a_sent_edition_and_back(nora: Desk, coming_edition: ComingEdition) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    page = nora.get(coming_edition.page)
    assert "2 approved answers are ready." in page.main_text
    assert [word for word in page.buttons if word != "Set the date"] == [
        "Skip this date", "Move the edition", "Add a slot", "Remove a slot", "Put in slot 1", "Put in slot 1",
    ]  # fmt: skip

    assert coming_edition.press("pick", question=first) == f"/desk/steppe/{coming_edition.page}#slots"
    coming_edition.press("pick", question=second)
    assert coming_edition.get_contents() == ("planned", [FIRST_QUESTION, SECOND_QUESTION])
    coming_edition.press("down", question=first)
    assert coming_edition.get_contents() == ("planned", [SECOND_QUESTION, FIRST_QUESTION])
    coming_edition.press("up", question=first)
    assert coming_edition.get_contents() == ("planned", [FIRST_QUESTION, SECOND_QUESTION])
    assert "Every slot is filled." in nora.get_text(coming_edition.page)

    coming_edition.press("lock", version=coming_edition.version())
    assert nora.get(coming_edition.page).buttons[:2] == ["Unlock", "Mark as sent"]
    coming_edition.press("unlock", version=coming_edition.version())
    coming_edition.press("lock", version=coming_edition.version())
    assert "thanks and notices wait ten minutes" in nora.get_text(coming_edition.page)

    coming_edition.press("send", version=coming_edition.version())
    assert coming_edition.get_contents() == ("sent", [FIRST_QUESTION, SECOND_QUESTION])
    assert nora.get(coming_edition.page).buttons[:1] == ["Recall it"]
    coming_edition.press("recall")
    assert coming_edition.get_contents() == ("locked", [FIRST_QUESTION, SECOND_QUESTION])
    with nora.database.read() as session:
        states = session.scalars(select(OutboxMail.state).filter_by(kind="expert.published"))
        assert list(states) == ["discarded", "discarded"]


def test_the_record_says_what_ran_with_its_hash_and_who_sent_it(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    coming_edition.press("lock", version=coming_edition.version())
    coming_edition.press("send", version=coming_edition.version())
    with nora.database.read() as session:
        item = session.scalars(select(EditionItem)).one()
    said = nora.get_text(coming_edition.page)
    assert [word for word in said.split() if word == item.sha256] == [item.sha256]
    assert [
        line
        for line in (
            "Nora Lind locked the edition.",
            "Nora Lind marked the edition as sent.",
            "Approved by Nora Lind.",
            "Nora Lind locked it.",
        )
        if line in said
    ] == ["Nora Lind locked the edition.", "Nora Lind marked the edition as sent.", "Approved by Nora Lind."]


def test_exports_are_the_block_letter_for_letter(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    files = {ending: nora.open(f"{coming_edition.page}/export.{ending}") for ending in ENDINGS}
    assert files["txt"].text == FIRST_QUESTION_IN_PRINT
    assert files["md"].text == "## " + FIRST_QUESTION_IN_PRINT
    assert files["html"].text == HTML
    assert Page(files["mail.html"].text).texts("h2, p") == FIRST_QUESTION_IN_PRINT.strip().split("\n\n")
    [block] = json.loads(files["json"].text)
    assert [part["role"] for part in block["paragraphs"]] == ["heading", "question", "lead_in", "answer", "call"]
    kinds = {ending: file.headers["Content-Type"] for ending, file in files.items()}
    assert kinds == {ending: BY_SUFFIX[ending].content_type for ending in ENDINGS}
    assert (
        kinds.items()
        >= {
            "txt": "text/plain; charset=utf-8",
            "md": "text/markdown; charset=utf-8",
            "html": "text/html; charset=utf-8",
            "mail.html": "text/html; charset=utf-8",
            "json": "application/json",
        }.items()
    )
    with nora.database.read() as session:
        day = coming_edition.edition(session).local_at[:10]
    assert files["txt"].headers["Content-Disposition"] == f'attachment; filename="steppe-{day}.txt"'
    assert FIRST_QUESTION_IN_PRINT.splitlines()[0] in nora.get_text(f"{coming_edition.page}?form=markdown")


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_each_form_of_export_can_be_saved_and_looked_at(
    nora: Desk, coming_edition: ComingEdition, export: Export
) -> None:
    assert (export.name, export.preview in ("page", "mail", "text", "")) == (export.name, True)
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    file = nora.open(f"{coming_edition.page}/export.{export.suffix}")
    assert (file.status_code, file.content_type, file.data != b"") == (200, export.content_type, True)
    try:
        file.data.decode()
    except UnicodeDecodeError:
        assert not export.preview, f"the form {export.name} is no text: its row in EXPORTS has no preview"
    page = nora.get(f"{coming_edition.page}?form={export.name}")
    tabs = [label for label, href in page.part("nav.tabs:has([href*='form='])").links if f"form={export.name}#" in href]
    assert tabs == ([export.label] if export.preview else [])
    if export.preview and export.preview != "mail":
        assert "count what falls on them" in page.part("div.letter").main_text


def test_the_mail_is_shown_in_a_frame_of_the_page_by_its_own_style_and_no_other(
    nora: Desk, coming_edition: ComingEdition
) -> None:
    assert nora.get(f"{coming_edition.page}?form=mail").attributes("iframe", "src") == []  # nothing is picked yet
    nora.get_text(f"{coming_edition.page}/mail", 404)
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    [frame] = nora.get(f"{coming_edition.page}?form=mail").tree.css("iframe")
    assert (frame.attributes["src"], frame.attributes["sandbox"]) == (
        f"/desk/steppe/{coming_edition.page}/mail",
        "allow-same-origin",
    )
    shown = nora.open(f"{coming_edition.page}/mail")
    assert Page(shown.text).texts("h2, p") == FIRST_QUESTION_IN_PRINT.strip().split("\n\n")
    assert Page(shown.text).attributes("link", "href") == [f"/static/{current_version()}/mail.css"]
    assert shown.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    assert shown.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_an_empty_edition_exports_nothing(nora: Desk, coming_edition: ComingEdition) -> None:
    for ending in ENDINGS:
        assert "nothing is picked" in nora.get_text(f"{coming_edition.page}/export.{ending}", 409)


@pytest.mark.parametrize(
    ("consent", "text", "choices"),
    [
        ("", "gave a name and no consent", ["Run it unnamed"]),
        ("You may print it.", "Nobody has checked yet", ["Run it unnamed"]),
    ],
    ids=["no consent", "no check"],
)
def test_a_name_that_may_not_run_leaves_the_house_in_no_form(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom, consent: str, text: str, choices: list[str]
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)

    def timur_asks(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        ask = receive.Submission("who measures it there?", credit="first", name="Timur", place="Osh", consent=consent)
        letter = receive.send(session, Reader(), newsletter, ask, form=receive.FormToken("timur", 1))
        question = session.scalars(select(Question).filter_by(public_id=first)).one()
        questions.join(session, newsroom.nora, question, [letter])

    nora.database.write(timur_asks)
    coming_edition.press("pick", question=first)
    before = dump_tables(nora.database)
    for ending in ENDINGS:
        said = nora.get_text(f"{coming_edition.page}/export.{ending}", 409)
        assert (text in said, "Timur" in said) == (True, False)
    assert "Timur" not in coming_edition.press("lock", 409, version=coming_edition.version())
    assert dump_tables(nora.database) == before

    page = nora.open(coming_edition.page)
    assert [word for word in Page(page.text).buttons if word == "Run it unnamed"] == choices
    with nora.database.read() as session:
        letter = session.scalars(select(Letter.public_id)).one()
    coming_edition.press("unname", letter=letter)
    with nora.database.read() as session:
        assert session.scalars(select(Credit.choice)).one() == "none"
    assert nora.open(f"{coming_edition.page}/export.txt").text == FIRST_QUESTION_IN_PRINT


def test_of_two_editors_at_once_the_second_sees_what_the_first_did(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom, app: Flask
) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)

    def dana(session: Session) -> Any:
        person = directory.add_person(session, Clock(), "Dana Kim", "dana@desk.example")
        directory.give_role(session, Clock(), person, newsroom.newsletter_id, "editor")
        return directory.staff_actor(session, person.id, newsroom.newsletter_id)

    other = Desk(app, nora.database.write(dana))
    coming_edition.press("pick", question=first)
    seen_by_nora = coming_edition.version()
    other.press(f"{coming_edition.page}/pick", question=second)
    before = dump_tables(nora.database)
    said = coming_edition.press("lock", 409, version=seen_by_nora)
    assert "This edition was changed after you opened this page" in said
    assert dump_tables(nora.database) == before
    coming_edition.press("lock", version=coming_edition.version())
    locked = coming_edition.version()
    other.press(f"{coming_edition.page}/unlock", version=locked)
    coming_edition.press("send", 409, version=locked)
    assert coming_edition.get_contents() == ("planned", [FIRST_QUESTION, SECOND_QUESTION])


def test_illegal_moves_by_hand_change_nothing(nora: Desk, coming_edition: ComingEdition) -> None:
    first, second, third = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION, THIRD_QUESTION)
    coming_edition.press("pick", question=first)
    nora.press(f"editions/{coming_edition.next_id}/pick", question=second)
    before = dump_tables(nora.database)
    for press in ("unlock", "send", "recall", "unskip"):
        coming_edition.press(press, 409, version=coming_edition.version())
    for press in ("up", "down", "drop", "carry"):
        coming_edition.press(press, 409, question=second)  # it stands in another edition
    coming_edition.press("pick", 409, question=first)  # it has a slot already
    for number in ("0", "13", "-1", "many", "9" * 30):
        coming_edition.press("slots", 409, slots=number)
    coming_edition.press("lock", 409)  # a form without the version it was drawn for
    assert dump_tables(nora.database) == before

    coming_edition.press("lock", version=coming_edition.version())
    before = dump_tables(nora.database)
    coming_edition.press("pick", 409, question=third)
    for press in ("up", "down", "drop", "carry"):
        coming_edition.press(press, 409, question=first)
    for press in ("lock", "skip", "recall", "unskip"):
        coming_edition.press(press, 409, version=coming_edition.version())
    coming_edition.press("slots", 409, slots=3)
    assert dump_tables(nora.database) == before


def test_nothing_of_another_newsletter_is_found(nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom) -> None:
    def create_other_newsletter(session: Session) -> tuple[str, str]:
        steppe = session.get_one(Newsletter, newsroom.newsletter_id)
        columns = ("name", "publisher", "editor", "language", "address", "section", "zone", "rule", "rule_start", "at")
        other = Newsletter(slug="tundra", **{name: getattr(steppe, name) for name in columns})
        session.add(other)
        session.flush()
        planning.plan_newsletter(session, Clock(), other)
        person = directory.add_person(session, Clock(), "Aino Aalto", "aino@desk.example")
        directory.give_role(session, Clock(), person, other.id, "editor")
        aino = directory.staff_actor(session, person.id, other.id)
        assert aino is not None
        question = questions.open_question(session, aino, [], body="How thick is the ice?", language="en")
        return list_editions_to_run(session, other.id, 1)[0].public_id, question.public_id

    edition, question = nora.database.write(create_other_newsletter)
    before = dump_tables(nora.database)
    nora.get_text(f"editions/{edition}", 404)
    nora.get_text(f"editions/{edition}/export.txt", 404)
    nora.press(f"editions/{edition}/skip", 404)
    coming_edition.press("pick", 404, question=question)
    coming_edition.press("unname", 404, letter="nobody's")
    nora.press(f"shelf/{question}/take", 404)
    nora.get_text(f"shelf?before={question}", 404)
    assert dump_tables(nora.database) == before
    nora.slug = "tundra"
    for path in ("", "editions", "outbox", "experts", "shelf", "archive", "settings"):
        nora.get_text(path, 404)


def test_an_assistant_looks_and_decides_nothing(nora: Desk, ilya: Desk, coming_edition: ComingEdition) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    coming_edition.press("pick", question=first)
    assert ilya.get(coming_edition.page).buttons == ["Copy it"]
    before = dump_tables(nora.database)
    for press in ("pick", "up", "down", "drop", "carry"):
        ilya.press(f"{coming_edition.page}/{press}", 404, question=second if press == "pick" else first)
    for press in ("lock", "skip"):
        ilya.press(f"{coming_edition.page}/{press}", 404, version=coming_edition.version())
    ilya.press(f"{coming_edition.page}/slots", 404, slots=3)
    assert dump_tables(nora.database) == before


def test_whoever_takes_a_question_out_may_tell_the_expert_why(nora: Desk, coming_edition: ComingEdition) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    for question in (first, second):
        coming_edition.press("pick", question=question)
    coming_edition.press("drop", question=first)
    coming_edition.press("drop", question=second, why="The inquiry came out first.")
    assert coming_edition.get_contents() == ("planned", [])
    with nora.database.read() as session:
        mails = session.scalars(select(OutboxMail).filter_by(kind="expert.dropped"))
        assert [mail.question_id for mail in mails] == [
            session.scalars(select(Question.id).filter_by(public_id=second)).one()
        ]


def test_slots_come_and_go_and_what_does_not_fit_is_carried_over(nora: Desk, coming_edition: ComingEdition) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    coming_edition.press("slots", slots=3)
    coming_edition.press("slots", slots=1)
    coming_edition.press("pick", question=first)
    assert "Every slot is filled. Add one" in coming_edition.press("pick", 409, question=second)
    coming_edition.press("carry", question=first)
    assert coming_edition.get_contents() == ("planned", [])
    assert FIRST_QUESTION in nora.get_text(f"editions/{coming_edition.next_id}")


def test_a_skipped_date_lets_go_of_its_questions_and_can_run_after_all(
    nora: Desk, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    coming_edition.press("skip")
    assert coming_edition.get_contents() == ("skipped", [])
    assert nora.get(coming_edition.page).buttons == ["Let it run after all", "Undo u"]
    coming_edition.press("unskip")
    assert coming_edition.get_contents() == ("planned", [])


def test_the_shelf_gives_back_what_rests_on_it_and_fills_a_slot(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    assert "The shelf is empty" in nora.get_text("shelf")
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)

    def shelve(session: Session) -> None:
        for question in session.scalars(select(Question)):
            questions.shelve(session, newsroom.nora, question)

    nora.database.write(shelve)
    assert FIRST_QUESTION in nora.get_text("shelf")
    assert nora.get_text(coming_edition.page).count("From the shelf.") == 2
    coming_edition.press("pick", question=first)
    nora.press(f"shelf/{second}/take")
    with nora.database.read() as session:
        assert [q.state for q in session.scalars(select(Question).order_by(Question.id))] == ["queued", "answered"]
    nora.press(f"shelf/{second}/take", 409)


@pytest.mark.both_databases
def test_what_ran_stands_in_the_archive(nora: Desk, coming_edition: ComingEdition) -> None:
    assert "The archive is empty" in nora.get_text("archive")
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    coming_edition.press("lock", version=coming_edition.version())
    assert "The archive is empty" in nora.get_text("archive")
    coming_edition.press("send", version=coming_edition.version())
    assert (FIRST_QUESTION in nora.get_text("archive"), FIRST_QUESTION in nora.get_text("editions")) == (True, True)


def test_all_editions_tell_the_rhythm_in_words(nora: Desk) -> None:
    assert "First and third Wednesday, 09:00, Europe/Prague" in nora.get_text("editions")


def test_pages_ask_as_often_however_much_there_is(nora: Desk, coming_edition: ComingEdition) -> None:
    def count_queries(path: str) -> int:
        with record_statements(nora.database) as statements:
            nora.get_text(path)
        return len(statements)

    paths = (coming_edition.page, "", "editions", "shelf", "archive", "outbox", "experts")
    coming_edition.create_questions(FIRST_QUESTION)
    few = [count_queries(path) for path in paths]
    coming_edition.create_questions(*(f"What falls on plate {number}?" for number in range(6)))
    assert [count_queries(path) for path in paths] == few


@pytest.mark.both_databases
def test_lists_go_on_where_the_page_before_ended(
    nora: Desk, coming_edition: ComingEdition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.editor.editions.calendar_pages.PAGE_SIZE", 1)
    for headline, edition in ((FIRST_QUESTION, coming_edition.id), (SECOND_QUESTION, coming_edition.next_id)):
        [question] = coming_edition.create_questions(headline)
        nora.press(f"editions/{edition}/pick", question=question)
        for press in ("lock", "send"):
            with nora.database.read() as session:
                version = session.scalars(select(Edition.version).filter_by(public_id=edition)).one()
            nora.press(f"editions/{edition}/{press}", version=version)
    newest = nora.get("editions")
    [older] = newest.attributes("[rel=next]", "href")
    assert (SECOND_QUESTION in newest.main_text, FIRST_QUESTION in newest.main_text) == (True, False)
    oldest = nora.get(older)
    assert (SECOND_QUESTION in oldest.main_text, FIRST_QUESTION in oldest.main_text, oldest.next_url) == (
        False,
        True,
        "",
    )
    nora.get_text("editions?before=000000000000", 404)


def test_the_way_to_the_desk_leads_to_the_first_newsletter(nora: Desk) -> None:
    assert nora.client.get("/desk/", base_url="https://localhost").location == "/desk/steppe/"


def test_this_edition_says_who_waits_for_whom(nora: Desk, newsroom: Newsroom) -> None:
    assert "2 slots are still open" in nora.get_text("")
    nora.database.write(lambda s: create_submitted_answer(s, newsroom, FIRST_QUESTION))

    def ask(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        receive.send(
            session, Reader(), newsletter, receive.Submission("who measures it there?"), form=receive.FormToken("t", 1)
        )
        questions.open_question(
            session, newsroom.nora, [], headline=SECOND_QUESTION, body=SECOND_QUESTION, language="en"
        )

    nora.database.write(ask)
    said = nora.get_text("")
    columns = re.split("For you|For experts|For their check|For an answer|The slots of", said)[1:5]
    assert "One text waits for you." in said
    assert [
        [
            words
            for words in (
                "Edit Leyla Aydın’s text",
                "Read one new letter",
                "Fill slot 1",
                SECOND_QUESTION,
                "Nobody is waiting.",
            )
            if words in one
        ]
        for one in columns
    ] == [
        ["Edit Leyla Aydın’s text", "Read one new letter", "Fill slot 1"],
        ["Nobody is waiting."],
        ["Nobody is waiting."],
        [SECOND_QUESTION],
    ]
