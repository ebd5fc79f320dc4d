"""Other sites show the latest answers and a box for a question: framed by listed sites alone, and sent from our own page."""

import html

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.core.security_headers import SECURITY_HEADERS
from app.db.engine import Database
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from tests.support.desk import Desk, get_form_fields
from tests.support.pages import Page
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom

FRAMES = ("/steppe/framed/answers", "/steppe/framed/ask")
NEWS = "https://news.example"
SALT = "Who weighs the salt?\n<b>And “why”?</b>"


def list_sites(nora: Desk, sites: str, status: int = 303) -> Page:
    return Page(nora.post("settings/sites", status, **get_form_fields(nora, "settings/sites") | {"framed_by": sites}))


def ancestors(client: FlaskClient, path: str, **headers: str) -> tuple[int, str, str | None]:
    """Status, who may frame the page, and the older header that knows no list."""
    response = client.get(path, headers=headers)
    policy = dict(one.strip().split(" ", 1) for one in response.headers["Content-Security-Policy"].split(";"))
    return response.status_code, policy["frame-ancestors"], response.headers.get("X-Frame-Options")


@pytest.mark.threat("another site")
@pytest.mark.parametrize("path", FRAMES)
def test_only_our_own_pages_and_the_listed_sites_may_frame_it(client: FlaskClient, nora: Desk, path: str) -> None:
    assert ancestors(client, path) == (200, "'self'", None)
    list_sites(nora, f"{NEWS}\nhttps://www.Мир.example:8443/")
    both = f"'self' {NEWS} https://www.xn--h1ahn.example:8443"
    assert ancestors(client, path) == (200, both, None)
    tag = client.get(path).headers["ETag"]
    assert ancestors(client, path, **{"If-None-Match": tag}) == (304, both, None), "browsers keep these headers instead"
    assert client.get(path).headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    list_sites(nora, "")
    assert ancestors(client, path, **{"If-None-Match": tag}) == (200, "'self'", None)


@pytest.mark.threat("another site")
def test_every_other_page_is_framed_by_nobody(client: FlaskClient, nora: Desk) -> None:
    list_sites(nora, NEWS)
    for path in ("/steppe/", "/steppe/ask", "/steppe/answers", "/steppe/receipt", "/sign-in", "/steppe/framed/nothing"):
        assert ancestors(client, path)[1:] == ("'none'", "DENY"), path
    assert (
        client.post("/steppe/begin", data={"body": SALT}).headers["X-Frame-Options"]
        == SECURITY_HEADERS["X-Frame-Options"]
    )


@pytest.mark.threat("another site")
@pytest.mark.parametrize(
    "wrong",
    [
        "*",
        "https://*.news.example",
        "https://news.example/blog",
        "http://news.example",
        "news.example",
        "https://",
        "https://nora@news.example",
        "https://news.example:port",
        "https://news.example; script-src *",
        "null",
        "https://news.example https://other.example",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_origin_is_said_and_stays_typed(nora: Desk, client: FlaskClient, wrong: str) -> None:
    page = list_sites(nora, f"{NEWS}\n{wrong}", 422)
    [(place, words)] = page.errors
    assert (place, "isn’t the origin of a site" in words) == ("framed_by", True)
    assert page.value("framed_by").split("\n") == [NEWS, wrong]
    assert ancestors(client, FRAMES[0])[1] == "'self'"


def test_the_answers_are_the_latest_and_lead_out_of_the_frame(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    assert "Nothing has been published here yet." in Page(client.get(FRAMES[0]).text).main_text
    shown = [publish_answer(database, newsroom, [], headline=f"The Silos {number}") for number in range(4)]
    page = Page(client.get(FRAMES[0]).text)
    assert page.texts("h2") == ["The Silos 3", "The Silos 2", "The Silos 1"]
    assert page.attributes("base", "target") == ["_top"]
    assert [href for _words, href in page.links] == [
        *(f"/steppe/q/{key}/the-silos-{n}" for n, key in reversed([*enumerate(shown)][1:])),
        "/steppe/answers",
    ]
    lengths = {
        n: len(Page(client.get(f"{FRAMES[0]}?n={n}").text).texts("h2")) for n in ("1", "4", "0", "999", "x", "-1")
    }
    assert lengths == {"1": 1, "4": 4, "0": 3, "999": 4, "x": 3, "-1": 3}
    assert client.get(f"{FRAMES[0]}?lang=fa").status_code == 200


@pytest.mark.threat("another site")
def test_no_cookie_is_set_and_no_token_waits_in_a_frame(client: FlaskClient, nora: Desk) -> None:
    for path in FRAMES:
        response = client.get(path)
        assert (response.headers.get("Set-Cookie"), Page(response.text).attributes("[name=form]", "value")) == (
            None,
            [],
        )
        assert response.headers["Cache-Control"] == "public, max-age=60"


@pytest.mark.threat("another site")
@pytest.mark.parametrize("site", ["cross-site", "same-origin", None])
def test_words_from_another_site_stand_in_our_form_and_nothing_is_kept(
    client: FlaskClient, database: Database, newsroom: Newsroom, site: str | None
) -> None:
    headers = {"Sec-Fetch-Site": site, "Origin": NEWS} if site else {}
    response = client.post("/steppe/begin", data={"body": SALT, "email_once": "x@post.example"}, headers=headers)
    page = Page(response.text)
    assert (response.status_code, page.value("body"), page.errors) == (200, SALT, [])
    assert page.form("/steppe/send").fields["form"] and "x@post.example" not in response.text
    assert response.headers.get("Set-Cookie") is None
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 0


def test_while_the_newsletter_pauses_the_box_says_so_and_words_come_back(
    client: FlaskClient, nora: Desk, vera: Desk
) -> None:
    vera.post("newsletter/pause", 303, **vera.get("newsletter").form(f"{vera.base_path}/newsletter/pause").fields)
    page = Page(client.get(FRAMES[1]).text)
    assert (page.forms, "No questions are being taken now" in page.main_text) == ([], True)
    assert "Who weighs the salt?" in Page(client.post("/steppe/begin", data={"body": SALT}).text).main_text


def test_the_desk_copies_what_other_sites_need_and_sees_it_as_they_show_it(
    client: FlaskClient, nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    publish_answer(database, newsroom, [], headline="<i>Silos</i> & “salt”")

    def name(session: object) -> None:
        newsletter = session.scalars(select(Newsletter)).one()  # type: ignore[attr-defined]
        newsletter.name = 'Steppe "Letter" <b>'

    database.write(name)
    page = nora.get("settings/sites")
    assert page.attributes("iframe", "src") == list(FRAMES)
    frame, plain, ask_frame, ask_plain = (Page(code) for code in page.attributes("button[data-text]", "data-text"))
    base = nora.client.application.config["BASE_URL"]
    assert (frame.attributes("iframe", "src"), ask_frame.attributes("iframe", "src")) == (
        [base + FRAMES[0]],
        [base + FRAMES[1]],
    )
    assert frame.attributes("iframe", "title") == ['Latest answers: Steppe "Letter" <b>']
    assert plain.texts("li a") == ["<i>Silos</i> & “salt”"]
    assert client.get(plain.attributes("li a", "href")[0].removeprefix(base)).status_code == 200
    assert ask_plain.form(f"{base}/steppe/begin").fields == {"body": ""}
    assert [html.unescape(one) for one in page.texts(".snippet")][1].count("<a href=") == 2
