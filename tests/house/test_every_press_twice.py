"""Every address of the desk that takes a press is pressed twice, with the demo's year inside: the second does nothing more."""

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
EACH = 7  # how many pages of one kind are looked at for forms
LOOKED_AT = (
    "home",
    "ask",
    "answers",
    "corrections",
    "json_feed",
    "story",
    "edition",
    "topic",
    "expert",
)  # public pages
TRIES = 3  # ways to one press that are tried until it is taken
DEEP = 4  # presses of one way: what is locked can be sent, and what was sent can be recalled
TOMORROW = (utc_now() + timedelta(days=1)).date().isoformat()
TYPED = {
    "text": "Who measures the salt there?",
    "email": "new@gauges.example",
    "date": TOMORROW,
    "datetime-local": f"{TOMORROW}T12:00",
    "number": "30",
}
# What the demo's year may have no form for, or wants more for than something in each field; where it is pressed all the
# same, it is looked at like the others. They go through the same `change`, and the last two tests look at all of them.
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
    "nothing stands so at the end of the year, or behind the first pages",
)
NOT_PRESSED |= dict.fromkeys(
    ("expert_file_drop", "expert_import", "back_issues_drop", "back_issues_import", "back_issues_undo"),
    "a file has to be read first",
)
NOT_PRESSED |= dict.fromkeys(
    ("remove_expert_photo", "save_expert_photo"), "it wants a picture: tests/people/test_expert_photos.py"
)
NOT_PRESSED |= dict.fromkeys(("letter_file", "press/send"), "tests/desk/test_pressed_twice.py presses it")
NOT_PRESSED |= dict.fromkeys(
    ("question_correct", "question_protect", "question_forget_words"), "tests/desk/test_after_sending.py presses it"
)
NOT_PRESSED |= dict.fromkeys(
    ("question_keep_words", "question_erase_words"), "tests/workflows/test_words_of_open_questions.py presses it"
)
NOT_PRESSED |= dict.fromkeys(
    ("drop_draft", "keep_draft"), "tests/desk/test_form_drafts.py sends it, as the script does"
)
NOT_PRESSED |= dict.fromkeys(
    (
        *("add_program", "show_program_secret", "tell_program_again", "try_program"),
        *(f"press_program/{act}" for act in ("pause", "remove", "renew", "resume")),
    ),
    "it wants an address in the public internet: tests/desk/test_other_programs.py",
)
NOT_PRESSED |= dict.fromkeys(
    ("keep_sending_tool", "try_sending_tool", "forget_sending_tool", "hand_over"),
    "its key has to be typed well: tests/desk/test_sending_tool.py",
)
NOT_PRESSED |= {
    "letter_translate": "the house has no machine of its own: tests/desk/test_machine_translation.py",
    "make_newsletter": "its short name has to be typed well: tests/desk/test_new_newsletter.py",
    "press/arrange": "the script of the builder sends it",
    "press_colleague/out": "it signs out whoever presses it, where there is nobody else to sign out",
}
# What a press tries before it is known whether it was made before, and that somebody was there.
TO_BE_TRIED = {"INSERT INTO press_keys", "DELETE FROM form_drafts", "UPDATE sessions"}
TAKEN_ALONG = dict.fromkeys(
    ("expert_export", "export_contacts", "export_letters", "export_newsletter", "export_questions", "mail_file_take"),
    "it gives a file to take along, and leads nowhere",
)
TAKEN_ALONG |= dict.fromkeys(
    ("expert_address", "expert_addresses", "mail_address", "pen_address"),
    "it shows an address and leads nowhere; whoever looks twice is twice in the trail",
)


@dataclass(frozen=True)
class Button:
    """A button of a page: where it is, by its number, and the press that it makes."""

    page: str
    form: int
    place: int
    press: str
    filled: bool  # something is typed into each empty field, every box is ticked


KINDS = (
    ("letters", Letter, "state", "author", "filed_as"),
    ("questions", Question, "state"),
    ("outbox", OutboxMail, "state"),
    ("pen", Inbound, "state"),
)
Way = tuple[Button, ...]  # buttons that are pressed one after the other, each on the page that the last one led to


@dataclass(frozen=True)
class Taken:
    """How a press was answered, where it led, what was said there, what it wrote into which tables, and which public pages
    it changed without another version of what readers see."""

    status: int
    led: str
    said: list[str]
    page: str
    written: list[str]
    unseen: tuple[str, ...] = ()


class House:
    """The demo's house, which can be put back as it was."""

    def __init__(self, app: Flask, url: str) -> None:
        self.app, self.database, self.path = app, app.extensions["database"], Path(url.removeprefix("sqlite:///"))
        self.browser = Browser(app)
        link = self.database.write(self._invite)
        self.browser.open(link)
        assert self.browser.press(link).status_code == 303
        self.cookies = dict(self.browser.client._cookies)
        self.database.close()
        self.kept = shutil.copy(self.path, self.path.with_suffix(".kept"))
        self.written: list[str] = []
        public = list_public_paths(self.database, DESK.split("/")[2])
        self.public = [public[name] for name in LOOKED_AT if name in public]
        self.made: dict[object, dict[str, object]] = {}  # public pages, as they were made for a version
        event.listen(self.database.writer, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if found := re.match(r"(INSERT INTO|UPDATE|DELETE FROM) (\w+)", statement):
            self.written.append(" ".join(found.groups()))

    @staticmethod
    def _invite(session: Session) -> str:
        person = directory.by_email(session, ADMIN)
        assert person is not None
        return sign_in.invite(session, Clock(), person, "desk")

    def one_of_each(self) -> list[str]:
        """The page of a letter, a question, a mail and a penned mail of each kind and state."""
        found = {}
        with self.database.read() as session:
            here = session.scalars(select(Newsletter.id).filter_by(slug=DESK.split("/")[2])).one()
            for path, noun, *kinds in KINDS:
                for row in session.scalars(select(noun).filter_by(newsletter_id=here).order_by(noun.id)):
                    found[(path, *(getattr(row, kind) for kind in kinds))] = f"{DESK}{path}/{row.public_id}"
        return list(found.values())

    def version(self) -> object:
        """The version of what readers see; it is known then how their pages look with it."""
        version = read_public_version(self.database, DESK.split("/")[2])
        if version not in self.made:
            self.made[version] = {path: render_page(self.app, path) for path in self.public}
        return version

    def unseen(self, before: object) -> tuple[str, ...]:
        """The public pages that look otherwise than with the version `before`, if that is still the one."""
        if read_public_version(self.database, DESK.split("/")[2]) != before:
            return ()
        return tuple(path for path, page in self.made[before].items() if render_page(self.app, path) != page)

    def put_back(self) -> None:
        self.database.close()
        for end in ("-wal", "-shm"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)
        shutil.copy(self.kept, self.path)
        self.browser.client._cookies = dict(self.cookies)
        self.database.write(self._prove_again)
        self.written.clear()

    @staticmethod
    def _prove_again(session: Session) -> None:
        """Who signed in when the walk began would have to prove once more who they are, if the machine is slow."""
        session.execute(update(BrowserSession).values(stepped_up_at=now(session)))

    def endpoint(self, path: str, method: str) -> str:
        return str(self.app.url_map.bind(urlsplit(BASE_URL).netloc, url_scheme="https").match(path, method=method)[0])

    def press(self, address: str) -> str:
        """What a button presses: "editor.press" alone, or with the last word of the address where that is the press."""
        path = re.split(r"[?#]", address)[0]
        endpoint, last = self.endpoint(path, "POST"), path.rpartition("/")[2]
        rule = next(one for one in self.app.url_map.iter_rules(endpoint) if "POST" in (one.methods or ()))
        return (
            f"{endpoint.removeprefix('editor.')}/{last}" if "<any(" in rule.rule else endpoint.removeprefix("editor.")
        )


@pytest.fixture(scope="module")
def house(sqlite_year: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("twice")
    url = f"sqlite:///{shutil.copy(sqlite_year, folder / 'newsroom.db')}"
    environ = {
        "READERS_ASKED_ENV": "demo",
        "DATABASE_URL": url,
        "MAIL_FOLDER": str(folder),
        "ERASURES": f"{folder}/erasures",
    }
    app = create_app({**configuration.load(environ), **TEST_SETTINGS, "LIMITS": False, "TESTING": False})
    yield House(app, url)
    app.extensions["database"].close()


def forms(page: str) -> list[LexborNode]:
    return Page(page).tree.css("form[method=post]")


def address_of(form: LexborNode, button: LexborNode, page: str) -> str:
    return urljoin(page, button.attributes.get("formaction") or form.attributes.get("action") or page)


def pages(house: House) -> Iterator[tuple[str, str]]:
    """The pages of the desk that links lead to, with what stands there, up to `EACH` of a kind."""
    starts = [DESK, *house.one_of_each()]
    todo, seen, opened = deque(starts), {*starts}, Counter[str]()
    while todo:
        address = todo.popleft()
        with suppress(HTTPException):
            endpoint = house.endpoint(address.partition("?")[0], "GET")
            opened[endpoint] += address not in starts
            if opened[endpoint] > EACH:
                continue
            response = house.browser.open(address)
            if response.status_code != 200 or response.mimetype != "text/html":
                response.close()  # a file is written as it is read, in its request's context
                continue
            yield address, response.text
            for href in Page(response.text).attributes("a", "href"):
                path = urljoin(address, href).partition("#")[0]
                if path.startswith(DESK) and path not in seen:
                    seen.add(path)
                    todo.append(path)


def buttons(house: House, address: str, page: str) -> Iterator[Button]:
    """The buttons of a page that press something at the desk."""
    for number, form in enumerate(forms(page)):
        for place, button in enumerate(form.css("button")):
            if (path := address_of(form, button, address)).startswith(DESK) and "formmethod" not in button.attributes:
                for filled in (False, True):
                    yield Button(address, number, place, house.press(path), filled)


def fields_of(form: LexborNode, button: LexborNode, filled: bool) -> dict[str, Any]:
    """What a browser would send: the form as it is, or with every box ticked and something typed into each empty field."""
    sent: dict[str, list[Any]] = {}
    for one in form.css("input[name], textarea[name], select[name]"):
        given = one.attributes
        name, kind = given["name"] or "", given.get("type") or one.tag
        if kind == "file":
            sent[name] = [(BytesIO(b"name,email\r\nLaura Venter,laura@gauges.example\r\n"), "experts.csv")]
        elif name in TYPED and filled:
            sent[name] = [TYPED[name]]
        elif kind == "select":
            options = [option.attributes.get("value") or "" for option in one.css("option")]
            chosen = [option.attributes.get("value") or "" for option in one.css("option[selected]")]
            sent[name] = chosen or [next(filter(None, options), "")]
        elif kind == "radio" and "checked" not in given and name in sent:
            continue
        elif kind == "radio":
            sent[name] = [given.get("value") or ""]
        else:
            text = one.text() if kind == "textarea" else given.get("value") or ""
            instead = TYPED.get(kind, TYPED["text"]) if filled and kind != "hidden" else ""
            if kind != "checkbox" or filled or "checked" in given:
                sent.setdefault(name, []).append(text or instead)
    if name := button.attributes.get("name"):
        sent[name] = [button.attributes.get("value") or ""]
    return sent


def press_once(house: House, button: Button, page: str) -> Taken:
    form = forms(page)[button.form]
    node = form.css("button")[button.place]
    house.written.clear()
    address, data = address_of(form, node, button.page), fields_of(form, node, button.filled)
    answer = house.browser.client.post(address, data=data, base_url=BASE_URL)
    led, written = answer.headers.get("Location", ""), list(house.written)
    page = house.browser.open(led).text if led else ""
    said = Page(page).texts(".done p, .summary h2, .alarm h2") if led else []
    return Taken(answer.status_code, led, said, page, written)


def was_taken(first: Taken, second: Taken) -> bool:
    """Return whether it did something, and wasn't to sign out whoever pressed."""
    return first.status == 303 and second.status != 403


def press_twice(house: House, way: Way) -> tuple[Taken, Taken]:
    """Go a way from the year's end, and press the same form of its last page twice."""
    house.put_back()
    for button in way[:-1]:
        press_once(house, button, house.browser.open(button.page).text)
    page, before = house.browser.open(way[-1].page).text, house.version()
    first = press_once(house, way[-1], page)
    first = replace(first, unseen=house.unseen(before) if first.status == 303 else ())
    return first, press_once(house, way[-1], page)


@pytest.fixture(scope="module")
def walked(house: House) -> list[tuple[str, str]]:
    return list(pages(house))


@pytest.fixture(scope="module")
def presses(house: House, walked: list[tuple[str, str]]) -> dict[str, list[tuple[Taken, Taken]]]:
    """Every press that is offered somewhere, twice: as it was answered each time, until one way to it was taken."""
    todo = deque[Way]((one,) for address, page in walked for one in buttons(house, address, page))
    found: dict[str, list[tuple[Taken, Taken]]] = {}
    done: set[str] = set()
    while todo:
        way = todo.popleft()
        press = way[-1].press
        answers = found.setdefault(press, [])
        if press in done or len(answers) >= TRIES:
            continue
        try:
            first, second = press_twice(house, way)
        except IndexError:  # the way leads elsewhere than when it was found
            continue
        answers.append((first, second))
        if was_taken(first, second):
            done.add(press)
            if len(way) < DEEP:
                todo.extendleft((*way, one) for one in buttons(house, first.led, first.page) if one.press not in done)
    return found


def every_press() -> list[str]:
    """Each address that takes a press, by its view, and each press of those that take several."""
    rules = create_app({**configuration.load({"READERS_ASKED_ENV": "demo"}), **TEST_SETTINGS}).url_map.iter_rules()
    found = []
    for rule in rules:
        if rule.endpoint in editor.permissions and "POST" in (rule.methods or ()):
            listed = re.search(r"<any\(([^)]*)\):\w+>", rule.rule)
            name = rule.endpoint.removeprefix("editor.")
            found += [f"{name}/{one.strip()}" for one in listed[1].split(",")] if listed else [name]
    return sorted(found)


@pytest.mark.parametrize("press", every_press())
def test_the_second_of_two_presses_does_nothing_and_sees_the_same_page(
    presses: dict[str, list[tuple[Taken, Taken]]], press: str
) -> None:
    answers = presses.get(press, [])
    taken = [(first, second) for first, second in answers if was_taken(first, second)]
    said = [(one.status, one.said) for one, _ in answers]
    if not answers and clock.get_clock() != clock.CLOCKS["usual"]:
        skip_without(f"page of the demo that offers {press} at this moment")  # at the usual one there has to be
    assert taken or press in NOT_PRESSED or press in TAKEN_ALONG, (
        f"{press} was never taken ({said}): say in NOT_PRESSED why"
    )
    for first, second in taken:
        assert (second.status, second.led, second.said) == (303, first.led, first.said)
        assert set(second.written) <= TO_BE_TRIED


def test_what_a_press_changes_for_readers_draws_another_version(presses: dict[str, list[tuple[Taken, Taken]]]) -> None:
    """Copies of readers' pages are good for a version: app/db/public_version.py."""
    unseen = {press: first.unseen for press, answers in presses.items() for first, _ in answers if first.unseen}
    assert unseen == {}


def test_every_form_of_the_desk_carries_a_key_of_its_own(walked: list[tuple[str, str]]) -> None:
    seen: list[str] = []
    for address, page in walked:
        for form in forms(page):
            if urljoin(address, form.attributes.get("action") or address).startswith(DESK):
                keys = [one.attributes.get("value") or "" for one in form.css("input[name=once]")]
                assert len(keys) == 1, (address, form.attributes)
                seen += keys
    assert len(seen) == len(set(seen)) > 100


def test_the_desk_changes_nothing_but_through_the_press_that_takes_its_key() -> None:
    writes = [
        f"{relative_name(path)}:{node.lineno}"
        for path in list_code(".py")
        if "app/editor/" in str(path)
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.Attribute) and node.attr == "write" and getattr(node.value, "id", "") == "db"
    ]
    assert {where.partition(":")[0] for where in writes} == {"app/editor/frame.py", "app/editor/idempotent_posts.py"}
