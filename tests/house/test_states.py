"""Each state is said beside its machine, once: nothing else lists states or compares one by name, and every state has words."""

import ast
import re
from collections.abc import Iterator

import pytest

from app.answers.lifecycle import ANSWER_STATES, ASSIGNMENT_STATES, AnswerStates, AssignmentStates
from app.cli import MACHINES
from app.editions.lifecycle import STATES as EDITION_STATES
from app.editions.lifecycle import EditionStates
from app.editor.mail.mail_words import STATES as MAIL_WORDS
from app.editor.questions.question_filters import FILTERS
from app.editor.questions.question_states import WORDS
from app.editor.questions.question_status import PLACES
from app.letters.lifecycle import STATES as LETTER_STATES
from app.letters.lifecycle import LetterStates
from app.lifecycle import Among, States
from app.mail.lifecycle import PLACES_OF_MAIL, InboundStates, MailStates
from app.mail.lifecycle import STATES as MAIL_STATES
from app.questions.lifecycle import STATES as QUESTION_STATES
from app.questions.lifecycle import QuestionStates
from tests.support.source import APP, code, named, of_app, tree

NAMES = {state for machine in MACHINES for state in machine.states}
ASKED_OF = (
    (QUESTION_STATES, QuestionStates), (ASSIGNMENT_STATES, AssignmentStates), (ANSWER_STATES, AnswerStates),
    (LETTER_STATES, LetterStates), (EDITION_STATES, EditionStates), (MAIL_STATES, MailStates),
    (PLACES_OF_MAIL, InboundStates),
)  # fmt: skip
# Words that are states by chance: what they are instead.
OTHERS = {
    ("app/answers/models.py", ("submitted", "edited")): "kinds of a version of a text",
    ("app/newsroom/public_state.py", ("published",)): "what a receipt says, which is no machine's state",
    ("app/newsroom/public_state.py", ("ended",)): "the same",
    ("app/newsroom/public_state.py", ("withdrawn",)): "the same",
}
PAGE = re.compile(
    r"""\bstate\b["']?\s*(?:==|!=|,\s*"(?:in|equalto|ne|eq)"|(?:not\s+)?in\b)\s*,?\s*\(?\s*["']([a-z ]+)["']"""
)


def strings(node: ast.AST) -> list[str]:
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def of_state(node: ast.AST) -> bool:
    """Whether an expression reads a row's state: `letter.state`, `lock(session, mail).state`, `state`."""
    return any(getattr(one, "attr", getattr(one, "id", "")) == "state" for one in ast.walk(node))


def names_states(node: ast.AST) -> list[str]:
    """The states that a node compares a state with by name, or lists."""
    found: list[str] = []
    if isinstance(node, ast.Compare) and any(map(of_state, (node.left, *node.comparators))):
        found = [word for part in (node.left, *node.comparators) for word in strings(part)]
    elif isinstance(node, ast.keyword) and node.arg == "state":
        found = [node.value.value] if isinstance(node.value, ast.Constant) else []
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("in_", "not_in") and of_state(node.func):
        found = [
            word for argument in node.args if isinstance(argument, ast.Tuple | ast.List) for word in strings(argument)
        ]
    elif isinstance(node, ast.Tuple | ast.Set | ast.List) and len(node.elts) > 1:
        words = [one.value for one in node.elts if isinstance(one, ast.Constant)]
        found = words if len(words) == len(node.elts) and NAMES.issuperset(words) else []
    return [word for word in found if word in NAMES]


def said_elsewhere() -> Iterator[str]:
    for _room, path in of_app():
        if path.name == "lifecycle.py":
            continue
        for node in ast.walk(tree(path)):
            words = names_states(node)
            if words and (named(path), tuple(words)) not in OTHERS:
                yield f"{named(path)}:{getattr(node, 'lineno', getattr(getattr(node, 'value', None), 'lineno', 0))}: {words}"
    for path in code(".html"):
        if APP in path.parents:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if (found := PAGE.search(line)) and found[1] in NAMES:
                    yield f"{named(path)}:{number}: {line.strip()}"


def test_states_are_named_beside_their_machine_and_nowhere_else() -> None:
    """Ask a named property of the row, `question.is_going`, of the model in a query, `Question.is_going`, or of the table where
    there is neither, `STATES.which("is_going")`. What none of them says yet is a word in the rows of the noun's lifecycle.py.
    """
    found = sorted(said_elsewhere())
    assert not found, "ask a property that the noun's lifecycle.py gives instead of naming states:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "if letter.state == 'held': ...", "if lock(session, mail).state != 'queued': ...", "x = row.state in ('open', 'merged')",
        "query.where(Question.state.in_(('open',)))", "select(Edition).filter_by(state='sent')", "GOING = ('open', 'seeking')",
        "{'held', 'queued'}", "Letter.state == 'filed'",
    ],
)  # fmt: skip
def test_the_reader_of_the_code_sees_every_way_to_name_a_state(line: str) -> None:
    assert [bool(names_states(node)) for node in ast.walk(ast.parse(line))].count(True) >= 1


@pytest.mark.parametrize(
    "line",
    ['{% if letter.state == "held" %}', '{% if one.state not in ("done", "cancelled") %}', '| rejectattr("place.state", "in", ("declined",))'],
)  # fmt: skip
def test_the_reader_of_the_pages_sees_every_way_to_name_a_state(line: str) -> None:
    assert PAGE.search(line)


@pytest.mark.parametrize(("states", "asked"), ASKED_OF, ids=lambda one: getattr(one, "__name__", ""))
def test_every_word_in_the_rows_of_states_is_a_property_and_each_property_has_its_own_name(
    states: States, asked: type
) -> None:
    """Give the class a line `name = STATES.which("name")` for each word in the rows, and take words out that nobody asks for."""
    given = {name: value for name, value in vars(asked).items() if isinstance(value, Among)}
    words = {word for holds in states.values() for word in holds.split()}
    unnamed = {"has_ended", "is_place", "is_set_aside"} if states in (MAIL_STATES, PLACES_OF_MAIL) else set()
    assert words - set(given) - unnamed == set()
    assert {name: value for name, value in given.items() if value != states.which(name)} == {}


def test_the_desk_has_words_for_every_state() -> None:
    """A new state of a question is a row of `question_states.WORDS`, one of a mail of `mail_words.STATES`, and one of an
    assignment or an answer of `question_status.PLACES`, in the order in which they press.
    """
    said = "has no words at the desk: give it a row in"
    assert not (lost := set(QUESTION_STATES) - set(WORDS)), f"{lost} {said} app/editor/questions/question_states.py"
    assert not (lost := set(MAIL_STATES) - set(MAIL_WORDS)), f"{lost} {said} app/editor/mail/mail_words.py"
    by_answer = {"received", "done", "draft", "withdrawn"}  # where the answer speaks, or nothing is left to say
    wanted = {*ASSIGNMENT_STATES, *ANSWER_STATES} - by_answer
    assert not (lost := wanted - set(PLACES)), f"{lost} {said} app/editor/questions/question_status.py"


def test_every_state_of_a_question_is_in_a_list_of_the_desk() -> None:
    """A row of `question_states.WORDS` that has no label of its own goes with a row that has one."""
    shown = {state for _label, states in FILTERS.values() for state in states}
    assert set(QUESTION_STATES) - shown == set()
    assert [words.listed for words in WORDS.values() if words.listed not in FILTERS] == []
