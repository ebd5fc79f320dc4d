"""Undo for a minute, several letters at once, and two people at once: nothing is lost, and the second is told who was first."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.audit import Event
from app.core.actors import Clock
from app.db.engine import Database
from app.db.session import now
from app.editions import slots
from app.editions.queries import list_editions_to_run
from app.letters import filing
from app.letters.models import Contact, Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Topic
from app.questions import actions
from app.questions.models import Question, QuestionTopic
from app.search.models import Verdict
from app.workflows import undo
from app.workflows.indexing import index_due
from tests.support.assignments import ask_expert
from tests.support.database_checks import get_one
from tests.support.desk import get_version, press_undo
from tests.support.letters import change_letter, get_letter, list_checkbox_values, list_letter_ids, send_letter
from tests.support.mailroom import receive_expert_mail
from tests.support.sample_newsroom import create_answered_question

pytestmark = pytest.mark.usefixtures("one_minute_undo")

SALT = "who counts the salt in our orchard?"
AGAIN = "Who counts the salt that falls in the orchard?"
FIGURES = "can a village ask for the figures"


def facts(database: Database, public_id: str) -> tuple[object, ...]:
    letter = get_letter(database, public_id)
    return tuple(getattr(letter, name) for name in ("state", *filing.FACTS))


PRESSES = (
    ("file", {"kind": "comment"}), ("file", {"kind": "spam"}), ("file", {"kind": "question"}), ("file", {"kind": "shelf"}),
    ("end", {"reason": "later"}), ("release", {}),
)  # fmt: skip


def test_each_press_has_its_inverse_and_the_letter_stands_as_it_stood(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT, hear_back="once", email="dana@post.example")
    held = send_letter(database, newsroom, "?! ?! …12345678 1")
    for act, fields in PRESSES:
        public_id = held if act == "release" else salt
        before = facts(database, public_id)
        led = nora.post(f"/letters/{public_id}/{act}", version=get_letter(database, public_id).version, **fields)
        assert facts(database, public_id) != before
        assert (press_undo(nora, led), facts(database, public_id)) == ("Undone.", before), (act, fields)
    assert list_letter_ids(nora.get("/letters")) == [salt, held]  # of which no minute is kept
    assert "Nothing matches “Closed”." in nora.get("/questions?state=closed")
    with database.read() as session:
        assert list(session.scalars(select(Question.closed_reason))) == ["undone", "undone"]
        assert session.scalar(select(func.count()).select_from(Contact)) == 1


def test_a_letter_that_was_filed_before_goes_back_to_that(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT)
    nora.post(f"/letters/{salt}/file", kind="tip", version="1")
    led = nora.post(f"/letters/{salt}/file", kind="spam", version="2")
    assert press_undo(nora, led) == "Undone."
    assert facts(database, salt)[:2] == ("filed", "tip")


def test_the_notice_of_an_end_is_recalled_and_written_again_when_it_ends_again(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT, hear_back="once", email="dana@post.example")
    press_undo(nora, nora.post(f"/letters/{salt}/end", reason="later", version="1"))
    assert get_one(database, OutboxMail).state == "discarded"
    led = nora.post(f"/letters/{salt}/end", reason="outside", version=get_letter(database, salt).version)
    with database.read() as session:
        assert list(session.scalars(select(OutboxMail.state).order_by(OutboxMail.id))) == ["discarded", "queued"]

    def goes_out(session):
        mail = session.scalars(select(OutboxMail).filter_by(state="queued")).one()
        outbox.move(session, Clock(), mail, "send", sent_at=now(session))

    database.write(goes_out)
    assert press_undo(nora, led) == "One stays as it is: its reader has been told by mail."
    assert get_letter(database, salt).state == "ended"


def test_after_a_minute_or_when_somebody_went_on_it_is_refused_and_says_why(
    nora, ilya, database, newsroom, monkeypatch
):
    salt, figures = send_letter(database, newsroom, SALT), send_letter(database, newsroom, FIGURES)
    led = nora.post(f"/letters/{salt}/file", kind="tip", version="1")
    ilya.post(f"/letters/{salt}/file", kind="spam", version="2")
    assert press_undo(nora, led) == "One stays as it is: Ilya Brandt filed the letter as: Spam."
    led = nora.post(f"/letters/{figures}/file", kind="question", version="1")
    question = get_one(database, Question).public_id
    ilya.post(f"/questions/{question}/note", note="I know somebody for this.")
    assert press_undo(nora, led).startswith("Undone. One stays as it is: ")
    assert (get_letter(database, figures).state, get_one(database, Question).state) == ("received", "open")
    monkeypatch.setattr(undo, "UNDO_PERIOD", timedelta(seconds=-11))
    led = nora.post(f"/letters/{figures}/file", kind="tip", version=get_letter(database, figures).version)
    assert press_undo(nora, led) == "One stays as it is: the minute is over."
    assert get_letter(database, figures).filed_as == "tip"


def test_a_press_that_names_what_somebody_else_did_since_takes_nothing_of_it_back(nora, ilya, database, newsroom):
    salt, figures = send_letter(database, newsroom, SALT), send_letter(database, newsroom, FIGURES)
    nora.post(f"/letters/{salt}/file", kind="tip", version="1")
    ilya.post(f"/letters/{salt}/file", kind="spam", version="2")
    nora.post(f"/letters/{figures}/file", kind="question", version="1")
    question = get_one(database, Question).public_id
    ilya.post(f"/questions/{question}/note", note="I know somebody for this.")
    with database.read() as session:
        everything = ".".join(str(key) for key in session.scalars(select(Event.id)))
    nora.post("/undo", press=everything, back="/desk/steppe/letters")
    assert get_letter(database, salt).filed_as == "spam"
    assert get_one(database, Question).state == "open"


def test_nobody_undoes_what_somebody_else_did(nora, ilya, database, newsroom):
    salt = send_letter(database, newsroom, SALT)
    ilya.post(f"/letters/{salt}/file", kind="tip", version="1")
    with database.read() as session:
        theirs = session.scalars(select(Event.id).filter_by(action="letter.file")).one()
    nora.get(nora.post("/undo", press=str(theirs), back="/desk/steppe/letters"))
    assert get_letter(database, salt).filed_as == "tip"
    letter = receive_expert_mail(database, ask_expert(database, newsroom).assignment_id)
    before = facts(database, letter)
    assert press_undo(nora, nora.post(f"/letters/{letter}/reply", kind="comment", version="1")) == "Undone."
    assert facts(database, letter) == before
    led = nora.post("/undo", press="1.x.99999999999999999999.", back="https://elsewhere.example/")
    assert led == "/desk/steppe/letters"
    assert "There is nothing to undo." in nora.get(led)


def test_a_press_for_many_does_what_it_can_and_is_undone_by_one(nora, database, newsroom):
    salt, again, figures = (send_letter(database, newsroom, body) for body in (SALT, AGAIN, FIGURES))
    ticked = list_checkbox_values(nora.get("/letters?tick=all"))
    assert nora.get("/letters?tick=all").count(" checked>") == 3
    change_letter(database, figures, lambda session, letter: filing.file(session, newsroom.ilya, letter, "tip"))
    led = nora.post("/letters", act="comment", letter=ticked, list="state=all&channel=web")
    assert led == "/desk/steppe/letters?state=all&channel=web"
    page = nora.get(nora.post("/letters", act="comment", letter=ticked, list="state=all"))
    assert "3 stay as they are: " not in page
    assert "2 stay as they are: you, in another window, filed the letter as: Comment." in page
    assert "One stays as it is: Ilya Brandt filed the letter as: Tip." in page
    assert [get_letter(database, each).filed_as for each in (salt, again, figures)] == ["comment", "comment", "tip"]


def test_letters_become_one_question_join_the_one_that_is_there_and_come_apart_again(nora, database, newsroom):
    salt, again, figures = (send_letter(database, newsroom, body) for body in (SALT, AGAIN, FIGURES))
    nora.post("/letters", act="question", letter=[f"{salt}.1"])
    led = nora.post("/letters", act="question", letter=[f"{salt}.2", f"{again}.1"])
    question = get_one(database, Question)
    assert {get_letter(database, each).question_id for each in (salt, again)} == {question.id}
    assert press_undo(nora, led) == "Undone."
    assert (get_letter(database, salt).question_id, get_letter(database, again).state) == (question.id, "received")
    nora.post("/letters", act="question", letter=[f"{figures}.1"])
    page = nora.get(nora.post("/letters", act="question", letter=[f"{salt}.2", f"{figures}.2", f"{again}.3"]))
    assert "One letter belongs to the question now. One stays as it is: it belongs to another question" in page
    led = nora.post(f"/letters/{again}/reopen", version=get_letter(database, again).version)
    assert (get_letter(database, again).state, get_letter(database, again).question_id) == ("received", None)
    assert press_undo(nora, led) == "Undone."
    assert get_letter(database, again).question_id == question.id


@pytest.mark.parametrize("act", ["shelf", "topic"])
def test_letters_are_shelved_or_put_under_a_topic_as_questions_of_their_own(nora, database, newsroom, act):
    def name(session):
        session.add(Topic(newsletter_id=newsroom.newsletter_id, slug="water", name="Water"))

    database.write(name)
    send_letter(database, newsroom, SALT)
    send_letter(database, newsroom, FIGURES)
    led = nora.post("/letters", act=act, topic="water", letter=list_checkbox_values(nora.get("/letters")))
    with database.read() as session:
        states = list(session.scalars(select(Question.state)))
        topics = session.scalar(select(func.count()).select_from(QuestionTopic))
    assert (states, topics) == ((["shelved"] * 2, 0) if act == "shelf" else (["open"] * 2, 2))
    assert press_undo(nora, led) == "Undone."
    assert len(list_letter_ids(nora.get("/letters"))) == 2


def test_the_second_of_two_is_told_who_was_first_and_what_they_did(nora, ilya, database, newsroom):
    salt = send_letter(database, newsroom, SALT)
    seen = get_version(nora.get(f"/letters/{salt}"))
    ilya.post(f"/letters/{salt}/file", kind="tip", version=seen)
    for act, fields in (("file", {"kind": "spam"}), ("end", {"reason": "later"}), ("reopen", {}), ("release", {})):
        page = nora.post(f"/letters/{salt}/{act}", 409, version=seen, **fields)
        assert (
            "Ilya Brandt filed the letter as: Tip, 1 minute ago. What they did stands, and nothing was written over it."
            in page
        )
        assert f'<a class="btn" href="/desk/steppe/letters/{salt}">Back to the letter</a>' in page
    assert get_letter(database, salt).filed_as == "tip"


def test_what_runs_keeps_its_askers(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT)

    def pick(session):
        question = create_answered_question(session, newsroom, "Salt")
        actions.join(session, newsroom.nora, question, [session.scalars(select(Letter)).one()])
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        slots.pick(session, newsroom.nora, question, edition)

    database.write(pick)
    seen = get_letter(database, salt).version
    for act, fields in (("file", {"kind": "spam"}), ("end", {"reason": "later"}), ("reopen", {})):
        nora.post(f"/letters/{salt}/{act}", 409, version=seen, **fields)
    page = nora.get(nora.post("/letters", act="spam", letter=[f"{salt}.{seen}"]))
    assert "One stays as it is: it is picked for an edition, or ran in one." in page
    assert get_letter(database, salt).version == seen


def test_a_look_alike_is_joined_by_one_press_and_refused_by_one(nora, app, database, newsroom):
    salt, figures, again = (send_letter(database, newsroom, body) for body in (SALT, FIGURES, AGAIN))
    while index_due(database):
        pass
    [likely] = nora.get(f"/letters/{again}").parts("ul.alike")
    assert SALT in likely.main_text
    assert "Same words: " in likely.main_text
    assert FIGURES not in likely.main_text  # nobody could say why
    sent = {"with": f"letter.{salt}", "pair": likely.value("pair"), "version": "1"}
    led = nora.post(f"/letters/{again}/alike", same="no", **sent)
    assert "They are not the same" in nora.get(led)
    assert nora.get(f"/letters/{again}").parts("ul.alike") == []
    led = nora.post(f"/letters/{again}/alike", same="yes", **sent)
    assert led == f"/desk/steppe/letters/{figures}"
    assert (
        get_letter(database, salt).question_id
        == get_letter(database, again).question_id
        == get_one(database, Question).id
    )
    assert press_undo(nora, led) == "Undone."
    assert list_letter_ids(nora.get("/letters")) == [again, figures, salt]
    nora.post(f"/letters/{again}/alike", 404, same="yes", **{**sent, "with": "letter.0123456789AB", "version": "3"})
    nora.post(f"/letters/{again}/alike", 409, same="yes", **sent)


def test_what_is_undone_and_what_is_split_again_teaches_matching_nothing(nora, database, newsroom):
    salt, again = (send_letter(database, newsroom, body) for body in (SALT, AGAIN))
    while index_due(database):
        pass
    pair = nora.get(f"/letters/{again}").value("pair")
    sent = {"with": f"letter.{salt}", "pair": pair, "same": "yes"}
    led = nora.post(f"/letters/{again}/alike", version="1", **sent)
    assert get_one(database, Verdict).same
    assert press_undo(nora, led) == "Undone."
    assert list_trail(database) == ["verdict.same", "verdict.take back"]

    first, second = (
        database.write(
            lambda s, body=body: actions.open_question(s, newsroom.nora, [], body=body, language="en").public_id
        )
        for body in (SALT, AGAIN)
    )
    while index_due(database):
        pass
    for take_back in (lambda led: press_undo(nora, led), lambda _led: nora.post(f"/questions/{second}/split")):
        led = nora.post(f"/questions/{first}/alike", pair=f"question.{second}", same="yes")
        assert get_one(database, Verdict).same
        take_back(led)
        assert get_one(database, Question, public_id=second).state == "open"
        assert list_trail(database)[-2:] == ["verdict.same", "verdict.take back"]
    led = nora.post(f"/questions/{first}/alike", pair=f"letter.{salt}", same="yes")
    assert get_one(database, Verdict).same
    assert press_undo(nora, led) == "Undone."
    assert list_trail(database)[-2:] == ["verdict.same", "verdict.take back"]


def test_what_cant_be_undone_stays_said(nora, ilya, database, newsroom):
    first, second = (
        database.write(
            lambda s, body=body: actions.open_question(s, newsroom.nora, [], body=body, language="en").public_id
        )
        for body in (SALT, AGAIN)
    )
    while index_due(database):
        pass
    led = nora.get(nora.post(f"/questions/{first}/alike", pair=f"question.{second}", same="yes"))
    ilya.post(f"/questions/{second}/split")
    assert list_trail(database) == ["verdict.same", "verdict.take back"]
    ilya.post(f"/questions/{first}/alike", pair=f"question.{second}", same="yes")
    assert press_undo(nora, led).startswith("One stays as it is: ")
    assert get_one(database, Verdict).same


def list_trail(database: Database) -> list[str]:
    """What the trail tells of look-alikes; nothing stands behind a word that was taken back."""
    with database.read() as session:
        actions = list(session.scalars(select(Event.action).where(Event.noun == "verdict").order_by(Event.id)))
        assert (session.scalar(select(func.count()).select_from(Verdict)) == 0) == (actions[-1] == "verdict.take back")
        return actions
