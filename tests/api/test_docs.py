"""The docs of the API: its document and reference are those of the code, and the program and the calls in them work."""

import contextlib
import copy
import io
import json
import os
import re
from typing import Any

import pytest
from flask import Flask

from app.api.openapi import build_document, list_operations
from app.api.reference import EXAMPLE_URL, EXAMPLE_VALUES, list_reference_lines
from app.db.engine import Database
from tests.support.api_calls import Program, create_token
from tests.support.api_changes import list_breaking_changes
from tests.support.assignments import ExpertAssignment
from tests.support.desk import Desk
from tests.support.docs import list_code_blocks
from tests.support.letters import create_letter
from tests.support.reader_pages import publish_answer
from tests.support.source import ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"
CALL = re.compile(r'^curl (?:-H "Authorization: Bearer \$TOKEN" )?(https://\S+)$', re.MULTILINE)
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_the_document_breaks_no_program_and_is_that_of_the_code() -> None:
    released = json.loads(DOCUMENT.read_text("utf-8"))
    current = json.loads(json.dumps(build_document(EXAMPLE_URL)))
    assert list_breaking_changes(released, current) == [], "programs rely on this: keep it, or make a /api/v2"
    assert released == current, "run: readers-asked api openapi > docs/openapi.json"


def test_the_reference_is_that_of_the_code() -> None:
    reference = (ROOT / "docs" / "api-reference.md").read_text("utf-8").splitlines()
    assert reference == list(list_reference_lines()), "run: readers-asked api reference > docs/api-reference.md"


def change(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return the part of a document at a path of keys."""
    for key in path:
        document = document[key]
    return document


def test_each_change_that_breaks_a_program_is_named() -> None:
    released = json.loads(json.dumps(build_document("")))
    current = copy.deepcopy(released)
    questions = f"{'/api/v1/newsletters/{slug}'}/questions"
    schemas = change(current, "components", "schemas")
    del current["paths"]["/api/v1/token"]
    parameters = change(current, "paths", questions, "get")["parameters"]
    [state] = [one for one in parameters if one["name"] == "state"]
    state["schema"]["enum"].remove("closed")
    parameters[:] = [one for one in parameters if one["name"] != "edition"]
    parameters.append({"name": "topic", "in": "query", "required": True, "schema": {"type": "string"}})
    del schemas["experts"]["properties"]["bio"]
    schemas["experts"]["required"].remove("bio")
    schemas["editions"]["properties"]["slots"] = {"type": "string"}
    del schemas["corrections"]
    schemas["letters"]["properties"]["mood"] = {"type": "string"}  # an addition breaks nothing
    assert list_breaking_changes(released, current) == [
        "GET /api/v1/token is gone",
        f"GET {questions} has lost the parameter edition",
        f"GET {questions} doesn't take state=closed any more",
        f"GET {questions} requires the parameter topic",
        "editions.slots has another type",
        "corrections is gone",
        "experts.bio is gone",
        "experts.bio may be missing",
    ]


@ON_SQLITE
def test_the_first_program_of_the_docs_prints_the_questions_in_work(
    site: str, database: Database, vera: Desk, salt: ExpertAssignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    [block] = list_code_blocks("docs/api.md", "A first program", "python")
    settings = {"DESK": site, "NEWSLETTER": "steppe", "TOKEN": create_token(database, acts=["read"])}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block, {"__name__": "__main__"})  # noqa: S102 - it is of our own docs
    [shell] = list_code_blocks("docs/api.md", "A first program", "sh")
    assert re.findall(r"([A-Z]+)=", shell) == list(settings) and os.environ["DESK"] == site
    [question] = Program(vera.client.application, settings["TOKEN"]).list_all("questions")
    assert printed.getvalue() == f"{question['id']} seeking {question['wordings'][-1]['headline']}\n"


@ON_SQLITE
def test_every_call_in_the_docs_is_answered(app: Flask, database: Database, vera: Desk, salt: ExpertAssignment) -> None:
    publish_answer(database, salt.newsroom, [create_letter(database, salt.newsroom, "Who counts the sacks?")])
    program = Program(app, create_token(database))
    ids = {
        name: (program.list_all(name) or [{"id": ""}])[-1]["id"]
        for name in ("editions", "questions", "assignments", "answers", "experts", "people")
    }
    texts = [(ROOT / "docs" / name).read_text("utf-8") for name in ("api.md", "api-reference.md")]
    paths = [url.removeprefix(EXAMPLE_URL) for text in texts for url in CALL.findall(text)]
    expected = {operation.path.format(**EXAMPLE_VALUES) for operation in list_operations()}
    assert set(paths) == expected
    for path in paths:
        name = path.removeprefix(f"{program.base_path}/").partition("/")[0]
        if EXAMPLE_VALUES["id"] in path and name not in ids:
            continue  # the Steppe Letter has no translation, correction or letter yet
        assert program.open(path.replace(EXAMPLE_VALUES["id"], ids.get(name, ""))).status_code == 200, path
