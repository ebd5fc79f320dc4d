"""Errors have codes: each code that is raised has a row in the table of sentences, and each row is raised somewhere."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from flask import Flask

from app import create_app  # noqa: F401 - imports every door, and with it every class of errors
from app.core.domain_errors import DomainError, MissingField, TooLong
from app.core.fields import ERROR_MESSAGES
from app.web.error_sentences import SENTENCES, STATUSES, format_error, get_status
from tests.support.source import list_app_modules, parse_module, relative_name

CODE = re.compile(r"[a-z_]+\.[a-z_]+")
# What makes an error from the second part of its code: the family, and the argument that holds it.
MAKERS = {
    "MissingPrecondition": ("precondition", 0),
    "Precondition": ("precondition", 1),
    "MissingField": ("required", 0),
    "require_text": ("required", 0),
    "InvalidField": ("invalid", 0),
    "TooLong": ("too_long", 0),
    "require_length": ("too_long", 0),
    "clean_printed_line": ("too_long", 0),
    "CannotMerge": ("merge", 0),
    "ImportRejected": ("import", 0),
    "LeakDetected": ("leak", 1),
    "must_have_looked": ("leak", 2),
    "FieldError": ("field", 0),
}
# What makes an error for whoever calls it; the key is read there.
FOR_OTHERS = {
    "app/answers/assigning.py clean_printed_line",
    "app/core/state_machine.py require",
    "app/core/state_machine.py require_length",
    "app/core/state_machine.py require_text",
    "app/core/state_machine.py requires",
    "app/editor/experts/file_pages.py format_row_fault",
    "app/questions/source_protection.py must_have_looked",
}
DEFAULT = {"LeakDetected": "reader_words", "must_have_looked": "reader_words"}


def name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@cache
def tables() -> dict[str, ast.Dict]:
    """The tables of all modules, by name."""
    return {
        name_of(node.targets[0]): node.value
        for _room, path in list_app_modules()
        for node in parse_module(path).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
    }


def keys_of(node: ast.expr, module: ast.Module) -> set[str]:
    """What an argument may be: a text, one of two, a value of a table, or each key of one. Nothing for a parameter."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.IfExp):
        return keys_of(node.body, module) | keys_of(node.orelse, module)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        values = tables()[name_of(node.func.value)].values
        return {key for value in (*values, node.args[1]) for key in keys_of(value, module)}
    if isinstance(node, ast.Name):
        loops = (part for part in ast.walk(module) if isinstance(part, ast.comprehension | ast.For))
        for loop in loops:
            if isinstance(loop.target, ast.Tuple) and name_of(loop.target.elts[0]) == node.id:
                table = tables().get(name_of(getattr(getattr(loop.iter, "func", None), "value", loop.iter)))
                if table is not None:
                    return {key for one in table.keys if one for key in keys_of(one, module)}
    return set()


def list_codes(node: ast.Call, module: ast.Module) -> Iterator[str]:
    """The codes of the errors that a call makes, or that it lets be made."""
    maker = name_of(node.func)
    if maker == "requires":
        columns = [str(column.value).removesuffix("_id") for column in node.args if isinstance(column, ast.Constant)]
        yield f"precondition.{'_and_'.join(columns)}_missing"
    elif maker in MAKERS:
        family, place = MAKERS[maker]
        keys = keys_of(node.args[place], module) if place < len(node.args) else {DEFAULT[maker]}
        yield from (f"{family}.{key}" for key in keys)


def list_unparsed() -> Iterator[str]:
    """The functions that make an error from what can't be read in the code."""
    for _room, path in list_app_modules():
        module = parse_module(path)
        for function in ast.walk(module):
            if isinstance(function, ast.FunctionDef):
                calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
                if any(name_of(call.func) in MAKERS and not set(list_codes(call, module)) for call in calls):
                    yield f"{relative_name(path)} {function.name}"


def subclasses(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


@cache
def raised() -> dict[str, str]:
    """Each code that is raised, with a module that does."""
    of_class = {one.__name__: one.code for one in subclasses(DomainError) if "code" in vars(one)}
    found: dict[str, str] = {}
    for _room, path in list_app_modules():
        module = parse_module(path)
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                found |= dict.fromkeys(list_codes(node, module), relative_name(path))
            kind = node.func if isinstance(node, ast.Call) else node.exc if isinstance(node, ast.Raise) else None
            if kind is not None and name_of(kind) in of_class:
                found[of_class[name_of(kind)]] = relative_name(path)
    assert len(found) > 100
    return found


def test_every_error_of_the_domain_has_a_code() -> None:
    bare = [one.__name__ for one in subclasses(DomainError) if not hasattr(one, "code") and not hasattr(one, "family")]
    assert sorted(bare) == ["CannotMerge", "TooLong"]  # from what they are made with


def test_every_code_that_is_raised_has_a_row() -> None:
    lost = [f"{path} raises {code}: add a row to SENTENCES" for code, path in raised().items() if code not in SENTENCES]
    assert not lost, "\n".join(lost)


def test_a_code_can_be_read_where_it_is_raised() -> None:
    assert set(list_unparsed()) == FOR_OTHERS, "write the key where the error is raised, and not into a variable"


def test_every_row_is_raised() -> None:
    """What a program relies on doesn't go without a word in the changelog."""
    unraised = sorted(set(SENTENCES) - set(raised()) - {f"field.{key}" for key in ERROR_MESSAGES})
    assert not unraised, f"codes are part of the API, and nobody raises these any more: {', '.join(unraised)}"


@pytest.mark.parametrize("code", SENTENCES)
def test_a_code_is_two_words_and_has_a_status(code: str) -> None:
    assert CODE.fullmatch(code), f"{code} must be <family>.<key>, in small letters and underscores"
    assert 400 <= get_status(code) < 500


def test_every_family_has_a_code() -> None:
    assert {code.partition(".")[0] for code in SENTENCES} == set(STATUSES)


def test_a_sentence_is_filled_with_what_the_error_knows(app: Flask) -> None:
    with app.test_request_context():
        assert format_error(TooLong("note", 500)) == "This is too long: the limit is 500 characters."
        assert format_error(MissingField("reply")) == "Say what is wrong, so that it can be put right."
        plain = [str(SENTENCES[code]) for code in SENTENCES if not code.startswith(("too_long.", "field."))]
    assert [sentence for sentence in plain if "%(" in sentence] == []


def test_an_error_says_its_code_and_its_field() -> None:
    error = TooLong("note", 500)
    assert (error.code, error.field, str(error)) == (
        "too_long.note", "note", "too_long.note: 500 characters at most",
    )  # fmt: skip
    assert (MissingField("reply").code, MissingField("reply").field) == ("required.reply", "reply")
