"""Who an expert is, in print: from title and organisation, until the lock in the desk's words, and later by a correction."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, translating
from app.answers.assigning import Brief
from app.answers.models import Answer, Assignment
from app.db.engine import Database
from app.editions import slots
from app.editions.items import format_lead_in
from app.editions.queries import list_editions_to_run
from app.newsletters.models import Newsletter
from app.people import directory
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.models import Question, Translation
from tests.support.desk import FIRST_QUESTION, ComingEdition, Desk, get_version_token
from tests.support.reader_pages import lock_edition
from tests.support.sample_newsroom import Newsroom, create_submitted_answer

PROFILE = {"title": "Head of the gauges", "organisation": "Aral Station"}


def leyla(session: Session, newsroom: Newsroom) -> Expert:
    return session.get_one(Expert, newsroom.leyla.expert_id)


def ask(
    database: Database, newsroom: Newsroom, *, language: str = "en", line: str | None = None, **profile: Any
) -> str:
    """Leyla has this profile and is asked something in this language. Return the credit line of the assignment."""

    def fn(session: Session) -> str:
        directory.change_profile(
            session, newsroom.nora, leyla(session, newsroom), None, **{"credit_line": "", **profile}
        )
        question = actions.open_question(
            session, newsroom.nora, [], headline="Salt", body="Who weighs it?", language=language
        )
        wording.clear(session, newsroom.nora, question, question.text_id or 0)
        brief = Brief(credit_line=line)
        return assigning.assign(session, newsroom.nora, question, leyla(session, newsroom), brief).credit_line

    return database.write(fn)


def test_title_and_organisation_introduce_an_expert_who_has_no_credit_line(
    database: Database, newsroom: Newsroom
) -> None:
    assert ask(database, newsroom, **PROFILE) == "Head of the gauges, Aral Station"
    assert ask(database, newsroom, language="fa", **PROFILE) == "Head of the gauges، Aral Station"
    assert ask(database, newsroom, title="", organisation="Aral Station") == "Aral Station"
    assert ask(database, newsroom, **PROFILE, credit_line="who reads the gauges") == "who reads the gauges"
    assert ask(database, newsroom, **PROFILE, line="hydrologist") == "hydrologist"
    assert ask(database, newsroom, **PROFILE, line="") == ""


def test_title_and_organisation_identify_nobody_who_is_described(database: Database, newsroom: Newsroom) -> None:
    described = {"described_as": "a hydrologist at the lake"}
    assert ask(database, newsroom, **PROFILE, **described) == ""
    assert ask(database, newsroom, **PROFILE, described_as="") == "Head of the gauges, Aral Station"

    def describe_later(session: Session) -> str:
        directory.change_profile(session, newsroom.nora, leyla(session, newsroom), None, **described)
        assignment = session.scalars(select(Assignment).order_by(Assignment.id.desc())).first()
        assert assignment is not None
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        return format_lead_in(session, newsletter, assignment, "en")

    assert database.write(describe_later) == "To find out more, I asked a hydrologist at the lake:"


@pytest.fixture
def unintroduced(coming_edition: ComingEdition, newsroom: Newsroom) -> tuple[str, str]:
    """A picked question whose expert has no credit line: the paths of its page and of its answer."""

    def fn(session: Session) -> tuple[str, str]:
        leyla(session, newsroom).credit_line = ""
        answer = create_submitted_answer(session, newsroom, FIRST_QUESTION)
        editing.approve(session, newsroom.nora, answer, checklist=editing.CHECKLIST)
        question = session.get_one(Question, answer.question_id)
        slots.pick(session, newsroom.nora, question, list_editions_to_run(session, newsroom.newsletter_id, 1)[0])
        page = f"questions/{question.public_id}"
        return page, f"{page}/answers/{answer.public_id}"

    return coming_edition.database.write(fn)


def read_before(nora: Desk, coming_edition: ComingEdition) -> list[str]:
    return nora.get(coming_edition.page).texts("section.before li")


def test_a_lead_in_that_says_nothing_of_its_expert_is_flagged_before_the_lock_and_mended_there(
    nora: Desk, coming_edition: ComingEdition, unintroduced: tuple[str, str], newsroom: Newsroom
) -> None:
    question, answer = unintroduced
    flagged = f"{FIRST_QUESTION} : nothing says in print who Leyla Aydın is. Say who it is"
    assert flagged in read_before(nora, coming_edition)
    opened = nora.get(question)
    assert "Nothing says who that is." in opened.main_text
    token = get_version_token(opened, "introduce")
    nora.post(f"{answer}/introduce", seen=token, credit_line="soil  scientist", relation="who weighed it")
    assert flagged not in read_before(nora, coming_edition)
    assert "I asked Leyla Aydın, soil scientist, who weighed it:" in nora.get_text(coming_edition.page)
    assert "Nora Lind changed how Leyla Aydın is introduced in print." in nora.get_text(question + "?show=all")
    # Whoever had the page open before is told, and nothing is written over.
    nora.post(f"{answer}/introduce", 409, seen=token, credit_line="geographer", relation="")
    again = nora.post_action(question, f"answers/{answer.rpartition('/')[2]}/introduce", 422, credit_line="x" * 401)
    assert "This is too long" in again
    lock_edition(coming_edition.database, newsroom)
    assert "introduce" not in " ".join(nora.get(question).attributes("form", "action"))
    with coming_edition.database.read() as session:
        assignment = session.scalars(select(Assignment)).one()
        answers = session.scalars(select(Answer)).one()
        assert answers.credit == assignment.credit
        assert assignment.credit_line == "soil scientist"
        version = assignment.version
    nora.post(f"{answer}/introduce", 409, seen={"version": version}, credit_line="geographer", relation="")


def test_what_the_profile_says_by_now_is_proposed_where_print_says_nothing(
    nora: Desk, coming_edition: ComingEdition, unintroduced: tuple[str, str], newsroom: Newsroom
) -> None:
    question, _answer = unintroduced

    def fill_in(session: Session) -> None:
        leyla(session, newsroom).title, leyla(session, newsroom).organisation = (
            "soil scientist",
            "Karakum Field Station",
        )

    coming_edition.database.write(fill_in)
    opened = nora.get(question)
    assert "Who Leyla Aydın is, in print" in opened.texts("details[open] > summary")
    assert opened.value("credit_line") == "soil scientist, Karakum Field Station"
    assert "Nothing says who that is." in opened.main_text  # proposed, not saved


def test_other_lines_about_an_expert_need_another_look_at_their_translation(
    nora: Desk, unintroduced: tuple[str, str], newsroom: Newsroom
) -> None:
    def translate(session: Session) -> None:
        answer = session.scalars(select(Answer)).one()
        question = session.get_one(Question, answer.question_id)
        original = next(one for one in translating.list_originals(session, question) if one.answer is answer)
        content = translating.TranslationFields("گچ و نمک.", name="لیلا آیدین", relation="که آن را وزن کرد")
        translation = translating.translate(session, newsroom.nora, original, "fa", content)
        translating.approve(
            session, newsroom.nora, translation, original, has_compared=True, reason="She reads it on paper"
        )

    def state() -> str:
        with nora.database.read() as session:
            return session.scalars(select(Translation)).one().state

    question, answer = unintroduced
    nora.database.write(translate)
    for relation, expected in (("", "approved"), ("who weighed it twice", "draft")):
        token = get_version_token(nora.get(question), "introduce")
        nora.post(f"{answer}/introduce", seen=token, credit_line="", relation=relation)
        assert state() == expected


@pytest.mark.threat("rogue assistant")
def test_who_may_not_approve_does_not_change_what_was_approved(
    nora: Desk, ilya: Desk, unintroduced: tuple[str, str]
) -> None:
    question, answer = unintroduced
    assert "introduce" not in " ".join(ilya.get(question).attributes("form", "action"))
    token = get_version_token(nora.get(question), "introduce")
    ilya.post(f"{answer}/introduce", 404, seen=token, credit_line="geographer", relation="")
