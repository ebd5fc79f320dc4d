"""What other sites may do with ours: keep the public pages in a search engine, and send no form."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.db.engine import Database
from tests.support.assignments import ask_expert
from tests.support.desk import Desk
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom


def test_search_engines_keep_the_public_pages_and_nothing_else(
    client: FlaskClient, nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    public = ("", "ask", "protection", "answers", "editions", "feed.xml", "calendar.ics")
    assert [client.get(f"/steppe/{path}").headers["X-Robots-Tag"] for path in public] == ["all"] * len(public)
    salt = ask_expert(database, newsroom)
    hidden = (
        "/sign-in",
        salt.link,
        "/steppe/receipt",
        "/stop/x",
        "/steppe/nothing",
        "/steppe/q/x/y",
        "/healthz",
        "/desk/",
    )
    headers = {path: client.get(path).headers["X-Robots-Tag"] for path in hidden}
    assert headers == dict.fromkeys(hidden, "noindex, nofollow")
    assert nora.open("letters").headers["X-Robots-Tag"] == "noindex, nofollow"


@pytest.mark.threat("another site")
@pytest.mark.parametrize(
    ("site", "is_accepted"),
    [("cross-site", False), ("same-site", False), ("same-origin", True), ("none", True), (None, True)],
)
def test_a_form_from_another_site_is_refused_whatever_token_it_has(
    app: Flask, newsroom: Newsroom, site: str | None, is_accepted: bool
) -> None:
    """Tor Browser and older ones send no such header, and get in."""
    browser = Browser(app)
    browser.open("/sign-in")
    headers = {"Sec-Fetch-Site": site} if site else {}
    assert browser.press("/sign-in", headers, email="nora@desk.example").status_code == (303 if is_accepted else 403)
    assert (browser.heading == "This came from another site") is not is_accepted
    form = {"receipt": "1", "letter": "Why?"}
    assert browser.client.post("/steppe/receipt", data=form, headers=headers).status_code == (
        422 if is_accepted else 403
    )
    assert browser.client.get("/steppe/", headers=headers).status_code == 200, "links from elsewhere lead here"
