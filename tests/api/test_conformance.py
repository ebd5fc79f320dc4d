"""Every operation, called as its document describes it and as it doesn't: no fault, no response that isn't described, no change."""

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import negative_data_rejection

from app.api.openapi import build_document
from app.core.permissions import TOKEN_ACTS
from app.db.engine import Database
from tests.support.api_calls import Program, create_token, release_letters
from tests.support.assignments import ExpertAssignment
from tests.support.database_checks import count_rows
from tests.support.desk import Desk
from tests.support.letters import create_letter
from tests.support.reader_pages import publish_answer

EXAMPLES = 6  # of each operation and token
ROLES = {"all": tuple(TOKEN_ACTS), "reading": ("read",), "none": ()}


@pytest.mark.parametrize("permits", ROLES)
def test_each_operation_answers_as_its_document_says(
    app: Flask, database: Database, vera: Desk, salt: ExpertAssignment, permits: str
) -> None:
    publish_answer(database, salt.newsroom, [create_letter(database, salt.newsroom, "Who counts the sacks?")])
    release_letters(database)
    ids = list_ids(Program(app, create_token(database)))
    secret = create_token(database, acts=ROLES[permits]) if ROLES[permits] else "readersasked_unknown"
    headers = {"Authorization": f"Bearer {secret}"}
    schema = schemathesis.openapi.from_dict(build_document("https://localhost"))
    schema.app = app
    before = count_rows(database)
    calls = 0

    def check_operation(operation: Any) -> None:
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            nonlocal calls
            names = operation.path.split("/")
            real_id = ids.get(names[5] if len(names) > 5 else "", "")
            case.call_and_validate(headers=headers)
            case.path_parameters = {"slug": "steppe", "id": real_id}  # a made-up path finds nothing
            case.call_and_validate(headers=headers, excluded_checks=[negative_data_rejection])
            calls += 2

        check()

    for result in schema.get_all_operations():
        check_operation(result.ok())
    assert calls >= 2 * len(build_document("")["paths"])
    assert count_rows(database) == before


def list_ids(program: Program) -> dict[str, str]:
    """Return the ID of a record of each kind that the newsroom has."""
    names = ("editions", "questions", "assignments", "answers", "experts", "people", "letters")
    return {name: program.list_all(name)[-1]["id"] for name in names}
