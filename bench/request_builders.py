"""The requests of the benchmarks: forms with valid tokens, public pages, and pages behind links and cookies."""

import itertools
import re
from collections.abc import Iterator
from functools import cache
from secrets import token_hex
from urllib.parse import quote, urlencode

from flask import Flask
from sqlalchemy import update

import config
from app import create_app
from app.db.engine import Database
from app.db.public_version import PublicVersion
from app.editions.archive import listing, sent_editions
from app.reader import form_token
from demo.scale.long_road import SLUG

from .load_client import Call
from .newsroom_data import get_newsletter, write_letter

ASK_PATH = f"/{SLUG}/ask"
_HIDDEN_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_CSRF_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@cache
def _create_app(settings: tuple[tuple[str, str], ...]) -> Flask:
    return create_app(config.load(dict(settings)))


def get_app(settings: dict[str, str]) -> Flask:
    """Return the app with these settings, in this process."""
    return _create_app(tuple(settings.items()))


def build_question_form(app: Flask, number: int) -> dict[str, str]:
    """Return the fields of a reader's form with letter `number`, and with a token as the page would contain it."""
    database: Database = app.extensions["database"]
    with app.test_request_context(), database.read() as session:
        token = form_token.make(session, get_newsletter(session))
    return {"form": token, "body": write_letter(number), "hear_back": "number"}


def iter_submissions(settings: dict[str, str]) -> Iterator[Call]:
    """Yield endless requests that send a question, each with another text and token."""
    app = get_app(settings)
    for number in itertools.count():
        yield Call(ASK_PATH, urlencode(build_question_form(app, number)))


def list_reader_calls(settings: dict[str, str]) -> list[tuple[str, Call]]:
    """Return requests for the readers' pages, by name."""
    app = get_app(settings)
    with app.extensions["database"].read() as session, app.test_request_context():
        newsletter = get_newsletter(session)
        items = listing(newsletter).page(session, None, 400)
        last_id = items[-1].question.public_id
        question = items[0].question
        assert question.text is not None
        story = f"/{SLUG}/q/{question.public_id}/{quote(question.text.slug)}"
        edition = sent_editions(newsletter).page(session, None, 1)[0].public_id
    return [
        ("archive", Call(f"/{SLUG}/answers")),
        ("archive, 20 pages down", Call(f"/{SLUG}/answers?before={last_id}")),
        ("Q&A", Call(story)),
        ("front page", Call(f"/{SLUG}/")),
        ("ask form", Call(ASK_PATH)),
        ("editions", Call(f"/{SLUG}/editions")),
        ("edition", Call(f"/{SLUG}/editions/{edition}")),
        ("feed", Call(f"/{SLUG}/feed.xml")),
        ("calendar", Call(f"/{SLUG}/calendar.ics")),
    ]


def list_conditional_calls(settings: dict[str, str]) -> list[tuple[str, Call]]:
    """Return conditional requests by name, as of a browser that has cached the page."""
    client = get_app(settings).test_client()
    paths = {"archive": f"/{SLUG}/answers", "feed": f"/{SLUG}/feed.xml"}
    return [
        (name, Call(path, expected_status=304, etag=client.get(path).headers["ETag"])) for name, path in paths.items()
    ]


def iter_uncached(database: Database, call: Call) -> Iterator[Call]:
    """Yield the same request again and again, and invalidate all cached pages before each."""
    while True:
        database.write(lambda session: session.execute(update(PublicVersion).values(version=token_hex(16))))
        yield call


def build_expert_calls(app: Flask, token: str) -> tuple[Call, Iterator[Call]]:
    """Return the request for the page of an assignment's link, and endless requests that save a draft there."""
    path = f"/a/{token}"
    page = app.test_client().get(path).text
    fields = dict(_HIDDEN_FIELD.findall(page))

    def iter_drafts() -> Iterator[Call]:
        for number in itertools.count(1):
            draft = {**fields, "count": str(number), "answer": f"{write_letter(number)} " * 5}
            yield Call(f"{path}/draft", urlencode(draft), accept="application/json")

    return Call(path), iter_drafts()


def sign_in(app: Flask, link: str) -> str:
    """Sign in by a link of `invite_editor`; return the value of the Cookie header for further requests."""
    client = app.test_client()
    match = _CSRF_TOKEN.search(client.get(link).text)
    assert match is not None
    client.post(link, data={"csrf_token": match[1]})
    cookie = client.get_cookie("desk")
    assert cookie is not None
    return f"desk={cookie.value}"
