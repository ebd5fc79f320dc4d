"""The desk's archive: what ran by year and edition, found by words, year and topic."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.editions.models import Correction, Edition
from app.editor.questions import shelf_and_archive
from app.newsletters.models import Topic
from app.questions import actions
from app.workflows.indexing import index_due
from app.workflows.publishing import publication
from tests.support.desk import Desk
from tests.support.pages import Page
from tests.support.reader_pages import get_question, publish_answer
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.both_databases


def move_to_2021(database: Database, public_id: str, day: int) -> None:
    """Let an edition have run on a day of May 2021."""

    def move(session: Session) -> None:
        question = get_question(session, public_id)
        question.published_at = datetime(2021, 5, day, tzinfo=UTC)
        edition = session.get_one(Edition, question.edition_id)
        edition.runs_at = edition.sent_at = question.published_at
        edition.cutoff_at = datetime(2021, 5, day - 2, tzinfo=UTC)

    database.write(move)


@pytest.fixture
def archive(database: Database, newsroom: Newsroom) -> dict[str, str]:
    """The public ids of two Q&As that ran: one of 2021 on the topic of wind, and one of now."""
    wind = publish_answer(database, newsroom, [], headline="The Wind", body="Who measures the wind?")

    def set_topic(session: Session) -> None:
        topic = Topic(newsletter_id=newsroom.newsletter_id, slug="wind", name="Wind")
        session.add(topic)
        session.flush()
        actions.set_topics(session, newsroom.nora, get_question(session, wind), [topic.id])

    database.write(set_topic)
    move_to_2021(database, wind, 5)
    well = publish_answer(database, newsroom, [], headline="The Well", body="Who dug the well?")
    while index_due(database):
        pass
    return {"The Wind": wind, "The Well": well}


def read_years(page: Page) -> dict[str, list[str]]:
    return {section.texts("h2")[0]: section.texts(".said") for section in page.parts("section.year")}


def get_year(database: Database, public_id: str) -> str:
    with database.read() as session:
        return str(session.get_one(Edition, get_question(session, public_id).edition_id).ran_at.year)


def test_it_lists_what_ran_by_year(nora: Desk, database: Database, archive: dict[str, str]) -> None:
    page = nora.get("archive")
    assert page.texts(".standing") == ["2 Q&As in 2 editions since 2021."]
    assert read_years(page) == {get_year(database, archive["The Well"]): ["The Well"], "2021": ["The Wind"]}


@pytest.mark.parametrize(
    ("query", "results"),
    [
        ("year=2021", ["The Wind"]),
        ("topic=wind", ["The Wind"]),
        ("q=well", ["The Well"]),
        ("q=measures", ["The Wind"]),
        ("q=well&year=2021", []),
        ("q=nothing", []),
    ],
)
def test_words_a_year_and_a_topic_choose(nora: Desk, archive: dict[str, str], query: str, results: list[str]) -> None:
    page = nora.get(f"archive?{query}")
    assert page.texts(".ran .said") == results
    assert page.texts("p.standing")[1:] == ([] if results else ["Nothing was found."])


def test_a_found_text_stands_under_its_headline(nora: Desk, archive: dict[str, str]) -> None:
    [row] = nora.get("archive?q=measures").parts(".ran")
    assert (row.texts(".said"), row.texts(".found mark")) == (["The Wind"], ["measures"])


def test_a_search_shows_each_year_once_newest_edition_first(
    nora: Desk, database: Database, newsroom: Newsroom, archive: dict[str, str]
) -> None:
    dune = publish_answer(database, newsroom, [], headline="The Dune", body="Who measures the dune?")
    move_to_2021(database, dune, 19)  # indexed after the one of now
    while index_due(database):
        pass
    years = nora.get("archive?q=who").parts("section.year")
    assert [(year.texts("h2"), year.texts(".said")) for year in years] == [
        ([get_year(database, archive["The Well"])], ["The Well"]),
        (["2021"], ["The Dune", "The Wind"]),
    ]


def test_a_search_before_the_first_edition_says_that_the_archive_is_empty(nora: Desk) -> None:
    assert nora.get("archive?q=well").texts("h1") == nora.get("archive").texts("h1") == ["The archive is empty"]


@pytest.mark.parametrize("query", ["year=1999", "topic=fire", "state=open", "colour=red", "before=000000000000"])
def test_an_unknown_filter_is_not_found(nora: Desk, archive: dict[str, str], query: str) -> None:
    assert nora.open(f"archive?{query}").status_code == 404


def test_a_page_goes_on_where_the_page_before_ended(
    nora: Desk, archive: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_and_archive, "ARCHIVE", replace(shelf_and_archive.ARCHIVE, page_size=1))
    first = nora.get("archive")
    [older] = first.attributes("[rel=next]", "href")
    last = nora.get(older)
    [newer] = last.attributes("[rel=prev]", "href")
    assert [page.texts(".ran .said") for page in (first, last)] == [["The Well"], ["The Wind"]]
    assert nora.open(newer).location == nora.address("archive")


def test_a_retracted_one_says_so_and_offers_no_correction(
    nora: Desk, database: Database, newsroom: Newsroom, archive: dict[str, str]
) -> None:
    database.write(
        lambda s: publication.retract(s, newsroom.nora, get_question(s, archive["The Wind"]), "Somebody is in danger.")
    )
    page = nora.get("archive")
    assert page.texts(".ran b.late") == ["Withdrawn:"]
    offered = [href for name, href in page.links if name.startswith("Correct")]
    assert offered == [nora.address(f"questions/{archive['The Well']}/correct")]


def test_a_correction_shows_its_day(nora: Desk, database: Database, archive: dict[str, str]) -> None:
    path = f"questions/{archive['The Wind']}/correct"
    fields = dict(nora.get(path).form(nora.address(path)).fields)
    fields.pop("csrf_token")
    fields.pop("runs", None)
    typed = {"wrong": "We wrote that nobody knows.", "right": "The mill knows.", "answer-1": "The mill knows."}
    nora.post(path, **fields | typed)
    with database.read() as session:
        made_at = session.scalars(select(Correction.made_at)).one().astimezone(ZoneInfo("Europe/Prague"))
    [row] = [row for row in nora.get("archive").parts(".ran") if row.texts(".said") == ["The Wind"]]
    assert f"Leyla Aydın, corrected {made_at:%A %-d %B}" in row.main_text.replace(" ,", ",")
