"""What readers find after something was corrected, reworded for somebody's safety or withdrawn: everywhere, and at once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db.engine import Database
from app.editions.models import Correction, Edition
from app.questions.models import Question
from app.workflows.indexing import index_due
from app.workflows.publishing import after_sending, publication
from app.workflows.publishing.after_sending import CorrectionNote, PublishedText
from tests.support.database_checks import record_statements
from tests.support.pages import Page
from tests.support.reader_pages import get_question, publish_answer
from tests.support.sample_newsroom import Newsroom

WRONG, RIGHT = "We wrote that <nobody> knows.", "The mill in Nukus knows & says so."
QUESTION = "Who built the silos, and who owns them now?"
MENDED = PublishedText("The Silos of Nukus", QUESTION, ("The mill knows.\n\nWe asked the mill.",))
SAFE = PublishedText("The Barns", "Who owns such barns?", ("One owner is known.",))
ATOM = {"": "http://www.w3.org/2005/Atom", "at": "http://purl.org/atompub/tombstones/1.0"}
PLACES = (
    "/steppe/",
    "/steppe/answers",
    "/steppe/editions",
    "/steppe/feed.xml",
    "/steppe/feed.json",
    "/steppe/framed/answers",
)


@pytest.fixture
def silos(database: Database, newsroom: Newsroom) -> str:
    return publish_answer(database, newsroom, [])


@pytest.fixture
def correct(database: Database, newsroom: Newsroom, silos: str) -> Callable[..., None]:
    def fn(words: PublishedText = MENDED, quietly: bool = False) -> None:
        note = CorrectionNote() if quietly else CorrectionNote(WRONG, RIGHT)
        database.write(
            lambda s: after_sending.correct(s, newsroom.nora, get_question(s, silos), words, note, quietly) and None
        )

    return fn


def entries(client: FlaskClient) -> list[dict[str, str]]:
    tree = ElementTree.fromstring(client.get("/steppe/feed.xml").data)  # noqa: S314 - it is our own
    names = ("id", "title", "published", "updated", "content")
    return [{name: entry.findtext(name, "", ATOM) for name in names} for entry in tree.iterfind("entry", ATOM)]


def count_results(client: FlaskClient, text: str) -> int:
    page = Page(client.post("/steppe/answers", data={"words": text}, follow_redirects=True).text)
    return len({address for address in page.urls if "/q/" in address})


def test_a_correction_stands_on_the_page_in_the_feeds_and_in_the_list(
    client: FlaskClient, database: Database, silos: str, correct: Callable[..., None]
) -> None:
    path = f"/steppe/q/{silos}/the-silos"
    [before] = entries(client)
    kept = client.get(path).headers["ETag"]
    correct()
    page = Page(client.get(path, headers={"If-None-Match": kept}).text)
    assert (page.heading, "The mill knows." in page.main_text, "Nobody knows." in page.main_text) == (
        MENDED.headline,
        True,
        False,
    )
    today = utc_now().date().isoformat()
    note = page.part(".corrections")
    assert note.main_text.endswith(f"{WRONG} {RIGHT}")
    assert note.attributes("time", "datetime") == [today]
    assert note.attributes("[itemprop=correction]", "itemtype") == ["https://schema.org/CorrectionComment"]

    [after] = entries(client)
    assert (after["id"], after["published"], after["title"]) == (before["id"], before["published"], MENDED.headline)
    assert after["updated"] > before["updated"]
    assert Page(after["content"]).main_text.endswith(f"{WRONG} {RIGHT}")
    [item] = json.loads(client.get("/steppe/feed.json").data)["items"]
    assert (item["id"], item["date_modified"], item["content_html"]) == (
        after["id"],
        after["updated"],
        after["content"],
    )
    assert client.get(urlsplit(item["id"]).path).headers["Location"] == path

    assert "/steppe/corrections" in [href for _words, href in Page(client.get("/steppe/answers").text).links]
    listed = Page(client.get("/steppe/corrections").text)
    assert (MENDED.headline, path) in listed.links
    assert (WRONG in listed.main_text, RIGHT in listed.main_text) == (True, True)
    index_due(database)
    assert (count_results(client, "mill knows"), count_results(client, "nobody knows")) == (1, 0)


def test_a_mended_sign_is_seen_and_not_told(client: FlaskClient, silos: str, correct: Callable[..., None]) -> None:
    comma = QUESTION.replace(", and", " and")
    correct(PublishedText("The Silos", comma, ("Nobody knows.\n\nWe asked the mill.",)), quietly=True)
    page = Page(client.get(f"/steppe/q/{silos}/the-silos").text)
    assert (comma in page.main_text, page.texts(".corrections")) == (True, [])
    assert "Nothing has been corrected." in Page(client.get("/steppe/corrections").text).main_text


def test_what_was_reworded_for_safety_is_nowhere_as_it_was_and_nothing_says_that_it_was(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str, correct: Callable[..., None]
) -> None:
    correct()
    [before] = entries(client)
    database.write(lambda s: after_sending.reword_for_safety(s, newsroom.nora, get_question(s, silos), SAFE))
    # The former address leads to the new one, which has none of the former words.
    moved = client.get(f"/steppe/q/{silos}/the-silos")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"/steppe/q/{silos}/the-barns")
    pages = [client.get(path).text for path in (*PLACES, f"/steppe/q/{silos}/the-barns", "/steppe/corrections")]
    former = ("Silos", "silos", "mill", "Nukus", "orrection of", "eworded")
    assert [[word for word in former if word in page] for page in pages] == [[]] * len(pages)
    assert all("Barns" in page for page in pages[:-1])
    # Programs that follow the feed know the entry again, and put the new words over the former ones.
    [after] = entries(client)
    assert (after["id"], after["updated"] > before["updated"]) == (before["id"], True)
    assert (count_results(client, "silos"), count_results(client, "mill")) == (
        0,
        0,
    )  # at once, before anything is indexed
    index_due(database)
    assert (count_results(client, "silos"), count_results(client, "barns")) == (0, 1)


def test_feeds_name_what_was_withdrawn_as_gone_and_bring_back_what_was_corrected_long_after_it_ran(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str, correct: Callable[..., None]
) -> None:
    old = datetime(2021, 5, 5, tzinfo=UTC)
    ran = update(Edition).where(Edition.is_sent).values(runs_at=old, cutoff_at=old)
    database.write(lambda s: s.execute(ran) and s.execute(update(Question).values(published_at=old)) and None)
    correct()
    [known] = entries(client)
    assert known["published"][:10] == "2021-05-05"
    assert known["updated"][:4] > "2021"
    changed = ElementTree.fromstring(client.get("/steppe/sitemap-2021.xml").data)[0][1].text or ""  # noqa: S314
    assert changed > "2021-05-05"
    index_due(database)
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, silos), "Somebody is in danger."))
    tree = ElementTree.fromstring(client.get("/steppe/feed.xml").data)  # noqa: S314 - it is our own
    [gone] = tree.iterfind("at:deleted-entry", ATOM)
    assert (gone.attrib["ref"], entries(client)) == (known["id"], [])
    assert count_results(client, "mill") == 0
    page = client.get("/steppe/corrections")
    assert (page.status_code, RIGHT in page.text, "Nukus" in page.text) == (200, False, False)


def test_the_list_is_walked_to_its_end_at_the_same_cost(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    def add_corrections(session: Session) -> None:
        question, newest = get_question(session, silos), datetime(2026, 1, 1, tzinfo=UTC)
        for number in range(45):
            one = Correction(
                newsletter_id=newsroom.newsletter_id, question_id=question.id, wrong=f"w{number:02}", right="r"
            )
            one.made_at = newest - timedelta(days=number // 3)
            session.add(one)

    database.write(add_corrections)
    path, seen, costs = "/steppe/corrections", [], []
    while path:
        with record_statements(database) as statements:
            page = Page(client.get(path).text)
        costs.append(len(statements))
        seen += [text for text in page.texts(".listing div p") if text != "r"]
        path = next(iter(page.attributes(".pages [rel=next]", "href")), "")
    assert sorted(seen) == [f"w{number:02}" for number in range(45)]
    assert (len(costs), max(costs) - min(costs) <= 1) == (3, True)
    assert client.get("/steppe/corrections?before=ZZZZZZZZZZZZ").status_code == 404
