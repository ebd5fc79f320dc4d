"""A crawl of every page of the demo newsroom: GET changes nothing, no link is broken, and no door stands open."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app.core.permissions import ACTS, OTHER_ACTS, ROLES, Role, roles_for
from app.db.engine import Database
from app.editor.frame import editor as door_of_the_desk
from demo.entry_urls import list_entry_urls
from tests.support import database_checks
from tests.support.app import BASE_URL
from tests.support.crawler import (
    ADMIN,
    ASSISTANT,
    DESK,
    EDITOR,
    EXPERT,
    FILTERED_LISTS,
    MAX_PER_ENDPOINT,
    OTHER_DESK_EDITOR,
    Crawl,
    bind_url_map,
    crawl,
    create_draft_assignment,
    create_held_mail,
    dump_tables_without_seen_at,
    list_questions_in_all_states,
    open_demo_app,
    sign_in_browser,
)
from tests.support.pages import Browser

# Everybody may come here. What is not named here is a closed door.
PUBLIC = {
    "static", "mailroom.index", "mailroom.read",  # the folder of mails is there in the demo only
    "health.healthz", "health.readyz", "health.numbers",
    "expert.removal", "entrance.sign_in_page", "entrance.request_sign_in", "entrance.code_page", "entrance.use_code", "entrance.link_page", "entrance.use_link",
    "entrance.links_page", "entrance.lost_token", "entrance.cut_link", "entrance.request_links", "entrance.links_requested",
    "entrance.sign_out",
    "reader.root", "reader.home", "reader.ask", "reader.ask_send", "reader.ask_send_before", "reader.back_to_form",
    "reader.join", "reader.protection",
    "reader.receipt", "reader.receipt_open", "reader.receipt_add", "reader.receipt_answer", "reader.receipt_credit", "reader.receipt_held",
    "reader.receipt_withdraw",
    "reader.answers", "reader.topic", "reader.answers_in_language", "reader.expert", "reader.card", "reader.find_answers", "reader.found", "reader.story", "reader.editions", "reader.edition", "reader.corrections", "reader.calendar", "reader.feed",
    "reader.report", "reader.report_send", "reader.short_address", "reader.stop", "reader.stop_press", "reader.handbook", "reader.handbook_picture",
    "reader.framed_answers", "reader.framed_ask", "reader.begin", "reader.json_feed",
    "reader.forget", "reader.robots", "reader.sitemap", "reader.sitemap_of_pages", "reader.sitemap_of_year",
}  # fmt: skip
SOME = "012345678901"  # a public id, and a number, of nothing
UNPRESSED = {"trail"}  # an act that is done by opening a page
FEW = ("read", "read, word, edit")  # the acts of roles that the house doesn't have, who meet nothing that they may not
# Where no page links to: each with why.
UNLINKED: dict[str, str] = {
    "static": "pages name it as style and script, not as links",
    **dict.fromkeys(("health.healthz", "health.readyz", "health.numbers"), "is for machines"),
    "reader.card": "the head of a Q&A's page names it",
    "reader.stop": "stands in mails to readers",
    "reader.json_feed": "programs find it in the head of the pages",
    "reader.framed_answers": "stands in frames",
    "reader.framed_ask": "stands in frames",
    "reader.forget": "is the style sheet by which a browser forgets a form",
    "reader.robots": "search engines ask for it",
    "reader.sitemap": "robots.txt names it",
    **dict.fromkeys(("reader.sitemap_of_pages", "reader.sitemap_of_year"), "the sitemap names it"),
    "reader.handbook_picture": "is shown by pages of the handbook",
    **dict.fromkeys(("reader.photo", "expert.own_photo", "editor.expert_photo"), "pages show it as a picture"),
    **dict.fromkeys(("entrance.lost_token", "entrance.cut_link"), "is where a link that was cut off leads"),
    "entrance.links_page": "is offered where links were requested",
    "entrance.links_requested": "is where requesting one's links leads",
    "entrance.prove_again_page": "is offered to an admin who proved too long ago that it is them",
    "entrance.redirect_to_provider": "is offered where the house has accounts of a provider",
    "entrance.provider_callback": "is where the provider sends one back",
    "editor.go_on": "is where a press waits for a proof",
    "entrance.second_factor_page": "is where whoever has a second factor is led",
    "editor.expert_wrong_rows": "is offered where a file of experts has wrong rows",
    "reader.answers_in_language": "is linked once a translation has run",
    "reader.found": "is where a search leads",
    "editor.expert_report": "is where reading a file of experts leads",
    "editor.back_issues_report": "is where reading files of editions leads",
    "editor.search": "the form of the frame leads there",
    "editor.new_newsletter": "is offered to an admin, on the page of the settings",
    "editor.newsletters": "is offered to an admin, on the page of the settings",
    "editor.newsletter": "is offered to an admin, on the page of the settings",
    "editor.programs": "is offered to an admin, on the page of the settings",
    "editor.program": "is linked from the list of them, once there is one",
    "editor.invitations": "is linked once two invitations are prepared",
    "editor.reply_address": "the script of the copy button fetches it",
    "editor.mail_picture": "is shown by the page of a file that hung on a mail",
    "editor.mail_file_text": "is linked from the page of a document that hung on a mail",
    "editor.who_types": "the script of a form that saves itself asks there",
    "reader.back_to_form": "is the address of a receipt, opened after it was closed",
    **dict.fromkeys(("translator.back", "expert.back"), "stands behind the addresses of buttons, for who comes back"),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def platan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app of the demo newsroom, after its year."""
    yield from open_demo_app(request, tmp_path_factory.mktemp("platan"))


@pytest.fixture(scope="module")
def walked(platan: Flask) -> tuple[dict[str, Crawl], database_checks.StatementLog]:
    """A reader, the people of the desk, an expert by a mailed link, and one with an account look at all that they can."""
    database: Database = platan.extensions["database"]
    database.write(create_draft_assignment)
    database.write(create_held_mail)
    with database_checks.log_statements(database) as asked:
        return _walked(platan, asked), asked


@pytest.fixture(scope="module")
def walks(walked: tuple[dict[str, Crawl], database_checks.StatementLog]) -> dict[str, Crawl]:
    return walked[0]


def _walked(platan: Flask, asked: database_checks.StatementLog) -> dict[str, Crawl]:
    database: Database = platan.extensions["database"]
    asked.run_worker_duties(platan)  # so that there are mails in the folder
    editor, expert = sign_in_browser(platan, EDITOR, "desk"), sign_in_browser(platan, EXPERT, "expert")
    admin, assistant = sign_in_browser(platan, ADMIN, "desk"), sign_in_browser(platan, ASSISTANT, "desk")
    waiting = Browser(platan)
    waiting.open("/sign-in")
    assert waiting.press("/sign-in", email=EDITOR).status_code == 303
    shown = [address.removeprefix(BASE_URL) for _, address in list_entry_urls(database)]
    with database.read() as session:
        questions = list_questions_in_all_states(session)
    before = dump_tables_without_seen_at(platan)
    each = MAX_PER_ENDPOINT if database.is_sqlite else MAX_PER_ENDPOINT // 2  # PostgreSQL has to understand each page
    made = {
        "a reader": crawl(platan, Browser(platan), ["/", *shown], max_per_endpoint=each),
        "Tereza the editor": crawl(platan, editor, ["/desk/", "/signed-in", *questions], max_per_endpoint=each),
        "Pavel the admin": crawl(platan, admin, [f"{DESK}people"], prefix=f"{DESK}people", max_per_endpoint=each),
        "Aizada the assistant": crawl(platan, assistant, [DESK], max_per_endpoint=3),
        "somebody who waits for the mail": crawl(platan, waiting, ["/sign-in/code"]),
        "Gulmira the expert": crawl(platan, expert, ["/expert/"]),
    }
    for acts in FEW:  # pages ask for acts and for no role, so an assistant with other acts is somebody new
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(ROLES, "assistant", Role(acts, frozenset(acts.split(", "))))
            made[acts] = crawl(platan, assistant, [DESK], max_per_endpoint=3, prefix=DESK)
    narrowed = {address: editor.open(address).status_code for address in FILTERED_LISTS}
    assert narrowed == dict.fromkeys(FILTERED_LISTS, 200)
    after = dump_tables_without_seen_at(platan)
    assert [name for name in before if before[name] != after[name]] == [], "a GET has changed these tables"
    assert sum(len(rows) for rows in before.values()) > 1_000
    return made


@pytest.mark.threat("stranger at the door")
def test_a_get_changes_nothing(walks: dict[str, Crawl], attempts: Callable[[int], None]) -> None:
    """The comparison itself is made around the walk; here it is seen that the walk was no short one."""
    attempts(sum(len(one.status_codes) for one in walks.values()))
    long = ("a reader", "Tereza the editor", "Gulmira the expert")
    assert {name: len(walks[name].status_codes) > 20 for name in long} == dict.fromkeys(long, True)


@pytest.mark.threat("another site", "network observer")
def test_every_page_of_the_house_has_every_header(walks: dict[str, Crawl], attempts: Callable[[int], None]) -> None:
    """No foreign frame, script or picture, no address handed on, nothing that a browser guesses."""
    attempts(sum(len(one.status_codes) for one in walks.values()))
    assert [(name, *which) for name, one in walks.items() for which in sorted(one.missing_headers)] == []


def test_no_link_of_any_page_leads_nowhere(walks: dict[str, Crawl]) -> None:
    broken = {
        f"{name}: {address} {status}"
        for name, one in walks.items()
        for address, status in one.status_codes.items()
        if status not in (200, 303, 304)
    }
    assert not broken, "These links lead nowhere:\n" + "\n".join(sorted(broken))


def test_no_page_shows_code(walks: dict[str, Crawl]) -> None:
    shown = sorted({(path, text) for one in walks.values() for path, text in one.shown_code})
    assert not shown, "These pages show a value as Python or the template has it:\n" + "\n".join(map(str, shown))


def test_no_page_of_the_desk_asks_the_database_more_often_than_it_may(walks: dict[str, Crawl]) -> None:
    """One statement for each thing that is asked, the BEGIN of its transaction not counted."""
    asked = [(endpoint, *most) for one in walks.values() for endpoint, most in one.query_counts.items()]
    assert [
        f"{address} asks {number} times, and may {database_checks.get_query_ceiling(endpoint)}"
        for endpoint, number, address in asked
        if endpoint.startswith("editor.") and number > database_checks.get_query_ceiling(endpoint)
    ] == []


def test_no_page_and_no_look_of_the_worker_walks_along_all_of_a_large_table(
    platan: Flask, walked: tuple[dict[str, Crawl], database_checks.StatementLog]
) -> None:
    found = sorted(
        database_checks.find_full_scans(platan.extensions["database"], walked[1]) - set(database_checks.ALLOWED_SCANS)
    )
    assert not found, (
        "Give what is asked an index, or say in ALLOWED_SCANS or SMALL_TABLES of "
        "tests/support/database_checks.py why not:\n" + "\n".join(map(str, found))
    )


def test_every_page_was_seen(platan: Flask, walks: dict[str, Crawl]) -> None:
    reached = {endpoint for one in walks.values() for endpoint in one.paths_by_endpoint}
    pages = {rule.endpoint for rule in platan.url_map.iter_rules() if "GET" in (rule.methods or ())}
    lost, gone = pages - reached - {*UNLINKED}, {*UNLINKED} - (pages - reached)
    assert not lost, f"No page leads to {sorted(lost)}: link each from another, or say in UNLINKED why nothing does."
    assert not gone, f"A page leads to {sorted(gone)}, or they are no more: take them out of UNLINKED."


def known(walks: dict[str, Crawl], app: Flask) -> dict[tuple[str, str], object]:
    """Real values for the parts of addresses, by the word before them: what ("questions", "public_id") can be."""
    found: dict[tuple[str, str], object] = {}
    for one in walks.values():
        for address in (address for addresses in one.paths_by_endpoint.values() for address in addresses):
            rule, values = bind_url_map(app).match(address.partition("?")[0], method="GET", return_rule=True)
            for before, name in parts(rule):
                found.setdefault((before, name), values[name])
    return found


def known_together(walks: dict[str, Crawl], app: Flask) -> list[dict[tuple[str, str], object]]:
    """The parts of each address that was opened or that a button leads to: an answer is found under its own question."""
    opened = [("GET", one) for taken in walks.values() for some in taken.paths_by_endpoint.values() for one in some]
    pressed = [("POST", one) for taken in walks.values() for one in sorted(taken.form_actions)]
    found = []
    for method, address in pressed + opened:
        rule, values = bind_url_map(app).match(address.partition("?")[0], method=method, return_rule=True)
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


def closed_addresses(app: Flask, walks: dict[str, Crawl]) -> list[tuple[str, str, str]]:
    """Each method, endpoint and real address behind a closed door. OPTIONS is Flask's own answer and shows nothing."""
    values, found = known(walks, app), []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC:
            continue
        given = {}
        for before, name in parts(rule):
            choice = re.search(rf"<any\(([^)]*)\):{name}>", rule.rule)
            value = choice[1].split(",")[0].strip().strip("'\"") if choice else values.get((before, name))
            given[name] = value or SOME
        address = bind_url_map(app).build(rule.endpoint, given, method=sorted(rule.methods or ())[0])
        found += [(method, rule.endpoint, address) for method in sorted((rule.methods or set()) - {"OPTIONS"})]
    return found


@pytest.mark.threat("stranger at the door")
def test_every_closed_door_is_closed_to_strangers(
    platan: Flask, walks: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
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
    attempts(len(answers))
    assert len(answers) > 80
    opened = [
        f"{method} {endpoint} answers a stranger with {answer.status_code}: load it through the actor, or name it in "
        "PUBLIC."
        for method, endpoint, answer in answers
        if not (
            answer.status_code in (403, 404)  # 403: an expert's form whose session has ended, shown again and not taken
            or (answer.status_code == 303 and urlsplit(answer.headers["Location"]).path == "/sign-in")
        )
    ]
    assert not opened, "\n".join(opened)


@pytest.mark.threat("stranger at the door")
def test_a_link_that_nobody_was_given_opens_nothing(
    platan: Flask, walks: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
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
    attempts(len(answers))
    assert len(answers) > 10
    assert {key: answer.status_code for key, answer in answers.items() if answer.status_code != 404} == {}


@pytest.mark.threat("stranger at the door")
def test_an_expert_is_a_stranger_at_the_desk_and_an_editor_at_the_experts_door(
    platan: Flask, walks: dict[str, Crawl]
) -> None:
    for email, door, other in ((EDITOR, "desk", "expert"), (EXPERT, "expert", "editor")):
        browser = sign_in_browser(platan, email, door)
        pages = [
            address
            for method, endpoint, address in closed_addresses(platan, walks)
            if method == "GET" and endpoint.startswith(f"{other}.") and not address.startswith("/a/")
        ]
        assert len(pages) > 2
        assert {address: browser.open(address).status_code for address in pages} == dict.fromkeys(pages, 303)


def test_the_list_of_public_addresses_is_not_longer_than_the_house(platan: Flask) -> None:
    gone = sorted(PUBLIC - {rule.endpoint for rule in platan.url_map.iter_rules()})
    assert not gone, f"The house has no such addresses any more: take {', '.join(gone)} out of PUBLIC."


@pytest.mark.threat("another site")
def test_a_form_without_its_token_is_refused(
    platan: Flask, walks: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    """For staff and experts: somebody else's page can't send a form in their name."""
    editor = sign_in_browser(platan, EDITOR, "desk")
    posts = [
        address
        for method, endpoint, address in closed_addresses(platan, walks)
        if method == "POST" and endpoint.startswith("editor.")
    ]
    attempts(len(posts))
    assert len(posts) > 20
    answers = {address: editor.client.post(address, base_url=BASE_URL).status_code for address in posts}
    assert answers == dict.fromkeys(posts, 400)


@pytest.mark.threat("another site")
def test_no_form_that_another_site_could_make_is_taken(
    platan: Flask, walks: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    """Every press of the desk and every form of the experts', sent by the signed-in browser itself: without a token, with the token of
    somebody else's browser, and with its own from another site.
    """
    stranger = Browser(platan)
    stranger.open("/sign-in")
    of_a_stranger, own_site, foreign_site = stranger.get_csrf_token(), {}, {"Sec-Fetch-Site": "cross-site"}
    before, answers = dump_tables_without_seen_at(platan), Counter[tuple[str, int]]()
    for email, door, posts in (
        (EDITOR, "desk", sorted({address for _act, address in presses_of_the_desk(platan, walks)})),
        (EXPERT, "expert", sorted({
            address for method, endpoint, address in closed_addresses(platan, walks)
            if method == "POST" and endpoint.startswith("expert.") and not address.startswith("/a/")
        })),
    ):  # fmt: skip
        browser = sign_in_browser(platan, email, door)
        browser.open("/signed-in" if door == "desk" else "/expert/profile")
        before = dump_tables_without_seen_at(platan)
        own = browser.get_csrf_token()
        assert own not in ("", of_a_stranger)
        for address in posts:
            for way, token, headers in (
                ("no token", "", own_site), ("somebody's token", of_a_stranger, own_site), ("another site", own, foreign_site)
            ):  # fmt: skip
                data = {"csrf_token": token} if token else {}
                sent = browser.client.post(address, data=data, headers=headers, base_url=BASE_URL)
                answers[f"{door}, {way}", sent.status_code] += 1
        assert [name for name, rows in dump_tables_without_seen_at(platan).items() if rows != before[name]] == []
    attempts(answers.total())
    assert answers.total() > 400
    of_the_desk = {key for key in answers if key[0].startswith("desk")}
    assert of_the_desk == {("desk, no token", 400), ("desk, somebody's token", 400), ("desk, another site", 403)}
    # An assignment that isn't Gulmira's isn't there for her, whatever the token.
    assert {status for (way, status) in answers if way.startswith("expert")} <= {400, 403, 404}


@pytest.mark.threat("another desk")
def test_who_edits_elsewhere_finds_nothing_under_the_ids_of_this_desk(
    platan: Flask, walks: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    """Shirin opens every page of this desk, and the same ids under the address of her own."""
    addresses = closed_addresses(platan, walks)
    pages = sorted({path for method, _endpoint, path in addresses if method == "GET" and path.startswith(DESK)})
    shirin = sign_in_browser(platan, OTHER_DESK_EDITOR, "desk")
    home = shirin.open("/desk/")
    mine = f"/desk/{home.headers['Location'].removeprefix(BASE_URL).split('/')[2]}/"
    assert mine != DESK
    attempts(2 * len(pages))
    assert len(pages) > 40
    assert {address: shirin.open(address).status_code for address in pages} == dict.fromkeys(pages, 404)
    # The directory of experts is one for all desks of a house.
    ids = re.compile(r"/[0-9A-Z]{12}(/|$|\.)|/\d+(/|$)")
    # What was kept for an hour and isn't there any more leads back to where it began, whoever asks and for whatever.
    kept = ("/experts", "/go-on/", "/back-issues/")
    numbered = [address for address in pages if ids.search(address) and not any(part in address for part in kept)]
    assert len(numbered) > 10
    moved = {address: shirin.open(address.replace(DESK, mine, 1)).status_code for address in numbered}
    assert {address: status for address, status in moved.items() if status != 404} == {}


def presses_of_the_desk(app: Flask, walks: dict[str, Crawl]) -> list[tuple[str, str]]:
    """Each act that a press at this desk can be, with a real address; what takes somebody or something away comes last."""
    values, together, found = known(walks, app), known_together(walks, app), []
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("editor.") or "POST" not in (rule.methods or ()):
            continue
        listed = re.search(r"<any\(([^)]*)\):(\w+)>", rule.rule)
        places = [place for place in parts(rule) if not listed or place[1] != listed[2]]
        whole = next((one for one in together if all(place in one for place in places)), values)
        names = {place[1]: whole.get(place) for place in places}
        given = {name: value or SOME for name, value in names.items()}
        for choice in [one.strip() for one in listed[1].split(",")] if listed else [""]:
            act = door_of_the_desk.get_permission(rule.endpoint, choice)
            address = bind_url_map(app).build(
                rule.endpoint, given | ({listed[2]: choice} if listed else {}), method="POST"
            )
            found.append((act, address))
    away = ("/split", "/remove", "/withdraw", "/deactivate")
    return sorted(found, key=lambda one: one[1].endswith(away) and "/translator/" not in one[1])


@pytest.mark.threat("rogue assistant", "another desk")
def test_whoever_presses_may_what_the_table_says_and_for_others_there_is_nothing(
    platan: Flask, walks: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    """Every press of the desk, empty, by Shirin, who edits another newsletter, and by each role, the highest last, since
    some presses do something. Where the table says no there is nothing; where it says yes there is at least what an admin
    finds, who may everything: nothing only where the form had to say more, or where another press had taken it away.
    """
    presses = presses_of_the_desk(platan, walks)
    hands = {"": OTHER_DESK_EDITOR, "assistant": ASSISTANT, "editor": EDITOR, "admin": ADMIN}
    if not platan.extensions[
        "database"
    ].is_sqlite:  # the table is the same: what is seen is that each press is understood
        hands = {role: hands[role] for role in ("assistant", "admin")}
    answers: dict[str, list[int]] = {}
    platan.config["WTF_CSRF_ENABLED"] = False
    try:
        for role, email in hands.items():
            browser = sign_in_browser(platan, email, "desk")
            answers[role] = [browser.client.post(address, base_url=BASE_URL).status_code for _act, address in presses]
    finally:
        platan.config["WTF_CSRF_ENABLED"] = True
    attempts(sum(len(statuses) for statuses in answers.values()))
    there = {
        act
        for statuses in answers.values()
        for (act, _), status in zip(presses, statuses, strict=True)
        if status != 404
    }
    wanted = set(ACTS) - set(OTHER_ACTS) - UNPRESSED
    assert not wanted - there, f"No press of the desk is one of these acts: {sorted(wanted - there)}"
    assert not there - wanted, f"Presses are these acts: take them out of UNPRESSED: {sorted(there - wanted)}"
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


@pytest.mark.threat("rogue assistant")
@pytest.mark.parametrize("walker", ["Tereza the editor", "Aizada the assistant", *FEW])
def test_no_page_offers_what_its_reader_may_not(walks: dict[str, Crawl], walker: str) -> None:
    """A button, a form or a link whose act somebody lacks isn't shown to them: pages ask `may(act)`, a form that is one
    button and one that is folded ask by themselves.
    """
    assert len(walks[walker].status_codes) > 60
    assert [
        f"the page {page} offers {offer}, which needs the act {act!r}: ask may({act!r}) there"
        for page, offer, act in sorted(walks[walker].offers)
        if act not in theirs(walker)
    ] == []


def test_the_walk_sees_what_pages_offer(walks: dict[str, Crawl]) -> None:
    seen = {act for _page, _offer, act in walks["Tereza the editor"].offers}
    assert ROLES["editor"].acts - seen == {"undo"}  # this one needs a press that came before
