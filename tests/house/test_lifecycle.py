"""The tables of moves: as the hand-kept copy says, and with nothing outside them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import closing, editing
from app.answers.models import Answer
from app.audit import Event
from app.cli.commands import MACHINES, MOVE_COLUMNS, ROLE_COLUMNS, lifecycle
from app.core import permissions
from app.core.actors import Actor, Clock, ExpertActor, Mailroom, Reader, Staff, TranslatorActor, Visitor
from app.core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied, PressedTooSoon
from app.core.permissions import ROLES
from app.core.state_machine import Machine, list_moves
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.letters.models import OF_EXPERT
from app.questions import actions
from app.questions.models import Question
from app.workflows.publishing import publication
from app.workflows.retention.limits import (
    LIMITS_BY_KIND,
    LIMITS_BY_LETTER_STATE,
    LIMITS_BY_QUESTION_STATE,
    list_limited,
)
from tests.support.docs import LIFECYCLE, LIMITS_HEADING, list_lifecycle_rows, list_policy_rows, list_role_acts
from tests.support.sample_newsroom import Newsroom, create_answered_question, create_submitted_answer

ACTORS: tuple[Actor, ...] = (
    *(Staff(key, "Somebody", 1, role) for key, role in enumerate(ROLES)),
    ExpertActor(1, "Leyla Aydın"),
    TranslatorActor(1, "Shirin Amini"),
    Reader(1),
    Clock(),
    Mailroom(),
    Visitor(),
)


def differing(copy: Sequence[tuple[str, ...]], code: Sequence[tuple[str, ...]]) -> list[str]:
    """What the hand-kept copy lacks of the code and has besides; of each row the first cell names its table."""

    def line(row: tuple[str, ...]) -> str:
        return f"under {row[0].capitalize()}: |{'|'.join(f' {cell} ' if cell else ' ' for cell in row[1:])}|"

    found = [f"docs/lifecycle.md lacks a row; write {line(row)}" for row in code if row not in copy]
    found += [
        f"docs/lifecycle.md has a row of which the code knows nothing; take out {line(row)}"
        for row in copy
        if row not in code
    ]
    if not found and list(copy) != list(code):
        found = [
            "docs/lifecycle.md has its rows in another order than the code: put them as `readers-asked lifecycle --table` does."
        ]
    return found


def test_the_tables_are_as_the_hand_kept_copy_says() -> None:
    found = differing(list_policy_rows(), list_moves(MACHINES))
    assert not found, "\n".join(found)


def test_the_roles_are_as_the_hand_kept_copy_says() -> None:
    """Whoever gives a role an act, or makes a new one, writes it down in docs/lifecycle.md as well, and reads it there."""
    copy = [("roles", role, ", ".join(acts)) for role, acts in list_role_acts().items()]
    found = differing(copy, [("roles", *row) for row in permissions.list_roles()])
    assert not found, "\n".join(found)


def test_every_machine_has_its_states_and_a_sentence_in_the_copy() -> None:
    sections = LIFECYCLE.read_text().split("\n## ")[3:]  # after the roles and the limits
    listed = {s.splitlines()[0].lower(): re.findall(r"^States: .*\.$", s, re.M) for s in sections}
    found = [
        f'docs/lifecycle.md says other states than the code; write under {machine.noun.capitalize()}: "{states}"'
        for machine in MACHINES
        if listed.get(machine.noun) != [states := f"States: {', '.join(machine.states)}."]
    ]
    assert not found, "\n".join(found)
    assert list(listed) == [machine.noun for machine in MACHINES]
    assert all(len(section.split("\n\n")[1].split()) > 15 for section in sections)


def test_the_command_prints_the_same_table() -> None:
    printed = CliRunner().invoke(lifecycle, ["--table"]).output.splitlines()
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in printed]
    roles = [row[1:] for row in list_lifecycle_rows() if row[0] == "roles"]
    otherwise = "docs/lifecycle.md has other rows than `readers-asked lifecycle --table` prints: copy them."
    assert cells[: len(roles) + 2] == [ROLE_COLUMNS, ("---",) * 2, *roles], otherwise
    assert cells[len(roles) + 3 :] == [MOVE_COLUMNS, ("---",) * len(MOVE_COLUMNS), *list_policy_rows()], otherwise


@cache
def allowed(machine: Machine, state: str | None, action: str, role: str) -> bool:
    """What the hand-kept copy says, read in another way than the code reads its tables."""
    for noun, move, arrow, acts, *_ in list_policy_rows():
        sources = [source.strip() for source in arrow.split(">")[0].split(",") if source.strip()] or [None]
        if (noun, move) == (machine.noun, action) and state in sources:
            by_hand = acts.partition("=")[0].strip()
            return any(act in list_role_acts()[role] for act in by_hand.split(", "))
    return False


class Paper:
    """A session that keeps nothing: here only the tables are asked, and what is recorded waits to be written."""

    def __init__(self) -> None:
        self.info = {"at": datetime(2026, 11, 18, 9, tzinfo=UTC), "pending_events": []}

    def add(self, row: object) -> None: ...

    def flush(self) -> None: ...


class Row(SimpleNamespace):
    """A row that has every fact that a move may need, so that only state and role decide."""

    def __getattr__(self, name: str) -> Any:
        return None if name in ("body", "erased_at") else self


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.noun)
def test_every_move_that_is_not_in_the_copy_is_refused(machine: Machine) -> None:
    """All states, actions and roles; actions of other machines too."""
    actions = sorted({move.action for one in MACHINES for move in one.moves})
    refused = taken = 0
    for state, action, who in product((None, *machine.states), actions, ACTORS):
        row = Row(state=state, id=1)
        try:
            machine.apply(cast(Session, Paper()), who, row, action)
        except (InvalidTransition, PermissionDenied):
            assert (allowed(machine, state, action, who.role), row.state) == (False, state), (state, action, who.role)
            refused += 1
        except MissingPrecondition:
            assert (allowed(machine, state, action, who.role), row.state) == (True, state), (state, action, who.role)
            taken += 1
        else:
            assert allowed(machine, state, action, who.role), (state, action, who.role)
            taken += 1
    assert refused + taken == (len(machine.states) + 1) * len(actions) * len(ACTORS)
    assert taken >= len([move for move in machine.moves if move.act])


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.noun)
def test_a_verb_can_ask_whether_a_move_leads_on(machine: Machine) -> None:
    for state, action in product(machine.states, {move.action for one in MACHINES for move in one.moves}):
        try:
            leads = bool(machine.find_move(action, state))
        except InvalidTransition:
            leads = False
        assert machine.has_move(action, state) == leads, (state, action)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.noun)
def test_a_move_that_follows_another_needs_that_other(machine: Machine) -> None:
    """A cascade is not a way around: with a cause that the table doesn't name, an editor is refused as well."""
    for move in machine.moves:
        row = Row(state=move.source[0] if move.source else None, id=1)
        with pytest.raises(PermissionDenied):
            machine.apply(cast(Session, Paper()), Staff(2, "Nora Lind", 1, "editor"), row, move.action, cause="a wish")
        assert row.state == (move.source[0] if move.source else None)


class PressedBefore(Paper):
    """A trail in which Nora made one move, at the moment that `Paper` takes for now."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.latest = Event(actor=NORA.ref, action=action, at=self.info["at"])

    def scalar(self, _query: object) -> Event:
        return self.latest


NORA = Staff(2, "Nora Lind", 1, "admin")


def list_pairs(machine: Machine) -> set[tuple[str, str]]:
    """The pairs of moves that lead there and back, of which somebody presses the second, by the hand-kept copy."""
    moves = []
    for noun, action, arrow, acts, *_ in list_policy_rows():
        if noun == machine.noun and action != "undo":
            source, target = ({state.strip() for state in side.split(",")} for side in arrow.split(">"))
            moves.append((action, source - {""}, target, bool(acts.partition("=")[0].strip())))
    return {
        (there, back)
        for (there, there_from, there_to, _), (back, back_from, back_to, is_pressed) in product(moves, repeat=2)
        if is_pressed and there != back and there_to & back_from and back_to & there_from
    }


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.noun)
def test_each_way_back_needs_a_second_and_no_other_move_does(machine: Machine, pause: timedelta) -> None:
    """A double click on the button for the way there would hit the button for the way back, in the same place."""
    assert pause == timedelta(seconds=1)
    paused = set()
    for former, move in product({one.action for one in machine.moves}, machine.moves):
        if not permissions.may(NORA, *move.acts):
            continue
        for age in (pause * 0.9, pause):
            trail = PressedBefore(f"{machine.noun}.{former}")
            actor = replace(NORA, form_shown_at=trail.info["at"] - age)
            trail.latest.at -= age
            row = Row(state=move.source[0] if move.source else None, id=1)
            try:
                machine.apply(cast(Session, trail), actor, row, move.action)
            except PressedTooSoon:
                assert age < pause, (former, move.action)
                paused.add((former, move.action))
            except MissingPrecondition:
                pass
    assert paused == {
        (there, back)
        for there, back in list_pairs(machine)
        if any(move.action == back and permissions.may(NORA, *move.acts) for move in machine.moves)
    }


def trail(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Event.id)).all())


def answer_to(session: Session, question: Question) -> Answer:
    return session.scalars(select(Answer).filter_by(question_id=question.id)).one()


def get_coming_edition(session: Session, newsroom: Newsroom) -> Edition:
    return list_editions_to_run(session, newsroom.newsletter_id, 1)[0]


def publish_question(session: Session, newsroom: Newsroom, text: str) -> Question:
    """A question that was answered, picked, locked, and sent."""
    question = create_answered_question(session, newsroom, text)
    edition = get_coming_edition(session, newsroom)
    slots.pick(session, newsroom.nora, question, edition)
    locking.lock_edition(session, newsroom.nora, edition)
    publication.send(session, newsroom.nora, edition)
    return question


REFUSALS: dict[str, tuple[Any, Any, type[Exception]]] = {
    "Ilya approves": (
        create_submitted_answer,
        lambda s, n, answer: editing.approve(s, n.ilya, answer, checklist=editing.CHECKLIST),
        PermissionDenied,
    ),
    "Nora approves without the checklist": (
        create_submitted_answer,
        lambda s, n, answer: editing.approve(s, n.nora, answer, checklist=()),
        MissingPrecondition,
    ),
    "Nora approves twice": (
        create_answered_question,
        lambda s, n, question: editing.approve(s, n.nora, answer_to(s, question), checklist=editing.CHECKLIST),
        InvalidTransition,
    ),
    "Ilya edits what is approved": (
        create_answered_question,
        lambda s, n, question: editing.edit(s, n.ilya, answer_to(s, question), "Something else."),
        InvalidTransition,
    ),
    "Nora picks what nobody has answered": (
        lambda s, n, words: actions.open_question(s, n.nora, [], body=words, language="en"),
        lambda s, n, question: slots.pick(s, n.nora, question, get_coming_edition(s, n)),
        MissingPrecondition,
    ),
    "Ilya picks": (
        create_answered_question,
        lambda s, n, question: slots.pick(s, n.ilya, question, get_coming_edition(s, n)),
        PermissionDenied,
    ),
    "Nora locks an empty edition": (
        create_answered_question,
        lambda s, n, question: locking.lock_edition(s, n.nora, get_coming_edition(s, n)),
        MissingPrecondition,
    ),
    "Nora closes what has run": (
        publish_question,
        lambda s, n, question: closing.close(s, n.nora, question, "other"),
        InvalidTransition,
    ),
    "Leyla withdraws what has run": (
        publish_question,
        lambda s, n, question: editing.withdraw(s, n.leyla, answer_to(s, question)),
        InvalidTransition,
    ),
    "Nora drops what has run": (
        publish_question,
        lambda s, n, question: publication.drop(s, n.nora, question),
        InvalidTransition,
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_house_does_not_allow_changes_nothing(database: Database, newsroom: Newsroom, case: str) -> None:
    given, forbidden, refusal = REFUSALS[case]
    made = database.write(lambda s: given(s, newsroom, "Who measures the salt?").id)
    kind = Answer if given is create_submitted_answer else Question
    before = trail(database)
    with pytest.raises(refusal):
        database.write(lambda s: forbidden(s, newsroom, s.get_one(kind, made)))
    assert trail(database) == before


def test_the_page_lists_what_limits_a_readers_words_in_each_state() -> None:
    rows = [list(row[1:4]) for row in list_lifecycle_rows() if row[0] == LIMITS_HEADING]
    rules = ("spam", "idle", "open", "closed", "ran", "of its lead", "at once")
    assert set(rules) == {
        *LIMITS_BY_LETTER_STATE.values(),
        *LIMITS_BY_KIND.values(),
        *LIMITS_BY_QUESTION_STATE.values(),
    } - {"by kind", "by question"}
    expected = []
    for rule in rules:
        kinds = [kind for kind in list_limited(LIMITS_BY_KIND, rule) if kind not in OF_EXPERT]
        states = list_limited(LIMITS_BY_QUESTION_STATE, rule)
        filed_as = list_limited(LIMITS_BY_KIND, "by question") if states else kinds
        expected.append([", ".join(cell) for cell in (list_limited(LIMITS_BY_LETTER_STATE, rule), filed_as, states)])
    assert rows == expected
