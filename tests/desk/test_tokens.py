"""Tokens for programs at the desk: created, shown once, renewed and revoked by an admin, after a fresh proof of identity."""

from typing import Any

import pytest
from flask import Flask

from app.core.permissions import TOKEN_ACTS
from app.db.engine import Database
from app.people import api_tokens
from tests.support.api_calls import Program, create_token
from tests.support.desk import Desk, combine_version_tokens
from tests.support.desk_people import hire, list_events
from tests.support.sample_newsroom import Newsroom


def show_secret(vera: Desk, token_page: str) -> str:
    seen = combine_version_tokens(vera.get(token_page))
    [secret, example] = vera.post(f"{token_page}/secret", 200, seen=seen).texts("code")
    assert secret in example
    return str(secret)


def test_vera_gives_a_program_a_token_which_reads_until_she_revokes_it(app: Flask, vera: Desk) -> None:
    assert "No program has a token yet." in vera.get_text("tokens")
    token_page = vera.post("tokens", name="The site", acts=["read"], days="30")
    secret = show_secret(vera, token_page)
    program = Program(app, secret)
    assert program.get("")["name"] == "The Steppe Letter"
    program.get("letters", 403)
    [row] = vera.get("tokens").rows[1:]
    assert row[:3] == ["The site", "Vera Holm", "valid"] and row[4].startswith("used ")
    assert secret not in vera.get_text(token_page)
    vera.post(f"{token_page}/revoke")
    program.get("", 401)
    assert "No program has a token yet." in vera.get_text("tokens")


def test_a_new_secret_ends_the_former_one(app: Flask, vera: Desk) -> None:
    token_page = vera.post("tokens", name="The site", acts=list(TOKEN_ACTS), days="365")
    former, present = show_secret(vera, token_page), show_secret(vera, token_page)
    Program(app, former).get("", 401)
    Program(app, present).get("letters")


def test_the_secret_is_not_replaced_on_a_page_that_did_not_know_of_it(app: Flask, vera: Desk) -> None:
    token_page = vera.post("tokens", name="The site", acts=["read"], days="90")
    stale_token = combine_version_tokens(vera.get(token_page))
    secret = show_secret(vera, token_page)
    vera.post(f"{token_page}/secret", 409, seen=stale_token)
    Program(app, secret).get("")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": ""}, "Say which program it is for."),
        ({"name": "x" * 81}, "This is too long: the limit is 80 characters."),
        ({"acts": []}, "Choose what the program may read."),
        ({"acts": ["people"]}, "The page was too old, or what was sent doesn’t fit together."),
        ({"days": "4"}, "Choose how long it is valid."),
        ({"days": ""}, "Choose how long it is valid."),
    ],
)
def test_what_can_not_be_used_is_named_and_what_was_typed_stays(vera: Desk, fields: dict[str, Any], fault: str) -> None:
    page = vera.post("tokens", 422, **{"name": "The site", "acts": ["letters by token"], "days": "365"} | fields)
    assert page.texts("p.error") == [fault]
    assert page.value("name") == fields.get("name", "The site")
    assert page.texts("option[selected]") == (["365 days"] if "days" not in fields else [])
    ticked = [act for act in TOKEN_ACTS if act in fields.get("acts", ["letters by token"])]
    assert page.attributes("[name=acts][checked]", "value") == ticked
    assert "No program has a token yet." in vera.get_text("tokens")


def test_a_desk_has_twenty_tokens_at_most(database: Database, vera: Desk) -> None:
    for _number in range(api_tokens.MAX_TOKENS):
        create_token(database)
    page = vera.post("tokens", 422, name="One more", acts=["read"], days="30")
    assert page.texts("p.error") == ["There are so many already: revoke one first."]


def test_only_its_creator_sees_the_secret_of_a_token_and_any_admin_revokes_it(
    app: Flask, database: Database, newsroom: Newsroom, vera: Desk
) -> None:
    secret = create_token(database)
    ada = Desk(app, database.write(lambda s: hire(s, newsroom.newsletter_id, "Ada", "ada@desk.example", "admin")))
    [path] = [url for url in ada.get("tokens").urls if "/tokens/" in url]
    page = ada.get(path)
    assert [button for button in page.buttons if "secret" in button] == []
    seen = combine_version_tokens(vera.get(path))
    ada.post(f"{path}/secret", 409, seen=seen)
    Program(app, secret).get("")
    ada.post(f"{path}/revoke")
    Program(app, secret).get("", 401)
    assert [row[0] for row in list_events(database, newsroom.newsletter_id, "token.")] == [
        "token.create", "token.show", "token.revoke",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["tokens", "tokens/0123456789AB"])
def test_an_editor_and_an_assistant_see_no_tokens(nora: Desk, ilya: Desk, path: str) -> None:
    for desk in (nora, ilya):
        desk.get(path, 404)
        assert "Tokens for programs" not in desk.get_text("settings")
    nora.post("tokens", 404, name="x", acts=["read"], days="30")
