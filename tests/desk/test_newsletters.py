"""An admin renames a newsletter, lets it pause and go on, and closes it: on a page that says first what that does."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.answers import reminders
from app.answers.models import Assignment
from app.audit import Event
from app.core.actors import Clock
from app.db.engine import Database
from app.editions import slots
from app.editions.models import Edition
from app.forms.models import FormDraft
from app.letters.models import Letter
from app.mail.models import OutboxMail
from app.newsletters.former_names import FormerName
from app.newsletters.models import Newsletter
from app.newsletters.queries import by_slug
from app.questions.models import Question
from app.workflows.newsletters import pausing
from tests.support.assignments import ask_expert_and_send
from tests.support.clock import today
from tests.support.database_checks import dump_tables
from tests.support.desk import LOCALHOST, ComingEdition, Desk, press_undo
from tests.support.desk_people import create_delta_newsletter
from tests.support.letters import send_letter
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_answered_question

PAGE = "newsletter"
WORDS = "The newsletter ends with this year. Thank you."


def press(desk: Desk, act: str, status: int = 303, **typed: Any) -> str:
    """Press one of the buttons of the newsletter's page, as it stands when it is opened."""
    form = desk.get(PAGE).form(f"{desk.base_path}/{PAGE}/{act}")
    return desk.post(f"{PAGE}/{act}", status, **{**form.fields, **typed})


def get_state(database: Database, slug: str = "steppe") -> tuple[str | None, date | None]:
    with database.read() as session:
        one = by_slug(session, slug)
        assert one is not None
        return one.state, one.paused_until


def number(database: Database, model: Any, **where: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(model).filter_by(**where)) or 0


@pytest.fixture
def reader(app: Flask) -> FlaskClient:
    return app.test_client()


def public(reader: FlaskClient, path: str, status: int = 200) -> Page:
    answer = reader.get(path, base_url=LOCALHOST)
    assert answer.status_code == status, (answer.status_code, path)
    return Page(answer.text)


def opened_form(reader: FlaskClient) -> dict[str, str]:
    form = public(reader, "/steppe/ask").form("/steppe/send")
    return {**form.fields, "body": "Who weighs the salt?", "then": "send"}


IN_MAY = "2094-05-03"


def test_a_pause_is_told_to_readers_with_its_day_and_nothing_is_taken_on_the_pages(
    vera: Desk, reader: FlaskClient, database: Database
) -> None:
    assert press(vera, "pause", until=IN_MAY) == "/desk/steppe/newsletter"
    assert get_state(database) == ("paused", date(2094, 5, 3))
    for path in ("/steppe/ask", "/steppe/"):
        page = public(reader, path)
        assert "The Steppe Letter is taking a break and takes questions again from Monday 3 May 2094." in page.main_text
        assert [form.action for form in page.forms] == []
    assert "Ask a question" not in public(reader, "/steppe/answers").main_text
    assert "Ask a question" not in public(reader, "/steppe/protection").main_text
    assert "The newsletter is paused until Monday 3 May 2094: readers can’t ask." in vera.get_text("")
    assert "is paused until Monday 3 May 2094" in vera.get_text("newsletters")


def test_without_a_day_the_page_names_none(vera: Desk, reader: FlaskClient) -> None:
    press(vera, "pause")
    assert (
        "The Steppe Letter is taking a break and takes no questions at the moment."
        in public(reader, "/steppe/ask").main_text
    )


def test_a_form_from_before_the_pause_keeps_what_was_typed_and_one_that_was_sent_keeps_its_number(
    vera: Desk, reader: FlaskClient, database: Database
) -> None:
    sent, late = opened_form(reader), opened_form(reader)
    number_shown = Page(reader.post("/steppe/send", base_url=LOCALHOST, data=sent).text).texts("code, .code")
    press(vera, "pause")
    answer = reader.post("/steppe/send", base_url=LOCALHOST, data=late | {"background": "I live there."})
    page = Page(answer.text)
    assert (answer.status_code, page.heading) == (409, "Your question is not sent")
    assert "Who weighs the salt?" in page.values("body")[0] and "I live there." in page.values("body")[0]
    for then in ({"then": "choices"}, {"then": "look"}):
        assert reader.post("/steppe/send", base_url=LOCALHOST, data=late | then).status_code == 409
    again = reader.post("/steppe/send", base_url=LOCALHOST, data=sent)
    assert again.status_code == 200 and Page(again.text).texts("code, .code") == number_shown
    assert number(database, Letter) == 1


def test_nobody_joins_a_question_while_it_pauses(
    vera: Desk, reader: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    asked = ask_expert_and_send(database, newsroom)
    with database.read() as session:
        question = session.get_one(Question, asked.question_id).public_id
    vera.post_action(f"questions/{question}", "show")
    [joins] = [form for form in public(reader, "/steppe/").forms if form.action == f"/steppe/ask/{question}"]
    press(vera, "pause")
    before = number(database, Letter)
    answer = reader.post(f"/steppe/ask/{question}", base_url=LOCALHOST, data=joins.fields)
    assert (answer.status_code, number(database, Letter)) == (409, before)


def test_the_calendar_has_no_edition_for_a_pause_but_those_with_something_in_them(
    vera: Desk, coming_edition: ComingEdition, database: Database, newsroom: Newsroom
) -> None:
    database.write(
        lambda session: slots.pick(
            session,
            newsroom.nora,
            create_answered_question(session, newsroom, "Salt?"),
            coming_edition.edition(session),
        )
    )
    before = number(database, Edition, state="planned")
    press(vera, "pause")
    assert number(database, Edition, state="planned") == 1
    assert "Editions that stay, because something is in them or about them: " in vera.get_text(PAGE)
    press(vera, "resume")
    assert number(database, Edition, state="planned") == before


def test_up_to_a_day_only_the_editions_before_it_go(vera: Desk, database: Database) -> None:
    with database.read() as session:
        runs = session.scalars(select(Edition.rule_date).order_by(Edition.rule_date)).all()
    press(vera, "pause", until=runs[2].isoformat())
    with database.read() as session:
        assert session.scalars(select(Edition.rule_date).order_by(Edition.rule_date)).all() == runs[2:]


@pytest.mark.parametrize("until", ["2020-01-01", "tomorrow", today().isoformat()])
def test_a_day_that_is_not_to_come_is_refused_and_stays_typed(vera: Desk, database: Database, until: str) -> None:
    before = dump_tables(database)
    form = vera.get(PAGE).form(f"/desk/steppe/{PAGE}/pause")
    answer = vera.send(f"{PAGE}/pause", {**form.fields, "until": until})
    page = Page(answer.text)
    assert (answer.status_code, [name for name, _ in page.error_summary]) == (422, ["until"])
    assert page.form(f"/desk/steppe/{PAGE}/pause").fields["until"] == until
    assert {name: rows for name, rows in dump_tables(database).items() if name != "sessions"} == {
        name: rows for name, rows in before.items() if name != "sessions"
    }


def test_the_clock_ends_a_pause_on_its_day_by_the_newsletters_own_clock(vera: Desk, database: Database) -> None:
    with database.read() as session:
        began = session.scalars(select(Edition.runs_at).order_by(Edition.runs_at)).all()[0]
    press(vera, "pause", until="2094-05-03")
    midnight = began.replace(year=2094, month=5, day=2, hour=22, minute=0)  # in Prague, in summer
    assert pausing.end_pauses(database, midnight - timedelta(minutes=1)) == 0
    assert get_state(database) == ("paused", date(2094, 5, 3))
    assert pausing.end_pauses(database, midnight) == 1
    assert get_state(database) == ("running", None)
    assert pausing.end_pauses(database, midnight) == 0


def test_each_press_is_taken_back_within_the_minute(vera: Desk, database: Database) -> None:
    editions = number(database, Edition)
    assert press_undo(vera, press(vera, "pause", until=IN_MAY)) == "Undone."
    assert (get_state(database), number(database, Edition)) == (("running", None), editions)
    press(vera, "pause", until=IN_MAY)
    assert press_undo(vera, press(vera, "resume")) == "Undone."
    assert get_state(database) == ("paused", date(2094, 5, 3))
    assert press_undo(vera, press(vera, "pause", until="2094-06-01")) == "Undone."
    assert get_state(database) == ("paused", date(2094, 5, 3))
    assert press_undo(vera, press(vera, "close")) == "Undone."
    assert get_state(database) == ("paused", date(2094, 5, 3))
    press(vera, "close")
    assert press_undo(vera, press(vera, "resume")) == "Undone."
    assert get_state(database) == ("closed", None)


def a_minute_to_undo(session: Session, newsroom: Newsroom) -> None:
    session.get_one(Newsletter, newsroom.newsletter_id).undo_seconds = 60


def test_an_end_is_told_once_to_whoever_is_asked_and_undone_as_a_whole(
    vera: Desk, database: Database, newsroom: Newsroom
) -> None:
    asked = ask_expert_and_send(database, newsroom)
    database.write(lambda session: a_minute_to_undo(session, newsroom))
    assert "One question is with an expert, or answered and in no edition" in vera.get_text(PAGE)
    assert (
        "sentence"
        in Page(vera.send(f"{PAGE}/close", vera.get(PAGE).form(f"/desk/steppe/{PAGE}/close").fields).text).main_text
    )
    assert get_state(database) == ("running", None)
    led = press(vera, "close", sentence=WORDS)
    with database.read() as session:
        assert asked.assignment(session).is_cancelled and session.get_one(Question, asked.question_id).is_open
    assert number(database, OutboxMail, kind="expert.cancelled", state="queued") == 1
    assert press_undo(vera, led) == "Undone."
    with database.read() as session:
        assert asked.assignment(session).is_asked and session.get_one(Question, asked.question_id).is_seeking
    assert number(database, OutboxMail, kind="expert.cancelled", state="queued") == 0
    press(vera, "close", sentence=WORDS)
    assert number(database, OutboxMail, kind="expert.cancelled", state="queued") == 1


def test_what_an_expert_has_heard_is_not_taken_back(vera: Desk, database: Database, newsroom: Newsroom) -> None:
    ask_expert_and_send(database, newsroom)
    led = press(vera, "close", sentence=WORDS)
    when = {"sent_at": func.now(), "ended_at": func.now(), "state": "sent"}
    changed = update(OutboxMail).where(OutboxMail.kind == "expert.cancelled").values(when)
    database.write(lambda session: session.execute(changed))
    assert press_undo(vera, led) == "One stays as it is: its expert has been told by mail."
    assert get_state(database) == ("closed", None)


def test_a_closed_newsletter_is_read_and_its_receipts_tell(
    vera: Desk, reader: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    sent = reader.post("/steppe/send", base_url=LOCALHOST, data=opened_form(reader))
    receipt = Page(sent.text).texts("code, .code")[0]
    press(vera, "close")
    assert "The Steppe Letter has ended and no longer takes questions." in public(reader, "/steppe/ask").main_text
    public(reader, "/steppe/answers")
    state = Page(reader.post("/steppe/receipt", base_url=LOCALHOST, data={"receipt": receipt}).text)
    assert "The Steppe Letter has ended" in state.main_text and "Add something to it" not in state.main_text
    more = {"receipt": receipt, "more": "And who reads it?"}
    assert reader.post("/steppe/receipt/add", base_url=LOCALHOST, data=more).status_code == 409
    taken = reader.post("/steppe/receipt/withdraw", base_url=LOCALHOST, data={"receipt": receipt})
    assert "It is erased" in Page(taken.text).main_text
    assert "The newsletter is closed: readers can’t ask." in vera.get_text("")


def test_a_renamed_newsletter_is_found_by_every_address_that_it_had(
    vera: Desk, nora: Desk, reader: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    form = opened_form(reader)
    send_letter(database, newsroom, "Who reads the plates?")
    assert press(vera, "rename", name="The Salt Letter", slug="salt") == "/desk/salt/newsletter"
    moved = reader.get("/steppe/answers?lang=ru&topic=salt", base_url=LOCALHOST)
    assert (moved.status_code, moved.location) == (308, "/salt/answers?lang=ru&topic=salt")
    strange = reader.get("/steppe/answers?_external=1&_scheme=evil&endpoint=x&slug=y", base_url=LOCALHOST)
    assert strange.location == "/salt/answers?_external=1&_scheme=evil&endpoint=x&slug=y"
    sent = reader.post("/steppe/send", base_url=LOCALHOST, data=form)
    assert (sent.status_code, sent.location) == (308, "/salt/send")
    assert reader.post("/salt/send", base_url=LOCALHOST, data=form).status_code == 200
    assert nora.client.get("/desk/steppe/letters", base_url=LOCALHOST).location == "/desk/salt/letters"
    assert number(database, Letter) == 2
    vera.slug = "salt"
    press(vera, "rename", slug="steppe-salt")
    assert reader.get("/steppe/ask", base_url=LOCALHOST).location == "/steppe-salt/ask"
    assert reader.get("/salt/ask", base_url=LOCALHOST).location == "/steppe-salt/ask"
    vera.slug = "steppe-salt"
    press(vera, "rename", slug="steppe")
    public(reader, "/steppe/ask")
    with database.read() as session:
        assert sorted(session.scalars(select(FormerName.slug))) == ["salt", "steppe-salt"]
    assert [event.action for event in events(database)] == ["newsletter.rename"] * 3


def events(database: Database) -> list[Event]:
    with database.read() as session:
        return list(session.scalars(select(Event).filter_by(action="newsletter.rename")))


def test_a_stranger_is_led_nowhere_by_a_former_name(vera: Desk, app: Flask, database: Database) -> None:
    database.write(create_delta_newsletter)
    press(vera, "rename", slug="salt")
    with database.read() as session:
        assert by_slug(session, "steppe") is not None
    delta = app.test_client()
    assert delta.get("/desk/steppe/letters", base_url=LOCALHOST).location.startswith("/sign-in")


@pytest.mark.parametrize("slug", ["", "Salt Letter", "desk", "delta", "old-delta"])
def test_a_short_name_that_another_has_or_had_is_refused(vera: Desk, database: Database, slug: str) -> None:
    def add_former_name(session: Session) -> None:
        session.add(FormerName(newsletter_id=create_delta_newsletter(session), slug="old-delta"))

    database.write(add_former_name)
    page = Page(
        vera.send(f"{PAGE}/rename", {**vera.get(PAGE).form(f"/desk/steppe/{PAGE}/rename").fields, "slug": slug}).text
    )
    assert [name for name, _words in page.error_summary] == ["slug"]
    assert page.form(f"/desk/steppe/{PAGE}/rename").fields["slug"] == slug


def test_what_is_being_typed_at_the_desk_moves_with_the_name(vera: Desk, nora: Desk, database: Database) -> None:
    def draft(session: Session) -> None:
        session.add(
            FormDraft(
                newsletter_id=1, person_id=1, form="/desk/steppe/settings/name", form_digest=b"1", sealed=b"2",
                saved_at=session.scalars(select(Event.at)).all()[0],
            )
        )  # fmt: skip

    database.write(draft)
    press(vera, "rename", slug="salt")
    with database.read() as session:
        assert session.scalars(select(FormDraft.form)).all() == ["/desk/salt/settings/name"]


def test_two_admins_at_once_the_second_is_told(vera: Desk, database: Database) -> None:
    form = vera.get(PAGE).form(f"/desk/steppe/{PAGE}/close").fields
    press(vera, "pause", until=IN_MAY)
    said = vera.press(f"{PAGE}/close", 409, **form)
    assert "paused the newsletter" in said
    assert get_state(database) == ("paused", date(2094, 5, 3))


def test_whoever_is_no_admin_finds_none_of_it(nora: Desk, vera: Desk, database: Database) -> None:
    for path in (PAGE, "newsletters"):
        nora.get(path, 404)
        assert path not in [href.rpartition("/")[2] for _words, href in nora.get("settings").links]
        assert path in [href.rpartition("/")[2] for _words, href in vera.get("settings").links]
    form = vera.get(PAGE).form(f"/desk/steppe/{PAGE}/pause").fields
    for act in ("rename", "pause", "resume", "close"):
        nora.post(f"{PAGE}/{act}", 404, **form)
    assert get_state(database) == ("running", None)


def test_the_list_leads_to_those_that_one_manages(vera: Desk, database: Database) -> None:
    database.write(create_delta_newsletter)
    rows = vera.get("newsletters").parts("tbody tr")
    assert [(row.main_text, row.links) for row in rows] == [
        ("The Steppe Letter steppe runs", [("The Steppe Letter", "/desk/steppe/newsletter")]),
        ("The Delta Letter delta runs", []),
    ]


def test_reminders_rest_in_a_pause(database: Database, newsroom: Newsroom) -> None:
    ask_expert_and_send(database, newsroom)
    monday = datetime(2026, 10, 12, 9, 30, tzinfo=ZoneInfo("Europe/Prague"))
    dates = {"state_at": monday - timedelta(days=3), "reply_by": monday, "due_at": monday + timedelta(days=4)}
    database.write(lambda session: session.execute(update(Assignment).values(dates)))
    database.write(lambda session: pausing.pause(session, Clock(), session.get_one(Newsletter, newsroom.newsletter_id)))
    assert reminders.remind(database, monday) == 0
    database.write(
        lambda session: pausing.resume(session, Clock(), session.get_one(Newsletter, newsroom.newsletter_id))
    )
    assert reminders.remind(database, monday) == 1
