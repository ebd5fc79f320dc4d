"""The rules of the house that a machine can hold: who imports whom, who writes a state, what stands in pages and files."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.models import Base
from tests.support.source import APP, ROOT, list_app_modules, list_code, list_files, parse_module, relative_name

MOST_PARAMETERS = 7
# What every move, event and search goes through, and the words of a question, take one more.
WITH_ONE_MORE = {
    "app/audit/record.py record", "app/core/state_machine.py apply", "app/search/full_text.py search", "app/questions/wording.py reword",
}  # fmt: skip
MOST_LINES = 500
LISTS = ("migrations/versions/",)  # a record is not read from top to bottom


def imports(path: Path) -> Iterator[str]:
    """What a module imports, with its whole name; `from . import x` is x of that package."""
    package = ("app", *path.relative_to(APP).parts[:-1])
    for node in ast.walk(parse_module(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*start, *([node.module] if node.module else [])))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_the_app_knows_neither_the_demo_nor_what_starts_it() -> None:
    """They are made of the app: the demo's command is added in wsgi.py."""
    outside = {"demo", "bench", "tests", "migrations", "wsgi", "serve", "__main__"}
    wrong = [
        f"{relative_name(path)} imports {name}: turn it round, the app is what others are made of"
        for _, path in list_app_modules()
        for name in imports(path)
        if name.split(".")[0] in outside
    ]
    assert wrong == []


MODELS = {mapper.class_.__name__ for mapper in Base.registry.mappers}
STATE = ("state", "state_at")


def stores_state(target: ast.AST) -> bool:
    return any(
        isinstance(one, ast.Attribute)
        and one.attr in STATE
        and isinstance(one.ctx, ast.Store)
        and getattr(one.value, "id", "") != "self"
        for one in ast.walk(target)
    )


def writes_state(node: ast.AST) -> bool:
    """Whether this node writes the state column of a row, in any of the ways there are."""
    if isinstance(node, ast.Assign):
        return any(stores_state(target) for target in node.targets)
    if isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For):
        return stores_state(node.target)
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called == "setattr":
        return any(isinstance(argument, ast.Constant) and argument.value in STATE for argument in node.args)
    return called in {"values", *MODELS} and any(keyword.arg in STATE for keyword in node.keywords)


def test_a_state_is_written_in_one_place() -> None:
    """One move has no actor and begins outside the tables: a mail is put into the outbox by the change that causes it.

    A letter that is erased to make room leaves no event, whose number would tell in which part of the day that was.
    """
    demo = [path for path in list_code(".py") if relative_name(path).startswith("demo/")]
    found = [
        (relative_name(path), function.name)
        for path in [*(path for _, path in list_app_modules()), *demo]
        for function in ast.walk(parse_module(path))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if writes_state(node)
    ]
    assert sorted(found) == [
        ("app/core/state_machine.py", "apply"),
        ("app/mail/outbox.py", "put"),
        ("app/workflows/letters/making_room.py", "_erase_batch"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "row.state = 'open'", "row.state, row.state_at = 'open', now", "setattr(row, 'state', 'open')",
        "session.execute(update(Question).values(state='open'))", "Question(state='open')", "edition.state: str = 'sent'",
    ],
)  # fmt: skip
def test_the_reader_of_states_sees_every_way(line: str) -> None:
    assert [writes_state(node) for node in ast.walk(ast.parse(line))].count(True) == 1


INLINE = {
    "script in the page": r"<script(?![^>]*\bsrc=)",
    "style in the page": r"<style\b|<[^>]*\sstyle\s*=",
    "handler in the page": r"<[^>]*\son\w+\s*=",
    "script as an address": r"javascript:",
    "somebody else's server": r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//",
    "text let through as it is": r"[^\"'\s]\s*\|\s*safe\b",
}


@pytest.mark.threat("hostile words")
@pytest.mark.parametrize("fault", INLINE)
def test_pages_hold_nothing_that_the_policy_forbids(fault: str) -> None:
    rooms = ("app/templates/", "app/typesetting/templates/")
    pages = [path for path in list_code(".html") if relative_name(path).startswith(rooms)]
    assert [relative_name(path) for path in pages if re.search(INLINE[fault], path.read_text(), re.IGNORECASE)] == []


def test_no_form_that_is_sent_in_an_address_carries_the_token() -> None:
    """An address is kept: in the browser, in a server's log, in what somebody passes on."""
    pages = {relative_name(path): path.read_text() for path in list_code(".html")}
    forms = [(name, form) for name, page in pages.items() for form in re.findall(r"<form\b.*?</form>", page, re.DOTALL)]
    assert len(forms) > 50
    got = [(name, form) for name, form in forms if not re.match(r'<form\b[^>]*\bmethod="post"', form)]
    assert [name for name, form in got if re.search(r"token\(|csrf", form)] == []
    assert [name for name, page in pages.items() if "formmethod" in page] == []


PHYSICAL = re.compile(
    r"(?:margin|padding|border|inset|scroll-margin|scroll-padding)-(?:left|right)\b"
    r"|border-(?:top|bottom)-(?:left|right)-radius|(?:text-align|float|clear)\s*:\s*(?:left|right)\b"
    r"|(?:^|[;{\s])(?:left|right)\s*:"
)


def test_style_knows_start_and_end_but_not_left_and_right() -> None:
    """A page in Persian is the same page, read from the other side."""
    sheets = {relative_name(path): re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S) for path in list_code(".css")}
    assert [(name, found[0]) for name, sheet in sheets.items() if (found := PHYSICAL.search(sheet))] == []
    assert [name for name, sheet in sheets.items() if re.search(r"@import|https?://|//\w", sheet)] == []


def test_no_file_is_longer_than_one_can_keep_in_mind() -> None:
    lengths = {
        relative_name(path): len(path.read_text().splitlines()) for path in list_code(".py", ".html", ".css", ".js")
    }
    long = {name: lines for name, lines in lengths.items() if lines > MOST_LINES}
    assert {name: lines for name, lines in long.items() if not name.startswith(LISTS)} == {}


def test_no_function_takes_more_values_than_one_can_keep_in_mind() -> None:
    """Those that are threaded through many functions belong to an object: a mail's values, a brief, who acts."""
    many = {
        f"{relative_name(path)} {function.name}": count
        for _room, path in list_app_modules()
        for function in ast.walk(parse_module(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and (count := len(parameters_of(function))) > MOST_PARAMETERS
    }
    long = {name for name, count in many.items() if count > MOST_PARAMETERS + (name in WITH_ONE_MORE)}
    assert not long, (
        f"{sorted(long)} take more than {MOST_PARAMETERS} values: let those that belong together come as one frozen object "
        "(`Brief`, `Terms`, `AssignmentMail`), or find the object that they belong to already."
    )
    assert set(many) >= WITH_ONE_MORE, (
        f"Take {sorted(WITH_ONE_MORE - set(many))} out of WITH_ONE_MORE: they got shorter."
    )


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = function.args
    return [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs) if one.arg not in ("self", "cls")]


def by_hand(node: ast.AST, room: str) -> bool:
    """Whether a page of a list is cut by hand: a comparison of tuples, or at a door a limit of more than one row."""
    if isinstance(node, ast.Compare):
        compared = isinstance(node.left, ast.Call) and getattr(node.left.func, "id", "") == "tuple_"
        return compared and isinstance(node.ops[0], ast.Lt | ast.Gt | ast.LtE | ast.GtE)
    if (
        room not in ("reader", "expert", "translator", "editor")
        or getattr(getattr(node, "func", None), "attr", "") != "limit"
    ):
        return False
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    is_ours = getattr(node.func.value, "id", "") != "limiter"  # what somebody may press how often is no list
    return is_ours and not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 1)


FEW = {"app/editor/conflict.py"}  # the newest events of one row, of which there is no second page


def test_every_list_in_pages_is_a_listing() -> None:
    wrong = [
        f"{relative_name(path)}:{node.lineno}"
        for room, path in list_app_modules()
        if relative_name(path) not in ("app/core/listing.py", *FEW)
        for node in ast.walk(parse_module(path))
        if by_hand(node, room)
    ]
    assert not wrong, (
        f"{', '.join(wrong)}: give the list a function that returns a Listing (app/core/listing.py: its query and the columns of its order), "
        "and let the page be cut by its page() or, at a door, by web.paged()"
    )


def test_no_room_without_a_name() -> None:
    nameless = {"utils", "util", "helpers", "helper", "common", "base", "misc", "tools"}
    assert [relative_name(path) for path in list_files() if nameless & {*path.relative_to(ROOT).parts, path.stem}] == []


def test_no_name_is_a_riddle() -> None:
    """A name says what a thing is, in the field's words, and not what is done with it: a fact in a stored row keeps its key."""
    riddles = re.compile(r"(?:^|_)(?:un)?(?:told|untell|deeds?|faster)(?:_|$)", re.IGNORECASE)
    found = {
        f"{relative_name(path)}: {value}"
        for _room, path in list_app_modules()
        for node in ast.walk(parse_module(path))
        for field in ("id", "attr", "arg", "name", "asname")
        if isinstance(value := getattr(node, field, None), str) and riddles.search(value)
    }
    assert found == set(), "say what it is instead: lines, mails, a sentence, an answer"


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(?:TO" "DO|FIX" "ME|XX" "X|HA" "CK|NotImplemented" "Error)\b")
    assert [
        relative_name(path) for path in list_code(".py", ".html", ".js", ".css") if later.search(path.read_text())
    ] == []


def test_no_file_names_a_registry_or_somebodys_machine() -> None:
    """Whoever builds this has their own mirror and their own folders."""
    named_places = re.compile(  # each with a class of one sign, so that this line does not name them
        r"[p]ypi\.(?:org|python)|[p]ythonhosted|[n]pmjs\.|[i]ndex-url|[f]ind-links|[p]roxy\.golang"
        r"|(?<![\w.])/(?:root|home|work|Users)/"
    )
    assert [relative_name(path) for path in list_files() if named_places.search(path.read_text(errors="replace"))] == []


EVERY_ROOM_HAS = {"__init__", "models", "lifecycle", "queries", "cli", "views"}


def test_no_two_modules_share_a_name() -> None:
    """A name says what is in a module wherever it is read; only what every room has is called the same in each."""
    rooms: dict[str, list[str]] = {}
    for _room, path in list_app_modules():
        if path.stem not in EVERY_ROOM_HAS:
            rooms.setdefault(path.stem, []).append(relative_name(path))
    assert {name: paths for name, paths in rooms.items() if len(paths) > 1} == {}


def test_no_test_is_imported_by_another() -> None:
    """What two tests need lies in tests/support, where whoever looks for it finds it."""
    tests = [path for path in list_code(".py") if ROOT / "tests" in path.parents]
    assert len(tests) > 150
    wrong = {
        f"{relative_name(path)} imports {node.module}: move what both need into a module of tests/support"
        for path in tests
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.ImportFrom) and re.search(r"\btest_|\bconftest$", node.module or "")
    }
    assert not wrong, "\n".join(sorted(wrong))


def test_a_page_is_waited_for_in_a_way_that_the_policy_allows() -> None:
    forbidden = "wait_for_" + "function("
    assert [relative_name(path) for path in list_code(".py") if forbidden in path.read_text()] == []


def test_every_test_lies_in_a_room() -> None:
    """tests/ mirrors app/: what tests app/letters lies in tests/letters. Doors are rooms too (desk is app/editor)."""
    beside = {"deploy", "desk", "demo", "house", "journeys", "support"}
    rooms = {room for room, path in list_app_modules() if path.parent != APP} | beside
    for path in list_code(".py"):
        if ROOT / "tests" in path.parents and path.name not in ("__init__.py", "conftest.py"):
            room = path.relative_to(ROOT / "tests").parts[0]
            assert room in rooms, (
                f"{relative_name(path)}: a test lies in the room of what it tests, one of {sorted(rooms)}"
            )
            assert path.name.startswith("test_") != (room == "support"), (
                f"{relative_name(path)}: tests and support don't mix"
            )
