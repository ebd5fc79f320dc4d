"""A walk over every address of the house, with the demo newsroom inside: GET changes nothing, and no door stands open.

The walkers follow each link that a page shows, so that a link that leads nowhere is found as well.
"""

import re
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, Rule

import config as configuration
from app import create_app, worker
from app.actors import Clock
from app.answers import assigning
from app.db import Database
from app.editor.bulk import BULK
from app.editor.frame import editor as door_of_the_desk
from app.mail import outbox
from app.mail.message import Message
from app.models import Base
from app.newsletters.models import Newsletter
from app.newsletters.queries import desks_of
from app.people import directory, sign_in
from app.permissions import ACTS, OF_OTHERS, ROLES, Role, roles_for
from app.questions.models import Question
from demo.doors import doors
from tests.support.app import BASE_URL, IN_TESTS
from tests.support.browser import Browser
from tests.support.databases import address_of, postgres_copy
from tests.support.pages import Page, words_of

EDITOR, EXPERT = "tereza@platan.example", "gulmira@fair-hour.example"
ADMIN, ASSISTANT, ELSEWHERE = "pavel@platan.example", "aizada@platan.example", "shirin@platan.example"
DESK = "/desk/shift-change/"
EACH = 10  # how many addresses of one kind are opened by one walker

# Everybody may come here. What is not named here is a closed door.
PUBLIC = {
    "static", "mailroom.index", "mailroom.read",  # the folder of mails is there in the demo only
    "health.healthz", "health.readyz", "health.numbers",
    "entrance.ask", "entrance.ask_for_it", "entrance.code", "entrance.use_code", "entrance.link", "entrance.use_link",
    "entrance.sign_out",
    "reader.root", "reader.home", "reader.ask", "reader.ask_send", "reader.ask_send_before", "reader.back_to_form",
    "reader.join", "reader.protection",
    "reader.receipt", "reader.receipt_open", "reader.receipt_add", "reader.receipt_answer", "reader.receipt_credit", "reader.receipt_held",
    "reader.receipt_withdraw",
    "reader.answers", "reader.find_answers", "reader.story", "reader.editions", "reader.edition", "reader.calendar", "reader.feed",
    "reader.report", "reader.report_send", "reader.stop", "reader.stop_press", "reader.handbook", "reader.handbook_picture",
}  # fmt: skip
UNPRESSED = {"trail"}  # an act that is done by opening a page
FEW = ("read", "read, word, edit")  # the acts of roles that the house doesn't have, who meet nothing that they may not
# Where no page links to: each with why.
UNLINKED: dict[str, str] = {
    "static": "pages name it as style and script, not as links",
    "health.healthz": "is for machines",
    "health.readyz": "is for machines",
    "health.numbers": "is for machines",
    "reader.stop": "stands in mails to readers",
    "reader.handbook_picture": "is shown by pages of the handbook",
    "entrance.again": "is offered to an admin who proved too long ago that it is them",
    "entrance.second": "is where whoever has a second factor is led",
    "editor.expert_report": "is where reading a file of experts leads",
    "editor.search": "the form of the frame leads there",
    "editor.new_newsletter": "is offered to an admin, on the page of the settings",
    "editor.newsletters": "is offered to an admin, on the page of the settings",
    "editor.newsletter": "is offered to an admin, on the page of the settings",
    "editor.invitations": "is linked once two invitations are prepared",
    "editor.reply_address": "the script of the copy button fetches it",
    "editor.who_types": "the script of a form that saves itself asks there",
    "reader.back_to_form": "is the address of a receipt, opened after it was closed",
    "expert.back": "stands behind the addresses of buttons, for whoever comes back to one",
}


@dataclass
class Walk:
    """What one walker has opened: how each address answered, and which address belongs to which endpoint."""

    answers: dict[str, int] = field(default_factory=dict)
    endpoints: dict[str, list[str]] = field(default_factory=dict)
    presses: set[str] = field(default_factory=set)
    offers: set[tuple[str, str, str]] = field(default_factory=set)  # the page, what is offered there, the act it needs


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def platan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app of the demo newsroom, after its year."""
    folder = tmp_path_factory.mktemp("platan")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_year'), folder / 'newsroom.db')}"
        else:
            url = address_of(stack.enter_context(postgres_copy(request.getfixturevalue("postgres_year"))))
        environ = {"READERS_ASKED_ENV": "demo", "DATABASE_URL": url, "MAIL_FOLDER": str(folder)}
        app = create_app({**configuration.load(environ), **IN_TESTS, "LIMITS": False})
        yield app
        app.extensions["database"].close()


def adapter(app: Flask) -> MapAdapter:
    return app.url_map.bind(urlsplit(BASE_URL).netloc, url_scheme="https")


def links(address: str, page: str) -> list[str]:
    """The addresses of this house that a page links to, without what stands behind a #."""
    found = (urljoin(f"{BASE_URL}{address}", href) for href in Page(page).attributes("a", "href"))
    parts = (urlsplit(href) for href in found if href.startswith(f"{BASE_URL}/"))
    return [part.path + (f"?{part.query}" if part.query else "") for part in parts]


def presses(page: str) -> set[str]:
    """Where the buttons of a page's forms lead."""
    read = Page(page)
    sent = [
        *read.attributes("form[method=post]:has(button)", "action"),
        *read.attributes("form[method=post] button:not([formmethod])", "formaction"),
    ]
    return {href.partition("?")[0].partition("#")[0] for href in sent}


def offers(app: Flask, address: str, page: str) -> Iterator[tuple[str, str]]:
    """What a page of the desk offers that not everybody there may press or open, and the act that it needs."""
    at, read = adapter(app), Page(page)
    for form in read.tree.css("form[method=post]"):
        for button in form.css("button:not([formmethod])"):
            sent = button.attributes.get("formaction") or form.attributes.get("action") or address
            path = re.split(r"[?#]", sent)[0]
            endpoint, _ = at.match(path, method="POST")
            if endpoint in door_of_the_desk.acts:
                offer = f"the button {words_of(button)!r} to {path}"
                yield offer, door_of_the_desk.act_of(endpoint, path)
                _act, bulk = BULK.get(path.rpartition("/")[2], ("", None))
                if bulk and (act := bulk.presses[button.attributes.get("value") or ""].act):
                    yield offer, act
    for href in links(address, page):
        path = href.partition("?")[0]
        with suppress(HTTPException):  # one that leads nowhere is told of elsewhere
            endpoint, _ = at.match(path, method="GET")
            if endpoint in door_of_the_desk.acts:
                yield f"a link to {path}", door_of_the_desk.act_of(endpoint, path)


def walk(app: Flask, browser: Browser, start: list[str], each: int = EACH, under: str = "/") -> Walk:
    """Open `start` and all that can be reached from there, up to `each` addresses of a kind, all of them `under` one."""
    taken, seen, opened = Walk(), set(start), Counter[str]()
    todo = deque(start)
    while todo:
        address = todo.popleft()
        try:
            endpoint, _ = adapter(app).match(address.partition("?")[0], method="GET")
        except HTTPException as missing:
            taken.answers[address] = missing.code or 0
            continue
        if opened[endpoint] >= each:
            continue
        opened[endpoint] += 1
        response = browser.open(address)
        taken.answers[address] = response.status_code
        taken.endpoints.setdefault(endpoint, []).append(address)
        taken.presses |= presses(response.text)
        if address.startswith("/desk/"):
            taken.offers |= {(address, *offer) for offer in offers(app, address, response.text)}
        found = [response.headers["Location"]] if 300 <= response.status_code < 400 else links(address, response.text)
        for href in found:
            path = href.removeprefix(BASE_URL)
            if path not in seen and path.startswith(under):
                seen.add(path)
                todo.append(path)
    return taken


def signed_in(app: Flask, email: str, door: str) -> Browser:
    """Somebody's browser, let in by an invitation."""
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


def dump(app: Flask) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    database: Database = app.extensions["database"]
    with database.read() as session:
        return {
            name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for name, table in Base.metadata.tables.items()
        }


def _draft_an_assignment(session: Session) -> None:
    """Somebody has begun to ask an expert and gone home; the demo's own people finish what they begin."""
    tereza = directory.by_email(session, EDITOR)
    assert tereza is not None
    newsletter = desks_of(session, tereza.id)[0]
    actor = directory.staff_actor(session, tereza.id, newsletter.id)
    assert actor is not None
    question = session.scalars(select(Question).filter_by(newsletter_id=newsletter.id, state="open")).first()
    expert = directory.record_expert(session, actor, "Laura Venter", "laura@gauges.example")
    assert question is not None
    assigning.assign(session, actor, question, expert)


def _hold_a_mail(session: Session) -> None:
    """A mail waits for an editor; in the demo nobody holds any."""
    newsletter = session.scalars(select(Newsletter).order_by(Newsletter.id)).first()
    assert newsletter is not None
    letter = Message("expert.returned", "laura@gauges.example", "Laura", "One more thing", "Which year?\n", "en", "T")
    outbox.put(session, letter, newsletter_id=newsletter.id, hold=True)


@pytest.fixture(scope="module")
def walks(platan: Flask) -> dict[str, Walk]:
    """A reader, the people of the desk, an expert by a mailed link, and one with an account look at all that they can."""
    database: Database = platan.extensions["database"]
    database.write(_draft_an_assignment)
    database.write(_hold_a_mail)
    worker.run(platan, once=True)  # so that there are mails in the folder
    editor, expert = signed_in(platan, EDITOR, "desk"), signed_in(platan, EXPERT, "expert")
    admin, assistant = signed_in(platan, ADMIN, "desk"), signed_in(platan, ASSISTANT, "desk")
    waiting = Browser(platan)
    waiting.open("/sign-in")
    assert waiting.press("/sign-in", email=EDITOR).status_code == 303
    shown = [address.removeprefix(BASE_URL) for _, address in doors(database)]
    before = dump(platan)
    made = {
        "a reader": walk(platan, Browser(platan), ["/", *shown]),
        "Tereza the editor": walk(platan, editor, ["/desk/", "/signed-in"]),
        "Pavel the admin": walk(platan, admin, [f"{DESK}people"], under=f"{DESK}people"),
        "Aizada the assistant": walk(platan, assistant, [DESK], each=3),
        "somebody who waits for the mail": walk(platan, waiting, ["/sign-in/code"]),
        "Gulmira the expert": walk(platan, expert, ["/expert/"]),
    }
    for acts in FEW:  # pages ask for acts and for no role, so an assistant with other acts is somebody new
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(ROLES, "assistant", Role(acts, frozenset(acts.split(", "))))
            made[acts] = walk(platan, assistant, [DESK], each=5, under=DESK)
    after = dump(platan)
    assert [name for name in before if before[name] != after[name]] == [], "a GET has changed these tables"
    assert sum(len(rows) for rows in before.values()) > 1_000
    return made


def test_a_get_changes_nothing(walks: dict[str, Walk]) -> None:
    """The comparison itself is made around the walk; here it is seen that the walk was no short one."""
    long = ("a reader", "Tereza the editor", "Gulmira the expert")
    assert {name: len(walks[name].answers) > 20 for name in long} == dict.fromkeys(long, True)


def test_no_link_of_any_page_leads_nowhere(walks: dict[str, Walk]) -> None:
    broken = {
        f"{name}: {address} {status}"
        for name, one in walks.items()
        for address, status in one.answers.items()
        if status not in (200, 303, 304)
    }
    assert broken == set()


def test_every_page_was_seen(platan: Flask, walks: dict[str, Walk]) -> None:
    reached = {endpoint for one in walks.values() for endpoint in one.endpoints}
    pages = {rule.endpoint for rule in platan.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert pages - reached == set(UNLINKED)


def known(walks: dict[str, Walk], app: Flask) -> dict[tuple[str, str], object]:
    """Real values for the parts of addresses, by the word before them: what ("questions", "public_id") can be."""
    found: dict[tuple[str, str], object] = {}
    for one in walks.values():
        for address in (address for addresses in one.endpoints.values() for address in addresses):
            rule, values = adapter(app).match(address.partition("?")[0], method="GET", return_rule=True)
            for before, name in parts(rule):
                found.setdefault((before, name), values[name])
    return found


def known_together(walks: dict[str, Walk], app: Flask) -> list[dict[tuple[str, str], object]]:
    """The parts of each address that was opened or that a button leads to: an answer is found under its own question."""
    opened = [("GET", one) for walk in walks.values() for some in walk.endpoints.values() for one in some]
    found = []
    for method, address in [*(("POST", one) for walk in walks.values() for one in sorted(walk.presses)), *opened]:
        rule, values = adapter(app).match(address.partition("?")[0], method=method, return_rule=True)
        found.append({place: values[place[1]] for place in parts(rule)})
    return found


def parts(rule: Rule) -> list[tuple[str, str]]:
    """Each variable of a rule with the fixed word before it."""
    words = re.findall(r"<(?:[^:<>]*:)?(\w+)>|([^/<>]+)", rule.rule)
    return [
        (next((fixed for _, fixed in reversed(words[:at]) if fixed), ""), name)
        for at, (name, _) in enumerate(words)
        if name
    ]


def closed_addresses(app: Flask, walks: dict[str, Walk]) -> list[tuple[str, str, str]]:
    """Each method, endpoint and real address behind a closed door. OPTIONS is Flask's own answer and shows nothing."""
    values, found = known(walks, app), []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC:
            continue
        given = {}
        for before, name in parts(rule):
            choice = re.search(rf"<any\(([^)]*)\):{name}>", rule.rule)
            value = choice[1].split(",")[0].strip().strip("'\"") if choice else values.get((before, name))
            given[name] = value or "0123456789AB"
        address = adapter(app).build(rule.endpoint, given, method=sorted(rule.methods or ())[0])
        found += [(method, rule.endpoint, address) for method in sorted((rule.methods or set()) - {"OPTIONS"})]
    return found


def test_every_closed_door_is_closed_to_strangers(platan: Flask, walks: dict[str, Walk]) -> None:
    """With real addresses, every method, and the form tokens not asked for, so that it is the gate that answers."""
    platan.config["WTF_CSRF_ENABLED"] = False
    try:
        stranger = platan.test_client()
        answers = [
            (method, endpoint, stranger.open(address, method=method, base_url=BASE_URL))
            for method, endpoint, address in closed_addresses(platan, walks)
            if "/a/" not in address
        ]
    finally:
        platan.config["WTF_CSRF_ENABLED"] = True
    assert len(answers) > 80
    opened = {
        (method, endpoint, answer.status_code)
        for method, endpoint, answer in answers
        if not (
            answer.status_code in (403, 404)  # 403: an expert's form whose session has ended, shown again and not taken
            or (answer.status_code == 303 and urlsplit(answer.headers["Location"]).path == "/sign-in")
        )
    }
    assert opened == set()


def test_a_link_that_nobody_was_given_opens_nothing(platan: Flask, walks: dict[str, Walk]) -> None:
    platan.config["WTF_CSRF_ENABLED"] = False
    try:
        stranger = platan.test_client()
        answers = {
            (method, endpoint): stranger.open(
                re.sub(r"/a/[^/]+", "/a/AAAAAAAAAAAAAAAAAAAAAA", address),
                method=method,
                follow_redirects=endpoint == "expert.back",
            )
            for method, endpoint, address in closed_addresses(platan, walks)
            if address.startswith("/a/")
        }
    finally:
        platan.config["WTF_CSRF_ENABLED"] = True
    assert len(answers) > 10
    assert {key: answer.status_code for key, answer in answers.items() if answer.status_code != 404} == {}


def test_an_expert_is_a_stranger_at_the_desk_and_an_editor_at_the_experts_door(
    platan: Flask, walks: dict[str, Walk]
) -> None:
    for email, door, other in ((EDITOR, "desk", "expert"), (EXPERT, "expert", "editor")):
        browser = signed_in(platan, email, door)
        pages = [
            address
            for method, endpoint, address in closed_addresses(platan, walks)
            if method == "GET" and endpoint.startswith(f"{other}.") and not address.startswith("/a/")
        ]
        assert len(pages) > 2
        assert {address: browser.open(address).status_code for address in pages} == dict.fromkeys(pages, 303)


def test_the_list_of_public_addresses_is_not_longer_than_the_house(platan: Flask) -> None:
    assert PUBLIC - {rule.endpoint for rule in platan.url_map.iter_rules()} == set()


def test_a_form_without_its_token_is_refused(platan: Flask, walks: dict[str, Walk]) -> None:
    """For staff and experts: somebody else's page can't send a form in their name."""
    editor = signed_in(platan, EDITOR, "desk")
    posts = [
        address
        for method, endpoint, address in closed_addresses(platan, walks)
        if method == "POST" and endpoint.startswith("editor.")
    ]
    assert len(posts) > 20
    answers = {address: editor.client.post(address, base_url=BASE_URL).status_code for address in posts}
    assert answers == dict.fromkeys(posts, 400)


def presses_of_the_desk(app: Flask, walks: dict[str, Walk]) -> list[tuple[str, str]]:
    """Each act that a press at this desk can be, with a real address; what takes somebody or something away comes last."""
    values, together, found = known(walks, app), known_together(walks, app), []
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("editor.") or "POST" not in (rule.methods or ()):
            continue
        listed = re.search(r"<any\(([^)]*)\):(\w+)>", rule.rule)
        places = [place for place in parts(rule) if not listed or place[1] != listed[2]]
        whole = next((one for one in together if all(place in one for place in places)), values)
        names = {place[1]: whole.get(place) for place in places}
        given = {name: value or "0123456789AB" for name, value in names.items()}
        for choice in [one.strip() for one in listed[1].split(",")] if listed else [""]:
            act = door_of_the_desk.act_of(rule.endpoint, choice)
            address = adapter(app).build(rule.endpoint, given | ({listed[2]: choice} if listed else {}), method="POST")
            found.append((act, address))
    return sorted(found, key=lambda one: one[1].endswith(("/split", "/remove", "/withdraw", "/deactivate")))


def test_whoever_presses_may_what_the_table_says_and_for_others_there_is_nothing(
    platan: Flask, walks: dict[str, Walk]
) -> None:
    """Every press of the desk, empty, by Shirin, who edits another newsletter, and by each role, the highest last, since
    some presses do something. Where the table says no there is nothing; where it says yes there is at least what an admin
    finds, who may everything: nothing only where the form had to say more, or where another press had taken it away.
    """
    presses = presses_of_the_desk(platan, walks)
    hands = {"": ELSEWHERE, "assistant": ASSISTANT, "editor": EDITOR, "admin": ADMIN}
    answers: dict[str, list[int]] = {}
    platan.config["WTF_CSRF_ENABLED"] = False
    try:
        for role, email in hands.items():
            browser = signed_in(platan, email, "desk")
            answers[role] = [browser.client.post(address, base_url=BASE_URL).status_code for _act, address in presses]
    finally:
        platan.config["WTF_CSRF_ENABLED"] = True
    there = {
        act
        for statuses in answers.values()
        for (act, _), status in zip(presses, statuses, strict=True)
        if status != 404
    }
    assert there == set(ACTS) - set(OF_OTHERS) - UNPRESSED
    for role, statuses in answers.items():
        wrong = [
            (role, act, address, status)
            for (act, address), status, admins in zip(presses, statuses, answers["admin"], strict=True)
            if status >= 500 or (status == 404 != admins if role in roles_for(act) else status != 404)
        ]
        assert wrong == []


def theirs(walker: str) -> frozenset[str]:
    """The acts of whoever walked."""
    known = {"Tereza the editor": ROLES["editor"].acts, "Aizada the assistant": ROLES["assistant"].acts}
    return known.get(walker) or frozenset(walker.split(", "))


@pytest.mark.parametrize("walker", ["Tereza the editor", "Aizada the assistant", *FEW])
def test_no_page_offers_what_its_reader_may_not(walks: dict[str, Walk], walker: str) -> None:
    """A button, a form or a link whose act somebody lacks isn't shown to them: pages ask `may(act)`, a form that is one
    button and one that is folded ask by themselves.
    """
    assert len(walks[walker].answers) > 60
    assert [
        f"the page {page} offers {offer}, which needs the act {act!r}: ask may({act!r}) there"
        for page, offer, act in sorted(walks[walker].offers)
        if act not in theirs(walker)
    ] == []


def test_the_walk_sees_what_pages_offer(walks: dict[str, Walk]) -> None:
    seen = {act for _page, _offer, act in walks["Tereza the editor"].offers}
    assert ROLES["editor"].acts - seen == {"read", "clear", "undo"}  # these two need a press that came before
