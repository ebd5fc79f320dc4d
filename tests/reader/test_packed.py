"""What anybody may read is sent packed, and nothing of which a length could tell a secret."""

import gzip
import re
from secrets import token_urlsafe

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.db.engine import Database
from app.letters.models import Letter
from app.reader.gzip_page import BLOCK, compress_page
from app.reader.page_frame import COMPRESSED_PAGES
from tests.support.desk import LOCALHOST, Desk
from tests.support.pages import Page
from tests.support.reader_pages import (
    add_topic_and_expert_page,
    list_public_paths,
    publish_answer,
    read_receipt,
    send_question,
)
from tests.support.sample_newsroom import Newsroom

TAKING = {"Accept-Encoding": "gzip"}
HIDDEN = re.compile(rb'<input type="hidden"[^>]*>|<form name="[^>]*>')
# Pages of readers that are sent as they are, and why.
UNPACKED = {
    "receipt": "a number is typed there",
    "report": "a form beside a page that the address names",
    "found": "has what a reader looks for",
    "stop": "its address is a secret, which the page has too",
    "handbook_picture": "pictures are packed by themselves",
    "card": "pictures are packed by themselves",
    "photo": "pictures are packed by themselves",
    "robots": "too short",
    "oembed": "too short, and for programs",
    "forget": "empty",
    "root": "leads on",
    "short_address": "leads on",
    "back_to_form": "leads on",
}
# Bytes with headers, of pages with all that they load, by a browser that has kept nothing.
BUDGET = {"/steppe/ask": 12_000, "/steppe/": 11_500, "/steppe/answers": 9_300}
STATUS = len(b"HTTP/1.1 200 OK\r\n") + len(b"Date: Sat, 28 Nov 2026 12:00:00 GMT\r\n")


@pytest.fixture
def silos(client: FlaskClient, database: Database, newsroom: Newsroom) -> str:
    """Timur asked about the silos, Leyla answered, it ran. The public key of the question."""
    send_question(client)
    with database.read() as session:
        letters = list(session.scalars(select(Letter.id)))
    public_id = publish_answer(database, newsroom, letters)
    add_topic_and_expert_page(database, newsroom, public_id)
    return public_id


def open_to_all(database: Database) -> dict[str, str]:
    """An address of each page that is packed."""
    known = list_public_paths(database) | {"handbook": "/handbook/reader"}
    return {name: known[name] for name in COMPRESSED_PAGES}


def without_hidden(page: bytes) -> bytes:
    return HIDDEN.sub(b"", page)


def test_each_page_of_readers_is_packed_or_has_a_reason_not_to_be(app: Flask) -> None:
    pages = {
        rule.endpoint.removeprefix("reader.")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("reader.") and "GET" in (rule.methods or ())
    }
    assert pages == {*COMPRESSED_PAGES, *UNPACKED}


@pytest.mark.threat("network observer")
def test_only_what_anybody_may_read_is_packed(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom, silos: str, nora: Desk
) -> None:
    """It says the same to a browser of the desk as to nobody in particular, but for a form's token."""
    for name, address in open_to_all(database).items():
        plain, got = client.get(address), client.get(address, headers=TAKING)
        assert (plain.status_code, plain.headers.get("Content-Encoding"), plain.headers["Vary"]) == (
            200,
            None,
            "Accept-Encoding",
        ), name
        assert (got.headers["Content-Encoding"], got.headers["Vary"]) == ("gzip", "Accept-Encoding"), name
        assert (
            without_hidden(gzip.decompress(got.data))
            == without_hidden(plain.data)
            == without_hidden(nora.client.get(address).data)
        ), name
        assert got.headers["Content-Length"] == str(len(got.data))
        assert len(got.data) < len(plain.data) or name == "sitemap", name
    letter = send_question(client, then="look")
    number = read_receipt(send_question(client).text)
    kept = [
        client.get("/steppe/receipt", headers=TAKING),
        client.post("/steppe/receipt", data={"receipt": number}, headers=TAKING),
        client.get(f"/steppe/report/{silos}", headers=TAKING),
        client.post("/steppe/answers", data={"words": "silos"}, headers=TAKING, follow_redirects=True),
        client.post("/steppe/ask", data={"body": ""}, headers=TAKING),
        client.post("/steppe/begin", data={"body": "Who owns the silos?"}, headers=TAKING),
        client.get("/steppe/nothing", headers=TAKING),
        client.get("/sign-in", headers=TAKING),
        nora.client.get("/desk/steppe/", headers=TAKING, base_url=LOCALHOST),
        letter,
    ]
    assert [answer.status_code for answer in kept] == [200, 200, 200, 200, 400, 200, 404, 200, 200, 200]
    assert [answer.headers.get("Content-Encoding") for answer in kept] == [None] * len(kept)


def test_what_has_not_changed_is_not_sent_again_however_it_was_sent(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    for address in ("/steppe/answers", "/steppe/feed.xml", "/steppe/calendar.ics"):
        answers = [client.get(address, headers=more) for more in ({}, TAKING)]
        [tag] = {answer.headers["ETag"] for answer in answers}
        assert tag.startswith('W/"')  # two ways to send one thing have no strong tag in common
        for more in ({}, TAKING):
            again = client.get(address, headers=more | {"If-None-Match": tag})
            assert (again.status_code, again.data, again.headers.get("Content-Encoding")) == (304, b"", None)
            assert (again.headers["ETag"], again.headers["Vary"]) == (tag, "Accept-Encoding")
            head = client.head(address, headers=more)
            whole = client.get(address, headers=more)
            assert [(one, head.headers.get(one)) for one in ("Content-Length", "Content-Encoding", "ETag", "Vary")] == [
                (one, whole.headers.get(one)) for one in ("Content-Length", "Content-Encoding", "ETag", "Vary")
            ]
            assert head.data == b""


TEXT = st.text(max_size=300).map(str.encode)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT | TEXT.map(lambda text: b'<input type="hidden" name="form" value="' + text + b'">'), max_size=9))
def test_whoever_unpacks_has_the_page(pieces: list[bytes]) -> None:
    page = b"".join(pieces) * 3
    assert gzip.decompress(compress_page(page)) == page


def test_a_page_longer_than_what_packing_looks_back_at_is_unpacked_too() -> None:
    field = b'<input type="hidden" value="' + b"x" * 3 * BLOCK + b'">'
    page = (b"Who measures the salt wind? " * 2_000 + field) * 2
    assert gzip.decompress(compress_page(page)) == page


@pytest.mark.threat("network observer")
def test_no_length_tells_of_a_forms_token() -> None:
    """Also where a stranger has put a good guess of it beside."""
    secrets = [token_urlsafe(60) for _ in range(50)]
    for guess in (secrets[0], secrets[0][:70], "x"):
        pages = [
            f'<p>{guess}</p><form><input type="hidden" name="form" value="{one}"><p>{guess}</p>' * 2 for one in secrets
        ]
        assert len({len(compress_page(page.encode())) for page in pages}) == 1


def cost(answer: TestResponse) -> int:
    """Bytes on the line."""
    return STATUS + sum(len(f"{name}: {value}\r\n") for name, value in answer.headers) + 2 + len(answer.data)


@pytest.mark.parametrize("path", BUDGET)
def test_a_page_is_light_with_all_that_it_loads(client: FlaskClient, newsroom: Newsroom, silos: str, path: str) -> None:
    first = client.get(path, headers=TAKING)
    page = Page(gzip.decompress(first.data).decode())
    loaded = [*page.attributes("link[rel=stylesheet]", "href"), *page.attributes("script", "src")]
    answers = [first, *(client.get(address, headers=TAKING) for address in loaded)]
    scripts = len(page.attributes("script", "src"))
    assert len(answers) - scripts == 2  # page and sheet; the icon stands in the page
    assert sum(map(cost, answers)) <= BUDGET[path], [cost(answer) for answer in answers]
