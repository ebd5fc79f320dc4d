"""A link to a Q&A or an edition becomes a card in WordPress and Ghost: by oEmbed, with a frame that follows what is published."""

import html
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db.engine import Database
from app.editions.models import Edition
from app.workflows.publishing import publication
from tests.support.app import BASE_URL
from tests.support.pages import Page
from tests.support.reader_pages import get_question, let_site_frame, publish_answer
from tests.support.sample_newsroom import Newsroom

NEWS = "https://news.example"


@pytest.fixture
def silos(database: Database, newsroom: Newsroom) -> str:
    return publish_answer(database, newsroom, [], headline="The Silos")


def find_card_url(client: FlaskClient, page_path: str) -> str:
    """The URL that a page names for its card, as WordPress and Ghost look for it."""
    page = Page(client.get(page_path, follow_redirects=True).text)
    [url] = page.attributes('link[rel="alternate"][type="application/json+oembed"]', "href")
    assert url.startswith(f"{BASE_URL}/steppe/oembed?url=")
    return url.removeprefix(BASE_URL)


def read_frame(card: dict[str, Any]) -> dict[str, str | None]:
    [frame] = Page(card["html"]).tree.css("iframe")
    return dict(frame.attributes)


def test_a_link_to_an_answer_is_a_link_with_headline_and_picture_where_nobody_may_frame_us(
    client: FlaskClient, silos: str
) -> None:
    card = client.get(find_card_url(client, f"/steppe/q/{silos}/")).json
    assert card["thumbnail_url"].startswith(f"{BASE_URL}/steppe/cards/{silos}/")
    assert client.get(card.pop("thumbnail_url").removeprefix(BASE_URL)).mimetype == "image/png"
    assert card == {
        "version": "1.0",
        "type": "link",
        "title": "The Silos: The Steppe Letter",
        "provider_name": "The Steppe Letter",
        "provider_url": f"{BASE_URL}/steppe/",
        "cache_age": 60,
        "thumbnail_width": 1200,
        "thumbnail_height": 630,
    }


@pytest.mark.threat("another site")
def test_only_a_listed_site_may_frame_a_card_and_no_cookie_is_set(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    with database.read() as session:
        edition = session.scalars(select(Edition.public_id).filter_by(state="sent")).one()
    paths = (f"/steppe/framed/q/{silos}", f"/steppe/framed/editions/{edition}")

    def get_ancestors() -> list[tuple[str, str | None]]:
        responses = [client.get(path) for path in paths]
        policies = [response.headers["Content-Security-Policy"] for response in responses]
        cookies = [response.headers.get("Set-Cookie") for response in responses]
        return [
            (policy.partition("frame-ancestors ")[2], cookie) for policy, cookie in zip(policies, cookies, strict=True)
        ]

    assert get_ancestors() == [("'self'", None)] * 2
    let_site_frame(database, newsroom, NEWS)
    assert get_ancestors() == [(f"'self' {NEWS}", None)] * 2


def test_where_a_site_may_frame_us_it_is_a_frame_that_leads_to_the_answer(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    let_site_frame(database, newsroom, NEWS)
    url = find_card_url(client, f"/steppe/q/{silos}/")
    card = client.get(f"{url}&maxwidth=400&maxheight=9999&format=json").json
    assert (card["type"], card["width"], card["height"]) == ("rich", 400, 320)
    frame = read_frame(card)
    assert frame == {
        "src": f"{BASE_URL}/steppe/framed/q/{silos}",
        "title": "The Silos: The Steppe Letter",
        "width": "400",
        "height": "320",
        "loading": "lazy",
        "referrerpolicy": "no-referrer",
        "style": "border:0;max-width:100%",
    }
    page = Page(client.get(urlsplit(str(frame["src"])).path).text)
    assert (page.heading, page.attributes("base", "target")) == ("The Silos", ["_top"])
    assert [href for _label, href in page.links] == [f"/steppe/q/{silos}/the-silos", "/steppe/answers"]


def test_an_edition_is_a_frame_with_its_answers(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    let_site_frame(database, newsroom, NEWS)
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one()
    path = f"/steppe/editions/{edition.public_id}"
    card = client.get(find_card_url(client, path)).json
    assert card["title"].startswith(f"Edition {edition.number}, ")
    assert "thumbnail_url" not in card
    frame_path = str(read_frame(card)["src"]).removeprefix(BASE_URL)
    assert frame_path == f"/steppe/framed/editions/{edition.public_id}"
    assert Page(client.get(frame_path).text).texts("h2") == ["The Silos"]


@pytest.mark.threat("hostile words")
def test_a_headline_with_markup_stays_text_in_the_code_for_the_frame(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    let_site_frame(database, newsroom, NEWS)
    shown = publish_answer(database, newsroom, [], headline='Silos" onload="alert(1)"><b>')
    card = client.get(find_card_url(client, f"/steppe/q/{shown}/")).json
    assert read_frame(card)["title"] == "Silos’ onload=“alert(1)”><b>: The Steppe Letter"
    assert "<b>" not in card["html"]


def test_an_answer_that_is_withdrawn_leaves_the_frame_and_has_no_card(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    let_site_frame(database, newsroom, NEWS)
    url = find_card_url(client, f"/steppe/q/{silos}/")
    assert "The Silos" in client.get(f"/steppe/framed/q/{silos}").text
    database.write(lambda session: publication.retract(session, newsroom.nora, get_question(session, silos), "Unsafe"))
    frame = client.get(f"/steppe/framed/q/{silos}")
    assert (frame.status_code, Page(frame.text).heading) == (410, "This answer was withdrawn")
    assert "Silos" not in html.unescape(frame.text)
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),
        ("?url=", 404),
        ("?url=http://[", 404),
        ("?url=https://elsewhere.example/steppe/q/{silos}/the-silos", 404),
        (f"?url={BASE_URL}.elsewhere.example/steppe/q/{{silos}}/the-silos", 404),
        (f"?url={BASE_URL}/steppe/ask", 404),
        (f"?url={BASE_URL}/other/q/{{silos}}/the-silos", 404),
        (f"?url={BASE_URL}/steppe/q/012345678901/", 404),
        (f"?url={BASE_URL}/steppe/editions/012345678901", 404),
        (f"?url={BASE_URL}/steppe/q/%2500/", 404),
        (f"?url={BASE_URL}/steppe/q/{{silos}}/the-silos&maxwidth=wide", 200),
        (f"?url={BASE_URL}/steppe/q/{{silos}}/", 200),
    ],
)
def test_what_is_no_page_of_the_archive_has_no_card(client: FlaskClient, silos: str, query: str, status: int) -> None:
    assert client.get(f"/steppe/oembed{query.format(silos=silos)}").status_code == status


def test_another_format_than_json_is_refused_and_logs_no_error(
    client: FlaskClient, silos: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = find_card_url(client, f"/steppe/q/{silos}/")
    assert [client.get(f"{url}&format={name}").status_code for name in ("xml", "json", "")] == [501, 200, 501]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
