"""Two people at one form of the house: what the second left alone follows the first, and only what both changed is a question."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.people import directory
from app.people.models import Expert
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

LEYLA = "experts/leyla"
LISTS = ("held_kinds", "weekly", "monthly", "places")
# A form, the field that Vera changes and what she writes, the one that Nora changes and what she writes there.
FORMS = [
    ("settings/texts", "words", "190", "section", "The Steppe Answers"),
    ("settings/mail", "acknowledges", "1", "digest_at", "06:45"),
    ("settings/mail", "held_kinds", ["expert.invitation"], "raw_days", "7"),
    ("settings/texts", "marks", "straight", "call", "Ask us.\nWrite to {address}."),
    ("settings/sentences/en", "pay", "We pay 50 euros.", "rights", "Your words stay yours."),
    ("settings/mail-texts/en/expert.reminder", "subject", "Still by {due}?", "body", "Could you, by {due}? {link}"),
    (LEYLA, "place", "Osh", "bio", "She counts salt.\n\nSince 2009."),
]


def get_page_path(database: Database, newsroom: Newsroom, page: str) -> str:
    """The address of a page, Leyla's by her number."""
    with database.read() as session:
        return page.replace("leyla", session.get_one(Expert, newsroom.leyla.expert_id).public_id)


def form(page: str) -> dict[str, Any]:
    """What a browser would send of the largest form that knows what it showed, without its key: it may be sent again."""
    sent = max((one.fields for one in Page(page).forms if "seen" in one.fields), key=len)
    fields = {name: value for name, value in sent.items() if name != "once"}
    lists = {name: [value] for name, value in fields.items() if name in LISTS and isinstance(value, str)}
    whole = {name: value.replace("\n", "\r\n") for name, value in fields.items() if isinstance(value, str)}
    return fields | whole | lists


def summary_of(page: str) -> list[str]:
    """What the box on top of the page says: its heading and each of its lines."""
    return [" ".join(one.text().split()) for one in Page(page).tree.css(".summary :is(h2, li)")]


def send(desk: Desk, path: str, fields: dict[str, Any]) -> TestResponse:
    return desk.send(path, fields)


def without_tokens(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in ("seen", "csrf_token")}


@pytest.mark.parametrize(("page", "hers", "vera_s", "mine", "nora_s"), FORMS)
def test_what_nora_left_alone_follows_vera_and_what_she_changed_stays_hers(
    vera: Desk, nora: Desk, database: Database, newsroom: Newsroom, page: str, hers: str, vera_s: Any, mine: str, nora_s: str
) -> None:  # fmt: skip
    path = get_page_path(database, newsroom, page)
    opened = form(nora.open(path).text)
    nora_s = nora_s.replace("\n", "\r\n")
    assert send(vera, path, opened | {hers: vera_s}).status_code == 303
    before = dump_tables(database)
    met = send(nora, path, opened | {mine: nora_s})
    assert met.status_code == 409 and dump_tables(database) == before
    assert summary_of(met.text)[0] == "Vera Holm was faster"
    assert len(summary_of(met.text)) == 2  # Vera's one field, and none in which they contradict each other
    again = form(met.text)
    assert without_tokens(again) == without_tokens(opened) | {hers: vera_s, mine: nora_s}
    assert send(nora, path, again).status_code == 303
    assert without_tokens(form(nora.open(path).text)) == without_tokens(opened) | {hers: vera_s, mine: nora_s}


def test_what_both_changed_is_listed_with_both_values_and_what_was_taken_over_with_what_it_said(
    vera: Desk, nora: Desk
) -> None:
    opened = form(nora.open("settings/texts").text)
    changed = {"words": "190", "marks": "straight", "call": "Ask us.", "section": "Ask Us"}
    assert send(vera, "settings/texts", opened | changed).status_code == 303
    met = send(nora, "settings/texts", opened | {"words": "200", "marks": "straight"})
    assert summary_of(met.text) == [
        "Vera Holm was faster",
        "Words: saved is “190”, yours is “200”",
        "Section: “Ask Us”, until then “Ask The Steppe”",
        "Standing call: “Ask us.”, until then “What would you like to know? Write to {address}.”",
    ]
    notes = Page(met.text)
    assert dict(zip(notes.attributes(".below", "id"), notes.texts(".below"), strict=True)) == {
        "words-note": "Now it says: 190",
        "section-note": "Changed in the meantime. Before that it said: Ask The Steppe",
        "call-note": "Changed in the meantime. Before that it said: What would you like to know? Write to {address}.",
    }
    assert without_tokens(form(met.text)) == without_tokens(opened) | changed | {"words": "200"}


def test_a_form_is_only_old_where_its_own_fields_have_changed(
    vera: Desk, nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    opened = form(nora.open("settings/texts").text)
    database.write(lambda session: setattr(session.get_one(Newsletter, newsroom.newsletter_id), "imprint", "Brno."))
    assert send(vera, "settings/texts", opened | {"words": "190"}).status_code == 303
    assert send(nora, "settings/texts", opened | {"words": "190"}).status_code == 303  # the same words meet nobody


def test_a_fault_leaves_the_form_as_old_as_it_was(vera: Desk, nora: Desk) -> None:
    opened = form(nora.open("settings/texts").text)
    assert send(vera, "settings/texts", opened | {"words": "190"}).status_code == 303
    wrong = send(nora, "settings/texts", opened | {"section": ""})
    assert wrong.status_code == 422
    met = send(nora, "settings/texts", form(wrong.text) | {"section": "Ask Us"})
    assert (met.status_code, summary_of(met.text)[1:]) == (409, ["Words: “190”, until then “180”"])


def test_an_expert_who_kept_her_profile_herself_is_named(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    path = get_page_path(database, newsroom, LEYLA)
    opened = form(nora.open(path).text)

    def move(session: Any) -> None:
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        directory.change_profile(session, newsroom.leyla, leyla, None, place="Nukus")

    database.write(move)
    met = send(nora, path, opened | {"place": "Osh"})
    assert summary_of(met.text) == ["Leyla Aydın was faster", "Place: saved is “Nukus”, yours is “Osh”"]
