"""Every form of the desk is sent twice in the demo newsroom: the second time it does nothing more."""

import ast
import re
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from selectolax.lexbor import LexborNode
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

import config as configuration
from app import create_app
from app.core.actors import Clock
from app.core.clock import utc_now
from app.db.public_version import read_public_version
from app.db.session import now
from app.editor.frame import editor
from app.letters.models import Letter
from app.mail.models import Inbound, OutboxMail
from app.newsletters.models import Newsletter
from app.people import directory, sign_in
from app.people.models import BrowserSession
from app.questions.models import Question
from tests.support import clock
from tests.support.app import BASE_URL, TEST_SETTINGS
from tests.support.pages import Browser, Page
from tests.support.reader_pages import list_public_paths, render_page
from tests.support.required_programs import skip_without
from tests.support.source import list_code, parse_module, relative_name

ADMIN, DESK = "pavel@platan.example", "/desk/shift-change/"
MAX_PER_ENDPOINT = 7  # pages of one endpoint whose forms are sent
# Public pages that are compared before and after.
PUBLIC_ENDPOINTS = ("home", "ask", "answers", "corrections", "json_feed", "story", "edition", "topic", "expert")
MAX_ATTEMPTS = 3  # attempts at one action until it is accepted
MAX_STEPS = 4  # buttons in sequence: what is locked can be sent, and what was sent can be recalled
TOMORROW = (utc_now() + timedelta(days=1)).date().isoformat()
FIELD_VALUES = {
    "text": "Who measures the salt there?",
    "email": "new@gauges.example",
    "date": TOMORROW,
    "datetime-local": f"{TOMORROW}T12:00",
    "number": "30",
}
# Actions that the demo offers nowhere, or that need more than something in each field. Their forms go through the same
# `change`, as the last two tests check.
NOT_PRESSED = dict.fromkeys(
    (
        *("assignment_move/ladder", "assignment_move/off", "expert_merge", "expert_namesakes", "expert_split"),
        *("letter_alike", "question_alike", "letter_reply", "letter_to_pen", "letter_move/reopen"),
        *("answer_move/settle", "mail_file_answer"),
        *(f"pen_act/{act}" for act in ("again", "answer", "letter", "robot", "spam")),
        *(f"press/{press}" for press in ("down", "first", "ran", "recall", "unlock", "unname", "up")),
        *(
            "leave_expert/leave",
            "leave_expert/stay",
            "press_colleague/account",
            "press_colleague/again",
            "press_colleague/withdraw",
            "press_mail/retry",
        ),
        *("translation_approve", "translation_move/drop", "translation_move/reopen"),
        *(f"translator_move/{move}" for move in ("again", "use", "withdraw")),
        *("answer_use", "invitations_send", "letter_crowds", "letter_crowds_hold", "letter_note_back"),
    ),
    "nothing is in such a state at the end of the demo's year, or on the first pages",
)
NOT_PRESSED |= dict.fromkeys(
    (
        "expert_file_drop",
        "expert_import",
        "letters_file_drop",
        "letters_import",
        "back_issues_drop",
        "back_issues_import",
        "back_issues_undo",
    ),
    "a file has to be read first",
)
NOT_PRESSED |= dict.fromkeys(
    ("remove_expert_photo", "save_expert_photo"), "it needs a picture: tests/people/test_expert_photos.py"
)
NOT_PRESSED |= dict.fromkeys(("letter_file", "press/send"), "tests/desk/test_pressed_twice.py sends it")
NOT_PRESSED |= dict.fromkeys(
    ("question_correct", "question_protect", "question_forget_words"), "tests/desk/test_after_sending.py sends it"
)
NOT_PRESSED |= dict.fromkeys(
    ("question_keep_words", "question_erase_words"), "tests/workflows/test_words_of_open_questions.py sends it"
)
NOT_PRESSED |= dict.fromkeys(
    ("drop_draft", "keep_draft"), "tests/desk/test_form_drafts.py sends it, as the script does"
)
NOT_PRESSED |= dict.fromkeys(
    (
        *("add_program", "show_program_secret", "tell_program_again", "try_program"),
        *(f"press_program/{act}" for act in ("pause", "remove", "renew", "resume")),
    ),
    "it needs a URL on the public internet: tests/desk/test_other_programs.py",
)
NOT_PRESSED |= dict.fromkeys(("show_token_secret", "revoke_token"), "the demo has no token: tests/desk/test_tokens.py")
NOT_PRESSED |= dict.fromkeys(
    ("keep_sending_tool", "try_sending_tool", "forget_sending_tool", "hand_over"),
    "it needs a valid key: tests/desk/test_sending_tool.py",
)
NOT_PRESSED |= {
    "letter_translate": "the demo has no machine translation: tests/desk/test_machine_translation.py",
    "make_newsletter": "it needs a valid short name: tests/desk/test_new_newsletter.py",
    "press/arrange": "the script of the edition builder sends it",
    "press_colleague/out": "it signs out the person who sends it, because there is nobody else",
}
# Statements that run before it is known that a form was already sent, and one that records a person's last activity.
EXPECTED_STATEMENTS = {"INSERT INTO press_keys", "DELETE FROM form_drafts", "UPDATE sessions"}
WITHOUT_REDIRECT = dict.fromkeys(
    ("expert_export", "export_contacts", "export_letters", "export_newsletter", "export_questions", "mail_file_take"),
    "it responds with a file",
)
WITHOUT_REDIRECT |= dict.fromkeys(
    ("expert_address", "expert_addresses", "mail_address", "pen_address"),
    "it responds with an address; each look is in the trail",
)


@dataclass(frozen=True)
class Button:
    """A button of a page, by the numbers of its form and of itself in the form, and the action that it sends."""

    page_path: str
    form_index: int
    button_index: int
    action: str
    fills_form: bool  # whether each empty field is filled in and each box ticked before


# Lists, with the columns of which each combination of values has a page.
LISTS = (
    ("letters", Letter, "state", "author", "filed_as"),
    ("questions", Question, "state"),
    ("outbox", OutboxMail, "state"),
    ("pen", Inbound, "state"),
)
Steps = tuple[Button, ...]  # buttons in sequence, each on the page to which the one before has led


@dataclass(frozen=True)
class Result:
    """What a form did: its response, the page to which it led with its messages, and the statements that wrote."""

    status: int
    location: str
    messages: list[str]
    page: str
    statements: list[str]
    stale_pages: tuple[str, ...] = ()  # public pages that changed without a new public version


class DemoDesk:
    """The desk of the demo newsroom, open to an admin. `restore` brings back its database."""

    def __init__(self, app: Flask, url: str) -> None:
        self.app, self.database, self.path = app, app.extensions["database"], Path(url.removeprefix("sqlite:///"))
        self.browser = Browser(app)
        link = self.database.write(self._invite)
        self.browser.open(link)
        assert self.browser.press(link).status_code == 303
        self._cookies = dict(self.browser.client._cookies)
        self.database.close()
        self._backup = shutil.copy(self.path, self.path.with_suffix(".backup"))
        self.statements: list[str] = []
        public_paths = list_public_paths(self.database, DESK.split("/")[2])
        self._public_paths = [public_paths[name] for name in PUBLIC_ENDPOINTS if name in public_paths]
        self._pages_by_version: dict[object, dict[str, object]] = {}
        event.listen(self.database.writer, "before_cursor_execute", self._record_statement)

    def _record_statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if match := re.match(r"(INSERT INTO|UPDATE|DELETE FROM) (\w+)", statement):
            self.statements.append(" ".join(match.groups()))

    @staticmethod
    def _invite(session: Session) -> str:
        person = directory.by_email(session, ADMIN)
        assert person is not None
        return sign_in.invite(session, Clock(), person, "desk")

    def list_pages_by_state(self) -> list[str]:
        """Return the path of one row for each combination of the columns in `LISTS`."""
        found = {}
        with self.database.read() as session:
            newsletter_id = session.scalars(select(Newsletter.id).filter_by(slug=DESK.split("/")[2])).one()
            for name, model, *columns in LISTS:
                for row in session.scalars(select(model).filter_by(newsletter_id=newsletter_id).order_by(model.id)):
                    values = (getattr(row, column) for column in columns)
                    found[(name, *values)] = f"{DESK}{name}/{row.public_id}"
        return list(found.values())

    def remember_public_pages(self) -> object:
        """Return the version of the public pages, and remember how they look with it."""
        version = read_public_version(self.database, DESK.split("/")[2])
        if version not in self._pages_by_version:
            self._pages_by_version[version] = {path: render_page(self.app, path) for path in self._public_paths}
        return version

    def find_stale_pages(self, version: object) -> tuple[str, ...]:
        """Return the public pages that look different than remembered, if this is still their version."""
        if read_public_version(self.database, DESK.split("/")[2]) != version:
            return ()
        pages = self._pages_by_version[version]
        return tuple(path for path, page in pages.items() if render_page(self.app, path) != page)

    def restore(self) -> None:
        self.database.close()
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        shutil.copy(self._backup, self.path)
        self.browser.client._cookies = dict(self._cookies)
        self.database.write(self._renew_proof)
        self.statements.clear()

    @staticmethod
    def _renew_proof(session: Session) -> None:
        """Renew the proof of identity, which would expire on a slow machine."""
        session.execute(update(BrowserSession).values(stepped_up_at=now(session)))

    def match_endpoint(self, path: str, method: str) -> str:
        return str(self.app.url_map.bind(urlsplit(BASE_URL).netloc, url_scheme="https").match(path, method=method)[0])

    def name_action(self, url: str) -> str:
        """Return the action of a form's URL: "press/lock" if the last part of the URL names it, else the endpoint."""
        path = re.split(r"[?#]", url)[0]
        endpoint, name = self.match_endpoint(path, "POST"), path.rpartition("/")[2]
        rule = next(rule for rule in self.app.url_map.iter_rules(endpoint) if "POST" in (rule.methods or ()))
        endpoint = endpoint.removeprefix("editor.")
        return f"{endpoint}/{name}" if "<any(" in rule.rule else endpoint


@pytest.fixture(scope="module")
def desk(sqlite_year: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoDesk]:
    folder = tmp_path_factory.mktemp("twice")
    url = f"sqlite:///{shutil.copy(sqlite_year, folder / 'newsroom.db')}"
    environ = {
        "READERS_ASKED_ENV": "demo",
        "DATABASE_URL": url,
        "MAIL_FOLDER": str(folder),
        "ERASURES": f"{folder}/erasures",
    }
    app = create_app({**configuration.load(environ), **TEST_SETTINGS, "LIMITS": False, "TESTING": False})
    yield DemoDesk(app, url)
    app.extensions["database"].close()


def list_forms(page: str) -> list[LexborNode]:
    return Page(page).tree.css("form[method=post]")


def get_url(form: LexborNode, button: LexborNode, page_path: str) -> str:
    """Return the URL to which a button sends its form."""
    return urljoin(page_path, button.attributes.get("formaction") or form.attributes.get("action") or page_path)


def iter_pages(desk: DemoDesk) -> Iterator[tuple[str, str]]:
    """Follow the links of the desk, and yield path and HTML of up to `MAX_PER_ENDPOINT` pages of each endpoint."""
    start_paths = [DESK, *desk.list_pages_by_state()]
    queue, seen, counts = deque(start_paths), {*start_paths}, Counter[str]()
    while queue:
        path = queue.popleft()
        with suppress(HTTPException):
            endpoint = desk.match_endpoint(path.partition("?")[0], "GET")
            counts[endpoint] += path not in start_paths
            if counts[endpoint] > MAX_PER_ENDPOINT:
                continue
            response = desk.browser.open(path)
            if response.status_code != 200 or response.mimetype != "text/html":
                response.close()  # a file is written as it is read, in its request's context
                continue
            yield path, response.text
            for href in Page(response.text).attributes("a", "href"):
                linked_path = urljoin(path, href).partition("#")[0]
                if linked_path.startswith(DESK) and linked_path not in seen:
                    seen.add(linked_path)
                    queue.append(linked_path)


def iter_buttons(desk: DemoDesk, page_path: str, page: str) -> Iterator[Button]:
    """Yield the buttons of a page that send a form to the desk, each once with the form as it is and once filled in."""
    for form_index, form in enumerate(list_forms(page)):
        for button_index, button in enumerate(form.css("button")):
            url = get_url(form, button, page_path)
            if url.startswith(DESK) and "formmethod" not in button.attributes:
                for fills_form in (False, True):
                    yield Button(page_path, form_index, button_index, desk.name_action(url), fills_form)


def get_form_data(form: LexborNode, button: LexborNode, fills_form: bool) -> dict[str, Any]:
    """Return what a browser would send; with `fills_form`, every box is ticked and each empty field filled in."""
    data: dict[str, list[Any]] = {}
    for field in form.css("input[name], textarea[name], select[name]"):
        attributes = field.attributes
        name, kind = attributes["name"] or "", attributes.get("type") or field.tag
        if kind == "file":
            data[name] = [(BytesIO(b"name,email\r\nLaura Venter,laura@gauges.example\r\n"), "experts.csv")]
        elif name in FIELD_VALUES and fills_form:
            data[name] = [FIELD_VALUES[name]]
        elif kind == "select":
            options = [option.attributes.get("value") or "" for option in field.css("option")]
            selected = [option.attributes.get("value") or "" for option in field.css("option[selected]")]
            data[name] = selected or [next(filter(None, options), "")]
        elif kind == "radio" and "checked" not in attributes and name in data:
            continue
        elif kind == "radio":
            data[name] = [attributes.get("value") or ""]
        else:
            text = field.text() if kind == "textarea" else attributes.get("value") or ""
            default = FIELD_VALUES.get(kind, FIELD_VALUES["text"]) if fills_form and kind != "hidden" else ""
            if kind != "checkbox" or fills_form or "checked" in attributes:
                data.setdefault(name, []).append(text or default)
    if name := button.attributes.get("name"):
        data[name] = [button.attributes.get("value") or ""]
    return data


def press(desk: DemoDesk, button: Button, page: str) -> Result:
    form = list_forms(page)[button.form_index]
    node = form.css("button")[button.button_index]
    desk.statements.clear()
    url, data = get_url(form, node, button.page_path), get_form_data(form, node, button.fills_form)
    response = desk.browser.client.post(url, data=data, base_url=BASE_URL)
    location, statements = response.headers.get("Location", ""), list(desk.statements)
    next_page = desk.browser.open(location).text if location else ""
    messages = Page(next_page).texts(".done p, .summary h2, .alarm h2") if location else []
    return Result(response.status_code, location, messages, next_page, statements)


def is_accepted(first: Result, second: Result) -> bool:
    """Return whether a form was accepted, and didn't sign out the person who sent it."""
    return first.status == 303 and second.status != 403


def press_twice(desk: DemoDesk, steps: Steps) -> tuple[Result, Result]:
    """Restore the database, press the buttons in sequence, and the last one twice on the same page."""
    desk.restore()
    *first_steps, button = steps
    for step in first_steps:
        press(desk, step, desk.browser.open(step.page_path).text)
    page, version = desk.browser.open(button.page_path).text, desk.remember_public_pages()
    first = press(desk, button, page)
    first = replace(first, stale_pages=desk.find_stale_pages(version) if first.status == 303 else ())
    return first, press(desk, button, page)


@pytest.fixture(scope="module")
def pages(desk: DemoDesk) -> list[tuple[str, str]]:
    return list(iter_pages(desk))


@pytest.fixture(scope="module")
def results(desk: DemoDesk, pages: list[tuple[str, str]]) -> dict[str, list[tuple[Result, Result]]]:
    """By action: the two results of each attempt, until an attempt was accepted."""
    queue = deque[Steps]((button,) for path, page in pages for button in iter_buttons(desk, path, page))
    results: dict[str, list[tuple[Result, Result]]] = {}
    accepted: set[str] = set()
    while queue:
        steps = queue.popleft()
        action = steps[-1].action
        attempts = results.setdefault(action, [])
        if action in accepted or len(attempts) >= MAX_ATTEMPTS:
            continue
        try:
            first, second = press_twice(desk, steps)
        except IndexError:  # the page no longer has this button
            continue
        attempts.append((first, second))
        if is_accepted(first, second):
            accepted.add(action)
            if len(steps) < MAX_STEPS:
                next_buttons = iter_buttons(desk, first.location, first.page)
                queue.extendleft((*steps, button) for button in next_buttons if button.action not in accepted)
    return results


def list_actions() -> list[str]:
    """Return all actions of the desk's forms, named as by `DemoDesk.name_action`."""
    rules = create_app({**configuration.load({"READERS_ASKED_ENV": "demo"}), **TEST_SETTINGS}).url_map.iter_rules()
    actions = []
    for rule in rules:
        if rule.endpoint in editor.permissions and "POST" in (rule.methods or ()):
            choices = re.search(r"<any\(([^)]*)\):\w+>", rule.rule)
            name = rule.endpoint.removeprefix("editor.")
            actions += [f"{name}/{choice.strip()}" for choice in choices[1].split(",")] if choices else [name]
    return sorted(actions)


@pytest.mark.parametrize("action", list_actions())
def test_a_form_sent_twice_does_nothing_more_and_leads_to_the_same_page(
    results: dict[str, list[tuple[Result, Result]]], action: str
) -> None:
    attempts = results.get(action, [])
    accepted = [(first, second) for first, second in attempts if is_accepted(first, second)]
    if not attempts and clock.get_clock() != clock.CLOCKS["usual"]:
        skip_without(f"page of the demo that offers {action} at this moment")  # at the usual one there has to be
    responses = [(first.status, first.messages) for first, _ in attempts]
    assert accepted or action in NOT_PRESSED or action in WITHOUT_REDIRECT, (
        f"{action} was never accepted ({responses}): give the reason in NOT_PRESSED"
    )
    for first, second in accepted:
        assert (second.status, second.location, second.messages) == (303, first.location, first.messages)
        assert set(second.statements) <= EXPECTED_STATEMENTS


def test_what_changes_a_public_page_changes_the_public_version(results: dict[str, list[tuple[Result, Result]]]) -> None:
    """Cached copies of readers' pages are valid for one version: app/db/public_version.py."""
    stale = {
        action: first.stale_pages for action, attempts in results.items() for first, _ in attempts if first.stale_pages
    }
    assert stale == {}


def test_every_form_of_the_desk_has_a_key_of_its_own(pages: list[tuple[str, str]]) -> None:
    seen: list[str] = []
    for path, page in pages:
        for form in list_forms(page):
            if urljoin(path, form.attributes.get("action") or path).startswith(DESK):
                keys = [field.attributes.get("value") or "" for field in form.css("input[name=once]")]
                assert len(keys) == 1, (path, form.attributes)
                seen += keys
    assert len(seen) == len(set(seen)) > 100


def test_only_two_modules_of_the_desk_open_a_writing_transaction() -> None:
    """They check the key of the form first."""
    writes = [
        f"{relative_name(path)}:{node.lineno}"
        for path in list_code(".py")
        if "app/editor/" in str(path)
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.Attribute) and node.attr == "write" and getattr(node.value, "id", "") == "db"
    ]
    assert {where.partition(":")[0] for where in writes} == {"app/editor/frame.py", "app/editor/idempotent_posts.py"}
