"""The calendar at the desk, and an edition that Nora moves to another day from its page."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.editions import planning
from app.editions.models import Edition
from app.newsletters.models import Newsletter
from app.questions.models import Question
from tests.support.assignments import ExpertAssignment
from tests.support.desk import FIRST_QUESTION, ComingEdition, Desk, get_version_token, press_undo
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom


def month(time: datetime) -> str:
    return f"{time:%Y-%m}"


def get_day_text(page: Page, day: datetime) -> str:
    """What stands on a day."""
    [cell] = [
        cell
        for cell in page.tree.css("td.has")
        if cell.css_first("time").attributes["datetime"] == day.date().isoformat()
    ]
    return " ".join(cell.css_first("ul").text().split())


def local_at(coming_edition: ComingEdition) -> datetime:
    with coming_edition.database.read() as session:
        return datetime.fromisoformat(coming_edition.edition(session).local_at)


def move(nora: Desk, coming_edition: ComingEdition, to: str, status: int = 303) -> str:
    return nora.post(
        f"{coming_edition.page}/move", status, at=to, seen=get_version_token(nora.get(coming_edition.page))
    )


def test_the_calendar_has_editions_cut_offs_texts_that_are_due_and_dates_to_keep(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    at = local_at(coming_edition)

    def dates(session: Session) -> datetime:
        session.scalars(select(Question)).first().must_run_by = at.date()  # type: ignore[union-attr]
        assignment = salt.assignment(session)
        assignment.due_at = coming_edition.edition(session).runs_at + timedelta(days=1)
        session.get_one(Newsletter, newsroom.newsletter_id).skips = [(at + timedelta(days=2)).date().isoformat()]
        return coming_edition.edition(session).cutoff_at

    cutoff = coming_edition.database.write(dates)
    page = nora.get(f"editions/calendar?month={month(at)}")
    assert get_day_text(page, at).startswith(f"Edition {at:%H:%M} Must run: ")
    assert f"/desk/steppe/editions/{coming_edition.id}" in page.urls
    whole = nora.get(f"editions/calendar?month={month(cutoff)}")
    assert "Cut-off" in get_day_text(whole, cutoff)
    assert "Text of Leyla Aydın" in get_day_text(
        nora.get(f"editions/calendar?month={month(at)}"), at + timedelta(days=1)
    )
    assert get_day_text(page, at + timedelta(days=2)) == "Pause"


@pytest.mark.parametrize("value", ["", "no month", "2026-13", "0001-01", "9999-12", "2026-12-01"])
def test_an_address_that_names_no_month_shows_this_one(nora: Desk, value: str) -> None:
    assert nora.get(f"editions/calendar?month={value}").texts("h2") == nora.get("editions/calendar").texts("h2")


def test_the_calendar_goes_on_by_three_months_each_way(nora: Desk) -> None:
    page = nora.get("editions/calendar?month=2026-11")
    assert page.texts("h2") == ["November 2026", "December 2026", "January 2027"]
    ways = {words: href for words, href in page.links if words in ("Earlier", "Later")}
    assert nora.get(ways["Earlier"]).texts("h2")[0] == "August 2026"
    assert nora.get(ways["Later"]).texts("h2")[0] == "February 2027"


def test_nora_moves_an_edition_from_its_page_and_takes_it_back(
    nora: Desk, coming_edition: ComingEdition, one_minute_undo: None
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    before = local_at(coming_edition)
    after = before + timedelta(days=3)
    page = nora.get(move(nora, coming_edition, after.isoformat(timespec="minutes")))
    assert page.notice.startswith("The edition runs on ")
    assert local_at(coming_edition) == after
    assert "Edition" in get_day_text(nora.get(f"editions/calendar?month={month(after)}"), after)
    assert press_undo(nora, page) == "Undone."
    assert local_at(coming_edition) == before


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2001-01-01T09:00", "Give a day that is still to come."),
        ("2199-01-01T09:00", "Give a day within the next half year"),
        ("tomorrow", "Give a day that is still to come."),
        ("", "Give a day that is still to come."),
    ],
)
def test_a_day_that_can_not_be_is_refused_and_stays_typed(
    nora: Desk, coming_edition: ComingEdition, value: str, message: str
) -> None:
    before = local_at(coming_edition)
    page = Page(move(nora, coming_edition, value, 409))
    assert message in page.main_text
    assert (local_at(coming_edition), value in ("", page.value("at"))) == (before, True)


def test_the_day_of_another_edition_is_refused(nora: Desk, coming_edition: ComingEdition) -> None:
    with coming_edition.database.read() as session:
        taken = session.scalars(select(Edition.local_at).filter_by(public_id=coming_edition.next_id)).one()
    assert "There is another edition on that day." in Page(move(nora, coming_edition, taken, 409)).main_text


def test_an_assistant_is_not_offered_to_move_it_and_planning_reaches_as_far_as_can_be_moved(
    ilya: Desk, nora: Desk, coming_edition: ComingEdition
) -> None:
    assert (
        "Move the edition" in nora.get(coming_edition.page).buttons,
        "Move the edition" in ilya.get(coming_edition.page).buttons,
    ) == (True, False)
    assert planning.DAYS_AHEAD == 180
    ilya.post(
        f"{coming_edition.page}/move", 404, at="2026-12-01T09:00", seen=get_version_token(nora.get(coming_edition.page))
    )
