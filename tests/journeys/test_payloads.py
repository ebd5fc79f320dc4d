"""Every payload in every field: nothing of it comes to life on a page, in an export, in a feed or in a mail."""

import csv
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import pytest
from flask import Flask
from icalendar import Calendar
from jinja2 import FileSystemBytecodeCache
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, BrowserContext
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import JSON, Text, select
from sqlalchemy.orm import Session
from sqlalchemy.types import String
from werkzeug.exceptions import HTTPException

from app.answers.models import Answer
from app.core.actors import Clock
from app.crypto.seal import Keys
from app.db.declarative import Base
from app.db.engine import Database
from app.db.session import get_keyring
from app.editions.models import Edition
from app.mail.delivery import deliver_due
from app.mail.sending import transport
from app.people import sign_in, uploads
from app.people.models import Expert, Person, Upload
from app.questions.models import Question
from app.text.clean import for_print
from app.workflows import key_rotation
from app.workflows.indexing import index_due
from tests.support import payload_newsroom
from tests.support.app import BASE_URL, SECRETS, open_app
from tests.support.desk import Desk
from tests.support.network_faults import CuttableConnection
from tests.support.pages import Page
from tests.support.payload_newsroom import PayloadNewsroom, has_braces, has_contact_details
from tests.support.payloads import (
    FIND_LIVE_HTML_ARGUMENTS,
    FIND_LIVE_HTML_SCRIPT,
    PAYLOAD_FAMILIES,
    PAYLOAD_SOURCES,
    PAYLOADS,
    BrowserWatch,
    find_bidi_controls,
    find_live_html,
    parse_mail_with_python,
)
from tests.support.sample_newsroom import Newsroom
from tests.support.smtp_servers import create_mail_app, run_smtp_server
from tests.support.waiting import click_and_wait

# Columns of text that hold no text of a person: words of the house, and what it made itself.
CODES = {
    "public_id", "state", "language", "kind", "door", "noun", "a_noun", "b_noun", "matcher", "kept_in", "channel", "hear_back", "choice",
    "policy", "outcome", "part", "tab", "author", "held_reason", "end_reason", "closed_reason", "decline_reason", "filed_as", "source",
    "role", "actor", "action", "old", "new", "facts", "sha256", "slug", "by", "checklist", "reasons", "once_key", "message_id",
}  # fmt: skip
NOT_TYPED = {
    "typed by whoever runs the house, in its settings": ("mail_sign_ins.account", "mail_sign_ins.token_url", "inbound.mailbox"),
    "of the mail company": ("mail_sign_ins.refresh_sealed", "mail_sign_ins.access_sealed", "mail_sign_ins.fault"),
    "checked by its form, and refused otherwise": (
        "newsletters.address", "newsletters.languages", "newsletters.rule", "newsletters.at", "newsletters.zone", "newsletters.skips",
        "newsletters.extra", "newsletters.marks", "expert_photos.licence", "shown_photos.licence", "newsletters.check_policy", "newsletters.onion", "newsletters.leave_to",
        "newsletters.framed_by", "newsletters.inbox", "newsletters.list_address", "newsletters.digest_at", "newsletters.held_kinds", "people.email_sealed",
        "contacts.email_sealed", "experts.languages", "factors.secret_sealed", "form_drafts.form", "form_drafts.changed", "programs.address_sealed", "api_tokens.acts",
        "translators.email_sealed", "sending_tools.address", "sending_tools.audience", "sending_tools.secret_sealed",
    ),
    "made by the house": (
        "machine_translations.fault", "drafts.known_counts", "translator_drafts.known_counts", "sightings.name", "counted_weeks.figures", "sessions.browser", "editions.local_at", "press_keys.outcome_sealed", "letters.signs",
        "programs.paused_by", "public_versions.version", "programs.secret_sealed", "programs.former_sealed", "program_deliveries.event", "program_deliveries.said",
        "sending_tools.tool", "sending_tools.desk", "handed_drafts.tool", "handed_drafts.address", "handed_drafts.their_id",
        "handed_drafts.link", "handed_drafts.digest", "handed_drafts.said", "expert_photos.digest", "shown_photos.digest",
    ),
    "made of the words of other columns": (
        "desk_terms.term", "public_terms.term", "expert_topics.term", "desk_docs.topics", "desk_docs.text", "desk_docs.more",
        "public_docs.topics", "public_docs.text", "public_docs.more", "experts.folded", "experts.alike", "experts.words", "expert_pages.name", "shown_photos.name", "edition_items.output", "edition_items.found_sha256", "item_translations.output",
    ),
}  # fmt: skip
# What a field refuses: by what somebody could be reached in a wording, places to fill in a sentence of the house.
REFUSED = {
    **dict.fromkeys(
        ("question_texts.headline", "question_texts.body", "question_texts.background"), has_contact_details
    ),
    "translations.headline": has_contact_details,
    **dict.fromkeys(("corrections.wrong", "corrections.right"), has_contact_details),
    **dict.fromkeys(("newsletter_texts.body", "newsletters.call"), has_braces),
    "experts.topics": lambda one: one not in payload_newsroom.TOPICS,
}
EACH = 2  # pages of a kind that the browser opens; the others of it are read by a parser
MOST, IN_LISTS = 40, 4  # pages of a kind that are read; of a list, narrowed down and paged
RISKY = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # OWASP CSV Injection
HEADERS = {
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    "Content-Language", "Auto-Submitted", "X-Auto-Response-Suppress", "In-Reply-To", "References", "List-Unsubscribe",
    "List-Unsubscribe-Post", "Sender",
}  # fmt: skip


@pytest.fixture(scope="module")
def filled_newsroom(
    sqlite_newsroom: tuple[Path, Newsroom], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, PayloadNewsroom]]:
    path, newsroom = sqlite_newsroom
    copy = Path(shutil.copy(path, tmp_path_factory.mktemp("payloads") / "newsroom.db"))
    database = Database(f"sqlite:///{copy}", Keys(SECRETS), BASE_URL)
    house = payload_newsroom.fill_newsroom(database, newsroom)
    while index_due(database):
        pass
    yield database, house
    database.close()


@pytest.fixture(scope="module")
def connection(
    filled_newsroom: tuple[Database, PayloadNewsroom],
    tmp_path_factory: pytest.TempPathFactory,
    bytecode_cache: FileSystemBytecodeCache,
) -> Iterator[CuttableConnection]:
    with open_app(filled_newsroom[0], tmp_path_factory.mktemp("app"), bytecode_cache, limits="0") as app:
        # Without TLS: a browser keeps no cookie of such a name there.
        app.config.update(SESSION_COOKIE_SECURE=False, SESSION_COOKIE_NAME="desk")
        connection = CuttableConnection(app)
        yield connection
        connection.cut()


def test_three_hundred_payloads_of_ten_families_each_with_its_source() -> None:
    assert PAYLOAD_FAMILIES.keys() == PAYLOAD_SOURCES.keys()
    assert len(PAYLOAD_FAMILIES) == 10
    assert {name for name, family in PAYLOAD_FAMILIES.items() if len(set(family)) < 30} == set()
    assert len(set(PAYLOADS)) >= 300


# What comes to life where somebody forgets to escape it, and what is as it should be.
ALIVE = {
    "<b hit>x</b>": ["b hit="],
    "<hit>x</hit>": ["<hit>"],
    "<p onclick='alert(1)'>x</p>": ["p onclick=alert(1)"],
    "<a href=' JavaScript:alert(1)'>x</a>": ["a href= JavaScript:alert(1)"],
    "<a href='//leak.invalid/m'>x</a>": ["a href=//leak.invalid/m"],
    "<a href='https://leak.invalid/m'>x</a>": [],
    "<img src='https://leak.invalid/m'>": ["img src=https://leak.invalid/m"],
    "<p style='background: url(//leak.invalid/c)'>x</p>": ["p style=background: url(//leak.invalid/c)"],
    "<p title='&lt;b hit&gt;'>&lt;b hit&gt;</p>": [],
}


@pytest.mark.browser
@pytest.mark.parametrize("html", ALIVE)
def test_what_lives_is_found_by_parser_and_browser(context: BrowserContext, html: str) -> None:
    page = context.new_page()
    page.route("**", lambda route: route.abort())
    page.set_content(html)
    assert (
        [one.replace("=None", "=") for one in find_live_html(html)]
        == page.evaluate(FIND_LIVE_HTML_SCRIPT, FIND_LIVE_HTML_ARGUMENTS)
        == ALIVE[html]
    )


def squeeze(text: str) -> str:
    return "".join(for_print(text).split()).casefold()


def columns() -> Iterator[tuple[str, bool]]:
    """Every column that holds text, and whether it is sealed."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.name.endswith("sealed"):
                yield f"{table.name}.{column.name}", True
            elif isinstance(column.type, Text | String | JSON) and column.name not in CODES:
                yield f"{table.name}.{column.name}", False


def iter_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from iter_texts(one)


def unseal_column(session: Session, name: str) -> Iterator[str]:
    """All that is sealed in a column."""
    table, column = name.split(".")
    for sealed in key_rotation.SEALED:
        if sealed.table.__tablename__ == table:
            key = getattr(sealed.table, sealed.owner_key)
            for row, public_id in session.execute(
                select(sealed.table, sealed.owner.public_id).where(sealed.owner.id == key)
            ):
                for called, place, value in key_rotation._iter_values(sealed, row, public_id):
                    if called == column:
                        yield get_keyring(session).open_bytes(place, value).decode(errors="replace")
    if table == "uploads":
        for one in session.scalars(select(Upload)):
            for row in csv.reader(io.StringIO(uploads.bytes_of(session, one).decode(), newline="")):
                yield from row


def all_words(session: Session, name: str, is_sealed: bool) -> str:
    """All that stands in a column, as it was typed."""
    if is_sealed:
        found = list(unseal_column(session, name))
        if name == "inbound_raw.raw_sealed":
            found = [text for one in found for text in in_mail(one.encode())]
        elif found and all(one[:1] in "[{" for one in found):
            found = [text for one in found for text in iter_texts(json.loads(one))]
    else:
        table, column = name.split(".")
        found = list(iter_texts(list(session.scalars(select(Base.metadata.tables[table].c[column])))))
    return squeeze("\0".join(found))


def in_mail(raw: bytes) -> Iterator[str]:
    made = parse_mail_with_python(raw)
    yield from (str(made["subject"]), str(made["from"]))
    for part in made.walk():
        if not part.is_multipart():
            yield part.get_filename() or ""
            yield str(part.get_content()) if part.get_content_maintype() == "text" else ""


@pytest.mark.threat("hostile words")
def test_every_field_that_takes_words_holds_every_payload(
    filled_newsroom: tuple[Database, PayloadNewsroom], attempts: Callable[[int], None]
) -> None:
    """A new column of text fails here until `payload_newsroom` fills it, or a row above says why nobody types there."""
    passed = {name for names in NOT_TYPED.values() for name in names}
    typed = [(name, is_sealed) for name, is_sealed in columns() if name not in passed]
    assert passed - {name for name, _is_sealed in columns()} == set()
    missing: dict[str, list[str]] = {}
    with filled_newsroom[0].read() as session:
        for name, is_sealed in typed:
            words, refused = all_words(session, name, is_sealed), REFUSED.get(name, lambda _one: False)
            lacks = [one for one in PAYLOADS if not refused(one) and squeeze(one) not in words]
            missing |= {name: lacks} if lacks else {}
    assert {name: (len(lacks), lacks[:4]) for name, lacks in missing.items()} == {}
    attempts(len(typed) * len(PAYLOADS))


class Reading:
    """Somebody who follows every link below a place: a parser reads each page, the browser opens some of each kind."""

    def __init__(self, app: Flask, watch: BrowserWatch, context: BrowserContext, below: str, most: int = MOST) -> None:
        self.addresses, self.watch, self.context, self.below = app.url_map.bind(""), watch, context, below
        self.client, self.most = app.test_client(), most
        for cookie in context.cookies():
            self.client.set_cookie(cookie["name"], cookie["value"], domain="127.0.0.1")
        self.page, self.counted = context.new_page(), Counter[str]()

    def kind(self, path: str) -> str:
        try:
            return self.addresses.match(urlsplit(path).path, method="GET")[0]
        except HTTPException:
            return ""

    def all(self, *starts: str) -> Counter[str]:
        """Gives how many pages of each kind were read."""
        ahead, seen = list(starts), set(starts)
        while ahead:
            path = ahead.pop(0)
            kind = self.kind(path)
            if self.counted[kind] >= (IN_LISTS if "?" in path else self.most):
                continue
            answer = self.client.get(path, base_url=self.watch.base_url)
            is_file = answer.headers.get("Content-Disposition", "").startswith("attachment")
            if answer.mimetype != "text/html" or answer.status_code != 200 or is_file:
                answer.close()  # a file is written as it is read, in its request's context
                continue
            self.counted[kind] += 1
            self.watch.findings += [("alive", (path, one)) for one in find_live_html(answer.text)]
            if self.counted[kind] <= EACH:
                self.page.goto(self.watch.base_url + path)
                self.watch.check_page(self.page)
            for link in LexborHTMLParser(answer.text).css("a[href], iframe[src]"):
                place = urljoin(path, link.attributes.get("href") or link.attributes.get("src") or "").partition("#")[0]
                if place.startswith(self.below) and place not in seen:
                    seen.add(place)
                    ahead.append(place)
        return self.counted


def come_in(watch: BrowserWatch, context: BrowserContext, database: Database, person_id: int, door: str) -> None:
    link = database.write(lambda s: sign_in.invite(s, Clock(), s.get_one(Person, person_id), door))
    page = context.new_page()
    page.goto(watch.base_url + urlsplit(link).path)
    click_and_wait(page.get_by_role("button").first)
    assert f"/{door}/" in page.url
    page.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 390, "height": 800})
    yield context
    context.close()


@pytest.mark.threat("hostile words")
@pytest.mark.browser
def test_nothing_lives_on_any_page_for_readers(
    context: BrowserContext,
    connection: CuttableConnection,
    filled_newsroom: tuple[Database, PayloadNewsroom],
    attempts: Callable[[int], None],
) -> None:
    watch = BrowserWatch(context, f"http://127.0.0.1:{connection.port}")
    reading = Reading(connection.app, watch, context, "/", 2 * payload_newsroom.QUESTION_COUNT + 10)
    letters = [f"/letter-{at}/" for at in range(len(payload_newsroom.NAME_200.texts))]
    counted = reading.all("/steppe/", *letters, *(f"{one}ask" for one in letters))
    for receipt in filled_newsroom[1].receipts[:EACH]:
        reading.page.goto(f"{watch.base_url}/steppe/receipt")
        reading.page.locator("input[name=receipt]").fill(receipt)
        click_and_wait(reading.page.locator("main form button").first)
        watch.check_page(reading.page)
    assert watch.findings == []
    attempts(counted.total())
    assert counted["reader.story"] >= payload_newsroom.QUESTION_COUNT


@pytest.mark.threat("hostile words")
@pytest.mark.browser
def test_nothing_lives_on_any_page_for_experts(
    context: BrowserContext,
    connection: CuttableConnection,
    filled_newsroom: tuple[Database, PayloadNewsroom],
    attempts: Callable[[int], None],
) -> None:
    database, house = filled_newsroom
    watch = BrowserWatch(context, f"http://127.0.0.1:{connection.port}")
    with database.read() as session:
        person_id = session.get_one(Expert, house.experts[0]).person_id
    come_in(watch, context, database, person_id, "expert")
    reading = Reading(connection.app, watch, context, "/expert/")
    counted = reading.all("/expert/", "/expert/profile", *house.links)
    assert watch.findings == []
    attempts(counted.total())
    of_translators = [one for one in house.links if one.endswith("/translation")]
    assert counted["expert.assignment"] > len(house.links) - len(of_translators)
    assert counted["translator.translation"] == min(len(of_translators), MOST)


@pytest.mark.threat("hostile words")
@pytest.mark.browser
def test_nothing_lives_on_any_page_of_the_desk(
    context: BrowserContext,
    connection: CuttableConnection,
    filled_newsroom: tuple[Database, PayloadNewsroom],
    attempts: Callable[[int], None],
) -> None:
    database, house = filled_newsroom
    watch = BrowserWatch(context, f"http://127.0.0.1:{connection.port}")
    come_in(watch, context, database, house.vera.person_id, "desk")
    reading = Reading(connection.app, watch, context, "/desk/steppe/")
    with database.read() as session:
        theirs = select(Question.public_id, Answer.public_id).join(Answer, Answer.question_id == Question.id)
        answers = [f"/desk/steppe/questions/{one}/answers/{other}" for one, other in session.execute(theirs)]
    starts = ("/desk/steppe/", "/desk/steppe/search?q=hit", "/desk/steppe/outbox?state=failed", *answers)
    counted = reading.all(*starts)
    assert watch.findings == []
    attempts(counted.total())
    lives = payload_newsroom.QUESTION_COUNT
    assert {
        name for name in ("letter", "question", "expert", "answer") if counted[f"editor.{name}"] < min(lives, 38)
    } == set()


@pytest.mark.threat("hostile words")
@pytest.mark.browser
def test_nothing_lives_where_the_desk_says_how_a_newsletter_is(
    context: BrowserContext,
    connection: CuttableConnection,
    filled_newsroom: tuple[Database, PayloadNewsroom],
    attempts: Callable[[int], None],
) -> None:
    database, house = filled_newsroom
    watch = BrowserWatch(context, f"http://127.0.0.1:{connection.port}")
    come_in(watch, context, database, house.vera.person_id, "desk")
    reading = Reading(connection.app, watch, context, "/no further/", 200)
    parts = ("", "settings/name", "settings/texts", "settings/promises", "settings/sentences/en", "settings/mail-texts")
    letters = range(len(payload_newsroom.NAME_200.texts))
    counted = reading.all(
        "/signed-in/factors", *(f"/desk/letter-{at}/{part}" for at in letters for part in parts)
    )  # fmt: skip
    assert watch.findings == []
    attempts(counted.total())
    assert counted["editor.settings_part"] == 3 * len(letters)


@pytest.mark.threat("hostile words")
def test_every_file_that_leaves_is_read_by_other_programs_and_holds_nothing_alive(
    filled_newsroom: tuple[Database, PayloadNewsroom], tmp_path: Path, bytecode_cache: FileSystemBytecodeCache
) -> None:
    with open_app(filled_newsroom[0], tmp_path, bytecode_cache, limits="0") as app:
        vera, client = Desk(app, filled_newsroom[1].vera), app.test_client()
        with filled_newsroom[0].read() as session:
            editions = list(session.scalars(select(Edition.public_id).where(Edition.is_sent)))
        assert len(editions) == -(-payload_newsroom.QUESTION_COUNT // 10)
        for edition in editions:
            files = {ending: vera.open(f"editions/{edition}/export.{ending}").get_data(as_text=True)
                     for ending in ("html", "mail.html", "txt", "md", "json")}  # fmt: skip
            rendered = MarkdownIt("commonmark", {"html": True}).render(files["md"])
            data = json.loads(files["json"])
            pages = [files["html"], files["mail.html"], rendered, *(one["html"] for one in data if "html" in one)]
            assert [one for page in pages for one in find_live_html(page)] == []
            assert [sign for text in files.values() for sign in find_bidi_controls(text)] == []
        for at in range(len(payload_newsroom.NAME_200.texts)):
            calendar = Calendar.from_ical(client.get(f"/letter-{at}/calendar.ics", base_url=BASE_URL).data)
            assert set(calendar) == {"PRODID", "VERSION", "X-WR-CALNAME"}
            assert {name for event in calendar.walk("VEVENT") for name in event} == {
                "UID", "DTSTAMP", "DTSTART", "SUMMARY", "TRANSP", "URL",
            }  # fmt: skip
        feed = ElementTree.fromstring(client.get("/steppe/feed.xml", base_url=BASE_URL).data)  # noqa: S314 - ours
        contents = [one.text or "" for one in feed.iter("{http://www.w3.org/2005/Atom}content")]
        assert len(contents) == 31  # the newest twenty, and eleven others that were corrected lately
        assert [one for content in contents for one in find_live_html(content)] == []
        assert {
            one.get("href", "").partition("/steppe")[0] for one in feed.iter("{http://www.w3.org/2005/Atom}link")
        } == {BASE_URL}
        _tables(vera)
        for text in vera.open("trail/jsonl").get_data(as_text=True).splitlines():
            json.loads(text)


def _tables(vera: Desk) -> None:
    """Files of rows: as many cells in each, and none that a spreadsheet takes for a formula."""
    for ask in (lambda: vera.send("experts/export", {}), lambda: vera.open("trail/csv")):
        response = ask()  # and read before the next one is asked for
        assert response.mimetype == "text/csv", Page(response.get_data(as_text=True)).main_text
        rows = list(csv.reader(io.StringIO(response.get_data(as_text=True).lstrip("\ufeff"), newline=""), strict=True))
        assert len(rows) > payload_newsroom.QUESTION_COUNT
        assert {len(row) for row in rows} == {len(rows[0])}
        assert [cell for row in rows[1:] for cell in row if RISKY.match(cell)] == []


@pytest.mark.threat("hostile words")
def test_every_mail_goes_to_a_real_server_with_its_own_headers_and_nothing_alive(
    filled_newsroom: tuple[Database, PayloadNewsroom], attempts: Callable[[int], None]
) -> None:
    database, _house = filled_newsroom
    with run_smtp_server() as server:
        send = transport(create_mail_app(MAIL_PORT=server.port))
        while deliver_due(database, send, limit=1_000)["sent"]:
            pass
        mails = server.mails
    assert len(mails) > payload_newsroom.QUESTION_COUNT
    faults = []
    for _sender, recipient, raw in mails:
        made = parse_mail_with_python(raw)
        faults += [(recipient, name) for name in set(made) - HEADERS]
        faults += [(recipient, name) for name, times in Counter(made).items() if times > 1]
        faults += [(recipient, str(fault)) for part in made.walk() for fault in part.defects]
        to = [one.addr_spec for one in made["to"].addresses]
        faults += [(recipient, to)] if to != [recipient] else []
        faults += [
            (recipient, name) for name in ("from", "reply-to") if name in made and len(made[name].addresses) != 1
        ]
        page = made.get_body(("html",))
        faults += [(recipient, one) for one in find_live_html(page.get_content() if page else "")]
    assert faults == []
    attempts(len(mails))
