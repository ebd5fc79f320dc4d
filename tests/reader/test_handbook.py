"""The handbook: what it quotes stands on the pages, what it claims is so, and it leads nowhere that isn't there."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient

from app.answers import reminders
from app.answers.editing import CHECKLIST
from app.core.permissions import ROLES
from app.editor.filtered_list import SHORTCUTS
from app.editor.frame import CHAPTERS as PLACES
from app.newsletters.models import SETTINGS, Newsletter
from app.reader.handbook import CHAPTERS, DOCS, FIRST, PAGES, anchor, read
from app.text.languages import interface_languages
from app.typesetting.exports import EXPORTS
from app.workflows import undo
from app.workflows.newsletters.founding import RESERVED_SLUGS
from app.workflows.overview import alarms
from app.workflows.publishing import publication
from tests.support.assignments import ExpertAssignment
from tests.support.desk import Desk
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT, TextKey, list_files, list_translatable_texts, relative_name

HANDBOOK = DOCS / "handbook"
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# Where the words may come from that a chapter quotes: its readers' own pages.
QUOTED_FROM = {
    "editor": ("editor/", "templates/editor/", "templates/layouts/desk.html", "newsletters/", "templates/entrance/"),
    "operator": ("editor/", "templates/editor/", "web/errors.py", "entrance/", "templates/entrance/"),
    "expert": ("expert/", "templates/expert/", "templates/layouts/expert.html"),
    "reader": ("reader/", "templates/reader/", "templates/layouts/reader.html"),
}


def collapse_spaces(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def normalise_quote(text: str) -> str:
    """A text of the pages as a chapter quotes it: with … for what is filled in, and without its full stop."""
    return collapse_spaces(PLACE.sub("…", text)).rstrip(".")


def pair(words: TextKey) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


@cache
def quotable(chapter: str) -> frozenset[str]:
    """What stands on the pages that a chapter is about, with … for what is filled in."""
    there = (
        words
        for words, homes in list_translatable_texts().items()
        if any(home.startswith(QUOTED_FROM[chapter]) for home in homes)
    )
    return frozenset(normalise_quote(one) for words in there for one in pair(words) if one)


TRANSLATED = [name for name in PAGES if name.partition(".")[2]]


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_translated_chapter_quotes_what_its_own_pages_say(name: str) -> None:
    """The same words as the English one, in the same order, as the catalogue of its language has them."""
    chapter, _, code = name.partition(".")
    catalogue = read_po((ROOT / "app" / "translations" / code / "LC_MESSAGES" / "messages.po").open("rb"))
    theirs = {
        normalise_quote(one): normalise_quote(other)
        for message in catalogue
        if message.id
        for one, other in zip(*map(pair, (message.id, message.string)), strict=False)
    }
    quoted = [[collapse_spaces(one) for one in BOLD.findall(PAGES[key].read_text())] for key in (chapter, name)]
    assert [theirs[words] for words in quoted[0]] == quoted[1]


@pytest.mark.parametrize("chapter", QUOTED_FROM)
def test_every_word_in_bold_stands_on_the_pages_of_whom_it_is_written_for(chapter: str) -> None:
    quoted = {collapse_spaces(one) for one in BOLD.findall((HANDBOOK / f"{chapter}.md").read_text())}
    assert len(quoted) > 3
    assert quoted - quotable(chapter) == set()


def test_the_chapters_are_those_that_the_first_page_names() -> None:
    assert {path.stem for path in HANDBOOK.glob("*.md") if "." not in path.stem} == {FIRST, *CHAPTERS}
    named_there = LINK.findall((HANDBOOK / f"{FIRST}.md").read_text())
    assert [f"{one}.md" in named_there for one in CHAPTERS] == [True] * len(CHAPTERS)


def test_experts_and_readers_have_theirs_in_each_language_that_their_pages_speak() -> None:
    there = {(name, language) for name in ("expert", "reader") for language in interface_languages()}
    assert {(name, language) for name, language in there if f"{name}.{language}" not in PAGES} == {
        ("expert", "en"), ("reader", "en"),
    }  # fmt: skip


OURS = [
    path for path in list_files() if path.suffix == ".md" and "back_issues" not in relative_name(path)
]  # those are newsletters of others


@pytest.mark.parametrize("path", OURS, ids=relative_name)
def test_every_link_and_picture_of_the_files_is_there(path: Path) -> None:
    for href in LINK.findall(path.read_text()):
        parts = urlsplit(href)
        if parts.scheme:
            continue
        target = (path.parent / parts.path).resolve() if parts.path else path
        assert target.exists() and target.is_relative_to(ROOT), href
        if parts.fragment:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert parts.fragment in map(anchor, headings), href


def test_no_two_pages_have_one_name() -> None:
    paths = [path for path in list_files() if DOCS in path.parents and path.suffix == ".md"]
    assert sorted(PAGES.values()) == sorted(paths)


def test_every_page_is_served_and_leads_only_to_what_is_there(client: FlaskClient, newsroom: Newsroom) -> None:
    """Whatever a page links to or shows is served by this very program; only what names another site leaves it."""
    ids: dict[str, list[str]] = {}
    led: set[tuple[str, str, str]] = set()
    for name in PAGES:
        address = "/handbook/" if name == FIRST else f"/handbook/{name}"
        answer = client.get(address)
        assert answer.status_code == 200, name
        page = Page(answer.text)
        assert page.heading, name
        assert page.tree.css("script, style, [style], [onclick]") == []
        ids[address] = page.attributes("[id]", "id")
        for href in page.urls:
            to = urlsplit(urljoin(address, href))
            if not to.scheme:
                led.add((name, to.path, to.fragment))
    for name, path, fragment in led:
        assert path in ids or client.get(path).status_code == 200, (name, path)
        assert not fragment or fragment in ids[path], (name, path, fragment)


def test_whoever_reads_in_it_leaves_no_trace_and_needs_nothing(client: FlaskClient, newsroom: Newsroom) -> None:
    for path in ("/handbook/", "/handbook/reader", "/handbook/expert", "/handbook/pictures/reader-ask.png"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")


@pytest.mark.parametrize(
    "path", ["nothing", "..", "%2e%2e%2fREADME", "README.md", "pictures/nothing.png", "pictures/..%2fmail.md"]
)
def test_nothing_else_is_served(path: str, client: FlaskClient, newsroom: Newsroom) -> None:
    assert client.get(f"/handbook/{path}").status_code == 404


def test_what_leads_out_of_the_handbook_is_just_words_there() -> None:
    assert "CONTRIBUTING.md</span>" in read("developer").html
    assert '<a href="glossary">' in read("developer").html


def test_the_question_mark_of_each_page_of_the_desk_leads_to_its_chapter(nora: Desk, salt: ExpertAssignment) -> None:
    headings = Page(read("editor").html).attributes("h2", "id")
    assert set(PLACES.values()) == set(headings)
    home = nora.get("/desk/steppe/")
    sections = home.attributes(".sections a", "href")
    assert len(sections) >= 9
    led = {path.rpartition("/")[2]: _question_mark(nora.get(path)) for path in sections}
    assert led == {
        "": "every-day-who-waits-for-whom", "letters": "thursday-the-letters", "questions": "friday-the-question",
        "shelf": "shelf-archive-insights", "archive": "shelf-archive-insights", "insights": "shelf-archive-insights",
        "experts": "the-experts", "outbox": "the-outbox", "settings": "what-is-set-once",
    } | ({"pen": "when-a-mail-fits-nowhere"} if "pen" in led else {})  # fmt: skip
    edition = next(one for one in home.attributes(".coming a", "href"))
    assert _question_mark(nora.get(edition)) == "tuesday-and-wednesday-the-edition"
    keys = nora.get("letters").part(".keys-help")
    assert [href for words, href in keys.links if words == "This page in the handbook"] == [
        "/handbook/editor#thursday-the-letters"
    ]


def _question_mark(page: Page) -> str:
    [href] = page.attributes(".me a[href^='/handbook/editor']", "href")
    return href.partition("#")[2]


def test_readers_and_experts_find_theirs_from_their_own_pages(
    app: Flask, client: FlaskClient, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    for page, chapter in ((client.get("/steppe/ask"), "reader"), (client.get(salt.link), "expert")):
        assert f"/handbook/{chapter}" in Page(page.text).attributes("a", "href")
    persian = Page(client.get("/steppe/ask?lang=fa").text)
    assert "/handbook/reader.fa" in persian.attributes("a", "href")
    page = Page(client.get("/handbook/reader.fa").text)
    assert (page.attributes("html", "lang"), page.attributes("html", "dir")) == (["fa"], ["rtl"])
    assert "/handbook/expert.fa" in page.attributes(".nav a", "href")


def test_no_newsletter_can_take_its_address() -> None:
    assert "handbook" in RESERVED_SLUGS.split()


# --- What it claims ---


def says(chapter: str, text: str) -> bool:
    return text in collapse_spaces((HANDBOOK / f"{chapter}.md").read_text().replace("**", ""))


def test_the_figures_of_the_week_are_those_of_the_code() -> None:
    column = Newsletter.__table__.c
    assert column.cutoff_minutes.default.arg == 48 * 60 and says("editor", "with a cut-off 48 hours earlier")
    assert column.digest_at.default.arg == "07:30" and says("editor", "at 07:30")
    assert undo.UNDO_PERIOD.total_seconds() == 60 and says("editor", "Undo stands above the page for a minute")
    assert column.undo_seconds.default.arg == 60 and says("editor", "waits for that minute too")
    assert publication.GRACE.total_seconds() == 600 and says("editor", "wait ten minutes")
    assert alarms.UNCONFIRMED_AFTER.total_seconds() == 7200 and says("editor", "for two hours after its time")
    assert len(CHECKLIST) == 6 and says("editor", "tick six lines: facts, sources, ties, consent, recognisability, law")
    assert column.check_policy.default.arg == "facts" and says("editor", "Under Facts only, the usual setting")
    assert {one.label for one in EXPORTS.values() if one.preview} == {"HTML mail", "Text", "Markdown", "HTML"}, (
        "docs/handbook/editor.md says as what an edition is copied (“as mail, HTML, text or Markdown”): say it anew, and here."
    )
    assert not {"invite", "approve"} & ROLES["assistant"].acts and says("editor", "can neither invite nor approve")
    assert [name for name, role in ROLES.items() if role.gets_notices] == ["editor"] and says(
        "editor", "mailed to editors at once"
    )
    assert SETTINGS["digest_at"].part == "mail"
    assert reminders.EARLY_BY.days == 2


def test_keys_that_it_names_are_those_of_the_desk() -> None:
    text = collapse_spaces((HANDBOOK / "editor.md").read_text())
    pressed = re.findall(r"\*\*([^*]+)\*\*(?: for[^(]*| )?\((\w)\)", text)
    acts = {
        "Make it a question": "question", "Comment": "comment", "Tip": "tip", "Unsubscribe": "unsubscribe", "Spam": "spam",
        "Shelve it": "shelf", "End it kindly": "end", "Make one question of them": "merge",
    }  # fmt: skip
    assert dict(pressed) == {words: SHORTCUTS[act][0] for words, act in acts.items()}
    assert (SHORTCUTS["next"][0], SHORTCUTS["previous"][0]) == ("j", "k")
