"""What Leyla sees when she signs in: her own questions, soonest first, and her profile."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, writing
from app.answers.closing import close
from app.core.actors import Clock
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.queries import list_editions_to_run
from app.letters import contacts
from app.letters.models import Letter
from app.people import directory, sessions, sign_in
from app.people.models import Expert
from app.workflows.publishing import publication
from tests.support.assignments import WORDING, ExpertAssignment, ask_expert
from tests.support.database_checks import dump_tables
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def enter(app: Flask, database: Database, newsroom: Newsroom) -> Callable[[str], Browser]:
    """Sign an expert of the newsroom in, by an invitation."""

    def enter(name: str) -> Browser:
        def invite(session: Session) -> str:
            person = session.get_one(Expert, getattr(newsroom, name).expert_id).person
            return sign_in.invite(session, Clock(), person, "expert")

        link, browser = database.write(invite), Browser(app)
        browser.open(link)
        browser.press(link)
        browser.follow()
        return browser

    return enter


@pytest.mark.threat("another desk")
def test_own_questions_alone(database: Database, newsroom: Newsroom, enter: Callable[[str], Browser]) -> None:
    salt, lake = (
        ask_expert(database, newsroom),
        ask_expert(database, newsroom, "Is the lake coming back?", expert="marek"),
    )
    leyla = enter("leyla")
    assert leyla.heading == "Your questions"
    assert leyla.text.count("/expert/assignments/") == 1
    assert leyla.open(f"/expert/assignments/{salt.public_id}").status_code == 200
    assert leyla.heading == WORDING
    assert leyla.open(f"/expert/assignments/{lake.public_id}").status_code == 404
    assert leyla.press(f"/expert/assignments/{lake.public_id}/send", answer="Yes.").status_code in (400, 404)
    leyla.open("/expert/profile")
    assert leyla.press(f"/expert/assignments/{lake.public_id}/send", answer="Yes.").status_code == 404
    assert lake.state() == "invited"


def test_the_signed_in_page_does_what_the_link_does(
    database: Database, newsroom: Newsroom, enter: Callable[[str], Browser]
) -> None:
    salt, leyla = ask_expert(database, newsroom), enter("leyla")
    leyla.open(f"/expert/assignments/{salt.public_id}")
    leyla.press(f"/expert/assignments/{salt.public_id}/send", answer="Nobody is told to.")
    leyla.follow()
    assert leyla.heading == "Thank you. Nora Lind has your answer"
    assert salt.state() == "received"


def cancelled(session: Session, salt: ExpertAssignment) -> None:
    assigning.cancel(session, salt.newsroom.nora, salt.assignment(session))


def close_question(session: Session, salt: ExpertAssignment) -> None:
    close(session, salt.newsroom.nora, salt.assignment(session).question, "nobody")


def ran_with_mareks_answer(session: Session, salt: ExpertAssignment) -> None:
    nora, question = salt.newsroom.nora, salt.assignment(session).question
    marek = session.get_one(Expert, salt.newsroom.marek.expert_id)
    assignment = assigning.assign(session, nora, question, marek)
    answer = writing.submit(
        session, salt.newsroom.marek, assignment, writing.AnswerContent("The river does.", own_words=True)
    )
    editing.approve(session, nora, answer, checklist=editing.CHECKLIST)
    contacts.leave_unnamed(session, nora, session.scalars(select(Letter)).one())
    edition = list_editions_to_run(session, question.newsletter_id, 1)[0]
    slots.pick(session, nora, question, edition)
    locking.lock_edition(session, nora, edition)
    publication.send(session, nora, edition)


@pytest.mark.parametrize("end", [cancelled, close_question, ran_with_mareks_answer])
@pytest.mark.parametrize("act", ["suggest", "ask"])
def test_what_leyla_says_when_it_is_over_is_shown_to_her_and_written_nowhere(
    database: Database,
    newsroom: Newsroom,
    enter: Callable[[str], Browser],
    act: str,
    end: Callable[[Session, ExpertAssignment], None],
) -> None:
    salt, leyla = ask_expert(database, newsroom), enter("leyla")
    own = f"/expert/assignments/{salt.public_id}"
    leyla.open(own)
    database.write(lambda session: end(session, salt))
    before = dump_tables(database)
    assert leyla.press(f"{own}/{act}", note="Gulnara knows more.").status_code == 409
    assert leyla.heading == "No answer is needed any more"
    kept = ("What you wrote was not passed on.", "Gulnara knows more.")
    assert [words in leyla.text for words in kept] == [True, True]
    assert dump_tables(database) == before


def test_after_a_no_a_colleague_is_still_welcome(
    database: Database, newsroom: Newsroom, enter: Callable[[str], Browser]
) -> None:
    salt, leyla = ask_expert(database, newsroom), enter("leyla")
    own = f"/expert/assignments/{salt.public_id}"
    leyla.open(own)
    database.write(lambda session: assigning.decline(session, newsroom.leyla, salt.assignment(session), "no time"))
    assert leyla.press(f"{own}/suggest", note="Gulnara knows more.").status_code == 303
    with database.read() as session:
        assert assigning.suggestion_of(session, salt.assignment(session)) == "Gulnara knows more."


def test_a_session_that_was_ended_sends_nothing_and_gives_the_words_back(
    database: Database, newsroom: Newsroom, enter: Callable[[str], Browser]
) -> None:
    salt, leyla = ask_expert(database, newsroom), enter("leyla")
    own = f"/expert/assignments/{salt.public_id}"
    leyla.open(own)

    def end(session: Session) -> None:
        person = session.get_one(Expert, newsroom.leyla.expert_id).person
        sessions.end_all(session, Clock(), person)

    database.write(end)
    assert leyla.press(f"{own}/send", answer="Words that took an hour.").status_code == 403
    assert "Words that took an hour." in leyla.text
    assert salt.state() == "invited"
    leyla.open(own)
    leyla.follow()
    assert leyla.heading == "Sign in"


def test_each_question_stands_where_it_waits(
    database: Database, newsroom: Newsroom, enter: Callable[[str], Browser]
) -> None:
    questions = [
        ask_expert(database, newsroom, f"Who counts the {thing}?") for thing in ("salt", "fish", "wells", "boats")
    ]
    salt, fish, wells, _boats = questions
    salt.send()
    fish.send()
    fish.edit()
    fish.send_to_check()
    wells.send()
    wells.edit()
    wells.approve()
    wells.publish()
    leyla = enter("leyla")
    leyla.open("/expert/")
    assert leyla.page.texts("h2") == ["To answer", "To check", "With the desk", "Published"]
    assert "One question is waiting for your answer. One edited text is waiting for your check." in leyla.page.main_text


def test_the_page_asks_the_database_as_often_for_many_as_for_one(
    database: Database, newsroom: Newsroom, app: Flask, enter: Callable[[str], Browser]
) -> None:
    leyla = enter("leyla")
    ask_expert(database, newsroom)
    asks: list[str] = []
    event.listen(app.extensions["database"].reader, "before_cursor_execute", lambda *call: asks.append(call[2]))

    def count() -> int:
        asks.clear()
        assert leyla.open("/expert/").status_code == 200
        return len(asks)

    one = count()
    for number in range(5):
        ask_expert(database, newsroom, f"Question {number} about the salt?")
    assert count() == one > 0


def profile(leyla: Browser) -> dict[str, str]:
    leyla.open("/expert/profile")
    return {
        name: leyla.value(name)
        for name in ("version", "name", "credit_line", "organisation", "bio", "ties", "topics", "away_until")
    }


def test_the_profile_is_kept(database: Database, newsroom: Newsroom, enter: Callable[[str], Browser]) -> None:
    leyla = enter("leyla")
    form = {**profile(leyla), "bio": "Two decades on the plain.", "topics": "salt, wind", "away_until": "2099-01-07"}
    leyla.press("/expert/profile", **form, languages=["fa", "en", "xx"])
    with database.read() as session:
        row = session.get_one(Expert, newsroom.leyla.expert_id)
        assert (row.bio, row.topics, row.languages) == ("Two decades on the plain.", ["salt", "wind"], ["en", "fa"])
        assert str(row.away_until) == "2099-01-07"
        assert row.verified_at is not None


def test_the_profile_promises_no_page_that_is_not_there(enter: Callable[[str], Browser]) -> None:
    leyla = enter("leyla")
    leyla.open("/expert/profile")
    assert (leyla.page.parts("form.form") != [], "A page with your answers" in leyla.text) == (True, False)


def test_the_second_of_two_who_change_a_profile_sees_both_texts(
    database: Database, newsroom: Newsroom, enter: Callable[[str], Browser]
) -> None:
    leyla = enter("leyla")
    form = {**profile(leyla), "organisation": "The Station"}

    def nora_changes(session: Session) -> None:
        row = session.get_one(Expert, newsroom.leyla.expert_id)
        directory.change_profile(session, newsroom.nora, row, row.version, organisation="Karakum Field Station")

    database.write(nora_changes)
    assert leyla.press("/expert/profile", **form).status_code == 409
    assert leyla.value("organisation") == "The Station"
    assert "It now says: Karakum Field Station" in leyla.text
    form["version"] = leyla.value("version")
    assert leyla.press("/expert/profile", **form).status_code == 303
    assert profile(leyla)["organisation"] == "The Station"


@pytest.mark.threat("another site")
def test_a_form_without_its_token_changes_nothing(
    database: Database, newsroom: Newsroom, enter: Callable[[str], Browser]
) -> None:
    salt, leyla = ask_expert(database, newsroom), enter("leyla")
    form, before = profile(leyla), dump_tables(database)
    assert leyla.press("/expert/profile", **form, csrf_token="").status_code == 400
    assert leyla.press(f"/expert/assignments/{salt.public_id}/send", csrf_token="", answer="Yes.").status_code == 400
    assert dump_tables(database) == before


def test_a_name_or_date_that_is_none_comes_back_with_the_rest(
    newsroom: Newsroom, enter: Callable[[str], Browser]
) -> None:
    leyla = enter("leyla")
    form = {**profile(leyla), "name": " ", "away_until": "soon", "bio": "Two decades on the plain."}
    assert leyla.press("/expert/profile", **form).status_code == 400
    assert leyla.value("bio") == "Two decades on the plain."
    assert leyla.text.count('class="error"') == 2
