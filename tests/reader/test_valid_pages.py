"""What readers and programs get is well-formed and says what it should, as libraries read it that know nothing of ours."""

import json
from typing import Any
from urllib.robotparser import RobotFileParser

import feedparser
import html5lib
import jsonschema
import microdata
import pytest
from flask.testing import FlaskClient

from app.db.engine import Database
from app.workflows.publishing import after_sending
from tests.support.pages import Page
from tests.support.reader_pages import (
    add_topic_and_expert_page,
    get_question,
    list_public_paths,
    publish_answer,
    send_question,
)
from tests.support.sample_newsroom import Newsroom

HERE = "https://ask.newsroom.example"
PAGES = {
    *("home", "ask", "answers", "editions", "corrections", "protection", "story", "edition", "topic", "expert"),
    *(
        "framed_answers",
        "framed_story",
        "framed_edition",
        "framed_ask",
        "in Persian",
        "a story in Persian",
        "of a year",
        "about an edition",
        "one",
    ),
}
# https://developers.google.com/search/docs/appearance/structured-data/qapage: what has to be there, and of those in one
# tuple one; what should be there besides. Votes we have none; who asked we tell nobody as a field.
REQUIRED: dict[str, list[tuple[str, ...]]] = {
    "QAPage": [("mainEntity",)],
    "Question": [("answerCount",), ("acceptedAnswer", "suggestedAnswer"), ("name",)],
    "Answer": [("text",)],
    "Person": [("name",)],
}
RECOMMENDED = {"Question": {"text", "datePublished"}, "Answer": {"author", "datePublished", "url"}}
TEXT = {"type": "string", "minLength": 1}
ADDRESS = {"type": "string", "pattern": f"^{HERE}/"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}  # RFC 3339
AUTHORS = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "object", "properties": {"name": TEXT, "url": ADDRESS, "avatar": ADDRESS}, "minProperties": 1},
}
# https://www.jsonfeed.org/version/1.1/: what has to be there, of which type, and nothing that it doesn't name.
JSON_FEED = {
    "type": "object",
    "required": ["version", "title", "items"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        **dict.fromkeys(("title", "description", "user_comment", "language"), TEXT),
        **dict.fromkeys(("home_page_url", "feed_url", "next_url", "icon", "favicon"), ADDRESS),
        "authors": AUTHORS,
        "expired": {"type": "boolean"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id"],
                "anyOf": [{"required": ["content_html"]}, {"required": ["content_text"]}],
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(("id", "title", "content_html", "content_text", "summary", "language"), TEXT),
                    **dict.fromkeys(("url", "external_url", "image", "banner_image"), ADDRESS),
                    **dict.fromkeys(("date_published", "date_modified"), TIME),
                    "authors": AUTHORS,
                    "tags": {"type": "array", "items": TEXT},
                },
            },
        },
    },
}


@pytest.fixture
def silos(client: FlaskClient, database: Database, newsroom: Newsroom) -> str:
    """Two Q&As ran, of which one was corrected since; one has a topic, and its expert a page. The key of that one."""
    publish_answer(database, newsroom, [], headline="The “Scales” & <b>salt</b>", body="Who built the scales?")
    public_id = publish_answer(database, newsroom, [], ties="The mill pays for our gauges.")
    add_topic_and_expert_page(database, newsroom, public_id)
    words = after_sending.PublishedText("The Silos", "Who built them?", ("The mill knows.\n\n- salt\n- grain",))
    note = after_sending.CorrectionNote("It was Aral.", "It is Osh.")
    database.write(lambda s: after_sending.correct(s, newsroom.nora, get_question(s, public_id), words, note))
    return public_id


def faults(html: bytes) -> list[Any]:
    parser = html5lib.HTMLParser()
    parser.parse(html, transport_encoding="utf-8")
    return list(parser.errors)


def test_no_page_of_readers_has_a_fault_of_html(client: FlaskClient, database: Database, silos: str) -> None:
    known = list_public_paths(database)
    assert known.keys() >= PAGES
    pages = {name: client.get(known[name]) for name in sorted(PAGES)}
    assert {page.status_code for page in pages.values()} == {200}
    pages |= {path: client.get(f"/steppe/{path}") for path in ("receipt", f"report/{silos}", "topics/none")}
    pages |= {
        "search": client.post("/steppe/answers", data={"words": "silos"}, follow_redirects=True),
        "asked": send_question(client),
    }
    assert {name: faults(page.data) for name, page in pages.items()} == {name: [] for name in pages}
    assert faults(b"<!doctype html><title>x</title><p><div></p>") != []


def items_in(client: FlaskClient, path: str) -> list[Any]:
    return list(microdata.get_items(client.get(path).text))


def rules_broken(item: Any) -> list[str]:
    """What an item and those within it lack."""
    kind = str(item.itemtype[0]).removeprefix("https://schema.org/")
    there = {name for name, values in item.props.items() if any(values)}
    lacks = [f"{kind}: {' or '.join(some)}" for some in REQUIRED.get(kind, []) if not there & {*some}]
    lacks += [f"{kind} should have: {name}" for name in sorted(RECOMMENDED.get(kind, set()) - there)]
    within = [value for values in item.props.values() for value in values if isinstance(value, microdata.Item)]
    return lacks + [lack for one in within for lack in rules_broken(one)]


def test_a_page_tells_search_engines_of_question_and_answer_all_that_they_ask_for(
    client: FlaskClient, database: Database, silos: str
) -> None:
    for name in ("story", "another", "a story in Persian"):
        path = list_public_paths(database)[name]
        [page] = items_in(client, path)
        assert (str(page.itemtype[0]), rules_broken(page)) == ("https://schema.org/QAPage", [])
    [page] = items_in(client, f"/steppe/q/{silos}/the-silos")
    question = page.mainEntity
    answer = question.acceptedAnswer
    assert (question.name, question.answerCount, question.inLanguage) == ("The Silos", "1", "en")
    assert "Who built them?" in " ".join(question.text.split())
    assert "The mill knows." in " ".join(answer.text.split())
    assert (answer.author.name, str(answer.url)) == ("Leyla Aydın", f"{HERE}/steppe/q/{silos}/the-silos")


def test_programs_read_the_atom_feed_without_a_complaint(client: FlaskClient, silos: str) -> None:
    got = client.get("/steppe/feed.xml")
    read = feedparser.parse(got.data, response_headers={"content-type": got.content_type})
    assert (read.bozo, read.version, read.encoding, read.feed.title) == (False, "atom10", "utf-8", "The Steppe Letter")
    assert {link.rel for link in read.feed.links} == {"self", "alternate"}
    assert [entry.title for entry in read.entries] == ["The Silos", "The “Scales” & <b>salt</b>"]
    for entry in read.entries:
        assert all(entry[name] for name in ("id", "link", "author", "published_parsed", "updated_parsed"))
        assert entry.content[0].type == "text/html"
        assert client.get(entry.link.removeprefix(HERE)).status_code == 200
    assert "It is Osh." in read.entries[0].content[0].value
    assert len({entry.id for entry in read.entries}) == 2


def test_the_json_feed_is_one_by_its_specification(client: FlaskClient, silos: str) -> None:
    feed = json.loads(client.get("/steppe/feed.json").data)
    jsonschema.Draft202012Validator(JSON_FEED).validate(feed)
    assert len(feed["items"]) == 2
    assert jsonschema.Draft202012Validator(JSON_FEED).is_valid(feed | {"items": [{"title": "no key"}]}) is False


def test_robots_may_read_what_is_published_and_find_the_map(client: FlaskClient, silos: str) -> None:
    robots = RobotFileParser()
    robots.parse(client.get("/robots.txt").text.splitlines())
    assert robots.can_fetch("Googlebot", f"{HERE}/steppe/q/{silos}/the-silos")
    assert robots.site_maps() == [f"{HERE}/steppe/sitemap.xml"]


def test_each_page_that_may_be_found_says_which_address_is_its_lasting_one(
    client: FlaskClient, database: Database, silos: str
) -> None:
    known = list_public_paths(database)
    for name in ("story", "topic", "expert"):
        for asked in ("", "?lang=fa", "?utm_source=letter"):
            page = client.get(known[name] + asked)
            assert Page(page.text).attributes("link[rel=canonical]", "href") == [f"{HERE}{known[name]}"]
            assert page.headers["X-Robots-Tag"] == "all"
