"""Names of functions and parameters hold a noun or a standard verb (docs/adr/0033-names.md); those that don't only become fewer."""

import ast

from jinja2 import nodes

from tests.support.odd_names import ODD, ODD_PARAMETERS
from tests.support.source import list_app_modules, list_macros, parse_module, parse_templates, relative_name

# What is left, mostly nested functions, properties that templates read, and parameters of views. Lower these; nothing raises them.
MOST_FUNCTIONS, MOST_PARAMETERS = 45, 120
# Variables of mail templates that are placeholders in texts which newsletters have worded, such as {why}.
MOST_VARIABLES = 8


def is_odd(name: str) -> bool:
    return all(word in ODD for word in name.strip("_").split("_"))


def functions() -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for _package, path in list_app_modules()
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("__")
    ]


def test_no_more_functions_are_called_by_a_participle_or_a_preposition() -> None:
    odd = sorted(node.name for node in functions() if is_odd(node.name))
    assert len(odd) <= MOST_FUNCTIONS, f"name a function by a verb and a noun, or by what it returns: {odd}"


def test_no_more_parameters_are_called_so() -> None:
    odd = sorted(
        f"{node.name}({argument.arg})"
        for node in functions()
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if argument.arg in ODD_PARAMETERS
    )
    assert len(odd) <= MOST_PARAMETERS, f"name a parameter by what it holds: {odd}"


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
