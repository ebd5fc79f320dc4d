"""The table of what can be taken back: every move that an undo could lead back from has its row, and every row its sentence."""

import re
from pathlib import Path

import pytest

from app.core.state_machine import Move
from app.workflows.undo import NOUNS, UNDO
from tests.support.required_rows import compare_names

# Events without a move of a state, which can be taken back all the same.
NO_MOVE = {"question.topics", "question.carry", "edition.move", "edition.slots", "assignment.ask_back", "letter.sweep"}
# Where a row could go back by its states and does not, each with why.
STAYS = {
    "letter.send": "a reader wrote it",
    "letter.join": "a reader wrote it",
    "letter.forget": "its words are erased",
    "newsletter.found": "one that is not wanted is closed",
    "question.answer": "it follows an approval, which is opened again by hand",
    "question.unanswer": "it follows from opening an answer again",
    "question.take": "it is put back on the shelf by hand",
    "question.reopen": "it is closed again by hand, and its readers hear of it then",
    "assignment.draft": "a draft is cancelled",
    "assignment.uninvite": "it is an undo itself",
    "assignment.take back": "the expert did it",
    "answer.edit": "each version is kept, and edited on",
    "answer.recall": "it is an undo itself",
    "answer.object": "an expert says it, and the desk answers it",
}
MACHINES = {machine.noun: machine for _model, machine in NOUNS.values()}
MOVES = {f"{noun}.{move.action}": move for noun, machine in MACHINES.items() for move in machine.moves}


def leads_back(name: str, move: Move) -> bool:
    """Whether the noun's undo leads from where a move ends to where it began."""
    ways = [way for way in MACHINES[name].moves if way.action == "undo"]
    begun = set(move.source)
    return any(set(move.target) & set(way.source) and (not begun or begun & set(way.target)) for way in ways)


@pytest.mark.parametrize("action", sorted(MOVES))
def test_every_move_that_could_be_undone_has_a_row_or_a_reason(action: str) -> None:
    noun, _, name = action.partition(".")
    if name != "undo" and leads_back(noun, MOVES[action]):
        assert (action in UNDO) != (action in STAYS), (
            f"The states allow that {action} is undone: give it a row in app/workflows/undo.py, or say in STAYS why it stays."
        )


@pytest.mark.parametrize(
    "action", sorted(action for action in UNDO.keys() & MOVES.keys() if action.startswith("question."))
)
def test_undoing_leads_a_question_back_to_each_state_in_which_it_could_begin(action: str) -> None:
    undoing = [move for move in MACHINES["question"].moves if move.action == "undo"]
    for source in MOVES[action].source:
        assert any(set(MOVES[action].target) & set(way.source) and source in way.target for way in undoing), (
            f"{action} begins in {source!r}, and undoing it doesn't lead there: add the state to the targets of the move "
            f"`undo` in app/questions/lifecycle.py."
        )


@pytest.mark.parametrize("action", sorted(UNDO))
def test_every_row_is_an_event_with_a_sentence(action: str) -> None:
    assert action in MOVES or action in NO_MOVE, (
        f"{action} is no move and no event in NO_MOVE: the row takes nothing back."
    )
    assert re.fullmatch(r"[A-Z].+\.", UNDO[action].sentence), (
        f"Say in a sentence how all stands after {action} is undone."
    )


def test_the_page_is_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "undo.md").read_text("utf-8")
    rows = [
        " | ".join(cell.strip() for cell in line.strip("|").split("|")) for line in page.splitlines() if line[:1] == "|"
    ]
    said = [f"{row.action} | {row.sentence} | {row.time_limit}" for row in UNDO.values()]
    found = compare_names(
        said,
        rows[2:],
        missing="docs/undo.md lacks a row of UNDO in app/workflows/undo.py: {name}",
        surplus="docs/undo.md has a row that UNDO in app/workflows/undo.py doesn't have, or has otherwise: {name}",
    )
    assert not found, "\n".join(found)
    assert rows[2:] == said, "docs/undo.md has its rows in another order than UNDO."


def test_nothing_that_stays_is_forgotten_here() -> None:
    forgotten = [action for action in STAYS if action in UNDO or action not in MOVES]
    assert not forgotten, f"These can be undone, or are no moves any more: take them out of STAYS: {forgotten}"
