"""A crawler of the demo newsroom that follows all links and records the buttons, headers and scripts of each page."""

import re
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from sqlalchemy import Column, Table, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, Rule
from werkzeug.test import TestResponse

import config as configuration
from app import create_app
from app.answers import assigning
from app.answers.models import Assignment
from app.core.actors import Clock
from app.core.security_headers import SECURITY_HEADERS
from app.db.engine import Database
from app.editor.bulk import BULK_FORMS
from app.editor.frame import editor as desk_blueprint
from app.letters.models import Credit, Letter
from app.mail import outbox
from app.mail.message import Message
from app.models import Base
from app.newsletters.models import Newsletter
from app.newsletters.queries import desks_of
from app.people import directory, sign_in
from app.questions.models import Question
from tests.support.app import BASE_URL, TEST_SETTINGS
from tests.support.database_checks import record_statements
from tests.support.databases import postgres_copy, postgres_url
from tests.support.pages import Browser, Page, get_node_text

EDITOR, EXPERT = "tereza@platan.example", "gulmira@fair-hour.example"
ADMIN, ASSISTANT, OTHER_DESK_EDITOR = "pavel@platan.example", "aizada@platan.example", "shirin@platan.example"
DESK = "/desk/shift-change/"
MAX_PER_ENDPOINT = 10  # pages of one endpoint that a crawler opens
# Filtered lists and searches, to which few links lead.
FILTERED_LISTS = [
    *(f"{DESK}search?q={query}" for query in ("overtime", "over*", '"night shift"')),
    *(f"{DESK}letters?{query}" for query in ("q=overtime", "state=all", "channel=mail", "language=en", "age=over-week", "alike=1")),
    *(f"{DESK}questions?{query}" for query in ("q=overtime", "state=all")),
    *(f"{DESK}trail?{query}" for query in ("what=question", "who=desk")),
    f"{DESK}experts?topic=pay",
    f"{DESK}outbox?state=sent",
]  # fmt: skip


@dataclass
class Crawl:
    """What a crawler found: status codes by path, paths by endpoint, and the contents of the pages."""

    status_codes: dict[str, int] = field(default_factory=dict)
    paths_by_endpoint: dict[str, list[str]] = field(default_factory=dict)
    form_actions: set[str] = field(default_factory=set)
    offers: set[tuple[str, str, str]] = field(default_factory=set)  # page, button or link, permission that it needs
    missing_headers: set[tuple[str, str]] = field(default_factory=set)  # page, header
    injections: set[tuple[str, str]] = field(default_factory=set)  # page, result of `find_injections`
    shown_code: set[tuple[str, str]] = field(default_factory=set)  # page, text from `find_shown_code`
    # By endpoint: the largest number of queries of a page, and its path.
    query_counts: dict[str, tuple[int, str]] = field(default_factory=dict)
    escaped_count: int = 0  # occurrences of `ESCAPED_TEXT`


def open_demo_app(request: pytest.FixtureRequest, folder: Path) -> Iterator[Flask]:
    """Yield the app with a copy of the demo's year, on the database that the fixture's parameter names."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_year'), folder / 'newsroom.db')}"
        else:
            url = postgres_url(stack.enter_context(postgres_copy(request.getfixturevalue("postgres_year"))))
        environ = {
            "READERS_ASKED_ENV": "demo",
            "DATABASE_URL": url,
            "MAIL_FOLDER": str(folder),
            "ERASURES": f"{folder}/erasures",
        }
        app = create_app({**configuration.load(environ), **TEST_SETTINGS, "LIMITS": False})
        yield app
        app.extensions["database"].close()


def bind_url_map(app: Flask) -> MapAdapter:
    return app.url_map.bind(urlsplit(BASE_URL).netloc, url_scheme="https")


def find_links(path: str, page: str) -> list[str]:
    """Return the paths of this site to which a page links, with their queries and without fragments."""
    urls = (urljoin(f"{BASE_URL}{path}", href) for href in Page(page).attributes("a", "href"))
    parts = (urlsplit(url) for url in urls if url.startswith(f"{BASE_URL}/"))
    return [part.path + (f"?{part.query}" if part.query else "") for part in parts]


def find_form_actions(html: str) -> set[str]:
    """Return the paths to which the buttons of a page's forms post."""
    page = Page(html)
    actions = [
        *page.attributes("form[method=post]:has(button)", "action"),
        *page.attributes("form[method=post] button:not([formmethod])", "formaction"),
    ]
    return {action.partition("?")[0].partition("#")[0] for action in actions}


def list_offers(app: Flask, page_path: str, html: str) -> Iterator[tuple[str, str]]:
    """Yield the buttons and links of a page of the desk that need a permission, each with the permission."""
    urls, page = bind_url_map(app), Page(html)
    for form in page.tree.css("form[method=post]"):
        for button in form.css("button:not([formmethod])"):
            action = button.attributes.get("formaction") or form.attributes.get("action") or page_path
            path = re.split(r"[?#]", action)[0]
            endpoint, _ = urls.match(path, method="POST")
            if endpoint not in desk_blueprint.permissions:
                continue
            offer = f"the button {get_node_text(button)!r} to {path}"
            yield offer, desk_blueprint.get_permission(endpoint, path)
            _permission, bulk_form = BULK_FORMS.get(path.rpartition("/")[2], ("", None))
            if bulk_form and (act := bulk_form.actions[button.attributes.get("value") or ""].act):
                yield offer, act
    for href in find_links(page_path, html):
        path = href.partition("?")[0]
        with suppress(HTTPException):  # another test reports dead links
            endpoint, _ = urls.match(path, method="GET")
            if endpoint in desk_blueprint.permissions:
                yield f"a link to {path}", desk_blueprint.get_permission(endpoint, path)


# Text that a browser would run if it were not escaped: in an attribute, an element, a script, an address, a template.
SCRIPT_CALL = "gotcha()"
POLYGLOT = f"\"'></textarea></title><img src=x onerror={SCRIPT_CALL}><svg/onload={SCRIPT_CALL}><script>{SCRIPT_CALL}</script>javascript:{SCRIPT_CALL}{{{{7*7}}}}"
ESCAPED_TEXT = "{{7*7}}"


def find_injections(html: str) -> Iterator[str]:
    """Yield the parts of `POLYGLOT` that a browser would run: event handlers, `javascript:` addresses and scripts."""
    if SCRIPT_CALL not in html:
        return
    for node in Page(html).tree.css("*"):
        attributes = {name: str(value or "").strip().lower() for name, value in node.attributes.items()}
        yield from (f"{node.tag} {name}" for name in attributes if name.startswith("on"))
        yield from (f"{node.tag} {name}" for name, value in attributes.items() if value.startswith("javascript:"))
        if node.tag == "script" and SCRIPT_CALL in node.text():
            yield "script"


# What a template shows where a value is missing or isn't a text: dicts, lists, None, objects, holes of a sentence.
CODE = re.compile(
    r"""\{['"]|\[\(|\['|\bNone\b(?! (?:of|in|has)\b)|Markup\(|\bUndefined\b|<[\w.]+ object|<(?:function|class|bound)\b|%\(\w+\)s|\{\{|\{%"""
)
SHOWN_ATTRIBUTES = ("alt", "aria-label", "placeholder", "title")


def find_shown_code(html: str) -> Iterator[str]:
    """Yield the visible texts of a page, also those in its fields and attributes, that look like Python or a template."""
    for node in Page(html).tree.css("title, body, body *"):
        if node.tag in ("script", "style"):
            continue
        texts = [child.text_content or "" for child in node.iter(include_text=True) if child.tag == "-text"]
        texts += [node.attributes.get(name) or "" for name in SHOWN_ATTRIBUTES]
        if node.tag == "input" and node.attributes.get("type") not in ("hidden", "checkbox", "radio"):
            texts.append(node.attributes.get("value") or "")
        yield from (text.strip() for text in texts if CODE.search(text))


def crawl(
    app: Flask, browser: Browser, start: list[str], max_per_endpoint: int = MAX_PER_ENDPOINT, prefix: str = "/"
) -> Crawl:
    """Open the paths `start`, and the pages with this path prefix that can be reached from there by links.

    Besides `start`, up to `max_per_endpoint` pages of each endpoint are opened.
    """
    result, seen, page_counts = Crawl(), set(start), Counter[str]()
    queue = deque(start)
    while queue:
        path = queue.popleft()
        try:
            endpoint, _ = bind_url_map(app).match(path.partition("?")[0], method="GET")
        except HTTPException as missing:
            result.status_codes[path] = missing.code or 0
            continue
        if page_counts[endpoint] >= max_per_endpoint and path not in start:
            continue
        page_counts[endpoint] += 1
        with record_statements(app.extensions["database"]) as statements:
            response = browser.open(path)
        query_count = sum(statement != "BEGIN" for statement in statements)
        result.query_counts[endpoint] = max(result.query_counts.get(endpoint, (0, "")), (query_count, path))
        result.paths_by_endpoint.setdefault(endpoint, []).append(path)
        for href in _record_response(result, app, path, response):
            new_path = href.removeprefix(BASE_URL)
            if new_path not in seen and new_path.startswith(prefix):
                seen.add(new_path)
                queue.append(new_path)
    return result


def _record_response(crawl: Crawl, app: Flask, path: str, response: TestResponse) -> list[str]:
    """Record a response, and return the addresses to which it links or redirects."""
    html = response.data.decode(errors="replace")  # a picture or a Word file decodes to garbage without links
    crawl.status_codes[path] = response.status_code
    crawl.form_actions |= find_form_actions(html)
    crawl.missing_headers |= {(path, name) for name in SECURITY_HEADERS if name not in response.headers}
    if response.mimetype == "text/html":  # no browser renders a calendar or a table as a page (nosniff)
        crawl.injections |= {(path, injection) for injection in find_injections(html)}
        crawl.shown_code |= {(path, text) for text in find_shown_code(html)}
    crawl.escaped_count += html.count(ESCAPED_TEXT)
    if path.startswith("/desk/"):
        crawl.offers |= {(path, *offer) for offer in list_offers(app, path, html)}
    if 300 <= response.status_code < 400:
        return [response.headers["Location"]]
    return find_links(path, html)


def sign_in_browser(app: Flask, email: str, door: str) -> Browser:
    """Return a browser signed in by an invitation, at the door "desk" or "expert"."""
    database: Database = app.extensions["database"]

    def invite(session: Session) -> str:
        person = directory.by_email(session, email)
        assert person is not None, email
        return sign_in.invite(session, Clock(), person, door)

    browser = Browser(app)
    link = database.write(invite)
    browser.open(link)
    assert browser.press(link).status_code == 303
    return browser


def dump_tables_without_seen_at(app: Flask) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of all tables without `sessions.seen_at`, the one column that opening a page may write."""
    database: Database = app.extensions["database"]
    with database.read() as session:
        return {
            name: sorted((tuple(row) for row in session.execute(select(*_list_columns(table)))), key=repr)
            for name, table in Base.metadata.tables.items()
        }


def _list_columns(table: Table) -> list[Column[object]]:
    return [column for column in table.columns if (table.name, column.name) != ("sessions", "seen_at")]


def list_questions_in_all_states(session: Session) -> list[str]:
    """Return the paths of questions in all combinations of their state and that of an assignment.

    One of them has a credit line to be checked. A crawler opens other questions of the long lists on other days, but
    always these.
    """
    newsletter = session.scalars(select(Newsletter).where(Newsletter.slug == DESK.split("/")[2])).one()
    states = select(Question.public_id, Question.state, Assignment.state).outerjoin(
        Assignment, Assignment.question_id == Question.id
    )
    unverified = select(Letter.question_id).join(Credit).where(Credit.choice != "none", Credit.verified_at.is_(None))
    query = states.where(Question.newsletter_id == newsletter.id).order_by(Question.id)
    id_by_states = {(question, assignment): public_id for public_id, question, assignment in session.execute(query)}
    to_check = session.scalars(query.where(Question.id.in_(unverified)).limit(1))
    return [f"{DESK}questions/{public_id}" for public_id in {*id_by_states.values(), *to_check}]


def create_draft_assignment(session: Session) -> None:
    """Create an assignment whose invitation has not been sent; the demo has none."""
    tereza = directory.by_email(session, EDITOR)
    assert tereza is not None
    newsletter = desks_of(session, tereza.id)[0]
    actor = directory.staff_actor(session, tereza.id, newsletter.id)
    assert actor is not None
    question = session.scalars(select(Question).filter_by(newsletter_id=newsletter.id, state="open")).first()
    expert = directory.record_expert(session, actor, "Laura Venter", "laura@gauges.example")
    assert question is not None
    assigning.assign(session, actor, question, expert)


def create_held_mail(session: Session) -> None:
    """Put a mail into the outbox that waits for an editor; the demo has none."""
    newsletter = session.scalars(select(Newsletter).order_by(Newsletter.id)).first()
    assert newsletter is not None
    message = Message("expert.returned", "laura@gauges.example", "Laura", "One more thing", "Which year?\n", "en", "T")
    outbox.put(session, message, newsletter_id=newsletter.id, hold=True)


def list_variables(rule: Rule) -> list[tuple[str, str]]:
    """Return the variables of a URL rule, each as the fixed part before it and its name: ("questions", "public_id")."""
    parts = re.findall(r"<(?:[^:<>]*:)?(\w+)>|([^/<>]+)", rule.rule)
    return [
        (next((fixed for _, fixed in reversed(parts[:index]) if fixed), ""), name)
        for index, (name, _) in enumerate(parts)
        if name
    ]


def find_values(crawls: dict[str, Crawl], app: Flask) -> dict[tuple[str, str], object]:
    """Return a value that exists for each variable of a URL, by what `list_variables` returns for it."""
    values_by_variable: dict[tuple[str, str], object] = {}
    for visitor_crawl in crawls.values():
        for path in (path for paths in visitor_crawl.paths_by_endpoint.values() for path in paths):
            rule, values = bind_url_map(app).match(path.partition("?")[0], method="GET", return_rule=True)
            for variable in list_variables(rule):
                values_by_variable.setdefault(variable, values[variable[1]])
    return values_by_variable


def find_values_by_url(crawls: dict[str, Crawl], app: Flask) -> list[dict[tuple[str, str], object]]:
    """Return the values of the variables in each URL of the crawls.

    Some belong together: the URL of an answer also has the id of its question.
    """
    opened = [
        ("GET", path) for crawl in crawls.values() for paths in crawl.paths_by_endpoint.values() for path in paths
    ]
    posted_to = [("POST", path) for crawl in crawls.values() for path in sorted(crawl.form_actions)]
    found = []
    for method, path in posted_to + opened:
        rule, values = bind_url_map(app).match(path.partition("?")[0], method=method, return_rule=True)
        found.append({variable: values[variable[1]] for variable in list_variables(rule)})
    return found


def find_choice(rule: Rule) -> tuple[list[str], str]:
    """Return the values that an `any` converter of a rule accepts, and the name of its variable; `[]` without one."""
    match = re.search(r"<any\(([^)]*)\):(\w+)>", rule.rule)
    return ([value.strip(" '\"") for value in match[1].split(",")], match[2]) if match else ([], "")
