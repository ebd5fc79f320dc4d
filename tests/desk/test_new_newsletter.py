"""An admin makes another newsletter: one page, which shows how it would be before it is."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.audit import Event
from app.db.engine import Database
from app.editions.queries import list_editions_to_run
from app.newsletters.models import Newsletter, NewsletterText
from app.newsletters.queries import by_slug, desks_of
from app.workflows.newsletters.founding import RESERVED_SLUGS
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk, get_form_fields
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

PAGE = "new-newsletter"
TYPED = {
    "name": "نامه‌ی دریا", "slug": "sea-letter", "publisher": "Meridian", "editor": "Vera Lang",
    "address": "sea@Steppe.example", "languages": "fa, en", "section": "پرسش خوانندگان",
    "rule_by": "weeks", "weeks": "1", "weekly": "FR", "at": "08:30", "zone": "Asia/Tehran", "asked_many": "چند خواننده پرسیدند:",
}  # fmt: skip


def test_vera_makes_a_newsletter_and_is_its_admin(vera: Desk, app: Flask) -> None:
    assert vera.press(PAGE, **get_form_fields(vera, PAGE) | TYPED) == "/desk/sea-letter/"
    with vera.database.read() as session:
        made = by_slug(session, "sea-letter")
        assert made is not None
        assert (made.name, made.language, made.languages, made.address, made.rule, made.zone) == (
            "نامه‌ی دریا", "fa", ["fa", "en"], "sea@steppe.example", "FREQ=WEEKLY;BYDAY=FR", "Asia/Tehran",
        )  # fmt: skip
        assert [text.body for text in session.scalars(select(NewsletterText))] == ["چند خواننده پرسیدند:"]
        assert len(list_editions_to_run(session, made.id, 50)) > 20
        events = [
            one.action
            for one in session.scalars(select(Event).filter_by(newsletter_id=made.id))
            if one.noun != "edition"
        ]
        assert events == ["newsletter.found", "newsletter.word", "membership.set"]
    assert "نامه‌ی دریا was created." in vera.get_text("/desk/sea-letter/")
    assert app.test_client().get("/sea-letter/").status_code == 200
    assert vera.get("/desk/sea-letter/settings").heading == "Settings"


def test_it_is_looked_at_before_it_is_made(vera: Desk) -> None:
    before = dump_tables(vera.database)
    page = Page(vera.send(PAGE, get_form_fields(vera, PAGE) | TYPED | {"look": "1"}).text)
    assert "Not made yet: this is how it would be The next dates: Fri" in page.main_text
    [example] = page.parts(".letter.mail")
    assert "پرسش خوانندگان" in example.main_text and "چند خواننده پرسیدند:" in example.main_text
    assert page.attributes(".letter.mail", "lang") == ["fa"] and page.attributes(".letter.mail", "dir") == ["rtl"]
    kept = page.form(f"/desk/steppe/{PAGE}").fields
    assert {name: kept[name] for name in TYPED} == TYPED
    assert dump_tables(vera.database) == before


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"name": ""}, ["name"]), ({"slug": ""}, ["slug"]), ({"slug": "Sea Letter"}, ["slug"]), ({"slug": "desk"}, ["slug"]),
        ({"slug": "steppe"}, ["slug"]), ({"languages": ""}, ["languages"]), ({"languages": "Klingonic"}, ["languages"]),
        ({"address": "sea"}, ["address"]), ({"zone": "Sea/Bottom", "section": ""}, ["section", "zone"]),
        ({"weekly": ()}, ["rule"]), ({"lead_in": "By {nobody}:"}, ["lead_in"]), ({"at": "25:00", "slug": "a"}, ["at", "slug"]),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_comes_back_with_all_that_is_wrong(
    vera: Desk, fields: dict[str, Any], faults: list[str]
) -> None:
    before = dump_tables(vera.database)
    answer = vera.send(PAGE, get_form_fields(vera, PAGE) | TYPED | fields)
    page = Page(answer.text)
    assert answer.status_code == 422
    assert sorted(name for name, _words in page.error_summary) == faults
    assert page.form(f"/desk/steppe/{PAGE}").fields["publisher"] == "Meridian"
    assert dump_tables(vera.database) == before


def test_whoever_is_no_admin_is_not_offered_it_and_finds_nothing(nora: Desk, vera: Desk) -> None:
    nora.get(PAGE, 404)
    nora.post(PAGE, 404, **TYPED)
    assert [PAGE in href for _words, href in nora.get("settings").links].count(True) == 0
    assert [PAGE in href for _words, href in vera.get("settings").links].count(True) == 1


def test_nora_is_no_admin_of_what_vera_made(vera: Desk, nora: Desk, database: Database, newsroom: Newsroom) -> None:
    vera.press(PAGE, **get_form_fields(vera, PAGE) | TYPED)
    nora.get("/desk/sea-letter/", 404)
    with database.read() as session:
        assert [one.slug for one in desks_of(session, newsroom.nora.person_id)] == ["steppe"]
        assert len(session.scalars(select(Newsletter)).all()) == 2


def test_no_newsletter_hides_an_address_of_the_house(app: Flask) -> None:
    rules = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()} - {"", "<slug>"}
    first = {name for name in rules if "." not in name}  # no newsletter's name has a dot
    assert first - set(RESERVED_SLUGS.split()) == set(), (
        "add it to RESERVED_SLUGS in app/workflows/newsletters/founding.py"
    )
