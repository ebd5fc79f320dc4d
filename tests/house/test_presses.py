"""From the tables of moves to the buttons: each move that the desk makes has a press, and a question's page draws it."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.cli.commands import MACHINES
from app.core.permissions import ROLES
from app.db.engine import Database
from app.db.session import now
from app.editions.queries import list_editions_to_run
from app.editor.answers.answer_page import MOVES as OF_ANSWERS
from app.editor.answers.invitation_page import MOVES as OF_ASSIGNMENTS
from app.editor.editions.edition_page import ACTIONS as OF_EDITIONS
from app.editor.frame import editor
from app.editor.mail.outbox_page import ACTIONS as OF_MAILS
from app.editor.mail.pen import ACTIONS as OF_THE_PEN
from app.editor.question_labels import STATE_BUTTONS, STATE_LABELS
from app.editor.questions.question_actions import MOVES
from app.questions.lifecycle import QUESTION, STATES
from app.questions.models import Question
from tests.support.desk import Desk
from tests.support.letters import open_question
from tests.support.sample_newsroom import Newsroom

ACTIONS, LABELS = "app/editor/questions/question_actions.py", "app/editor/question_labels.py"
AT_THE_DESK = {
    f"{machine.noun}.{move.action}": move for machine in MACHINES for move in machine.moves if ROLES["admin"].acts & {*move.acts}
}  # fmt: skip
IN_TABLES = {
    *(f"question.{move}" for move in MOVES), *(f"assignment.{move}" for move in OF_ASSIGNMENTS),
    *(f"answer.{move}" for move in OF_ANSWERS), *(f"edition.{press}" for press in OF_EDITIONS),
    *(f"mail.{act}" for act in OF_MAILS), *(f"inbound.{act.move}" for act in OF_THE_PEN.values()),
}  # fmt: skip
# The presses of the moves that stand in none of the tables of presses.
OF_THEIR_OWN = {
    "letter.send": "letter_write_down", "letter.hold": "letter_crowds_hold", "letter.release": "letter_move", "letter.file": "letter_file", "letter.end": "letter_end",
    "letter.reopen": "letter_move", "letter.undo": "undo",
    "question.open": "letter_file", "question.pick": "question_pick", "question.drop": "question_pull",
    "question.retract": "question_retract", "question.close": "question_close", "question.merge": "question_merge",
    "question.undo": "undo",
    "mail.hold again": "change_expert_address",
    "assignment.draft": "ask_draft", "assignment.invite": "assignment_invite",
    "answer.let stand": "answer_move",  # the press "settle"
    "assignment.return": "answer_move",  # with its answer's
    "answer.start": "answer_enter", "answer.submit": "answer_enter", "answer.edit": "answer_save", "answer.check": "answer_check",
    "answer.reply": "answer_move", "answer.approve": "answer_approve",
    "answer.use": "answer_use",
    **dict.fromkeys(("translation.start", "translation.change"), "translation_save"), "translation.approve": "translation_approve",
    **dict.fromkeys(("translation.reopen", "translation.drop"), "translation_move"),
    "translator.invite": "translator_invite",
    **dict.fromkeys(("translator.invite again", "translator.withdraw"), "translator_move"),
    "edition.plan": "change_settings", "edition.import": "back_issues_import", "question.import": "back_issues_import",
    "newsletter.found": "make_newsletter", "newsletter.pause": "press_newsletter", "newsletter.resume": "press_newsletter",
    "newsletter.close": "press_newsletter", "newsletter.undo": "undo",
    "mail.recall": "undo",
    "mail.forget": "press",  # an edition is unlocked, and what every asker took back meanwhile leaves it
    "inbound.put back": "letter_to_pen",
}  # fmt: skip
# Where the form of a move is sent that is no press of MOVES, if not to the move's own name; and where a page shows none.
SENT_TO = {"drop": "pull"}
NOT_DRAWN = {
    ("shelved", "pick"): "the edition's page picks from the shelf",
    **{(state, "undo"): "it stands in the notice of the press that it takes back" for state in STATES},
}


@pytest.mark.parametrize("name", AT_THE_DESK)
def test_a_move_that_the_desk_may_make_has_a_press(name: str) -> None:
    where = f"give it its verb in MOVES of {ACTIONS}" if name.startswith("question.") else "declare a press for it"
    assert name in IN_TABLES or name in OF_THEIR_OWN, (
        f"The table lets the desk make {name}, and there is no press: {where}; or name the press that makes it in "
        "OF_THEIR_OWN of this file."
    )


def test_the_presses_that_make_moves_are_there() -> None:
    lost = [
        f"{name}: no press is called {press!r}"
        for name, press in OF_THEIR_OWN.items()
        if f"editor.{press}" not in editor.permissions
    ]
    lost += [
        f"{name} is no move of the desk: take it out of OF_THEIR_OWN"
        for name in OF_THEIR_OWN.keys() - AT_THE_DESK.keys()
    ]
    lost += [
        f"{name} is in a table of presses: take it out of OF_THEIR_OWN" for name in OF_THEIR_OWN.keys() & IN_TABLES
    ]
    assert not lost, "\n".join(lost)  # fmt: skip


def test_a_press_asks_for_what_its_move_asks_for() -> None:
    wrong = [
        f"The table asks for {move.act!r} to {move.action} a question, and the press for {act!r}: say it in the row of "
        f"`question_move` in {ACTIONS}."
        for move in QUESTION.moves
        if move.action in MOVES
        and (act := editor.get_permission("editor.question_move", f"/{move.action}")) not in move.acts
    ]
    assert not wrong, "\n".join(wrong)


def test_the_words_of_a_button_are_of_a_move_that_has_a_press() -> None:
    said = {words.step[0]: f"The first button of {state!r}" for state, words in STATE_LABELS.items() if words.step}
    said |= dict.fromkeys(STATE_BUTTONS, f"A button of STATE_BUTTONS in {LABELS}")
    wrong = [
        f"{which} makes {move!r}, which is not in MOVES of {ACTIONS}."
        for move, which in said.items()
        if move not in MOVES
    ]
    assert not wrong, "\n".join(wrong)  # fmt: skip


def create_question_in(database: Database, newsroom: Newsroom, state: str) -> str:
    """A question in a state, with the facts that the database wants there, wherever the moves lead from it."""
    one, other = open_question(database, newsroom), open_question(database, newsroom, "Another Wind")

    def set_state(session: Session) -> None:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        facts = {
            "queued": {"edition_id": edition.id, "position": 1},
            "published": {"edition_id": edition.id, "position": 1, "published_at": now(session)},
            "retracted": {"published_at": now(session)},
            "closed": {"closed_reason": "nobody"},
            "merged": {"merged_into_id": session.scalar(select(Question.id).filter_by(public_id=other))},
        }.get(state, {})
        session.execute(update(Question).filter_by(public_id=one).values(state=state, **facts))

    try:
        database.write(set_state)
    except IntegrityError as refused:
        pytest.fail(
            f"The database takes no question that is {state!r}: write a migration of its CHECK. ({refused.orig})"
        )
    return one


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where the database makes no difference
@pytest.mark.parametrize("state", STATES)
def test_the_page_of_a_question_has_a_form_for_each_move_that_leads_on(
    nora: Desk, database: Database, newsroom: Newsroom, state: str
) -> None:
    public_id = create_question_in(database, newsroom, state)
    with database.read() as session:
        may = QUESTION.list_allowed_actions(
            newsroom.nora, session.scalars(select(Question).filter_by(public_id=public_id)).one()
        )
    page = nora.get(f"/questions/{public_id}")
    drawn = {
        (form.action or "").rpartition("/")[2]
        for form in page.forms
        if f"/questions/{public_id}/" in (form.action or "")
    }
    lost = [
        f"The page of a question that is {state!r} has no button for {move!r}: give it words in STATE_BUTTONS or as "
        f"`step` of a state in {LABELS}, or a form in app/templates/editor/questions/."
        for move in may
        if SENT_TO.get(move, move) not in drawn and (state, move) not in NOT_DRAWN
    ]  # fmt: skip
    assert not lost, "\n".join(lost)
