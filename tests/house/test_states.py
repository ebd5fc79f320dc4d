"""Each state is said beside its machine, once: nothing else lists states or compares one by name, and every state has words."""

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from app.answers.lifecycle import (
    ANSWER,
    ANSWER_STATES,
    ASSIGNMENT,
    ASSIGNMENT_STATES,
    STAGE_BY_ANSWER,
    STAGE_BY_ASSIGNMENT,
    AnswerStates,
    AssignmentStates,
)
from app.cli.commands import MACHINES
from app.core.state_machine import Machine, States, StateSet
from app.editions.lifecycle import STATES as EDITION_STATES
from app.editions.lifecycle import EditionStates
from app.editor import letter_labels, mail_labels
from app.editor.answers import invitation_page
from app.editor.experts import directory_page
from app.editor.mail import pen
from app.editor.overview import overview_page
from app.editor.question_labels import STATE_LABELS
from app.editor.questions import translation_page
from app.editor.questions.question_list import FILTERS, STATUS_LABELS
from app.editor.settings import newsletters_page
from app.expert.assignment_page import PAGES, ended_page
from app.expert.dashboard import LISTED_STAGES
from app.letters.lifecycle import LETTER, LetterStates
from app.letters.lifecycle import STATES as LETTER_STATES
from app.mail.lifecycle import MAIL, PLACES_OF_MAIL, InboundStates, MailStates
from app.mail.lifecycle import STATES as MAIL_STATES
from app.newsletters.lifecycle import STATES as NEWSLETTER_STATES
from app.newsletters.lifecycle import NewsletterStates
from app.questions.lifecycle import (
    AS_READERS_SEE_IT,
    CANNOT_BE_MERGED,
    CANNOT_TAKE_IN,
    QUESTION,
    TRANSLATION_STATES,
    TRANSLATOR_STATES,
    QuestionStates,
    TranslationStates,
    TranslatorStates,
)
from app.questions.lifecycle import STATES as QUESTION_STATES
from app.reader.receipt import LAST_STEPS, STEPS_DONE
from app.workflows.overview.waiting_queries import DEADLINE_COLUMNS
from app.workflows.retention.limits import LIMITS_BY_LETTER_STATE, LIMITS_BY_QUESTION_STATE
from tests.support.source import APP, list_app_modules, list_code, parse_module, relative_name

NAMES = {state for machine in MACHINES for state in machine.states}
ASKED_OF = (
    (QUESTION_STATES, QuestionStates), (ASSIGNMENT_STATES, AssignmentStates), (ANSWER_STATES, AnswerStates),
    (LETTER_STATES, LetterStates), (EDITION_STATES, EditionStates), (MAIL_STATES, MailStates),
    (PLACES_OF_MAIL, InboundStates), (NEWSLETTER_STATES, NewsletterStates), (TRANSLATION_STATES, TranslationStates),
    (TRANSLATOR_STATES, TranslatorStates),
)  # fmt: skip
# Words that are states by chance: what they are instead.
OTHERS = {
    ("app/answers/models.py", ("submitted", "edited")): "kinds of a version of a text",
    ("app/workflows/letters/public_state.py", ("published",)): "what a receipt says, which is no machine's state",
    ("app/workflows/letters/public_state.py", ("ended",)): "the same",
    ("app/workflows/letters/public_state.py", ("withdrawn",)): "the same",
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
    for _room, path in list_app_modules():
        if path.name == "lifecycle.py":
            continue
        for node in ast.walk(parse_module(path)):
            words = names_states(node)
            if words and (relative_name(path), tuple(words)) not in OTHERS:
                yield f"{relative_name(path)}:{getattr(node, 'lineno', getattr(getattr(node, 'value', None), 'lineno', 0))}: {words}"
    for path in list_code(".html"):
        if APP in path.parents:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if (found := PAGE.search(line)) and found[1] in NAMES:
                    yield f"{relative_name(path)}:{number}: {line.strip()}"


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
    given = {name: value for name, value in vars(asked).items() if isinstance(value, StateSet)}
    words = {word for holds in states.values() for word in holds.split()}
    unnamed = {"has_ended", "is_place", "is_set_aside"} if states in (MAIL_STATES, PLACES_OF_MAIL) else set()
    where = f"{asked.__name__} in {asked.__module__.replace('.', '/')}.py"
    lost = [
        f'{word!r} stands in a row of states: give {where} a line `{word} = ....which("{word}")`, or take it out.'
        for word in sorted(words - set(given) - unnamed)
    ]
    assert not lost, "\n".join(lost)
    assert {name: value for name, value in given.items() if value != states.which(name)} == {}


OWE_TEXT, WAIT = ASSIGNMENT_STATES.which("owes_text"), PLACES_OF_MAIL.which("waits")
BY_ANSWER = {"received", "done", "draft", "withdrawn"}  # where the answer speaks, or nothing is left to say
# Every table whose rows are states, with the states that have one: all of a noun, or those of which it has to say something.
ROWS: dict[tuple[str, str], tuple[Iterable[str], Iterable[str]]] = {
    ("app/questions/lifecycle.py", "AS_READERS_SEE_IT"): (AS_READERS_SEE_IT, QUESTION_STATES),
    ("app/editor/question_labels.py", "STATE_LABELS"): (STATE_LABELS, QUESTION_STATES),
    ("app/answers/lifecycle.py", "STAGE_BY_ASSIGNMENT"): (STAGE_BY_ASSIGNMENT, ASSIGNMENT_STATES),
    ("app/answers/lifecycle.py", "STAGE_BY_ANSWER"): (STAGE_BY_ANSWER, ANSWER_STATES),
    ("app/editor/questions/translation_page.py", "TRANSLATION_STATES"): (translation_page.TRANSLATION_STATES, TRANSLATION_STATES),
    ("app/editor/questions/translation_page.py", "TRANSLATOR_STATES"): (translation_page.TRANSLATOR_STATES, TRANSLATOR_STATES),
    ("app/editor/answers/invitation_page.py", "TURN_DESCRIPTIONS"): (invitation_page.TURN_DESCRIPTIONS, ASSIGNMENT_STATES),
    ("app/editor/experts/directory_page.py", "STATE_LABELS"): (directory_page.STATE_LABELS, ASSIGNMENT_STATES),
    ("app/workflows/overview/waiting_queries.py", "DEADLINE_COLUMNS"): (DEADLINE_COLUMNS, OWE_TEXT),
    ("app/editor/overview/overview_page.py", "EXPERT_TASKS"): (overview_page.EXPERT_TASKS, [*OWE_TEXT, "checking"]),
    ("app/letters/lifecycle.py", "LIMITS_BY_STATE"): (LIMITS_BY_LETTER_STATE, LETTER_STATES),
    ("app/questions/lifecycle.py", "LIMITS_BY_STATE"): (LIMITS_BY_QUESTION_STATE, QUESTION_STATES),
    ("app/editor/letter_labels.py", "ROW_LOOKS"): (letter_labels.ROW_LOOKS, LETTER_STATES),
    ("app/editor/letter_labels.py", "LETTER_STATE_LABELS"): (letter_labels.LETTER_STATE_LABELS, LETTER_STATES),
    ("app/editor/settings/newsletters_page.py", "STATE_LABELS"): (newsletters_page.STATE_LABELS, NEWSLETTER_STATES),
    ("app/editor/mail_labels.py", "STATES"): (mail_labels.STATES, MAIL_STATES),
    ("app/editor/mail/pen.py", "SUMMARIES"): (pen.SUMMARIES, WAIT),
    ("app/editor/mail/pen.py", "EMPTY_TEXTS"): (pen.EMPTY_TEXTS, pen.FOLDERS),
}  # fmt: skip
# Those of which each state has a row in one or the other, or a row says why something can't be done, if there is one.
IN_PARTS = {
    ("app/editor/mail/pen.py", "FOLDERS"), ("app/editor/mail/pen.py", "ELSEWHERE"),
    ("app/questions/lifecycle.py", "CANNOT_BE_MERGED"), ("app/questions/lifecycle.py", "CANNOT_TAKE_IN"),
}  # fmt: skip

NO_TABLES = {"app/web/errors.py": "it says what fields are called"}


def tables_of_states() -> Iterator[tuple[str, int, str]]:
    """The dicts of the app whose keys are states, two or more, with the line and the name that each is given to."""
    for _room, path in list_app_modules():
        names = {
            id(node.value): target.id
            for node in ast.walk(parse_module(path))
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else (node.target,))
            if isinstance(target, ast.Name)
        }
        rows = {
            id(one)
            for node in ast.walk(parse_module(path))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "States"
            for one in node.args
        }
        for node in ast.walk(parse_module(path)):
            if isinstance(node, ast.Dict) and len(node.keys) > 1 and id(node) not in rows:
                keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
                if NAMES.issuperset(keys):
                    yield relative_name(path), node.lineno, names.get(id(node), "")


def test_every_table_of_states_has_a_row_for_each() -> None:
    """A state without a row would stop a page, or pass for one of which nothing is to be said."""
    found = [
        f"{state!r} has no row in {name} of {file}: say there what holds for it."
        for (file, name), (rows, wanted) in ROWS.items()
        for state in sorted({*wanted} - {*rows})
    ]
    found += [
        f"{name} of {file} has a row for {state!r}, of which it has nothing to say: take it out."
        for (file, name), (rows, wanted) in ROWS.items()
        for state in sorted({*rows} - {*wanted})
    ]
    found += [
        f"{state!r} has no words in app/editor/questions/question_list.py: give it a row in STATUS_LABELS, in the order in which "
        "they press."
        for state in sorted({*ASSIGNMENT_STATES, *ANSWER_STATES} - BY_ANSWER - {*STATUS_LABELS})
    ]
    found += [
        f"A mail that is {state!r} stands nowhere: give it a row in FOLDERS and EMPTY_TEXTS of app/editor/mail/pen.py, or in "
        "ELSEWHERE."
        for state in sorted({*PLACES_OF_MAIL} ^ {*pen.FOLDERS, *pen.ELSEWHERE})
    ]
    found += [
        f"An expert's page has nothing for the stage {stage!r}: give it a row in PAGES of app/expert/assignment_page.py."
        for stage in sorted({*STAGE_BY_ASSIGNMENT.values(), *STAGE_BY_ANSWER.values()} - {"", *PAGES})
    ]
    found += [
        f"An expert's list of tasks has nothing for the stage {stage!r}: give it a row in LISTED_STAGES of "
        "app/expert/dashboard.py, or in PAGES of app/expert/assignment_page.py the page of those that ended."
        for stage in sorted({stage for stage, page in PAGES.items() if page is not ended_page} ^ {*LISTED_STAGES})
    ]
    found += [
        f"A reader's receipt has no steps for a question that is {state!r} to them: give it a row in STEPS_DONE or LAST_STEPS "
        "of app/reader/receipt.py."
        for state in sorted({*AS_READERS_SEE_IT.values()} - {*STEPS_DONE, *LAST_STEPS})
    ]
    assert not found, "\n".join(found)


def test_no_table_of_states_is_left_out() -> None:
    there = list(tables_of_states())
    found = [
        f"{file}:{line}: a table of states. Give it a name, and a row in ROWS of tests/house/test_states.py, which asks for all "
        "its rows."
        for file, line, name in there
        if (file, name) not in {*ROWS, *IN_PARTS} and file not in NO_TABLES
    ]
    gone = {*ROWS, *IN_PARTS} - {(file, name) for file, _line, name in there}
    found += [
        f"{file} has no table {name} of states: take it out of tests/house/test_states.py."
        for file, name in sorted(gone)
    ]
    assert not found, "\n".join(found)


def test_what_is_said_of_a_merge_that_cannot_be_is_said_of_no_other() -> None:
    """Whether it can be says the table of moves, and `takes_letters` of what it is merged into; the reasons are words alone."""
    wrong = [
        f"A question that is {state!r} can be merged: take it out of CANNOT_BE_MERGED in app/questions/lifecycle.py."
        for state in CANNOT_BE_MERGED
        if QUESTION.has_move("merge", state)
    ]
    wrong += [
        f"A question that is {state!r} takes letters, and others too: take it out of CANNOT_TAKE_IN in app/questions/lifecycle.py."
        for state in CANNOT_TAKE_IN
        if state in QUESTION_STATES.which("takes_letters")
    ]
    assert not wrong, "\n".join(wrong)


def stuck(machine: Machine, states: Iterable[str], *actions: str) -> list[str]:
    """Those of some states from where none of these moves leads on."""
    return [state for state in states if not any(machine.has_move(action, state) for action in actions)]


def test_a_reader_can_take_a_letter_back_from_everywhere() -> None:
    """What a reader takes back closes the question that nobody else asks, unless it has ended or run, and stops the mails."""
    over = {*QUESTION_STATES.which("has_ended"), *QUESTION_STATES.which("has_run")}
    found = [
        f"A reader could not take a letter back whose question is {state!r}: let the move `close` start from there as well, in "
        "app/questions/lifecycle.py and docs/lifecycle.md."
        for state in stuck(QUESTION, [one for one in QUESTION_STATES if one not in over], "close", "drop")
    ]
    found += [
        f"A reader could not take back a letter that is {state!r}: let the move `withdraw` start from there as well, in "
        "app/letters/lifecycle.py and docs/lifecycle.md."
        for state in stuck(LETTER, [one for one in LETTER_STATES if one != "withdrawn"], "withdraw")
    ]
    found += [
        f"A mail that is {state!r} would outlive the letter that it is about: let the move `forget` start from there as well, in "
        "app/mail/lifecycle.py and docs/lifecycle.md."
        for state in stuck(MAIL, [one for one in MAIL_STATES if one not in MAIL_STATES.which("is_settled")], "forget")
    ]
    assert not found, "\n".join(found)


# The properties by which a verb makes a move without asking for it, with the move; and where it has been made already.
MAKES = (
    (QUESTION, QUESTION_STATES, "asks_in_turn", "seek", {"seeking"}),
    (QUESTION, QUESTION_STATES, "is_in_work", "seek", {"seeking", "answered"}),  # which stays ready to run
    (QUESTION, QUESTION_STATES, "is_ready", "pick", set()),
    (ASSIGNMENT, ASSIGNMENT_STATES, "takes_text", "receive", {"declined"}),  # they say yes first
    (ASSIGNMENT, ASSIGNMENT_STATES, "is_live", "cancel", {"done"}),  # of which the expert is told, and no more
    (ANSWER, ANSWER_STATES, "is_on_the_desk", "edit", set()),
    (LETTER, LETTER_STATES, "can_be_filed", "file", set()),
    (MAIL, MAIL_STATES, "waits", "recall", set()),
)


def test_where_a_property_lets_a_move_be_made_the_table_has_it() -> None:
    found = [
        f"What holds of a {machine.noun} that is {state!r} lets a verb {action} it, and its table has no such move: let `{action}` "
        f"start from there, or take {holds!r} out of the row of the state, in the lifecycle.py of its room."
        for machine, states, holds, action, but in MAKES
        for state in stuck(machine, [one for one in states.which(holds) if one not in but], action)
    ]
    assert not found, "\n".join(found)


def test_every_state_of_a_question_is_in_a_list_of_the_desk() -> None:
    """A row of `STATE_LABELS` that has no label of its own goes with a row that has one."""
    shown = {state for _label, states in FILTERS.values() for state in states}
    where = "app/editor/question_labels.py"
    found = [
        f"No list of the desk shows a question that is {state!r}: name one as `filter_name` in {where}."
        for state in QUESTION_STATES
        if state not in shown
    ]
    found += [
        f"{state!r} is listed under {words.filter_name!r}, which is no list: give its row, or the row that it goes with, a `filter_label` in {where}."
        for state, words in STATE_LABELS.items()
        if words.filter_name not in FILTERS
    ]
    assert not found, "\n".join(found)
