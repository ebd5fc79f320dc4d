"""The requests of the benchmarks: forms with valid tokens, and public pages; with cookies for the desk's pages."""

import itertools
import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote, urlencode

from flask import Flask

import config
from app import create_app
from app.editions.archive import listing, sent_editions
from app.newsletters.queries import by_slug
from app.reader import form_token
from demo.scale.people import SLUG

from .fill import write_letter
from .load import Call

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@cache
def _app(settings: tuple[tuple[str, str], ...]) -> Flask:
    return create_app(config.load(dict(settings)))


def app_of(settings: dict[str, str]) -> Flask:
    """Return the app with these settings, in this process."""
    return _app(tuple(settings.items()))


def ask_form(settings: dict[str, str], number: int) -> str:
    """Return the body of a reader's POST, with a token as the page would have contained it."""
    app = app_of(settings)
    with app.test_request_context(), app.extensions["database"].read() as session:
        newsletter = by_slug(session, SLUG)
        assert newsletter is not None
        token = form_token.make(session, newsletter)
    return urlencode({"form": token, "body": write_letter(number), "hear_back": "number"})


def pages(settings: dict[str, str]) -> list[tuple[str, Call]]:
    """Return requests for the readers' pages, by name."""
    app = app_of(settings)
    with app.extensions["database"].read() as session, app.test_request_context():
        newsletter = by_slug(session, SLUG)
        assert newsletter is not None
        items = listing(newsletter).page(session, None, 400)
        deep = items[-1].question.public_id
        story = f"/{SLUG}/q/{items[0].question.public_id}/{quote(items[0].question.text.slug)}"  # type: ignore[union-attr]
        edition = sent_editions(newsletter).page(session, None, 1)[0].public_id
    return [
        ("archive", Call(f"/{SLUG}/answers")),
        ("archive, 20 pages down", Call(f"/{SLUG}/answers?before={deep}")),
        ("Q&A", Call(story)),
        ("front page", Call(f"/{SLUG}/")),
        ("ask form", Call(f"/{SLUG}/ask")),
        ("editions", Call(f"/{SLUG}/editions")),
        ("edition", Call(f"/{SLUG}/editions/{edition}")),
        ("feed", Call(f"/{SLUG}/feed.xml")),
        ("calendar", Call(f"/{SLUG}/calendar.ics")),
    ]


def unchanged(settings: dict[str, str]) -> list[tuple[str, Call]]:
    """Return conditional requests, as of a browser that has cached the page."""
    app = app_of(settings)
    paths = {"archive": f"/{SLUG}/answers", "feed": f"/{SLUG}/feed.xml"}
    return [(name, Call(path, expect=304, tag=_tag(app, path))) for name, path in paths.items()]


def expert(app: Flask, token: str) -> tuple[Call, Iterator[Call]]:
    """Return the request for the page of an assignment's link, and endless requests that save a draft there."""
    path = f"/a/{token}"
    page = app.test_client().get(path).text
    fields = dict(_HIDDEN.findall(page))

    def drafts() -> Iterator[Call]:
        for count in itertools.count(1):
            words = f"{write_letter(count)} " * 5
            sent = {**fields, "count": str(count), "answer": words}
            yield Call(f"{path}/draft", urlencode(sent), accept="application/json")

    return Call(path), drafts()


def _tag(app: Flask, path: str) -> str:
    return app.test_client().get(path).headers["ETag"]


def cookie(app: Flask, link: str) -> str:
    client = app.test_client()
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(link).text)
    assert found is not None
    client.post(link, data={"csrf_token": found[1]})
    kept = client.get_cookie("desk")
    assert kept is not None
    return f"desk={kept.value}"
