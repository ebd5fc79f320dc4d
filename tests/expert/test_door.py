"""The page behind an assignment's link: Leyla writes there, without an account, and nothing that she types is lost."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.answers import assigning
from app.answers.models import Answer, AnswerText, Draft
from app.core.clock import utc_now
from app.db.engine import Database
from app.questions.models import Note
from tests.support.assignments import ANSWER, WORDING, ExpertAssignment, ask_expert
from tests.support.database_checks import count_rows, record_statements
from tests.support.desk_people import NORA, get_newest_mail_text
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom


def drafts(salt: ExpertAssignment) -> list[tuple[str, str, int]]:
    with salt.database.read() as session:
        return [(draft.tab, draft.body, draft.count) for draft in session.scalars(select(Draft).order_by(Draft.id))]


def save(leyla: Browser, salt: ExpertAssignment, tab: str, count: int, text: str) -> tuple[int, bool]:
    response = leyla.press(f"{salt.link}/draft", {"Accept": "application/json"}, tab=tab, count=count, answer=text)
    kept = response.get_json()["kept"] if response.is_json else False
    leyla.open(salt.link)
    return response.status_code, kept


@pytest.mark.threat("curious expert")
def test_the_link_opens_one_assignment_and_nothing_else(
    database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    other = ask_expert(database, newsroom, "Is the lake coming back?")
    assert leyla.open(salt.link).status_code == 200
    assert leyla.heading == WORDING
    assert "Is the lake coming back?" not in leyla.text
    assert leyla.open(f"/expert/assignments/{other.public_id}").status_code == 303  # to the way in
    for address in (f"/a/{other.public_id}", "/a/unknown", f"{salt.link}x"):
        assert leyla.open(address).status_code == 404


@pytest.mark.threat("curious expert")
def test_a_revoked_link_opens_nothing_and_a_new_one_does(salt: ExpertAssignment, leyla: Browser) -> None:
    salt.database.write(
        lambda session: assigning.send_link_again(session, salt.newsroom.nora, salt.assignment(session))
    )
    assert leyla.open(salt.link).status_code == 404


@pytest.mark.threat("stranger at the door")
def test_opening_the_link_changes_nothing(salt: ExpertAssignment, leyla: Browser) -> None:
    before = count_rows(salt.database)
    for method in ("GET", "HEAD", "GET"):
        assert leyla.open(salt.link, method).status_code == 200
        assert leyla.open(f"{salt.link}/send", method).status_code == 303
    assert count_rows(salt.database) == before
    assert salt.state() == "invited"


def test_three_screens_from_the_mail_to_thanks(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    assert "Please say first who reads the plates." in leyla.text
    assert "Readers asked this." in leyla.text
    leyla.press(f"{salt.link}/send", answer=ANSWER, own_words="yes", ties="The station is paid by the lake fund.",
                credit_line="head of the gauges", credit_was=leyla.value("credit_was"))  # fmt: skip
    leyla.follow()
    assert leyla.heading == "Thank you. Nora Lind has your answer"
    with salt.database.read() as session:
        text = session.scalars(select(AnswerText)).one()
        assert (text.body, text.own_words, text.ties) == (ANSWER, True, "The station is paid by the lake fund.")
        assert salt.assignment(session).credit_line == "head of the gauges"


def test_send_pressed_twice_is_one_answer(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    for _ in range(2):
        assert leyla.press(f"{salt.link}/send", answer=ANSWER).status_code == 303
        leyla.open(salt.link)
    with salt.database.read() as session:
        assert len(session.scalars(select(AnswerText)).all()) == 1


def test_an_empty_answer_is_not_sent_and_the_rest_is_kept(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    before = count_rows(salt.database)
    assert (
        leyla.press(f"{salt.link}/send", answer=" \n", ties="I sell salt.", credit_line="a merchant").status_code == 400
    )
    assert (leyla.value("ties"), leyla.value("credit_line")) == ("I sell salt.", "a merchant")
    assert count_rows(salt.database) == before


def test_a_credit_line_that_the_desk_set_meanwhile_is_not_undone(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    shown = leyla.value("credit_was")

    def correct(session: object) -> None:
        salt.assignment(session).credit_line = "chief soil scientist"  # type: ignore[arg-type]

    salt.database.write(correct)
    leyla.press(f"{salt.link}/send", answer=ANSWER, credit_line=shown, credit_was=shown)
    with salt.database.read() as session:
        assert salt.assignment(session).credit_line == "chief soil scientist"


@pytest.mark.both_databases
def test_the_page_and_a_draft_that_saves_itself_ask_four_times(
    app: Flask, salt: ExpertAssignment, leyla: Browser
) -> None:
    leyla.open(salt.link)
    assert save(leyla, salt, "page", 1, "Nobody is told to.") == (200, True)
    with record_statements(app.extensions["database"]) as asked_of_it:
        leyla.open(salt.link)
    # The task, its drafts, what the newsletter words its own way, and the edition, where one is fixed.
    assert len([one for one in asked_of_it if one != "BEGIN"]) == 4, asked_of_it
    with record_statements(app.extensions["database"], writes=True) as asked_of_it:
        leyla.press(f"{salt.link}/draft", {"Accept": "application/json"}, tab="page", count=2, answer="Nobody is.")
    assert len([one for one in asked_of_it if not one.startswith("BEGIN")]) == 3, asked_of_it
    assert drafts(salt) == [("page", "Nobody is.", 2)]


@pytest.mark.both_databases
def test_what_another_part_has_saved_is_not_written_over(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    assert save(leyla, salt, "page", 1, "Nobody is told to.") == (200, True)
    kept = leyla.press(f"{salt.link}/draft", tab="page", count=5, reply="It was 2010.")
    assert (kept.status_code, drafts(salt)) == (303, [("page", "Nobody is told to.", 1)])


@pytest.mark.both_databases
def test_a_stale_tab_never_overwrites_newer_words(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    assert save(leyla, salt, "laptop", 2, "Nobody is told to.") == (200, True)
    assert save(leyla, salt, "laptop", 1, "Nobody") == (200, False)
    assert save(leyla, salt, "phone", 1, "A village can ask.") == (200, True)
    assert drafts(salt) == [("laptop", "Nobody is told to.", 2), ("phone", "A village can ask.", 1)]
    leyla.open(salt.link)
    assert leyla.value("answer") == "A village can ask."
    leyla.open(f"{salt.link}?tab=laptop")
    assert leyla.value("answer") == "Nobody is told to."
    assert salt.state() == "invited"


def test_without_scripts_a_button_saves_and_does_not_send(salt: ExpertAssignment, leyla: Browser) -> None:
    for text in ("Nobody is told to.", "Nobody is told to. A village can ask."):
        if leyla.response is None:
            leyla.open(salt.link)
        leyla.press(f"{salt.link}/draft", answer=text, ties="None.", credit_line="of the station",
                    tab=leyla.value("tab"), count=leyla.value("count"))  # fmt: skip
        leyla.follow()
        assert (leyla.value("answer"), leyla.value("ties"), leyla.value("credit_line")) == (
            text,
            "None.",
            "of the station",
        )
    assert [(body, count) for _, body, count in drafts(salt)] == [("Nobody is told to. A village can ask.", 1)]
    assert salt.state() == "invited"


def test_a_look_at_print_keeps_everything_and_changes_nothing(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    before = count_rows(salt.database)
    leyla.press(f"{salt.link}/preview", answer=ANSWER, credit_line="head of the gauges", ties="None.")
    assert leyla.value("answer") == ANSWER
    for line in (
        "A reader asked: “Who measures the salt",
        "To find out more, I asked Leyla Aydın, head of the gauges:",
        "“Nobody is told to. We put up ‘salt plates’ in 2009.",
        "the list is <strong>short</strong>.”",
    ):
        assert line in leyla.text
    assert count_rows(salt.database) == before


def test_the_text_can_be_taken_back_until_editing_starts(salt: ExpertAssignment, leyla: Browser) -> None:
    salt.send()
    leyla.open(salt.link)
    assert leyla.press(f"{salt.link}/take-back").status_code == 303
    leyla.follow()
    assert leyla.value("answer") == ANSWER
    assert salt.state() == "accepted"
    salt.send()
    leyla.open(salt.link)
    salt.edit()
    assert leyla.press(f"{salt.link}/take-back").status_code == 409
    assert salt.state() == "received"
    leyla.open(salt.link)
    assert leyla.heading == "Your answer is being edited"


def test_a_text_that_comes_too_late_is_shown_to_copy(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    salt.send()
    salt.edit()
    assert leyla.press(f"{salt.link}/send", answer="A wholly different answer.").status_code == 409
    assert "A wholly different answer." in leyla.text
    with salt.database.read() as session:
        assert session.scalars(select(Answer)).one().state == "edited"


def test_not_now_is_told_once_and_can_become_a_yes(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    assert leyla.press(f"{salt.link}/decline", reason="because").status_code == 400
    leyla.press(f"{salt.link}/decline", reason="no time", until="2099-01-07")
    leyla.follow()
    assert leyla.heading == "Thank you for telling us"
    assert "7 January 2099" in leyla.text
    assert salt.state() == "declined"
    leyla.press(f"{salt.link}/accept")
    leyla.follow()
    assert leyla.heading == WORDING
    assert salt.state() == "accepted"


def test_the_desk_is_told_why_not_until_when_and_whom_to_ask(
    salt: ExpertAssignment, leyla: Browser, newsroom: Newsroom
) -> None:
    leyla.open(salt.link)
    leyla.press(f"{salt.link}/suggest", note="Marek Dvořák, marek@water.example")
    leyla.follow()
    assert leyla.press(f"{salt.link}/decline", reason="no time", until="2099-01-07").status_code == 303
    mail = get_newest_mail_text(salt.database, NORA)
    assert "They have no time now.\n\nThey are free again from" in mail
    assert "7 January 2099" in mail
    assert "They suggest asking Marek Dvořák, marek@water.example\n\nIt is here:" in mail


@pytest.mark.threat("stolen database")
def test_a_colleague_is_named_and_kept_sealed(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    assert leyla.press(f"{salt.link}/suggest", note="  ").status_code == 400
    leyla.press(f"{salt.link}/suggest", note="Marek Dvořák, marek@water.example")
    leyla.follow()
    assert "Thank you. We’ll ask them ourselves." in leyla.text
    with salt.database.read() as session:
        row = salt.assignment(session)
        assert assigning.suggestion_of(session, row) == "Marek Dvořák, marek@water.example"
        assert b"Marek" not in (row.suggestion_sealed or b"Marek")


def test_a_question_back_stands_among_the_desks_notes(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    leyla.press(f"{salt.link}/ask", note="Which village?")
    with salt.database.read() as session:
        assert [note.body for note in session.scalars(select(Note))] == ["Which village?"]


@pytest.mark.threat("curious expert")
def test_who_asks_back_all_day_is_told_to_wait_and_keeps_the_words(salt: ExpertAssignment, leyla: Browser) -> None:
    """Each is a note and a mail; tomorrow there is room again."""
    for number in range(assigning.MAX_QUESTIONS_PER_DAY):
        leyla.open(salt.link)
        leyla.press(f"{salt.link}/ask", note=f"Which village, {number}?")
    leyla.open(salt.link)
    assert leyla.press(f"{salt.link}/ask", note="Which lake?").status_code == 400
    assert "You have asked as often as the desk can answer in a day." in leyla.text
    assert "Which lake?" in leyla.text
    with salt.database.read() as session:
        assert len(session.scalars(select(Note)).all()) == assigning.MAX_QUESTIONS_PER_DAY
    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    salt.database.write(
        lambda session: assigning.ask_back(session, salt.newsroom.leyla, salt.assignment(session), "Which lake?"),
        at=tomorrow,
    )


@pytest.mark.parametrize(
    ("verb", "name"), [("send", "answer"), ("check", "reply"), ("ask", "note"), ("report", "body")]
)
def test_a_form_whose_token_has_ended_gives_its_words_back(
    salt: ExpertAssignment, leyla: Browser, verb: str, name: str
) -> None:
    before = count_rows(salt.database)
    assert leyla.press(f"{salt.link}/{verb}", **{name: "Words that took an hour."}).status_code == 400
    assert "Words that took an hour." in leyla.text
    assert count_rows(salt.database) == before


def test_a_withdrawn_request_opens_no_more_and_says_nothing(salt: ExpertAssignment, leyla: Browser) -> None:
    salt.database.write(
        lambda session: assigning.cancel(session, salt.newsroom.nora, salt.assignment(session), "We have it.")
    )
    assert leyla.open(salt.link).status_code == 404
    assert WORDING not in leyla.text
