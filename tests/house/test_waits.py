"""The tests wait for facts: none sleeps, and none looks at a page that it may be about to leave."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.source import list_code, parse_module, relative_name

INSTEAD = {
    "wait_for_timeout": "wait for what is to come: `expect(...)`, or `wait_until(..., page=page)` of tests/support/waiting.py",
    "wait_for_load_state": "it looks at the page that is still there: `click_and_wait(button)` or `with wait_for_next_page(page):` of tests/support/waiting.py",
    "expect_navigation": "`with wait_for_next_page(page):` of tests/support/waiting.py",
    "set_default_timeout": "the fixture `chromium` has set it: wait as long as everybody",
    "networkidle": "wait for what the page shows then: `expect(...)`",
    "sleep": "wait for what is to come: `wait_until(...)` of tests/support/waiting.py",
}
# Where it is done all the same, and why.
ALLOWED = {
    ("tests/support/waiting.py", "sleep"): "the one place",
    ("tests/support/waiting.py", "wait_for_timeout"): "the one place",
    ("tests/support/waiting.py", "expect_navigation"): "the one place",
    ("tests/support/browsers.py", "set_default_timeout"): "the one place",
    ("tests/support/user_browsers.py", "set_default_timeout"): "for make first-edition too",
    ("tests/support/browsers.py", "wait_for_timeout"): "nothing shows that Chromium has noted what stood in a form",
    ("tests/mail/test_delivery_faults.py", "sleep"): "when a worker is killed is left to chance",
    ("tests/mailroom/test_intake_faults.py", "sleep"): "when a worker is killed is left to chance",
    ("tests/house/test_many_machines.py", "sleep"): "for so long machines are cut off from each other",
    ("tests/house/test_measured_time.py", "sleep"): "it is what is measured",
    ("tests/house/test_writers_wait.py", "sleep"): "so long another one writes",
}


def _calls(module: ast.AST) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr in INSTEAD:
            yield node.attr
        elif isinstance(node, ast.Call):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            yield from (one.value for one in given if isinstance(one, ast.Constant) and one.value == "networkidle")
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "asyncio"):
            yield from (alias.name for alias in node.names if alias.name in INSTEAD)


@pytest.mark.parametrize(
    ("line", "results"),
    [
        ("time.sleep(1)", ["sleep"]), ("from time import sleep", ["sleep"]), ("page.wait_for_load_state()", ["wait_for_load_state"]),
        ("page.goto(url, wait_until='networkidle')", ["networkidle"]), ("wait_until(done, 'it')", []),
    ],
)  # fmt: skip
def test_the_reader_of_waits_sees_each_way(line: str, results: list[str]) -> None:
    assert list(_calls(ast.parse(line))) == results


def test_nothing_waits_for_a_time() -> None:
    paths = [path for path in list_code(".py") if relative_name(path).startswith("tests/")]
    some = [path for path in paths if any(call in path.read_text(encoding="utf-8") for call in INSTEAD)]
    used = {(relative_name(path), call) for path in some for call in _calls(parse_module(path))}
    wrong = [f"{path} has {call}: {INSTEAD[call]}" for path, call in sorted(used - ALLOWED.keys())]
    assert wrong == []
    assert sorted(ALLOWED.keys() - used) == [], "not needed any more"
