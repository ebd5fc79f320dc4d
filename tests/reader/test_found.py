"""How an answer is found: from another answer, by search engines, in feeds and where somebody shares its address."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db.engine import Database
from app.editions.models import Edition
from app.newsletters.models import Newsletter
from app.reader import feeds
from app.workflows.indexing import index_due
from app.workflows.publishing import publication
from tests.support.pages import Page
from tests.support.reader_pages import get_question, publish_answer
from tests.support.sample_newsroom import Newsroom

HERE = "https://ask.newsroom.example"
NAMES = {"map": "{http://www.sitemaps.org/schemas/sitemap/0.9}"}


def move(session: Session, key: str, time: datetime) -> None:
    """Let it have run in another year, with its edition."""
    question = get_question(session, key)
    edition = session.get_one(Edition, question.edition_id)
    question.published_at, edition.runs_at, edition.cutoff_at = time, time, time - timedelta(days=2)


@pytest.fixture
def run(database: Database, newsroom: Newsroom) -> Callable[..., str]:
    """Let a Q&A run; its lasting address."""

    def run(headline: str, body: str, year: int | None = None) -> str:
        key = publish_answer(database, newsroom, [], headline=headline, body=body)
        if year:
            database.write(partial(move, key=key, time=datetime(year, 5, 5, tzinfo=UTC)))
        index_due(database)
        return f"/steppe/q/{key}/{headline.lower().replace(' ', '-')}"

    return run


def list_further_links(client: FlaskClient, path: str) -> list[tuple[str, str]]:
    return Page(client.get(path).text).part(".further").links


def test_an_answer_leads_to_the_one_before_the_one_after_and_those_on_the_same_matter(
    client: FlaskClient, run: Callable[..., str]
) -> None:
    salt = run("The Salt", "Who weighs the salt in the orchard wind?")
    silos = run("The Silos", "Who built the grain silos along the railway?")
    wind = run("The Wind", "Why does the orchard wind carry so much salt?")
    assert list_further_links(client, salt) == [("The Wind", wind), ("The Silos", silos)]
    assert list_further_links(client, silos) == [("The Salt", salt), ("The Wind", wind)]
    assert list_further_links(client, wind) == [("The Salt", salt), ("The Silos", silos)]


def test_what_was_withdrawn_is_led_to_from_nowhere(
    client: FlaskClient, database: Database, newsroom: Newsroom, run: Callable[..., str]
) -> None:
    salt = run("The Salt", "Who weighs the salt in the orchard wind?")
    wind = run("The Wind", "Why does the orchard wind carry so much salt?", 2021)
    key = wind.split("/")[3]
    assert [wind in client.get(path).text for path in (salt, "/steppe/feed.json", "/steppe/sitemap-2021.xml")] == [
        True,
        True,
        True,
    ]
    database.write(
        lambda session: publication.retract(session, newsroom.nora, get_question(session, key), "for safety")
    )
    pages = [client.get(path).text for path in (salt, "/steppe/feed.json", "/steppe/sitemap-2021.xml")]
    assert [(key in page, "The Wind" in page) for page in pages] == [(False, False)] * 3


def test_a_sitemap_a_year_holds_each_page_that_can_be_read_by_its_lasting_address(
    client: FlaskClient, run: Callable[..., str]
) -> None:
    salt, silos = run("The Salt", "Who weighs the salt?", 2021), run("The Silos", "Who built the silos?")

    def list_sitemap_urls(path: str) -> list[str]:
        tree = ElementTree.fromstring(client.get(path).data)  # noqa: S314 - it is our own
        return [str(one.text).removeprefix(HERE) for one in tree.iterfind("map:*/map:loc", {"map": NAMES["map"][1:-1]})]

    assert list_sitemap_urls("/steppe/sitemap.xml")[0] == "/steppe/sitemap-pages.xml"
    years = [path for path in list_sitemap_urls("/steppe/sitemap.xml") if path != "/steppe/sitemap-pages.xml"]
    assert years == [f"/steppe/sitemap-{year}.xml" for year in sorted({path[-8:-4] for path in years}, reverse=True)]
    assert list_sitemap_urls("/steppe/sitemap-pages.xml") == [
        "/steppe/",
        "/steppe/ask",
        "/steppe/answers",
        "/steppe/editions",
        "/steppe/corrections",
        "/steppe/protection",
    ]
    found = [path for year in years for path in list_sitemap_urls(year)]
    assert [path for path in found if "/q/" in path] == [silos, salt]
    assert {client.get(path).status_code for path in found} == {200}
    assert client.get("/steppe/sitemap-1999.xml").status_code == 404


def test_a_q_and_a_that_ran_in_the_new_year_is_found_in_it_also_if_its_edition_was_of_the_old_one(
    client: FlaskClient, database: Database, run: Callable[..., str]
) -> None:
    salt = run("The Salt", "Who weighs the salt?", 2021)

    def send_late(session: Session) -> None:
        question = get_question(session, salt.split("/")[3])
        question.published_at = datetime(2021, 12, 31, 23, 30, tzinfo=UTC)  # half past midnight in Prague

    database.write(send_late)
    sitemap = client.get("/steppe/sitemap.xml").text
    assert [f"{HERE}/steppe/sitemap-{year}.xml" in sitemap for year in (2020, 2021, 2022, 2023)] == [
        False,
        True,
        True,
        False,
    ]
    assert [salt in client.get(f"/steppe/sitemap-{year}.xml").text for year in (2021, 2022)] == [False, True]
    assert [salt in client.get(f"/steppe/answers?year={year}").text for year in (2021, 2022)] == [False, True]


def test_robots_are_told_of_the_first_newsletter_and_of_no_page_that_hides(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    page = client.get("/robots.txt")
    assert (page.mimetype, page.text) == (
        "text/plain",
        f"User-agent: *\nAllow: /\n\nSitemap: {HERE}/steppe/sitemap.xml\n",
    )


def test_before_the_first_newsletter_there_is_no_sitemap(client: FlaskClient) -> None:
    assert client.get("/robots.txt").text == "User-agent: *\nAllow: /\n"


def test_the_json_feed_says_what_the_atom_feed_says(
    client: FlaskClient, database: Database, newsroom: Newsroom, run: Callable[..., str]
) -> None:
    silos, salt = run("The Silos", "Who built the silos?"), run("The Salt", "Who weighs the <b>salt</b>?")
    page = client.get("/steppe/feed.json")
    feed = json.loads(page.data)
    assert (page.mimetype, feed["version"]) == ("application/feed+json", "https://jsonfeed.org/version/1.1")
    assert (feed["title"], feed["home_page_url"], feed["feed_url"]) == (
        "The Steppe Letter",
        f"{HERE}/steppe/answers",
        f"{HERE}/steppe/feed.json",
    )
    assert [one["url"].removeprefix(HERE) for one in feed["items"]] == [salt, silos]
    atom = ElementTree.fromstring(client.get("/steppe/feed.xml").data)  # noqa: S314 - it is our own
    name = "{http://www.w3.org/2005/Atom}"
    assert [(one["id"], one["title"], one["content_html"], one["date_published"]) for one in feed["items"]] == [
        tuple(entry.findtext(f"{name}{tag}") for tag in ("id", "title", "content", "published"))
        for entry in atom.findall(f"{name}entry")
    ]
    assert "<b>salt" not in feed["items"][0]["content_html"]
    assert [one["authors"] for one in feed["items"]] == [[{"name": "Leyla Aydın"}]] * 2


def test_the_feeds_lead_page_by_page_to_the_first_answer(
    client: FlaskClient, newsroom: Newsroom, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    silos, salt = run("The Silos", "Who built the silos?"), run("The Salt", "Who weighs the salt?")
    monkeypatch.setattr(feeds, "MAX_ENTRIES", 1)
    newest = json.loads(client.get("/steppe/feed.json").data)
    earlier = json.loads(client.get(newest["next_url"].removeprefix(HERE)).data)
    assert [[item["url"] for item in feed["items"]] for feed in (newest, earlier)] == [[HERE + salt], [HERE + silos]]
    assert "next_url" not in earlier
    atom = ElementTree.fromstring(client.get("/steppe/feed.xml").data)  # noqa: S314 - it is our own
    name = "{http://www.w3.org/2005/Atom}"
    next_urls = [link.get("href") for link in atom.findall(f"{name}link") if link.get("rel") == "next"]
    assert next_urls == [newest["next_url"].replace("feed.json", "feed.xml")]
    assert client.get(next_urls[0].removeprefix(HERE)).status_code == 200


def test_a_shared_address_says_what_it_leads_to_and_which_one_is_right(
    client: FlaskClient, database: Database, newsroom: Newsroom, run: Callable[..., str]
) -> None:
    database.write(
        lambda session: setattr(session.get_one(Newsletter, newsroom.newsletter_id), "name", 'Steppe "A" <b>')
    )
    salt = run("The Salt", "Who weighs the salt?")
    page = Page(client.get(f"{salt}?lang=fa").text)
    properties = dict(
        zip(page.attributes("meta[property]", "property"), page.attributes("meta[property]", "content"), strict=True)
    )
    assert page.attributes("link[rel=canonical]", "href") == [f"{HERE}{salt}"]
    pictured = {name for name in properties if name.startswith("og:image")}  # tests/reader/test_cards.py
    assert {name: said for name, said in properties.items() if name not in pictured} == {
        "og:type": "article",
        "og:title": "The Salt",
        "og:description": "“Nobody knows.",
        "og:url": f"{HERE}{salt}",
        "og:site_name": 'Steppe "A" <b>',
        "og:locale": "en",
        "article:published_time": utc_now().date().isoformat(),
    }
