"""Two people decide about one thing: the second, who saw it as it was before, hears who did what; nothing is lost or undone."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.answers.models import Assignment
from app.core.actors import Clock
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Topic
from app.questions import actions
from app.questions.models import Question
from app.workflows.publishing import publication
from tests.support.assignments import ask_expert
from tests.support.database_checks import get_one
from tests.support.desk import Desk, decode_token, get_newest_change, get_version, get_version_token
from tests.support.letters import QUESTION_BODY, open_question
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_answered_question


def happened(page: Page) -> str:
    """What the page of a refusal says has happened."""
    said = page.main_text.partition("changed in the meantime ")[2].partition(" What you can do")[0]
    return said.partition(" What you wrote is below")[0]


def reword(desk: Desk, question: str) -> None:
    page = desk.get(question)
    desk.post(
        f"{question}/wording",
        seen=get_version_token(page, "wording"),
        headline="Salt",
        body="Who weighs the salt?",
        language="en",
    )


@pytest.mark.parametrize(
    ("act", "typed"),
    [
        ("shelve", {}),
        ("close", {"reason": "nobody", "sentence": "We looked for long."}),
        ("merge", {"into": "the other one"}),
    ],
)
def test_what_was_worded_anew_is_not_put_aside_unseen(nora, ilya, database, newsroom, act, typed):
    public_id = open_question(database, newsroom)
    question = f"/questions/{public_id}"
    if "into" in typed:
        typed = {"into": open_question(database, newsroom, "Salt plates")}
    opened_by_both = get_newest_change(nora.get(question))
    reword(ilya, question)
    page = nora.post(f"{question}/{act}", 409, newest=opened_by_both, **typed)
    assert happened(page) == (
        "Ilya Brandt worded it, 1 minute ago. What they did stands, and nothing was written over it."
    )
    assert typed.get("sentence", "") in page
    nora.post_action(question, act, **typed)
    assert get_one(database, Question, public_id=public_id).state in ("shelved", "closed", "merged")


def test_an_answer_that_came_in_meanwhile_is_not_closed_away(nora, database, newsroom):
    salt = ask_expert(database, newsroom)
    question = f"/questions/{get_one(database, Question).public_id}"
    before = get_newest_change(nora.get(question))
    salt.send("We put up salt plates.")
    page = nora.post(f"{question}/close", 409, newest=before, reason="nobody")
    assert (
        happened(page)
        == "The text of Leyla Aydın came in, 1 minute ago. What they did stands, and nothing was written over it."
    )
    assert get_one(database, Assignment).state == "received"


def test_readers_are_shown_the_wording_that_was_on_the_page(nora, ilya, vera, database, newsroom):
    question = f"/questions/{open_question(database, newsroom)}"
    before = get_version_token(nora.get(question))
    reword(ilya, question)
    vera.post(f"{question}/clear", seen=get_version_token(vera.get(question)))
    page = nora.post(f"{question}/show", 409, seen=before)
    assert happened(page).startswith("Vera Holm confirmed that nobody can be recognised in the wording, 1 minute ago.")
    assert get_one(database, Question).shown_at is None
    page = nora.get(question)
    nora.post(f"{question}/show", seen=get_version_token(page, "show"))
    assert get_one(database, Question).shown_at is not None


def test_who_takes_it_from_the_shelf_second_hears_who_was_first(nora, ilya, database, newsroom):
    public_id = open_question(database, newsroom)
    nora.post_action(f"/questions/{public_id}", "shelve")
    for path in (f"/questions/{public_id}/take", f"/shelf/{public_id}/take"):
        before = get_newest_change(nora.get(f"/questions/{public_id}"))
        ilya.post(path)
        page = nora.post(path, 409, newest=before)
        assert happened(page).startswith("Ilya Brandt took it from the shelf, 1 minute ago.")
        nora.post_action(f"/questions/{public_id}", "shelve")


def test_what_was_carried_over_is_not_pulled_from_where_nobody_saw_it(nora, vera, database, newsroom):
    def pick(session: Session) -> tuple[str, str]:
        question, edition = (
            create_answered_question(session, newsroom, QUESTION_BODY),
            list_editions_to_run(session, newsroom.newsletter_id, 1)[0],
        )
        slots.pick(session, newsroom.nora, question, edition)
        return question.public_id, edition.public_id

    public_id, edition = database.write(pick)
    opened_by_nora = get_version_token(nora.get(f"/questions/{public_id}"), "pull")
    vera.post(f"/editions/{edition}/carry", question=public_id)
    page = nora.post(f"/questions/{public_id}/pull", 409, seen=opened_by_nora, why="A figure is wrong.")
    assert happened(page).startswith("Vera Holm carried it over to a later edition, 1 minute ago.")
    assert "A figure is wrong." in page
    assert get_one(database, Question).state == "queued"


def test_topics_that_a_colleague_added_meanwhile_stay(nora, ilya, database, newsroom):
    question = f"/questions/{open_question(database, newsroom)}"
    nora.post(f"{question}/topics", more="Salt")
    had = get_version_token(nora.get(question), "topics")
    ilya.post(f"{question}/topics", seen=had, topic="Salt", more="Water")
    nora.post(f"{question}/topics", seen=had, more="Wind")  # she takes Salt away
    assert decode_token(get_version_token(nora.get(question), "topics"))["topics"] == ["Water", "Wind"]
    with database.read() as session:
        assert sorted(session.scalars(select(Topic.name))) == ["Salt", "Water", "Wind"]


def test_a_date_that_a_colleague_set_meanwhile_is_not_written_over(nora, ilya, database, newsroom):
    question = f"/questions/{open_question(database, newsroom)}"
    ilya.post(f"{question}/must-run-by", must_run_by="", by="2099-03-01")
    page = nora.post(f"{question}/must-run-by", 409, must_run_by="", by="2099-04-01")
    assert happened(page).startswith("Ilya Brandt set a date by which it must run, 1 minute ago.")
    assert str(get_one(database, Question).must_run_by) == "2099-03-01"


@pytest.fixture
def mail(database: Database, newsroom: Newsroom) -> str:
    """The page of the invitation to Leyla, which waits in the outbox until an editor sends it."""
    ask_expert(database, newsroom)
    turn(database, lambda mail: setattr(mail, "state", "held"))
    return f"/outbox/{get_one(database, OutboxMail).public_id}"


def turn(database: Database, fn: Callable[[OutboxMail], object]) -> None:
    database.write(lambda session: fn(session.scalars(select(OutboxMail)).one()))


def test_a_mail_is_not_discarded_with_words_that_nobody_read(nora, ilya, database, mail):
    before = get_version(nora.get(mail))
    ilya.post(f"{mail}/edit", version=before, subject="Salt", body="Dear Leyla, {link}")
    page = nora.post(f"{mail}/discard", 409, version=before)
    assert happened(page) == (
        "Ilya Brandt changed the words of the mail, 1 minute ago. What they did stands, and nothing was written over it."
    )
    assert "Back to the mail" in page
    assert get_one(database, OutboxMail).state == "held"
    nora.post(f"{mail}/discard", version=get_version(nora.get(mail)))
    assert get_one(database, OutboxMail).state == "discarded"


def test_a_mail_that_a_colleague_let_go_or_discarded_says_who(nora, ilya, vera, database, mail):
    before = get_version(nora.get(mail))
    vera.post(f"{mail}/release", version=before)
    assert happened(nora.post(f"{mail}/discard", 409, version=before)).startswith(
        "Vera Holm released the held mail, 1 minute ago."
    )
    assert get_one(database, OutboxMail).state == "queued"

    typed = {"version": before, "subject": "Salt", "body": "Dear Leyla, welcome: {link}"}
    page = ilya.post(f"{mail}/edit", 409, **typed)
    assert happened(page).startswith("Vera Holm released the held mail, 1 minute ago.")
    assert typed["body"] in page

    vera.post(f"{mail}/discard", version=get_version(vera.get(mail)))
    assert happened(nora.post(f"{mail}/release", 409, version=before)).startswith(
        "Vera Holm stopped the mail, 1 minute ago."
    )


def test_a_mail_that_is_tried_again_already_says_who_had_it_tried(nora, ilya, database, mail):
    def fail(session: Session) -> None:
        mail = session.scalars(select(OutboxMail)).one()
        mail.state = "queued"
        outbox.move(session, Clock(), mail, "fail", said="452 4.2.2 mailbox full")

    database.write(fail)
    before = get_version(nora.get(mail))
    ilya.post(f"{mail}/retry", version=before)
    for act in ("retry", "discard"):
        assert happened(nora.post(f"{mail}/{act}", 409, version=before)).startswith("Ilya Brandt retried the mail")
    assert get_one(database, OutboxMail).state == "queued"


def test_a_try_of_the_worker_keeps_nobody_from_stopping_a_mail(nora, database, mail):
    turn(database, lambda mail: setattr(mail, "state", "queued"))
    before = get_version(nora.get(mail))
    tried = update(OutboxMail).values(attempts=1, said="451 later", version=OutboxMail.version + 1)
    database.write(lambda session: session.execute(tried))
    nora.post(f"{mail}/discard", version=before)
    assert get_one(database, OutboxMail).state == "discarded"


def test_two_who_word_one_mail_learn_each_others_name(nora, ilya, mail):
    before = get_version(nora.get(f"{mail}/edit"))
    ilya.post(f"{mail}/edit", version=before, subject="His", body="His text {link}")
    page = nora.post(f"{mail}/edit", 409, version=before, subject="Hers", body="Her text {link}")
    assert "Ilya Brandt was faster" in page and "1 minute ago" in page
    assert "<ins>Hers</ins>" in page and "<del>His</del>" in page and ">\nHer text {link}</textarea>" in page


def test_an_edition_that_was_sent_anew_is_not_recalled_by_who_saw_the_first_time(nora, vera, database, newsroom):
    def send_edition(session: Session) -> str:
        question, edition = (
            create_answered_question(session, newsroom, QUESTION_BODY),
            list_editions_to_run(session, newsroom.newsletter_id, 1)[0],
        )
        slots.pick(session, newsroom.nora, question, edition)
        locking.lock_edition(session, newsroom.nora, edition)
        publication.send(session, newsroom.nora, edition)
        return edition.public_id

    edition = f"/editions/{database.write(send_edition)}"
    page = nora.get(edition)
    vera.post(f"{edition}/recall", version=get_version(vera.get(edition)))
    vera.post(f"{edition}/send", version=get_version(vera.get(edition)))
    said = nora.post(f"{edition}/recall", 409, seen=get_version_token(page))
    assert "This edition was changed after you opened this page, so nothing was done." in said
    assert [line for line in said.texts("li") if line.startswith("Vera Holm ")] == [
        "Vera Holm took the edition back.", "Vera Holm marked the edition as sent.",
    ]  # fmt: skip
    assert get_one(database, Edition, number=1).state == "sent"


def test_each_decision_on_a_questions_page_carries_what_the_page_showed(nora, database, newsroom):
    public_id = open_question(database, newsroom)
    database.write(lambda s: actions.show(s, newsroom.nora, s.scalars(select(Question)).one(), True))
    page = nora.get(f"/questions/{public_id}")
    decisions = ("shelve", "close", "merge", "hide")
    assert {act: "newest" in decode_token(get_version_token(page, act)) for act in decisions} == dict.fromkeys(
        decisions, True
    )
