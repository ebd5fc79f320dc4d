"""The directory of experts, the settings of a newsletter and its house sentences, as Nora keeps them."""

from datetime import date
from typing import Any

import pytest
from flask import Flask
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import permissions
from app.answers import assigning
from app.audit import Event
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import coming_editions
from app.fields import KINDS
from app.newsletters.models import PARTS, SETTINGS, Newsletter, NewsletterText
from app.people.models import Expert, Person
from app.questions.models import Question
from tests.support.cast import Newsroom, answered, handed_in
from tests.support.desk import Desk
from tests.support.desk_people import hired_vera
from tests.support.pages import Page
from tests.support.shown import seen
from tests.support.stored import everything

# The first and third Wednesday of the month, as the form holds it.
RHYTHM = {"rule_by": "month", "monthly": "WE", "places": ["1", "3"], "at": "09:00", "zone": "Europe/Prague"}


class AtExperts(Desk):
    def __init__(self, app: Flask, newsroom: Newsroom) -> None:
        super().__init__(app, newsroom.nora)
        self.newsroom = newsroom
        with self.database.read() as session:
            self.leyla = session.get_one(Expert, newsroom.leyla.expert_id).public_id

    def expert(self, session: Session) -> Expert:
        return session.scalars(select(Expert).filter_by(public_id=self.leyla)).one()

    def profile(self) -> dict[str, Any]:
        """Leyla's form as it stands now, ready to be sent."""
        with self.database.read() as session:
            leyla = self.expert(session)
            return {
                "seen": seen(self.open(f"experts/{self.leyla}").text),
                "name": leyla.name,
                "credit_line": leyla.credit_line,
                "topics": ", ".join(leyla.topics),
                "languages": ", ".join(leyla.languages),
            }

    def settings(self) -> dict[str, Any]:
        with self.database.read() as session:
            newsletter = session.scalars(select(Newsletter)).one()
            same = ("name", "publisher", "editor", "section", "address", "call", "marks", "check_policy",
                    "slots", "words", "check_hours", "keep_days", "undo_seconds", "raw_days", "digest_at")  # fmt: skip
            return {name: getattr(newsletter, name) for name in same} | {
                "seen": seen(self.open("settings").text),
                **RHYTHM,
                "rule_start": "2022-01-01",
                "cutoff_minutes": "48",
                "languages": "en, ru, fa",
                "names_readers": "1",
            }


@pytest.fixture
def nora(app: Flask, newsroom: Newsroom) -> AtExperts:
    return AtExperts(app, newsroom)


def test_the_directory_tells_who_was_checked_and_who_is_busy(nora: AtExperts) -> None:
    nora.database.write(lambda s: handed_in(s, nora.newsroom, "Who measures?"))
    nora.press("experts", name="Saule Bekova", email="saule@survey.example")
    said = nora.words("experts")
    assert (said.count(" checked "), said.count("not checked yet")) == (
        5,
        1,
    )  # once each in "Not checked", "not checked yet"
    assert "Leyla Aydın soil scientist at the Karakum Field Station checked 1 question" in said
    assert "Saule Bekova" in nora.words("experts?q=saule")
    assert "Leyla Aydın" not in nora.words("experts?q=saule")
    assert "Nobody in the directory is like this." in nora.words("experts?q=nobody")


def test_name_and_address_are_enough_and_a_known_address_is_found_again(nora: AtExperts) -> None:
    before = everything(nora.database)
    assert nora.press("experts", name="Leyla", email="LEYLA@field.example").endswith(nora.leyla)
    said = nora.press("experts", 422, name="Saule Bekova", email="saule at survey")
    assert "isn’t an e-mail address" in said
    assert "Say who it is." in nora.press("experts", 422, email="saule@survey.example")
    assert everything(nora.database) == before


def test_who_has_the_name_of_somebody_is_recorded_and_pointed_out(nora: AtExperts) -> None:
    words = (
        "Somebody of this name is in the directory already. If it is one person, make the two one: Who is here twice"
    )
    for name, is_known in (("Leyla Aydin", True), ("Saule Bekova", False)):
        address = nora.press("experts", name=name)
        assert (words in nora.words(address.partition("/desk/steppe/")[2])) is is_known


def test_a_change_of_name_needs_a_new_check(nora: AtExperts) -> None:
    nora.press(f"experts/{nora.leyla}", **nora.profile() | {"topics": "soil، salt", "place": "Karakum"})
    with nora.database.read() as session:
        leyla = nora.expert(session)
        assert (leyla.topics, leyla.place, leyla.verified_how) == (
            ["soil", "salt"],
            "Karakum",
            "called the switchboard",
        )
    nora.press(f"experts/{nora.leyla}", **nora.profile() | {"name": "Leyla Aydın-Kaya"})
    assert "Nobody has checked yet" in nora.words(f"experts/{nora.leyla}")
    nora.press(f"experts/{nora.leyla}/verify", 422, how=" ")
    nora.press(f"experts/{nora.leyla}/verify", how="rang the institute")
    assert "rang the institute" in nora.words(f"experts/{nora.leyla}")


def test_of_two_who_edit_a_profile_the_second_sees_both(nora: AtExperts) -> None:
    opened = nora.profile()
    nora.press(f"experts/{nora.leyla}", **opened | {"credit_line": "soil scientist in Osh"})
    before = everything(nora.database)
    said = nora.press(f"experts/{nora.leyla}", 409, **opened | {"credit_line": "soil scientist"})
    assert "Now it says: soil scientist in Osh" in said
    assert everything(nora.database) == before
    nora.press(f"experts/{nora.leyla}", 422, **nora.profile() | {"away_until": "in May"})
    nora.press(f"experts/{nora.leyla}", 409, **opened | {"seen": "version 3"})
    assert everything(nora.database) == before


def test_settings_move_the_calendar_and_leave_a_trail(nora: AtExperts) -> None:
    rhythm = {"rule_by": "weeks", "weeks": "1", "weekly": "FR", "at": "08:30", "zone": "Asia/Bishkek"}
    nora.press("settings", **nora.settings() | rhythm | {"slots": "3", "skips": "2031-07-01/2031-08-31"})
    with nora.database.read() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        assert (newsletter.rule, newsletter.at, newsletter.zone) == ("FREQ=WEEKLY;BYDAY=FR", "08:30", "Asia/Bishkek")
        assert {edition.rule_date.weekday() for edition in session.scalars(select(Edition))} == {4}
        event = session.scalars(select(Event).filter_by(action="newsletter.change")).one()
        assert event.facts == {"columns": ["at", "rule", "skips", "slots", "zone"]}
    assert "Every Friday, 08:30, Asia/Bishkek" in nora.words("settings")


@pytest.mark.parametrize(
    ("rhythm", "rule", "words"),
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
    nora: AtExperts, rhythm: dict[str, Any], rule: str, words: str
) -> None:
    before = everything(nora.database)
    form = nora.settings() | rhythm
    assert "Not saved yet. With what stands below the next dates would be:" in nora.press(
        "settings", 200, **form, look="1"
    )
    assert everything(nora.database) == before
    nora.press("settings", **form)
    assert f"{words}, 09:00, Europe/Prague" in nora.words("settings")
    with nora.database.read() as session:
        assert session.scalars(select(Newsletter.rule)).one() == rule
    again = nora.settings()
    for name in RHYTHM:
        again.pop(name)
    nora.press("settings", **again | form_of(nora.open("settings").text))
    assert nora.words("settings").startswith("The settings are saved. Settings ")


@pytest.mark.parametrize("rule", ["FREQ=MONTHLY;BYDAY=3WE,1WE", "BYSETPOS=1,3;BYDAY=WE;FREQ=MONTHLY"])
def test_a_rule_whose_choices_stay_is_kept_as_it_was_typed(nora: AtExperts, rule: str) -> None:
    nora.press("settings", **nora.settings() | {"rule_by": "rule", "rule": rule})
    nora.press("settings", **nora.settings() | form_of(nora.open("settings").text) | {"words": "190"})
    with nora.database.read() as session:
        assert session.scalars(select(Newsletter.rule)).one() == rule


@pytest.mark.parametrize(
    ("rule", "words"),
    [("FREQ=HOURLY", "names hours"), ("FREQ=", "is not a recurrence rule"), ("", "is not a recurrence rule")],
)
def test_a_rule_that_cannot_be_read_comes_back_with_why(nora: AtExperts, rule: str, words: str) -> None:
    before = everything(nora.database)
    form = nora.settings() | {"rule_by": "rule", "rule": rule}
    answer = nora.send("settings", form)
    assert answer.status_code == 422 and words in Page(answer.text).words
    assert form_of(answer.text)["rule"] == rule and form_of(answer.text)["rule_by"] == "rule"
    assert everything(nora.database) == before


def form_of(page: str) -> dict[str, Any]:
    """What the form would send of the rhythm as it is."""
    tree, sent = LexborHTMLParser(page), {}
    for name in ("rule_was", "at", "zone", "rule_by", "weeks", "weekly", "monthly", "places", "month_days", "rule"):
        ticked = tree.css(f"[name={name}]:not([type=radio]):not([type=checkbox]), [name={name}][checked]")
        if ticked and ticked[0].tag == "select":
            sent[name] = tree.css_first(f"[name={name}] [selected]").attributes["value"] or ""
        else:
            values = list(dict.fromkeys(one.attributes.get("value") or "" for one in ticked))
            sent[name] = values if name in ("weekly", "monthly", "places") else "".join(values)
    return sent


def test_a_pause_names_the_dates_that_stay_and_why(nora: AtExperts) -> None:
    newsroom = nora.newsroom

    def fill(session: Session) -> list[Edition]:
        coming = coming_editions(session, newsroom.newsletter_id, 4)
        for edition in coming[:2]:
            slots.pick(session, newsroom.nora, answered(session, newsroom, f"Who ran {edition.rule_date}?"), edition)
        locking.lock_edition(session, newsroom.nora, coming[0])
        question = session.get_one(Question, handed_in(session, newsroom, "Who measures?").question_id)
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        assigning.assign(session, newsroom.nora, question, marek, for_edition_id=coming[2].id)
        return coming

    coming = nora.database.write(fill)
    pause = f"{coming[0].rule_date}/{coming[3].rule_date}"
    nora.press("settings", **nora.settings() | {"skips": pause})
    first, second, third = (said_day(edition.rule_date) for edition in coming[:3])
    assert nora.words("settings").startswith(
        "Saved. The editions to come follow the rhythm as it stands now, but these stay: "
        f"{first}: it is locked; {second}: something is picked for it; {third}: an expert is asked for it. "
        "All dates, to skip one "
    )
    with nora.database.read() as session:
        left = coming_editions(session, newsroom.newsletter_id, 4)
        assert [one.id for one in left[:3]] == [one.id for one in coming[:3]]
        assert left[3].rule_date > coming[3].rule_date
    nora.press("settings", **nora.settings() | {"skips": pause, "words": "190"})
    assert nora.words("settings").startswith("The settings are saved. Settings ")
    nora.press("settings", **nora.settings() | {"words": "190"})
    assert " follow the rhythm as it stands now. Settings " in nora.words("settings")


def said_day(day: date) -> str:
    year = f" {day.year}" if day.year != date.today().year else ""
    month = f"{day:%b}".replace("Sep", "Sept")  # as CLDR has it
    return f"{day:%a} {day.day} {month}{year}"


@pytest.mark.parametrize(
    ("field", "typed", "words"),
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
        ("address", "nora", "can’t be taken"),
        ("name", " \u200b ", "Something must stand here."),
        ("section", "x" * 201, "too long"),
        ("call", "x" * 2001, "too long"),
        ("marks", "curly", "can’t be taken"),
        ("languages", "en, klingonish", "No language has this code"),
    ],
)
def test_a_setting_that_cannot_be_taken_says_so_and_changes_nothing(
    nora: AtExperts, field: str, typed: str, words: str
) -> None:
    before = everything(nora.database)
    said = nora.press("settings", 422, **nora.settings() | {field: typed, "dek": "Wind, salt and water"})
    assert words in said
    assert everything(nora.database) == before


def test_of_two_who_change_the_settings_the_second_sees_both(nora: AtExperts) -> None:
    opened = nora.settings()
    nora.press("settings", **opened | {"section": "The Steppe Answers"})
    before = everything(nora.database)
    told = nora.press("settings", 409, **opened | {"section": "Ask Us"})
    assert "Now it says: The Steppe Answers" in told and "You saved it in another window" in told
    assert everything(nora.database) == before


def test_house_sentences_are_looked_at_before_they_are_saved(nora: AtExperts) -> None:
    before = everything(nora.database)
    typed: dict[str, Any] = {
        "lead_in": "We asked {name}, {credit_line}:",
        "asked_credit": "{credit} would like to know:",
    }
    said = nora.press("settings/sentences/en", 200, look="1", **typed)
    assert "We asked Leyla Aydın, soil scientist: “The answer stands here.”" in said
    assert "Timur, Osh would like to know:" in said
    assert "What is filled in has to stand in it" in nora.press("settings/sentences/en", 422, lead_in="We asked:")
    misspelt = nora.press("settings/sentences/en", 422, lead_in="We asked {name}, {credit line}:")
    assert "{credit line} can’t be filled in here." in misspelt
    nora.press("settings/sentences/de", 404, **typed)
    assert everything(nora.database) == before
    nora.press("settings/sentences/en", **typed)
    nora.press("settings/sentences/en", lead_in=typed["lead_in"])
    with nora.database.read() as session:
        rows = [(row.kind, row.language, row.body) for row in session.scalars(select(NewsletterText))]
        assert rows == [("lead_in", "en", typed["lead_in"])]


def test_of_two_who_word_the_house_sentences_the_second_sees_both(nora: AtExperts, app: Flask) -> None:
    opened = seen(nora.open("settings/sentences/en").text)
    vera = Desk(app, hired_vera(nora.database, nora.newsroom))
    vera.press("settings/sentences/en", seen=opened, pay="We pay 50 euros.")
    before = everything(nora.database)
    look = nora.send("settings/sentences/en", {"seen": opened, "pay": "We pay nothing.", "look": "1"})
    assert seen(look.text) == opened
    told = nora.send("settings/sentences/en", {"seen": opened, "pay": "We pay nothing."})
    assert told.status_code == 409 and everything(nora.database) == before
    said = Page(told.text).words
    assert "Vera" in said and "was faster" in said and "Now it says: We pay 50 euros." in said
    assert "We pay nothing.</textarea>" in told.text
    nora.press("settings/sentences/en", seen=seen(told.text), pay="We pay nothing.")


def test_an_assistant_sees_the_settings_and_changes_none(nora: AtExperts, app: Flask) -> None:
    ilya = Desk(app, nora.newsroom.ilya)
    page = ilya.open("settings")
    assert (Page(page.text).buttons, "An editor can change them." in Page(page.text).words) == ([], True)
    before = everything(nora.database)
    ilya.press("settings", 404, **nora.settings() | {"slots": "3"})
    ilya.press("settings", 404, **nora.settings() | {"slots": "none"})
    ilya.press("settings/sentences/en", 404, lead_in="We asked {name}:")
    ilya.press("settings/sentences/en", 404, look="1")
    assert everything(nora.database) == before
    with nora.database.read() as session:
        assert session.get_one(Person, nora.newsroom.ilya.person_id).name == "Ilya Brandt"


# What of a newsletter is no setting, and why.
NO_SETTINGS = {
    "id", "public_id", "version",  # every row has them
    "slug", "language",  # addresses and originals hang on them: they are given once, when the newsletter is made
    "notes",  # they are written on the page of the desk
    "public_version",  # it is counted
}  # fmt: skip


def test_each_column_of_a_newsletter_is_a_setting_and_each_setting_has_its_sentence_and_its_control(
    nora: AtExperts,
) -> None:
    columns = set(Newsletter.__table__.columns.keys())
    assert columns - NO_SETTINGS == set(SETTINGS), (
        "Declare the column with _setting(...) in newsletters/models.py, or say in NO_SETTINGS why nobody sets it."
    )
    tree = LexborHTMLParser(nora.open("settings").text)
    for name, one in SETTINGS.items():
        assert one.part in PARTS, f"Give {name} one of PARTS: on no part of the page it would be lost."
        assert one.kind in KINDS, f"Give {name} one of fields.KINDS, which read and show it."
        assert one.act in permissions.ACTS, f"Give {name} an act of the table “Who may what”."
        assert one.label and (one.help or one.kind in ("line", "rule", "time", "choice")), (
            f"Say in a sentence what {name} does: help=N_(...)."
        )
        assert tree.css(f'form [name="{name}"]'), (
            f"The settings' page has no control for {name}: see macros/forms.html."
        )
