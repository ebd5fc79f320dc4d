"""The settings of a newsletter and its house sentences, as Nora keeps them."""

from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning
from app.audit import Event
from app.core import permissions
from app.core.fields import FIELD_TYPES
from app.db.engine import Database
from app.db.session import now
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.newsletters.models import SETTINGS, Newsletter, NewsletterText
from app.newsletters.setting_fields import PARTS
from app.people.models import Expert, Membership, Person
from app.questions.models import Question
from app.version import VERSION
from tests.support.clock import today
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk, get_form_fields, get_settings_path, get_version_token
from tests.support.pages import Page
from tests.support.required_rows import compare_names
from tests.support.sample_newsroom import Newsroom, create_answered_question, create_submitted_answer


def test_settings_move_the_calendar_and_leave_a_trail(nora: Desk) -> None:
    rhythm = {"rule_by": "weeks", "weeks": "1", "weekly": "FR", "at": "08:30", "zone": "Asia/Bishkek"}
    nora.press(
        "settings/dates",
        **get_form_fields(nora, "settings/dates") | rhythm | {"slots": "3", "skips": "2099-07-01/2099-08-31"},
    )
    with nora.database.read() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        assert (newsletter.rule, newsletter.at, newsletter.zone) == ("FREQ=WEEKLY;BYDAY=FR", "08:30", "Asia/Bishkek")
        assert {edition.rule_date.weekday() for edition in session.scalars(select(Edition))} == {4}
        event = session.scalars(select(Event).filter_by(action="newsletter.change")).one()
        assert event.facts == {"columns": ["at", "rule", "skips", "slots", "zone"]}
    assert "Every Friday, 08:30, Asia/Bishkek" in nora.get_text("settings/dates")


@pytest.mark.parametrize(
    ("rhythm", "rule", "text"),
    [
        ({"rule_by": "weeks", "weeks": "2", "weekly": ["TU", "TH"]}, "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH",
         "Every 2 weeks on Tuesday and Thursday"),
        ({"monthly": "FR", "places": "-1"}, "FREQ=MONTHLY;BYDAY=-1FR", "Last Friday"),
        ({"rule_by": "days", "month_days": "1, 15"}, "FREQ=MONTHLY;BYMONTHDAY=1,15", "Day 1 and 15 of the month"),
        ({"rule_by": "rule", "rule": "FREQ=MONTHLY;BYDAY=1MO,3TH"}, "FREQ=MONTHLY;BYDAY=1MO,3TH",
         "First Monday and third Thursday"),
    ],
)  # fmt: skip
def test_a_rhythm_is_looked_at_before_it_is_saved_and_stands_in_the_form_again(
    nora: Desk, rhythm: dict[str, Any], rule: str, text: str
) -> None:
    before = dump_tables(nora.database)
    form = get_form_fields(nora, "settings/dates") | rhythm
    assert "Not saved yet. With these settings the next dates would be:" in nora.press(
        "settings/dates", 200, **form, look="1"
    )
    assert dump_tables(nora.database) == before
    nora.press("settings/dates", **form)
    assert f"{text}, 09:00, Europe/Prague" in nora.get_text("settings/dates")
    with nora.database.read() as session:
        assert session.scalars(select(Newsletter.rule)).one() == rule
    nora.press("settings/dates", **get_form_fields(nora, "settings/dates"))
    assert nora.get_text("settings/dates").startswith("The settings are saved. Settings When it runs ")


@pytest.mark.parametrize("rule", ["FREQ=MONTHLY;BYDAY=3WE,1WE", "BYSETPOS=1,3;BYDAY=WE;FREQ=MONTHLY"])
def test_a_rule_whose_choices_stay_is_kept_as_it_was_typed(nora: Desk, rule: str) -> None:
    nora.press("settings/dates", **get_form_fields(nora, "settings/dates") | {"rule_by": "rule", "rule": rule})
    nora.press("settings/dates", **get_form_fields(nora, "settings/dates") | {"slots": "3"})
    with nora.database.read() as session:
        assert session.scalars(select(Newsletter.rule)).one() == rule


@pytest.mark.parametrize(
    ("rule", "text"),
    [("FREQ=HOURLY", "names hours"), ("FREQ=", "is not a recurrence rule"), ("", "is not a recurrence rule")],
)
def test_a_rule_that_cannot_be_read_comes_back_with_why(nora: Desk, rule: str, text: str) -> None:
    before = dump_tables(nora.database)
    form = get_form_fields(nora, "settings/dates") | {"rule_by": "rule", "rule": rule}
    answer = nora.send("settings/dates", form)
    page = Page(answer.text)
    assert answer.status_code == 422 and text in page.main_text
    typed = page.form("/desk/steppe/settings/dates").fields
    assert (typed["rule"], typed["rule_by"]) == (rule, "rule")
    assert dump_tables(nora.database) == before


def test_a_pause_names_the_dates_that_stay_and_why(nora: Desk, newsroom: Newsroom) -> None:
    def fill(session: Session) -> list[Edition]:
        coming = list_editions_to_run(session, newsroom.newsletter_id, 4)
        for edition in coming[:2]:
            slots.pick(
                session,
                newsroom.nora,
                create_answered_question(session, newsroom, f"Who ran {edition.rule_date}?"),
                edition,
            )
        locking.lock_edition(session, newsroom.nora, coming[0])
        question = session.get_one(Question, create_submitted_answer(session, newsroom, "Who measures?").question_id)
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        assigning.assign(session, newsroom.nora, question, marek, for_edition_id=coming[2].id)
        return coming

    coming = nora.database.write(fill)
    pause = f"{coming[0].rule_date}/{coming[3].rule_date}"
    nora.press("settings/dates", **get_form_fields(nora, "settings/dates") | {"skips": pause})
    first, second, third = (said_day(edition.rule_date) for edition in coming[:3])
    assert nora.get_text("settings/dates").startswith(
        "Saved. The coming editions follow the new rhythm, except these: "
        f"{first}: it is locked; {second}: something is picked for it; {third}: an expert is asked for it. "
        "All dates, to skip one "
    )
    with nora.database.read() as session:
        left = list_editions_to_run(session, newsroom.newsletter_id, 4)
        assert [one.id for one in left[:3]] == [one.id for one in coming[:3]]
        assert left[3].rule_date > coming[3].rule_date
    nora.press("settings/dates", **get_form_fields(nora, "settings/dates") | {"skips": pause, "slots": "3"})
    assert nora.get_text("settings/dates").startswith("The settings are saved. Settings When it runs ")
    nora.press("settings/dates", **get_form_fields(nora, "settings/dates") | {"skips": "", "slots": "3"})
    assert " follow the new rhythm. Settings When it runs " in nora.get_text("settings/dates")


def said_day(day: date) -> str:
    year = f" {day.year}" if day.year != today().year else ""
    month = f"{day:%b}".replace("Sep", "Sept")  # as CLDR has it
    return f"{day:%a} {day.day} {month}{year}"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("monthly", [], "Choose a weekday"),
        ("places", [], "Choose which of the month"),
        ("zone", "Middle/Earth", "is not a time zone"),
        ("at", "nine", "is not a time of day"),
        ("rule_start", "yesterday", "Write the date"),
        ("skips", "in summer", "is not a date"),
        ("extra", "2026-12-23T25:00", "is not a time of day"),
        ("slots", "0", "Give a number from 1 to 12."),
        ("words", "²", "Give a number from 20 to 2000."),
        ("cutoff_minutes", "nan", "Give a number from 0 to 672."),
        ("cutoff_minutes", "4 days", "Give a number from 0 to 672."),
        ("undo_seconds", "601", "Give a number from 0 to 600."),
        ("check_hours", "0", "Give a number from 1 to 336."),
        ("raw_days", "91", "Give a number from 1 to 90."),
        ("call", "Write to {adress}; we read all.", "{adress} can’t be filled in here."),
        ("call", "Write to {address; we read all.", "{ can’t be filled in here."),
        ("keep_days", "366", "Give a number from 1 to 365."),
        ("address", "nora", "“nora” is not an e-mail address, such as desk@example.org."),
        ("name", " \u200b ", "This can’t be empty."),
        ("section", "x" * 201, "too long"),
        ("call", "x" * 2001, "too long"),
        ("marks", "curly", "“curly” can’t be used here."),
        ("languages", "en, klingonish", "No language has this code"),
    ],
)
def test_a_setting_that_cannot_be_taken_says_so_and_changes_nothing(
    nora: Desk, field: str, value: str, text: str
) -> None:
    before = dump_tables(nora.database)
    page = get_settings_path(field)
    said = nora.press(page, 422, **get_form_fields(nora, page) | {field: value})
    assert text in said
    assert dump_tables(nora.database) == before


def test_of_two_who_change_the_settings_the_second_sees_both(nora: Desk) -> None:
    opened = get_form_fields(nora, "settings/texts")
    nora.press("settings/texts", **opened | {"section": "The Steppe Answers"})
    before = dump_tables(nora.database)
    page = nora.press("settings/texts", 409, **opened | {"section": "Ask Us"})
    assert "Now it says: The Steppe Answers" in page and "You saved it in another window" in page
    assert dump_tables(nora.database) == before


def test_house_sentences_are_looked_at_before_they_are_saved(nora: Desk) -> None:
    before = dump_tables(nora.database)
    typed: dict[str, Any] = {
        "lead_in": "We asked {name}, {credit_line}:",
        "asked_credit": "{credit} would like to know:",
    }
    said = nora.press("settings/sentences/en", 200, look="1", **typed)
    assert "We asked Leyla Aydın, soil scientist: “The answer goes here.”" in said
    assert "Timur, Osh would like to know:" in said
    assert "It must have what is filled in" in nora.press("settings/sentences/en", 422, lead_in="We asked:")
    misspelt = nora.press("settings/sentences/en", 422, lead_in="We asked {name}, {credit line}:")
    assert "{credit line} can’t be filled in here." in misspelt
    nora.press("settings/sentences/de", 404, **typed)
    assert dump_tables(nora.database) == before
    nora.press("settings/sentences/en", **typed)
    nora.press("settings/sentences/en", lead_in=typed["lead_in"])
    with nora.database.read() as session:
        rows = [(row.kind, row.language, row.body) for row in session.scalars(select(NewsletterText))]
        assert rows == [("lead_in", "en", typed["lead_in"])]


def test_of_two_who_word_the_house_sentences_the_second_sees_both(nora: Desk, vera: Desk) -> None:
    opened = get_version_token(nora.open("settings/sentences/en").text)
    vera.press("settings/sentences/en", seen=opened, pay="We pay 50 euros.")
    before = dump_tables(nora.database)
    look = nora.send("settings/sentences/en", {"seen": opened, "pay": "We pay nothing.", "look": "1"})
    assert get_version_token(look.text) == opened
    refused = nora.send("settings/sentences/en", {"seen": opened, "pay": "We pay nothing."})
    assert refused.status_code == 409 and dump_tables(nora.database) == before
    said = Page(refused.text).main_text
    assert "Vera" in said and "was faster" in said and "Now it says: We pay 50 euros." in said
    assert "We pay nothing.</textarea>" in refused.text
    nora.press("settings/sentences/en", seen=get_version_token(refused.text), pay="We pay nothing.")


def test_an_assistant_sees_the_settings_and_changes_none(nora: Desk, ilya: Desk) -> None:
    for part in PARTS:
        page = ilya.get(f"settings/{part}")
        assert (page.buttons, "An editor can change them." in page.main_text) == ([], True)
    before = dump_tables(nora.database)
    ilya.press("settings/dates", 404, **get_form_fields(nora, "settings/dates") | {"slots": "3"})
    ilya.press("settings/dates", 404, **get_form_fields(nora, "settings/dates") | {"slots": "none"})
    ilya.press("settings/sentences/en", 404, lead_in="We asked {name}:")
    ilya.press("settings/sentences/en", 404, look="1")
    assert dump_tables(nora.database) == before


# What of a newsletter is no setting, and why.
NO_SETTINGS = {
    "id", "public_id", "version",  # every row has them
    "slug", "language",  # addresses and originals hang on them: they are given once, when the newsletter is made
    "state", "state_at", "paused_until", "steps_hidden_at",  # presses of their own
}  # fmt: skip


def test_each_column_of_a_newsletter_is_a_setting_and_each_setting_has_its_sentence_and_its_control(nora: Desk) -> None:
    columns = set(Newsletter.__table__.columns.keys())
    found = compare_names(
        sorted(columns - NO_SETTINGS),
        SETTINGS,
        missing="The column {name} of newsletters is no setting: declare it with `setting`, `line` or `number` in "
        "app/newsletters/models.py, or say in NO_SETTINGS of this file why nobody sets it.",
        surplus="The setting {name} is in NO_SETTINGS of this file too: take it out there.",
    )
    assert not found, "\n".join(found)
    controls = {part: nora.get(f"settings/{part}").attributes("form [name]", "name") for part in PARTS}
    for name, one in SETTINGS.items():
        assert one.part in PARTS, f"Give {name} one of PARTS: on no part of the page it would be lost."
        assert one.kind in FIELD_TYPES, f"Give {name} one of fields.FIELD_TYPES, which read and show it."
        assert one.act in permissions.ACTS, f"Give {name} an act of the table “Who may what”."
        assert one.label and (one.help or one.kind in ("line", "rule", "time", "choice")), (
            f"Say in a sentence what {name} does: help=N_(...)."
        )
        assert name in controls[one.part], f"The settings' page has no control for {name}: see macros/forms.html."


def test_the_settings_are_short_pages_and_the_first_says_how_they_stand(nora: Desk) -> None:
    page = nora.get("settings")
    said = {href.rpartition("/")[2]: words for words, href in page.links if href.startswith("/desk/steppe/settings/")}
    assert {part: said[part] for part in PARTS} == PARTS
    assert "First and third Wednesday, 09:00, Europe/Prague" in page.main_text
    assert "Name: The Steppe Letter; Publisher: Meridian; Editor: Nora Lind" in page.main_text
    assert page.part("main").attributes("form", "action") == []
    for part in PARTS:
        fields = nora.get(f"settings/{part}").attributes(
            "main form :is(input, select, textarea):not([type=hidden])", "name"
        )
        assert 0 < len(set(fields)) <= 14, (part, fields)


def test_a_page_of_the_settings_leaves_the_others_as_they_are(nora: Desk, vera: Desk) -> None:
    opened = get_form_fields(nora, "settings/texts")
    vera.press("settings/mail", **get_form_fields(vera, "settings/mail") | {"acknowledges": "1", "digest_at": "06:45"})
    nora.press("settings/texts", **opened | {"words": "190"})
    with nora.database.read() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        assert (newsletter.words, newsletter.acknowledges, newsletter.digest_at) == (190, True, "06:45")


def test_a_desk_of_one_is_not_asked_which_mails_wait_for_a_second_person(nora: Desk, vera: Desk) -> None:
    assert "held_kinds" in nora.get("settings/mail").attributes("[name]", "name")

    def leave(session: Session) -> None:
        for one in session.scalars(select(Membership).where(Membership.person_id != nora_s)):
            one.disabled_at = now(session)

    with nora.database.read() as session:
        nora_s = session.scalars(select(Person.id).filter_by(name="Nora Lind")).one()
    nora.database.write(leave)
    assert "held_kinds" not in nora.get("settings/mail").attributes("[name]", "name")
    nora.press("settings/mail", **get_form_fields(nora, "settings/mail") | {"raw_days": "7"})
    with nora.database.read() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        assert (newsletter.raw_days, newsletter.held_kinds) == (7, [])


def test_whoever_is_left_can_let_go_what_waits_for_a_second_person(nora: Desk, database: Database) -> None:
    def disable_assistant(session: Session) -> None:
        session.scalars(select(Newsletter)).one().held_kinds = ["reader.news"]
        session.scalars(select(Membership).filter_by(role="assistant")).one().disabled_at = now(session)

    database.write(disable_assistant)
    nora.press("settings/mail", **get_form_fields(nora, "settings/mail") | {"held_kinds": []})
    with database.read() as session:
        assert session.scalars(select(Newsletter.held_kinds)).one() == []


def test_the_desk_says_which_version_it_is_and_strangers_do_not_hear_it(nora: Desk, client: FlaskClient) -> None:
    assert f"Readers Asked {VERSION}" in nora.get_text("settings")
    pages = [client.get(path) for path in ("/steppe/", "/steppe/ask", "/sign-in", "/healthz", "/nowhere")]
    assert [VERSION in page.text or VERSION in str(page.headers) for page in pages] == [False] * 5
