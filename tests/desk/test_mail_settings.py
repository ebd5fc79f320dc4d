"""The settings of a newsletter's mail, on the settings page: Nora sets them, Ilya can look."""

from typing import Any

import pytest

from app.db.engine import Database
from app.newsletters.models import Newsletter
from tests.support.desk import Desk, get_form_fields
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

COLUMNS = ("inbox", "list_address", "acknowledges", "digest_at", "undo_seconds", "raw_days", "held_kinds")
TYPED = {
    "inbox": " Ask@Steppe.example ",
    "list_address": "news@Steppe.example",
    "acknowledges": "1",
    "digest_at": "6:45",
    "undo_seconds": "120",
    "raw_days": "7",
    "held_kinds": ["reader.news", "expert.invitation"],
}


def get_settings(database: Database, newsroom: Newsroom) -> dict[str, Any]:
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        return {name: getattr(newsletter, name) for name in COLUMNS}


def test_nora_sets_how_mail_comes_in_and_goes_out(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    nora.press("settings/mail", **get_form_fields(nora, "settings/mail") | TYPED)
    assert get_settings(database, newsroom) == {
        "inbox": "ask@steppe.example", "list_address": "news@steppe.example", "acknowledges": True, "digest_at": "06:45",
        "undo_seconds": 120, "raw_days": 7, "held_kinds": ["expert.invitation", "reader.news"],
    }  # fmt: skip
    again = get_form_fields(nora, "settings/mail")
    assert [again[name] for name in COLUMNS[:-1]] == [
        "ask@steppe.example", "news@steppe.example", "1", "06:45", "120", "7",
    ]  # fmt: skip
    assert again["held_kinds"] == ["expert.invitation", "reader.news"]


def test_all_of_it_can_be_switched_off_again(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    nora.press("settings/mail", **get_form_fields(nora, "settings/mail") | TYPED)
    off = {"inbox": "", "list_address": "", "digest_at": "", "undo_seconds": "0", "held_kinds": []}
    typed = get_form_fields(nora, "settings/mail") | off
    typed.pop("acknowledges")
    nora.press("settings/mail", **typed)
    assert get_settings(database, newsroom) == {
        "inbox": "", "list_address": "", "acknowledges": False, "digest_at": "", "undo_seconds": 0, "raw_days": 7,
        "held_kinds": [],
    }  # fmt: skip


def test_only_mails_to_somebody_outside_can_be_held(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    offered = nora.get("settings/mail").values("held_kinds")
    assert {kind.partition(".")[0] for kind in offered} == {"expert", "reader", "translator"}
    nora.press(
        "settings/mail", **get_form_fields(nora, "settings/mail") | {"held_kinds": ["sign_in", "desk.digest", "odd"]}
    )
    assert get_settings(database, newsroom)["held_kinds"] == []


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("inbox", "ask"), ("inbox", "ask@"), ("inbox", "a b@steppe.example"), ("inbox", "ask@steppe.example\nBcc: x@y.example"),
        ("list_address", "news"), ("digest_at", "25:00"), ("digest_at", "half past seven"), ("digest_at", "7"),
        ("undo_seconds", "601"), ("undo_seconds", "-1"), ("undo_seconds", ""), ("raw_days", "0"), ("raw_days", "91"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_told_at_its_field(
    nora: Desk, database: Database, newsroom: Newsroom, field: str, text: str
) -> None:
    before = get_settings(database, newsroom)
    typed = get_form_fields(nora, "settings/mail") | {"acknowledges": "1", field: text}
    response = nora.send("settings/mail", typed)
    assert response.status_code == 422
    page = Page(response.text)
    assert [place for place, _said in page.errors] == [field]
    assert page.form("/settings/mail").fields["acknowledges"] == "1"
    assert get_settings(database, newsroom) == before


def test_an_assistant_can_look_and_not_change(nora: Desk, ilya: Desk, database: Database, newsroom: Newsroom) -> None:
    before = get_settings(database, newsroom)
    assert "Morning mail" in ilya.get_text("settings/mail")
    assert "How your mails are worded" not in ilya.get_text("settings")
    ilya.press("settings/mail", status=404, **get_form_fields(nora, "settings/mail") | TYPED)
    assert get_settings(database, newsroom) == before
