"""Translations that ran are found where originals are: in the search, in feeds, in the sitemap, and in lists."""

import json
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.answers import translating
from app.answers.translation_fields import TranslationFields
from app.db.engine import Database
from app.newsletters.models import Newsletter, NewsletterText
from app.workflows.indexing import index_due
from app.workflows.publishing import after_sending, publication, translations
from app.workflows.publishing.after_sending import CorrectionNote, PublishedText
from tests.support.database_checks import count_queries
from tests.support.pages import Page
from tests.support.reader_pages import add_topic_and_expert_page, get_question, let_site_frame, publish_answer
from tests.support.sample_newsroom import Newsroom

HERE = "https://ask.newsroom.example"
ATOM = {"": "http://www.w3.org/2005/Atom", "at": "http://purl.org/atompub/tombstones/1.0"}
MAP = {"": "http://www.sitemaps.org/schemas/sitemap/0.9", "xhtml": "http://www.w3.org/1999/xhtml"}
SILOS = ("انبارها", "انبارهای کنار خط را چه کسی ساخته است؟", "کسی نمی‌داند.")
SALT = ("نمک", "نمک را که می‌شمارد؟", "هیچ‌کس آن را نمی‌شمارد.")


@pytest.fixture
def translate(database: Database, newsroom: Newsroom) -> Callable[..., None]:
    """Put both texts of a Q&A into a language, as Shirin, and approve them."""

    def translate(public_id: str, texts: tuple[str, str, str], language: str = "fa") -> None:
        def fn(session: Session) -> None:
            session.get_one(Newsletter, newsroom.newsletter_id).languages = ["en", "ru", "fa", "ug"]
            headline, question, answer = texts
            for original in translating.list_originals(session, get_question(session, public_id)):
                fields = TranslationFields(
                    answer if original.answer else question,
                    headline=headline,
                    name="لیلا آیدین" if original.answer else "",
                    credit_line="پژوهشگر خاک" if original.answer else "",
                    translator="Shirin",
                )
                translation = translating.translate(session, newsroom.nora, original, language, fields)
                translations.approve(session, newsroom.nora, translation, original, compared=True)

        database.write(fn)

    return translate


@pytest.fixture
def archive(database: Database, newsroom: Newsroom, translate: Callable[..., None]) -> dict[str, str]:
    """Four Q&As that ran, by their headlines: the first was put into Persian, the second into Persian and Uyghur."""
    ids = {
        headline: publish_answer(database, newsroom, [], headline=headline, body=f"What of {headline.lower()}?")
        for headline in ("The Silos", "The Salt", "The Line", "The Mill")
    }
    translate(ids["The Silos"], SILOS)
    translate(ids["The Salt"], SALT)
    translate(ids["The Salt"], ("تۇز", "تۇزنى كىم سانايدۇ؟", "ھېچكىم."), "ug")
    while index_due(database):
        pass
    return ids


def list_headlines(client: FlaskClient, path: str) -> list[tuple[str, str]]:
    """Return the headlines of the Q&As on a page, each with its language."""
    page = Page(client.get(path).text)
    return list(zip(page.texts(".head > a"), page.attributes(".head:has(> a)", "lang"), strict=True))


def find(client: FlaskClient, text: str, query: str = "") -> list[tuple[str, str]]:
    page = Page(client.post(f"/steppe/answers{query}", data={"words": text}, follow_redirects=True).text)
    return list(zip(page.attributes("h2.head > a", "href"), page.attributes("h2.head", "lang"), strict=True))


def test_a_search_finds_a_translation_and_leads_to_it(client: FlaskClient, archive: dict[str, str]) -> None:
    silos = f"/steppe/q/{archive['The Silos']}/the-silos"
    salt = f"/steppe/q/{archive['The Salt']}/the-salt"
    assert find(client, "انبار") == [(f"{silos}?lang=fa", "fa")]
    assert find(client, "silos") == [(silos, "en")]
    assert find(client, "تۇزنى") == [(f"{salt}?lang=ug", "ug")]
    assert find(client, "لیلا پژوهشگر") == [(f"{salt}?lang=fa", "fa"), (f"{silos}?lang=fa", "fa")]
    page = Page(client.post("/steppe/answers", data={"words": "شمرد"}, follow_redirects=True).text)
    assert page.texts("h2.head") == []
    page = Page(client.get(f"{silos}?lang=fa").text)
    assert (page.heading, page.attributes("h1", "lang")) == ("انبارها", ["fa"])


def test_a_translation_shows_the_call_in_its_language_or_none_and_its_own_lasting_address(
    client: FlaskClient, database: Database, newsroom: Newsroom, archive: dict[str, str]
) -> None:
    def read(query: str) -> tuple[list[str], list[str], list[str]]:
        page = Page(client.get(f"/steppe/q/{archive['The Silos']}/the-silos{query}").text)
        return page.texts(".call > p"), page.attributes(".call > p", "lang"), page.texts('a[itemprop="url"]')

    silos = f"{HERE}/steppe/q/{archive['The Silos']}/the-silos"
    usual = ["What would you like to know? Write to nora@steppe.example."]
    assert read("") == (usual, ["en"], [silos])
    assert read("?lang=ug") == (usual, ["en"], [silos])  # not translated into it
    assert read("?lang=fa") == ([], [], [f"{silos}?lang=fa"])
    call = {"kind": "translated_call", "language": "fa", "body": "بنویسید: {address}"}
    database.write(lambda session: session.add(NewsletterText(newsletter_id=newsroom.newsletter_id, **call)))
    assert read("?lang=fa") == (["بنویسید: nora@steppe.example"], ["fa"], [f"{silos}?lang=fa"])
    assert read("") == (usual, ["en"], [silos])


def test_a_section_that_is_named_after_publication_has_its_name_on_translated_pages(
    client: FlaskClient, database: Database, newsroom: Newsroom, archive: dict[str, str], translate: Callable[..., None]
) -> None:
    def get_section(headline: str, query: str) -> list[str]:
        slug = headline.lower().replace(" ", "-")
        return Page(client.get(f"/steppe/q/{archive[headline]}/{slug}{query}").text).texts("article .kicker")

    def name_section(session: Session, name: str) -> None:
        texts = session.query(NewsletterText).filter_by(kind="translated_section", language="fa")
        texts.delete()
        session.add(
            NewsletterText(newsletter_id=newsroom.newsletter_id, kind="translated_section", language="fa", body=name)
        )

    usual = get_section("The Silos", "")
    assert get_section("The Silos", "?lang=fa") == usual != []
    database.write(lambda session: name_section(session, "از استپ بپرسید"))
    assert get_section("The Silos", "?lang=fa") == ["از استپ بپرسید"]
    assert (get_section("The Silos", ""), get_section("The Salt", "?lang=ug")) == (usual, usual)
    translate(archive["The Mill"], ("آسیاب", "آسیاب را که می‌گرداند؟", "باد."))
    database.write(lambda session: name_section(session, "پرسش از استپ"))
    # A translation that has a name for the section keeps it, like the original.
    assert get_section("The Mill", "?lang=fa") == ["از استپ بپرسید"]
    assert get_section("The Silos", "?lang=fa") == ["پرسش از استپ"]


def test_a_page_in_a_language_lists_q_and_as_in_it_where_they_are_translated(
    client: FlaskClient, database: Database, newsroom: Newsroom, archive: dict[str, str]
) -> None:
    expert_page = add_topic_and_expert_page(database, newsroom, archive["The Silos"])
    mixed = [("The Mill", "en"), ("The Line", "en"), ("نمک", "fa"), ("انبارها", "fa")]
    assert list_headlines(client, "/steppe/answers?lang=fa") == mixed
    assert list_headlines(client, f"/steppe/experts/{expert_page}?lang=fa") == mixed
    assert list_headlines(client, "/steppe/framed/answers?lang=fa&n=4") == mixed
    assert list_headlines(client, "/steppe/topics/grain?lang=fa") == [("انبارها", "fa")]
    assert list_headlines(client, "/steppe/?lang=fa") == [("نمک", "fa"), ("انبارها", "fa"), ("The Mill", "en")]
    assert [language for _headline, language in list_headlines(client, "/steppe/answers")] == ["en"] * 4
    assert [language for _headline, language in list_headlines(client, "/steppe/")] == ["en"] * 3
    editions = Page(client.get("/steppe/editions?lang=fa").text)
    assert sorted(editions.texts(".said > a")) == sorted(headline for headline, _language in mixed)
    story = Page(client.get(f"/steppe/q/{archive['The Line']}/the-line?lang=fa").text).part(".further")
    assert ("نمک", f"/steppe/q/{archive['The Salt']}/the-salt?lang=fa") in story.links


def test_each_language_has_a_list_to_which_the_archive_leads(client: FlaskClient, archive: dict[str, str]) -> None:
    lists = [
        ("English", "/steppe/languages/en"),
        ("فارسی", "/steppe/languages/fa"),
        ("ئۇيغۇرچە", "/steppe/languages/ug"),
    ]
    page = Page(client.get("/steppe/answers").text)
    assert [link for link in page.links if "/languages/" in link[1]] == lists
    assert list_headlines(client, "/steppe/languages/fa") == [("نمک", "fa"), ("انبارها", "fa")]
    assert list_headlines(client, "/steppe/languages/ug") == [("تۇز", "ug")]
    assert len(list_headlines(client, "/steppe/languages/en")) == 4
    assert [client.get(f"/steppe/languages/{code}").status_code for code in ("ru", "de", "x")] == [404] * 3
    assert Page(client.get("/steppe/languages/fa").text).heading == "Answers in Persian"


def test_a_language_has_feeds_of_its_own(
    client: FlaskClient, database: Database, newsroom: Newsroom, archive: dict[str, str]
) -> None:
    silos = f"{HERE}/steppe/q/{archive['The Silos']}"
    feed = json.loads(client.get("/steppe/feed-fa.json").data)
    assert (feed["language"], feed["home_page_url"], feed["feed_url"]) == (
        "fa",
        f"{HERE}/steppe/languages/fa",
        f"{HERE}/steppe/feed-fa.json",
    )
    assert [(item["title"], item["language"]) for item in feed["items"]] == [("نمک", "fa"), ("انبارها", "fa")]
    assert (feed["items"][1]["id"], feed["items"][1]["url"]) == (f"{silos}/-?lang=fa", f"{silos}/the-silos?lang=fa")
    assert client.get("/steppe/q/" + feed["items"][1]["id"].partition("/q/")[2]).headers["Location"] == (
        f"/steppe/q/{archive['The Silos']}/the-silos?lang=fa"
    )
    assert ("کسی نمی‌داند." in feed["items"][1]["content_html"], "Nobody" in feed["items"][1]["content_html"]) == (
        True,
        False,
    )
    atom = ElementTree.fromstring(client.get("/steppe/feed-fa.xml").data)  # noqa: S314 - it is our own
    assert [entry.findtext("id", "", ATOM) for entry in atom.iterfind("entry", ATOM)] == [
        item["id"] for item in feed["items"]
    ]
    assert atom.attrib == {"{http://www.w3.org/XML/1998/namespace}lang": "fa"}
    assert [item["language"] for item in json.loads(client.get("/steppe/feed.json").data)["items"]] == ["en"] * 4
    assert client.get("/steppe/feed-ru.xml").status_code == 404
    head = Page(client.get("/steppe/").text)
    assert "/steppe/feed-ug.xml" in head.attributes("link[rel=alternate][type='application/atom+xml']", "href")
    assert ("Follow as a feed", "/steppe/feed-ug.xml") in Page(client.get("/steppe/languages/ug").text).links
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, archive["The Silos"]), "for safety"))
    atom = ElementTree.fromstring(client.get("/steppe/feed-fa.xml").data)  # noqa: S314 - it is our own
    assert len(list(atom.iterfind("entry", ATOM))) == 1
    assert f"{silos}/-?lang=fa" in [entry.attrib["ref"] for entry in atom.iterfind("at:deleted-entry", ATOM)]


def test_the_sitemap_names_each_language_of_a_q_and_a(client: FlaskClient, archive: dict[str, str]) -> None:
    tree = ElementTree.fromstring(client.get("/steppe/sitemap.xml").data)  # noqa: S314 - it is our own
    years = [str(loc.text) for loc in tree.iterfind("sitemap/loc", MAP) if "pages" not in str(loc.text)]
    pages: dict[str, dict[str, str]] = {}
    for year in years:
        tree = ElementTree.fromstring(client.get(year.removeprefix(HERE)).data)  # noqa: S314 - it is our own
        for url in tree.iterfind("url", MAP):
            links = {link.attrib["hreflang"]: link.attrib["href"] for link in url.iterfind("xhtml:link", MAP)}
            pages[url.findtext("loc", "", MAP)] = links
    salt = f"{HERE}/steppe/q/{archive['The Salt']}/the-salt"
    versions = {"en": salt, "fa": f"{salt}?lang=fa", "ug": f"{salt}?lang=ug"}
    assert [pages[address] for address in versions.values()] == [{**versions, "x-default": salt}] * 3
    assert pages[f"{HERE}/steppe/q/{archive['The Mill']}/the-mill"] == {}
    assert {client.get(page.removeprefix(HERE)).status_code for page in pages} == {200}
    listed = client.get("/steppe/sitemap-pages.xml").text
    assert [f"{HERE}/steppe/languages/{code}</loc>" in listed for code in ("en", "fa", "ug", "ru")] == [
        True,
        True,
        True,
        False,
    ]


def test_a_translation_that_is_not_shown_is_nowhere(
    client: FlaskClient, database: Database, newsroom: Newsroom, archive: dict[str, str]
) -> None:
    corrected = PublishedText("The Silos", "What of the silos?", ("The mill knows.",))
    note = CorrectionNote("We wrote that nobody knows.", "The mill knows.")

    def correct(session: Session) -> None:
        after_sending.correct(session, newsroom.nora, get_question(session, archive["The Silos"]), corrected, note)

    database.write(correct)
    while index_due(database):
        pass
    assert find(client, "انبار") == []
    assert list_headlines(client, "/steppe/languages/fa") == [("نمک", "fa")]
    assert ("The Silos", "en") in list_headlines(client, "/steppe/answers?lang=fa")
    assert list_headlines(client, "/steppe/?lang=fa")[0] == ("نمک", "fa")
    assert [item["title"] for item in json.loads(client.get("/steppe/feed-fa.json").data)["items"]] == ["نمک"]
    assert "the-silos?lang=fa" not in "".join(
        client.get(f"/steppe/sitemap-{year}.xml").text for year in range(2020, 2030)
    )


def test_a_translation_approved_later_is_seen_at_once_and_taken_away_at_once(
    client: FlaskClient, database: Database, newsroom: Newsroom, archive: dict[str, str], translate: Callable[..., None]
) -> None:
    before = [client.get(path).text for path in ("/steppe/languages/fa", "/steppe/feed-fa.xml", "/steppe/?lang=fa")]
    assert "آسیاب" not in "".join(before)
    translate(archive["The Mill"], ("آسیاب", "آسیاب از آن کیست؟", "از آن شهر."))
    after = [client.get(path).text for path in ("/steppe/languages/fa", "/steppe/feed-fa.xml", "/steppe/?lang=fa")]
    assert ["آسیاب" in page for page in after] == [True] * 3

    def drop(session: Session) -> None:
        question = get_question(session, archive["The Mill"])
        for (_key, language), translation in translating.get_translations(session, question).items():
            assert language == "fa"
            translations.drop(session, newsroom.nora, translation)

    database.write(drop)
    assert [
        "آسیاب" in client.get(path).text for path in ("/steppe/languages/fa", "/steppe/feed-fa.xml", "/steppe/?lang=fa")
    ] == [False] * 3


def test_more_q_and_as_take_no_more_queries(
    client: FlaskClient, database: Database, newsroom: Newsroom, translate: Callable[..., None]
) -> None:
    paths = ("/steppe/answers?lang=fa", "/steppe/languages/fa", "/steppe/feed-fa.xml", "/steppe/editions?lang=fa")
    counts = []
    for number in range(4):
        translate(publish_answer(database, newsroom, [], headline=f"Story {number}", body=f"What of {number}?"), SALT)
        if number in (1, 3):
            counts.append(count_queries(database, lambda: [client.get(path) for path in paths]))
    assert counts[0] == counts[1]


def test_the_card_of_a_translation_is_in_its_language_whether_our_pages_are_or_not(
    client: FlaskClient, database: Database, newsroom: Newsroom, archive: dict[str, str]
) -> None:
    let_site_frame(database, newsroom, "https://news.example")

    def read_card(query: str) -> tuple[str, str, str]:
        page = Page(client.get(f"/steppe/q/{archive['The Salt']}/the-salt{query}").text)
        [url] = page.attributes('link[type="application/json+oembed"]', "href")
        card = client.get(url.removeprefix(HERE)).json
        [src] = Page(card["html"]).attributes("iframe", "src")
        return card["title"], src.removeprefix(HERE), Page(client.get(src.removeprefix(HERE)).text).heading

    framed = f"/steppe/framed/q/{archive['The Salt']}"
    assert read_card("") == ("The Salt: The Steppe Letter", framed, "The Salt")
    assert read_card("?lang=fa") == ("نمک: The Steppe Letter", f"{framed}?lang=fa", "نمک")
    assert read_card("?lang=ug") == ("تۇز: The Steppe Letter", f"{framed}?lang=ug", "تۇز")
