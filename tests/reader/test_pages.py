"""What anybody can read: the archive, a Q&A at its lasting address, editions, feeds; without a cookie, and kept by caches."""

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import icalendar
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db.engine import Database
from app.editions.models import Edition
from app.letters.models import Letter
from app.newsletters.models import Newsletter, NewsletterText, Topic
from app.questions import actions as questions
from app.workflows.letters.endings import end_letter
from app.workflows.publishing import publication
from tests.support.database_checks import record_statements
from tests.support.pages import Page
from tests.support.reader_pages import (
    answer_letters,
    get_form_token,
    get_question,
    lock_edition,
    publish_answer,
    read_receipt,
    send_edition,
    send_question,
)
from tests.support.sample_newsroom import Newsroom

PATHS = (
    "/steppe/answers",
    "/steppe/editions",
    "/steppe/protection",
    "/steppe/feed.xml",
    "/steppe/calendar.ics",
    "/steppe/feed.json",
    "/steppe/sitemap.xml",
    "/steppe/sitemap-pages.xml",
    "/robots.txt",
)
TRICK = 'Salt & <b>wind</b> "now" ]]> {{ 7*7 }}'


@pytest.fixture
def silos(client: FlaskClient, database: Database, newsroom: Newsroom) -> str:
    """Two readers asked about the silos, Leyla answered, it ran. The public key of the question."""
    send_question(client)
    send_question(client, body="Who do the silos belong to?")
    with database.read() as session:
        both = list(session.scalars(select(Letter.id)))
    return publish_answer(database, newsroom, both, ties="The mill pays for our gauges.")


def address_of_edition(database: Database) -> str:
    with database.read() as session:
        return session.scalars(select(Edition.public_id).filter_by(state="sent")).one()


def test_a_story_says_who_answered_with_what_stake_and_that_nobody_is_named(
    client: FlaskClient, database: Database, silos: str
) -> None:
    response = client.get(f"/steppe/q/{silos}/the-silos")
    assert response.status_code == 200
    page = Page(response.text)
    assert page.title == "The Silos: The Steppe Letter"
    for said in (
        "Readers asked: “Who built the silos, and who owns them now?”",
        "To find out more, I asked Leyla Aydın, soil scientist at the Karakum Field Station:",
        "“Nobody knows. “We asked the mill.”",
        "Several readers. None of them is named.",
        "The mill pays for our gauges.",
        f"https://ask.newsroom.example/steppe/q/{silos}/the-silos",
    ):
        assert said in page.main_text
    assert page.attributes("[itemtype]", "itemtype") == [
        f"https://schema.org/{noun}" for noun in ("QAPage", "Question", "Answer", "Person")
    ]
    assert f"/steppe/editions/{address_of_edition(database)}" in page.urls


def test_a_wrong_slug_leads_to_the_right_one(client: FlaskClient, silos: str) -> None:
    for wrong in ("-", "the-silo", "%D8%A2%D8%A8", ""):
        moved = client.get(f"/steppe/q/{silos}/{wrong}")
        assert (moved.status_code, moved.headers["Location"]) == (301, f"/steppe/q/{silos}/the-silos")
    moved = client.get(f"/steppe/q/{silos}/-?lang=fa")
    assert moved.headers["Location"] == f"/steppe/q/{silos}/the-silos?lang=fa"
    without_slash = client.get(f"/steppe/q/{silos}", follow_redirects=True)
    assert without_slash.request.path == f"/steppe/q/{silos}/the-silos"
    assert client.get("/steppe/q/NOSUCHPAGE00/").status_code == 404


def test_a_withdrawn_page_is_a_stub_everywhere_at_once(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    kept = client.get(f"/steppe/q/{silos}/the-silos").headers["ETag"]
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, silos), "for somebody's safety"))
    stub = client.get(f"/steppe/q/{silos}/the-silos", headers={"If-None-Match": kept})
    assert (stub.status_code, stub.headers["Cache-Control"]) == (410, "no-store")
    pages = [
        stub,
        *(client.get(path) for path in ("/steppe/", *PATHS, f"/steppe/editions/{address_of_edition(database)}")),
    ]
    assert [page.text.count("Silos") + page.text.count("the mill") for page in pages] == [0] * len(pages)
    assert client.get(f"/steppe/report/{silos}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere/", "/nowhere/ask", "/steppe/q/ZZZZZZZZZZZZ/x", "/steppe/q/%00/x", "/%00/", "/steppe/editions/ZZZZZZZZZZZZ",
        "/steppe/editions/%27", "/steppe/answers?topic=none", "/steppe/answers?topic=%00", "/steppe/answers?year=1066",
        "/steppe/answers?before=ZZZZZZZZZZZZ", "/steppe/editions?before=ZZZZZZZZZZZZ", "/steppe/report/ZZZZZZZZZZZZ",
    ],
)  # fmt: skip
def test_what_there_is_not_is_404(path: str, client: FlaskClient, newsroom: Newsroom) -> None:
    assert client.get(path).status_code == 404


def test_an_error_page_of_no_newsletter_is_in_a_language_of_the_browser(
    client: FlaskClient, newsroom: Newsroom
) -> None:
    def get_languages(path: str, accepted: str, method: str = "GET") -> list[str]:
        response = client.open(path, method=method, headers={"Accept-Language": accepted})
        assert response.status_code >= 400
        return Page(response.text).attributes("html", "lang")

    for path in ("/nowhere/", "/nowhere/ask", "/steppe/nowhere"):
        assert get_languages(path, "fa-IR,fa;q=0.9,en;q=0.5") == ["fa"]
        assert get_languages(path, "xx, en;q=0.5") == ["en"]
    assert get_languages("/steppe/answers/", "fa", "PUT") == ["fa"]
    assert get_languages("/steppe/q/NOSUCHPAGE00/", "fa") == ["en"]  # the newsletter's
    assert get_languages("/desk/nowhere/nothing/", "fa") == ["en"]


def test_what_has_not_run_is_not_reachable(client: FlaskClient, database: Database, newsroom: Newsroom) -> None:
    def open_one(session: Any) -> str:
        question = questions.open_question(
            session, newsroom.nora, [], headline="Not Yet", body="Is it out?", language="en"
        )
        return question.public_id

    public_id = database.write(open_one)
    with database.read() as session:
        planned = session.scalars(select(Edition.public_id).filter_by(state="planned")).all()[0]
    assert client.get(f"/steppe/q/{public_id}/not-yet").status_code == 404
    assert client.get(f"/steppe/editions/{planned}").status_code == 404


def every_page(client: FlaskClient, database: Database, silos: str) -> list[Any]:
    paths = (
        "/", "/steppe/", "/steppe/ask", "/steppe/receipt", *PATHS, f"/steppe/q/{silos}/the-silos", f"/steppe/q/{silos}/-",
        f"/steppe/report/{silos}", f"/steppe/editions/{address_of_edition(database)}", "/steppe/answers?lang=fa",
        "/steppe/q/ZZZZZZZZZZZZ/x",
    )  # fmt: skip
    pages = [client.get(path) for path in paths]
    sent = send_question(client)
    pages += [sent, send_question(client, body=""), client.post("/steppe/receipt", data={"receipt": "1"})]
    return [*pages, client.post("/steppe/receipt", data={"receipt": read_receipt(sent.text)})]


@pytest.mark.threat("network observer", "seized reader's device")
def test_no_page_sets_a_cookie_or_differs_by_one(client: FlaskClient, database: Database, silos: str) -> None:
    pages = every_page(client, database, silos)
    assert len(pages) == 23
    assert [page.headers.getlist("Set-Cookie") for page in pages] == [[]] * len(pages)
    assert {page.headers.get("Vary") for page in pages} == {None, "Accept-Encoding"}  # which is no sign of anybody


@pytest.mark.threat("network observer")
def test_not_even_a_browser_of_the_desk_is_sent_a_cookie(client: FlaskClient, newsroom: Newsroom) -> None:
    with client.session_transaction("/sign-in") as desk_session:
        desk_session.permanent = True
        desk_session["_user_id"] = "a session of the desk"
    assert client.get_cookie("__Host-desk") is not None
    for path in ("/steppe/", "/steppe/ask", "/steppe/answers"):
        page = client.get(path)
        assert (page.headers.getlist("Set-Cookie"), page.headers["Vary"]) == ([], "Accept-Encoding")


@pytest.mark.threat("seized reader's device")
def test_a_page_with_a_form_is_kept_by_nobody_but_its_readers_own_browser(
    client: FlaskClient, database: Database, silos: str
) -> None:
    for path in ("/steppe/", "/steppe/ask", f"/steppe/report/{silos}"):
        assert client.get(path).headers["Cache-Control"] == "private, max-age=0"
    assert client.get("/steppe/receipt").headers["Cache-Control"] == "no-store"
    for step in ("choices", "look", "send"):
        assert send_question(client, then=step).headers["Cache-Control"] == "no-store"
    for path in (*PATHS, f"/steppe/q/{silos}/the-silos", f"/steppe/editions/{address_of_edition(database)}"):
        page = client.get(path)
        assert page.headers["Cache-Control"].startswith("public, max-age=")
        assert 'name="form"' not in page.text


class Counted:
    """How many statements the readers' connections are sent."""

    def __init__(self, client: FlaskClient) -> None:
        self.client, self.database = client, client.application.extensions["database"]

    def get(self, path: str, **headers: str) -> tuple[int, int]:
        with record_statements(self.database) as statements:
            status = self.client.get(
                path, headers={name.replace("_", "-"): value for name, value in headers.items()}
            ).status_code
        return status, len([statement for statement in statements if statement.startswith("SELECT")])


def test_what_has_not_changed_is_not_made_again(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    counting = Counted(client)
    for path in (*PATHS[:4], f"/steppe/q/{silos}/the-silos", f"/steppe/editions/{address_of_edition(database)}"):
        tag = client.get(path).headers["ETag"]
        assert counting.get(path, If_None_Match=tag) == (304, 0)
        assert client.get(f"{path}?lang=fa", headers={"If-None-Match": tag}).status_code == 200
    tag = client.get("/steppe/answers").headers["ETag"]
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "imprint", "New imprint."))
    assert client.get("/steppe/answers", headers={"If-None-Match": tag}).status_code == 200


def fill_the_archive(database: Database, newsroom: Newsroom, many: int) -> None:
    for number in range(many):
        answer_letters(database, newsroom, [], headline=f"Story {number}", body=f"What about number {number}?")
    lock_edition(database, newsroom)
    send_edition(database, newsroom)


@pytest.mark.parametrize("many", [5, 50])
def test_an_archive_of_fifty_takes_no_more_queries_than_one_of_five(
    many: int, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    fill_the_archive(database, newsroom, many)
    counting = Counted(client)
    edition = f"/steppe/editions/{address_of_edition(database)}"
    assert [counting.get(path) for path in ("/steppe/", *PATHS[:2], edition, "/steppe/feed.xml")] == [
        (200, 9),
        (200, 6),
        (200, 4),
        (200, 3),
        (200, 5),  # what was corrected and what was withdrawn lately stands in it too
    ]


@pytest.mark.both_databases
def test_the_archive_is_walked_to_its_end_without_losing_or_repeating_one(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    fill_the_archive(database, newsroom, 45)
    found, path = [], "/steppe/answers"
    while path:
        page = Page(client.get(path).text)
        found += page.texts('.head[dir=auto] > a[href^="/steppe/q/"]')
        path = page.next_url
    assert found == [f"Story {number}" for number in reversed(range(45))]


def test_topics_and_years_choose(client: FlaskClient, database: Database, newsroom: Newsroom, silos: str) -> None:
    def two_topics_and_an_older_edition(session: Any) -> None:
        grain, water = (Topic(newsletter_id=newsroom.newsletter_id, slug=s, name=s.title()) for s in ("grain", "water"))
        session.add_all([grain, water])
        session.flush()
        question = get_question(session, silos)
        questions.set_topics(session, newsroom.nora, question, [grain.id])
        question.published_at = datetime(2021, 5, 5, tzinfo=UTC)
        session.get_one(Edition, question.edition_id).runs_at = datetime(2021, 5, 5, tzinfo=UTC)
        session.get_one(Edition, question.edition_id).cutoff_at = datetime(2021, 5, 3, tzinfo=UTC)

    database.write(two_topics_and_an_older_edition)
    publish_answer(database, newsroom, [], headline="The Well", body="Who dug the well?")
    shown = {
        choice: Page(client.get(f"/steppe{choice}").text).texts(".head[dir=auto] > a")
        for choice in ("/answers", "/topics/grain", "/answers?year=2021", "/topics/grain?year=2021")
    }
    assert shown == {
        "/answers": ["The Well", "The Silos"],
        "/topics/grain": ["The Silos"],
        "/answers?year=2021": ["The Silos"],
        "/topics/grain?year=2021": ["The Silos"],
    }
    assert 'href="/steppe/topics/grain"' in client.get(f"/steppe/q/{silos}/the-silos").text
    leads = {
        path: [href for href in Page(client.get(path).text).urls if "year=" in href and "lang=en" not in href]
        for path in ("/steppe/answers", "/steppe/topics/grain?lang=fa")
    }
    with database.read() as session:
        newest = session.scalars(select(Edition.rule_date).where(Edition.is_sent)).all()
        this_year = max(day.year for day in newest)  # in December it is the next one
    assert leads == {
        "/steppe/answers": [f"/steppe/answers?year={year}" for year in range(this_year, 2020, -1)],
        "/steppe/topics/grain?lang=fa": [
            f"/steppe/topics/grain?year={year}&lang=fa" for year in range(this_year, 2020, -1)
        ],
    }
    former = client.get("/steppe/answers?topic=grain&year=2021")
    assert (former.status_code, former.location) == (301, "/steppe/topics/grain?year=2021")
    # What nothing has run on is shown nobody: it says what the desk is at work on.
    archive = client.get("/steppe/answers").text
    assert ("Grain" in archive, "Water" in archive) == (True, False)
    assert [client.get(path).status_code for path in ("/steppe/topics/water", "/steppe/topics/none")] == [404, 404]
    mapped = client.get("/steppe/sitemap-pages.xml").text
    assert ("/steppe/topics/grain<" in mapped, "/steppe/topics/water" in mapped) == (True, False)
    database.write(lambda s: setattr(s.scalars(select(Topic).filter_by(slug="grain")).one(), "name", "Corn & salt"))
    renamed = Page(client.get("/steppe/topics/grain").text)
    assert (renamed.title, renamed.heading) == ("Corn & salt: The Steppe Letter", "Corn & salt")


@pytest.mark.threat("hostile words")
def test_tricks_in_the_desks_words_are_text_on_pages_and_in_the_feed(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    public_id = publish_answer(
        database, newsroom, [], headline=TRICK, body=f"Is {TRICK} true?", answer=f"{TRICK}\n\n[go](javascript:alert(1))"
    )
    pages = [client.get(path).text for path in ("/steppe/", "/steppe/answers", "/steppe/editions")]
    pages.append(client.get(f"/steppe/q/{public_id}/-", follow_redirects=True).text)
    assert [page.count("<b>wind</b>") for page in pages] == [0, 0, 0, 0]
    assert [page.count("{{ 7*7 }}") > 0 for page in pages] == [True] * 4
    assert [page.count("&lt;b&gt;wind&lt;/b&gt;") > 0 for page in pages] == [True] * 4
    addresses = [address for page in pages for address in Page(page).urls]
    assert len(addresses) > 40
    assert [address for address in addresses if address.startswith("javascript")] == []
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ElementTree.fromstring(client.get("/steppe/feed.xml").data)  # noqa: S314 - it is our own
    [entry] = feed.findall(f"{atom}entry")
    assert entry.findtext(f"{atom}title") == TRICK.replace('"now"', "“now”")
    content = entry.find(f"{atom}content")
    assert content is not None and content.get("type") == "html"
    assert "&lt;b&gt;wind" in (content.text or "")
    assert entry.findtext(f"{atom}id", "").startswith(f"https://ask.newsroom.example/steppe/q/{public_id}/")


def test_the_calendar_holds_the_coming_editions(client: FlaskClient, database: Database, newsroom: Newsroom) -> None:
    page = client.get("/steppe/calendar.ics")
    assert page.mimetype == "text/calendar"
    dates = [component.decoded("dtstart") for component in icalendar.Calendar.from_ical(page.data).walk("VEVENT")]
    with database.read() as session:
        planned = list(session.scalars(select(Edition.runs_at).order_by(Edition.runs_at).limit(len(dates))))
    assert len(dates) > 5
    assert dates == planned
    again = client.get("/steppe/calendar.ics", headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304


def test_the_readers_language_goes_with_every_link(client: FlaskClient, newsroom: Newsroom) -> None:
    page = Page(client.get("/steppe/?lang=fa").text)
    assert '<html lang="fa" dir="rtl">' in page
    links = [address for address in page.urls if address.startswith("/steppe/")]
    assert len(links) > 6
    assert [link for link in links if not link.endswith(("lang=fa", "lang=en", "lang=ru"))] == []
    assert '<html lang="en" dir="ltr">' in client.get("/steppe/?lang=xx").text
    page = Page(client.get("/steppe/").text)
    ways = page.attributes("nav a", "href")
    assert (len(ways) > 3, [way for way in ways if "lang=" in way]) == (True, [])
    assert page.attributes("nav [lang]", "lang") == []


def test_the_root_leads_to_the_first_newsletter(client: FlaskClient, newsroom: Newsroom) -> None:
    page = client.get("/")
    assert (page.status_code, page.headers["Location"]) == (303, "/steppe/")


def test_before_the_first_newsletter_the_root_says_so(client: FlaskClient) -> None:
    page = client.get("/")
    assert (page.status_code, "There is no newsletter yet." in page.text) == (200, True)


def test_an_error_in_an_answer_is_reported_as_a_letter_that_says_where(
    client: FlaskClient, database: Database, silos: str
) -> None:
    path = f"/steppe/report/{silos}"
    form = get_form_token(client, path)
    assert client.post(f"{path}/send", data={"form": form, "body": ""}).status_code == 400
    pages = [client.post(f"{path}/send", data={"form": form, "body": "The mill closed in 2009."}) for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    assert read_receipt(pages[0].text) == read_receipt(pages[1].text)
    with database.read() as session:
        [letter] = session.scalars(select(Letter).where(Letter.state == "received"))
        assert (letter.body, letter.background) == (
            "The mill closed in 2009.",
            f"The Silos\n/steppe/q/{silos}/the-silos",
        )


def test_a_country_note_stands_in_each_of_its_languages_with_the_day_it_was_checked(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    note = {"country": "UZ", "checked_on": "2021-10-12", "text": {"en": "Wait for your own phone.", "ru": "Подождите."}}
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "notes", [note]))
    for path in ("/steppe/ask", "/steppe/protection"):
        page = client.get(path).text
        for said in ("If you are in Uzbekistan", "Wait for your own phone.", "Checked on 12 October 2021."):
            assert page.count(said) == 1
        assert Page(page).texts("details p[lang]") == ["Wait for your own phone.", "Подождите."]


def test_a_language_is_offered_where_we_speak_it_and_a_page_says_in_which_its_words_are(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    def speak(own: str, *languages: str) -> Any:
        def change(session: Any) -> None:
            steppe = session.get_one(Newsletter, newsroom.newsletter_id)
            steppe.language, steppe.languages = own, [*languages]

        database.write(change)
        return Page(client.get("/steppe/").text)

    tongues = ("ru", "kk", "ug", "zh-Hans", "fa")
    page = speak("en", "en", *tongues)
    assert page.attributes(".langs a", "href") == ["/steppe/?lang=fa"]
    assert page.attributes("html", "lang") + page.attributes("html", "dir") == ["en", "ltr"]
    page = speak("ug", "ug", "fa")
    assert page.attributes("html", "lang") + page.attributes("html", "dir") == ["en", "ltr"]
    assert page.attributes(".langs a", "href") == ["/steppe/?lang=fa"]
    assert '<html lang="en" dir="ltr">' in client.get("/steppe/?lang=ug").text
    page = speak("fa-AF", "fa-AF", "en")
    assert page.attributes("html", "lang") + page.attributes("html", "dir") == ["fa-AF", "rtl"]


def test_a_newsletter_whose_language_we_do_not_speak_words_its_invitation_and_its_endings_itself(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    """In its own language and direction, on pages that are English; what it has not worded is English like the page."""
    invitation, sorry = "سوئالىڭىز بولسا يېزىڭ.", "بۇ قېتىم ئەمەس."

    def set_language(session: Any) -> None:
        steppe = session.get_one(Newsletter, newsroom.newsletter_id)
        steppe.language, steppe.languages = "ug", ["ug"]
        for kind, body in (("invitation", invitation), ("ended.later", sorry)):
            session.add(NewsletterText(newsletter_id=steppe.id, kind=kind, language="ug", body=body))

    database.write(set_language)
    page = Page(client.get("/steppe/").text)
    assert page.attributes("html", "lang") + page.attributes("html", "dir") == ["en", "ltr"]
    lede = page.part("p.lede")
    assert (lede.texts("p"), lede.attributes("p", "lang"), lede.attributes("p", "dir")) == (
        [invitation],
        ["ug"],
        ["rtl"],
    )
    for reason, said, lang, direction in (
        ("later", sorry, ["ug"], ["rtl"]),
        ("outside", "It is outside", [], ["auto"]),
    ):
        receipt = read_receipt(send_question(client, body=f"Who weighs the salt, {reason}?").text)

        def end(session: Any, reason: str = reason) -> None:
            newest = session.scalars(select(Letter).order_by(Letter.received_at.desc(), Letter.id.desc())).first()
            end_letter(session, newsroom.nora, newest, reason)

        database.write(end)
        more = Page(client.post("/steppe/receipt", data={"receipt": receipt}).text).part("li.is-now p:not(:has(b))")
        assert (more.main_text.startswith(said), more.attributes("p", "lang"), more.attributes("p", "dir")) == (
            True, lang, direction
        )  # fmt: skip
