"""Names of functions and parameters hold a noun or a standard verb (docs/adr/0033-names.md); the exceptions only become fewer."""

import ast
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from jinja2 import nodes

from tests.support.odd_names import ODD, ODD_PARAMETERS
from tests.support.source import (
    ROOT,
    list_app_modules,
    list_code,
    list_macros,
    parse_module,
    parse_templates,
    relative_name,
)

# What is left, mostly nested functions, properties that templates read, and parameters of views. Lower these; nothing raises them.
MOST_FUNCTIONS, MOST_PARAMETERS = 45, 120
MOST_TEST_FUNCTIONS, MOST_TEST_PARAMETERS = 5, 181
# Words that name parameters of tests everywhere.
TEST_PARAMETERS = {"expected"}
# Variables of mail templates that are placeholders in texts which newsletters have worded, such as {why}.
MOST_VARIABLES = 8


def is_odd(name: str) -> bool:
    return all(word in ODD for word in name.strip("_").split("_"))


Function = ast.FunctionDef | ast.AsyncFunctionDef


def list_functions(paths: Iterable[Path]) -> list[Function]:
    return [
        node
        for path in paths
        for node in ast.walk(parse_module(path))
        if isinstance(node, Function) and not node.name.startswith("__")
    ]


def list_app_functions() -> list[Function]:
    return list_functions(path for _package, path in list_app_modules())


def list_test_functions() -> list[Function]:
    return list_functions(path for path in list_code(".py") if ROOT / "tests" in path.parents)


@pytest.mark.parametrize(
    ("list_them", "limit"),
    [(list_app_functions, MOST_FUNCTIONS), (list_test_functions, MOST_TEST_FUNCTIONS)],
    ids=["app", "tests"],
)
def test_no_more_functions_are_called_by_a_participle_or_a_preposition(
    list_them: Callable[[], list[Function]], limit: int
) -> None:
    odd = sorted(node.name for node in list_them() if is_odd(node.name))
    assert len(odd) <= limit, f"name a function by a verb and a noun, or by what it returns: {odd}"


@pytest.mark.parametrize(
    ("list_them", "allowed", "limit"),
    [
        (list_app_functions, frozenset[str](), MOST_PARAMETERS),
        (list_test_functions, TEST_PARAMETERS, MOST_TEST_PARAMETERS),
    ],
    ids=["app", "tests"],
)
def test_no_more_parameters_are_called_so(
    list_them: Callable[[], list[Function]], allowed: set[str], limit: int
) -> None:
    odd = sorted(
        f"{node.name}({argument.arg})"
        for node in list_them()
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if argument.arg in ODD_PARAMETERS - allowed
    )
    assert len(odd) <= limit, f"name a parameter by what it holds: {odd}"


def test_no_macro_is_called_so() -> None:
    odd = sorted(f"{relative_name(path)} {macro.name}" for path, macro in list_macros() if is_odd(macro.name))
    assert odd == [], f"name a macro by what it renders: {odd}"


def test_no_more_parameters_and_variables_of_templates_are_called_so() -> None:
    odd = sorted(
        f"{relative_name(path)} {node.name}"
        for path, template in parse_templates().items()
        for node in template.find_all(nodes.Name)
        if node.ctx in ("store", "param") and node.name in ODD_PARAMETERS
    )
    assert len(odd) <= MOST_VARIABLES, f"name a variable by what it holds: {odd}"


def test_the_words_tell_names_apart() -> None:
    assert [is_odd(name) for name in ("asked", "_of_others", "beside", "list_letters", "question", "is_open")] == [
        *(True, True, True), *(False, False, False),
    ]  # fmt: skip
