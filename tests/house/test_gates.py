"""A crawl of all pages of the demo newsroom: GET changes nothing, no link is broken, and every page asks who is there."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from flask import Flask

from app.core.permissions import ACTS, OTHER_ACTS, ROLES, Role, roles_for
from app.db.engine import Database
from app.editor.frame import editor as desk_blueprint
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
    find_choice,
    find_values,
    find_values_by_url,
    list_questions_in_all_states,
    list_variables,
    open_demo_app,
    sign_in_browser,
)
from tests.support.pages import Browser

# Endpoints that everybody may open; all others need a sign-in or a token.
PUBLIC = {
    "static", "mailroom.index", "mailroom.read",  # the folder of mails exists in the demo only
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
    "reader.framed_answers", "reader.framed_story", "reader.framed_edition", "reader.framed_ask", "reader.oembed", "reader.begin", "reader.json_feed",
    "api.edition_items", "api.newsletter", "api.nothing", "api.openapi", "api.record", "api.records", "api.token",  # without a token, 401: tests/api/test_access.py
    "reader.forget", "reader.robots", "reader.sitemap", "reader.sitemap_of_pages", "reader.sitemap_of_year",
}  # fmt: skip
UNKNOWN_VALUE = "012345678901"  # a public id, and a number, that belongs to nothing
ACTS_BY_GET = {"trail", "letters by token"}  # acts that need no button: opening a page, or a call of the API
REDUCED_ROLES = ("read", "read, word, edit")  # sets of acts that no role of the product has
# Endpoints to which no page of the crawl links, each with the reason.
UNLINKED: dict[str, str] = {
    "static": "pages load it as style and script",
    **dict.fromkeys(("health.healthz", "health.readyz", "health.numbers"), "is for programs"),
    "reader.card": "the head of a Q&A's page names it",
    "reader.stop": "is linked from mails to readers",
    "reader.json_feed": "the head of the pages names it, for programs",
    **dict.fromkeys(
        ("reader.framed_answers", "reader.framed_story", "reader.framed_edition", "reader.framed_ask"),
        "is shown in frames on other sites",
    ),
    "reader.oembed": "the head of a Q&A's page names it, for programs",
    "reader.forget": "is the style sheet with which a browser forgets a form",
    "reader.robots": "search engines request it",
    "reader.sitemap": "robots.txt names it",
    **dict.fromkeys(("reader.sitemap_of_pages", "reader.sitemap_of_year"), "the sitemap names it"),
    "reader.handbook_picture": "pages of the handbook show it",
    **dict.fromkeys(("reader.photo", "expert.own_photo", "editor.expert_photo"), "pages show it as a picture"),
    **dict.fromkeys(("entrance.lost_token", "entrance.cut_link"), "a truncated link leads to it"),
    "entrance.links_page": "is linked after a request for one's links",
    "entrance.links_requested": "is shown after a request for one's links",
    "entrance.prove_again_page": "is shown to an admin whose last proof of identity is too old",
    "entrance.redirect_to_provider": "is linked if the newsroom has accounts of a provider",
    "entrance.provider_callback": "is where the provider sends the browser back",
    "editor.go_on": "is where a form waits for a proof of identity",
    "entrance.second_factor_page": "is shown to people with a second factor",
    "editor.expert_wrong_rows": "is linked if an imported file of experts has invalid rows",
    "reader.answers_in_language": "is linked once a translation is published",
    "reader.found": "is where a search leads",
    "editor.expert_report": "is shown after a file of experts was read",
    "editor.letters_report": "is shown after a file of letters was read",
    "editor.letters_wrong_rows": "is linked if a file of letters has invalid rows",
    "editor.back_issues_report": "is shown after files of editions were read",
    "editor.search": "is where the search form of each page leads",
    "editor.new_newsletter": "is linked from the settings, for admins",
    "editor.newsletters": "is linked from the settings, for admins",
    "editor.newsletter": "is linked from the settings, for admins",
    **dict.fromkeys(
        ("api.edition_items", "api.newsletter", "api.nothing", "api.openapi", "api.record", "api.records", "api.token"),
        "is for programs: docs/api.md",
    ),
    "editor.tokens": "is linked from the settings, for admins",
    "editor.token": "is linked from the list of tokens once there is one",
    "editor.programs": "is linked from the settings, for admins",
    "editor.program": "is linked from the list of programs once there is one",
    "editor.invitations": "is linked once two invitations are prepared",
    "editor.reply_address": "the script of the copy button fetches it",
    "editor.mail_picture": "is shown by the page of a mail's attachment",
    "editor.mail_file_text": "is linked from the page of a mail's attachment",
    "editor.who_types": "the script of a form that saves itself fetches it",
    "reader.back_to_form": "is the URL of a receipt, opened after it was closed",
    **dict.fromkeys(("translator.back", "expert.back"), "is the URL of a button, opened by going back"),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def demo_app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app with the demo newsroom and its year."""
    yield from open_demo_app(request, tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def crawls_and_log(demo_app: Flask) -> tuple[dict[str, Crawl], database_checks.StatementLog]:
    """The crawls of all visitors by their names, and the statements that they and the worker have executed."""
    database: Database = demo_app.extensions["database"]
    database.write(create_draft_assignment)
    database.write(create_held_mail)
    with database_checks.log_statements(database) as statement_log:
        return _crawl_as_everybody(demo_app, statement_log), statement_log


@pytest.fixture(scope="module")
def crawls(crawls_and_log: tuple[dict[str, Crawl], database_checks.StatementLog]) -> dict[str, Crawl]:
    return crawls_and_log[0]


def _crawl_as_everybody(app: Flask, statement_log: database_checks.StatementLog) -> dict[str, Crawl]:
    """Crawl the pages as a reader, the people of the desk and an expert, and assert that this changes no table."""
    database: Database = app.extensions["database"]
    statement_log.run_worker_duties(app)  # so that there are mails in the folder
    editor, expert = sign_in_browser(app, EDITOR, "desk"), sign_in_browser(app, EXPERT, "expert")
    admin, assistant = sign_in_browser(app, ADMIN, "desk"), sign_in_browser(app, ASSISTANT, "desk")
    half_signed_in = Browser(app)
    half_signed_in.open("/sign-in")
    assert half_signed_in.press("/sign-in", email=EDITOR).status_code == 303
    entry_paths = [url.removeprefix(BASE_URL) for _, url in list_entry_urls(database)]
    with database.read() as session:
        questions = list_questions_in_all_states(session)
    before = dump_tables_without_seen_at(app)
    limit = MAX_PER_ENDPOINT if database.is_sqlite else MAX_PER_ENDPOINT // 2  # their contents don't differ
    crawls = {
        "a reader": crawl(app, Browser(app), ["/", *entry_paths], max_per_endpoint=limit),
        "Tereza the editor": crawl(app, editor, ["/desk/", "/signed-in", *questions], max_per_endpoint=limit),
        "Pavel the admin": crawl(app, admin, [f"{DESK}people"], prefix=f"{DESK}people", max_per_endpoint=limit),
        "Aizada the assistant": crawl(app, assistant, [DESK], max_per_endpoint=3),
        "somebody who waits for the sign-in mail": crawl(app, half_signed_in, ["/sign-in/code"]),
        "Gulmira the expert": crawl(app, expert, ["/expert/"]),
    }
    for acts in REDUCED_ROLES:  # pages ask for acts, not for roles
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(ROLES, "assistant", Role(acts, frozenset(acts.split(", "))))
            crawls[acts] = crawl(app, assistant, [DESK], max_per_endpoint=3, prefix=DESK)
    statuses = {path: editor.open(path).status_code for path in FILTERED_LISTS}
    assert statuses == dict.fromkeys(FILTERED_LISTS, 200)
    after = dump_tables_without_seen_at(app)
    assert [table for table in before if before[table] != after[table]] == [], "GET requests have changed these tables"
    assert sum(len(rows) for rows in before.values()) > 1_000
    return crawls


def count_pages(crawls: dict[str, Crawl]) -> int:
    return sum(len(crawl.status_codes) for crawl in crawls.values())


@pytest.mark.threat("stranger at the door")
def test_a_get_request_changes_nothing(crawls: dict[str, Crawl], attempts: Callable[[int], None]) -> None:
    """`_crawl_as_everybody` compares the tables before and after; this asserts that it has opened enough pages."""
    attempts(count_pages(crawls))
    visitors = ("a reader", "Tereza the editor", "Gulmira the expert")
    assert {name: len(crawls[name].status_codes) > 20 for name in visitors} == dict.fromkeys(visitors, True)


@pytest.mark.threat("another site", "network observer")
def test_every_page_has_all_security_headers(crawls: dict[str, Crawl], attempts: Callable[[int], None]) -> None:
    attempts(count_pages(crawls))
    assert [(name, *missing) for name, crawl in crawls.items() for missing in sorted(crawl.missing_headers)] == []


def test_no_page_has_a_broken_link(crawls: dict[str, Crawl]) -> None:
    broken = sorted(
        f"{name}: {path} {status}"
        for name, crawl in crawls.items()
        for path, status in crawl.status_codes.items()
        if status not in (200, 303, 304)
    )
    assert not broken, "These links are broken:\n" + "\n".join(broken)


def test_no_page_shows_code(crawls: dict[str, Crawl]) -> None:
    found = sorted({(path, text) for crawl in crawls.values() for path, text in crawl.shown_code})
    assert not found, "These pages show Python or template code:\n" + "\n".join(map(str, found))


def test_no_desk_page_exceeds_its_number_of_queries(crawls: dict[str, Crawl]) -> None:
    """BEGIN does not count."""
    counts = [(endpoint, *most) for crawl in crawls.values() for endpoint, most in crawl.query_counts.items()]
    assert [
        f"{path} has {count} queries, at most {database_checks.get_query_ceiling(endpoint)} are allowed"
        for endpoint, count, path in counts
        if endpoint.startswith("editor.") and count > database_checks.get_query_ceiling(endpoint)
    ] == []


def test_no_query_of_a_page_or_the_worker_scans_a_large_table(
    demo_app: Flask, crawls_and_log: tuple[dict[str, Crawl], database_checks.StatementLog]
) -> None:
    scans = database_checks.find_full_scans(demo_app.extensions["database"], crawls_and_log[1])
    found = sorted(scans - set(database_checks.ALLOWED_SCANS))
    assert not found, (
        "Add an index for these queries, or give the reason in ALLOWED_SCANS or SMALL_TABLES of "
        "tests/support/database_checks.py:\n" + "\n".join(map(str, found))
    )


def test_every_page_is_linked_from_another(demo_app: Flask, crawls: dict[str, Crawl]) -> None:
    reached = {endpoint for crawl in crawls.values() for endpoint in crawl.paths_by_endpoint}
    endpoints = {rule.endpoint for rule in demo_app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    missing, outdated = endpoints - reached - {*UNLINKED}, {*UNLINKED} - (endpoints - reached)
    assert not missing, f"No page links to {sorted(missing)}: add a link, or the reason to UNLINKED."
    assert not outdated, f"A page links to {sorted(outdated)}, or they don't exist: remove them from UNLINKED."


def list_closed_urls(app: Flask, crawls: dict[str, Crawl]) -> list[tuple[str, str, str]]:
    """Return method, endpoint and an existing path of everything that isn't public.

    OPTIONS is left out: Flask answers it, and it shows nothing.
    """
    values, found = find_values(crawls, app), []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC:
            continue
        choices, chosen_name = find_choice(rule)
        arguments = {
            name: choices[0] if name == chosen_name else values.get((fixed, name)) or UNKNOWN_VALUE
            for fixed, name in list_variables(rule)
        }
        path = bind_url_map(app).build(rule.endpoint, arguments, method=sorted(rule.methods or ())[0])
        found += [(method, rule.endpoint, path) for method in sorted((rule.methods or set()) - {"OPTIONS"})]
    return found


@contextmanager
def without_csrf_check(app: Flask) -> Iterator[None]:
    """Switch off the check of CSRF tokens, so that a refusal has another reason."""
    app.config["WTF_CSRF_ENABLED"] = False
    try:
        yield
    finally:
        app.config["WTF_CSRF_ENABLED"] = True


@pytest.mark.threat("stranger at the door")
def test_strangers_can_open_public_pages_only(
    demo_app: Flask, crawls: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    """With existing URLs and every method."""
    stranger = demo_app.test_client()
    with without_csrf_check(demo_app):
        responses = [
            (method, endpoint, stranger.open(path, method=method, base_url=BASE_URL))
            for method, endpoint, path in list_closed_urls(demo_app, crawls)
            if "/a/" not in path
        ]
    attempts(len(responses))
    assert len(responses) > 80
    opened = [
        f"{method} {endpoint} answers a stranger with {response.status_code}: load it through the actor, or add it to "
        "PUBLIC."
        for method, endpoint, response in responses
        if not (
            response.status_code in (403, 404)  # 403: an expert's form without a session is shown again, and not stored
            or (response.status_code == 303 and urlsplit(response.headers["Location"]).path == "/sign-in")
        )
    ]
    assert not opened, "\n".join(opened)


@pytest.mark.threat("stranger at the door")
def test_an_invented_token_opens_nothing(
    demo_app: Flask, crawls: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    stranger = demo_app.test_client()
    with without_csrf_check(demo_app):
        responses = {
            (method, endpoint): stranger.open(
                re.sub(r"/a/[^/]+", "/a/AAAAAAAAAAAAAAAAAAAAAA", path),
                method=method,
                follow_redirects=endpoint == "expert.back",
            )
            for method, endpoint, path in list_closed_urls(demo_app, crawls)
            if path.startswith("/a/")
        }
    attempts(len(responses))
    assert len(responses) > 10
    assert {key: response.status_code for key, response in responses.items() if response.status_code != 404} == {}


@pytest.mark.threat("stranger at the door")
def test_experts_cannot_open_the_desk_nor_editors_the_experts_pages(demo_app: Flask, crawls: dict[str, Crawl]) -> None:
    for email, door, closed_blueprint in ((EDITOR, "desk", "expert"), (EXPERT, "expert", "editor")):
        browser = sign_in_browser(demo_app, email, door)
        paths = [
            path
            for method, endpoint, path in list_closed_urls(demo_app, crawls)
            if method == "GET" and endpoint.startswith(f"{closed_blueprint}.") and not path.startswith("/a/")
        ]
        assert len(paths) > 2
        assert {path: browser.open(path).status_code for path in paths} == dict.fromkeys(paths, 303)


def test_every_public_endpoint_exists(demo_app: Flask) -> None:
    outdated = sorted(PUBLIC - {rule.endpoint for rule in demo_app.url_map.iter_rules()})
    assert not outdated, f"Remove from PUBLIC what doesn't exist: {', '.join(outdated)}."


@pytest.mark.threat("another site")
def test_a_desk_form_without_its_csrf_token_is_refused(
    demo_app: Flask, crawls: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    editor = sign_in_browser(demo_app, EDITOR, "desk")
    paths = [
        path
        for method, endpoint, path in list_closed_urls(demo_app, crawls)
        if method == "POST" and endpoint.startswith("editor.")
    ]
    attempts(len(paths))
    assert len(paths) > 20
    statuses = {path: editor.client.post(path, base_url=BASE_URL).status_code for path in paths}
    assert statuses == dict.fromkeys(paths, 400)


@pytest.mark.threat("another site")
def test_no_form_from_another_site_is_accepted(
    demo_app: Flask, crawls: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    """A signed-in browser sends every form of the desk and of experts: without a CSRF token, with that of another
    browser, and with its own token from another site.
    """
    stranger = Browser(demo_app)
    stranger.open("/sign-in")
    strangers_token, statuses = stranger.get_csrf_token(), Counter[tuple[str, int]]()
    expert_paths = {
        path
        for method, endpoint, path in list_closed_urls(demo_app, crawls)
        if method == "POST" and endpoint.startswith("expert.") and not path.startswith("/a/")
    }
    desk_paths = {path for _act, path in list_desk_posts(demo_app, crawls)}
    for email, door, token_page, paths in (
        (EDITOR, "desk", "/signed-in", desk_paths),
        (EXPERT, "expert", "/expert/profile", expert_paths),
    ):
        browser = sign_in_browser(demo_app, email, door)
        browser.open(token_page)
        before = dump_tables_without_seen_at(demo_app)
        own_token = browser.get_csrf_token()
        assert own_token not in ("", strangers_token)
        for path in sorted(paths):
            for attack, data, headers in (
                ("no token", {}, {}),
                ("a stranger's token", {"csrf_token": strangers_token}, {}),
                ("another site", {"csrf_token": own_token}, {"Sec-Fetch-Site": "cross-site"}),
            ):
                response = browser.client.post(path, data=data, headers=headers, base_url=BASE_URL)
                statuses[f"{door}, {attack}", response.status_code] += 1
        after = dump_tables_without_seen_at(demo_app)
        assert [table for table, rows in after.items() if rows != before[table]] == []
    attempts(statuses.total())
    assert statuses.total() > 400
    desk_statuses = {key for key in statuses if key[0].startswith("desk")}
    assert desk_statuses == {("desk, no token", 400), ("desk, a stranger's token", 400), ("desk, another site", 403)}
    # Assignments of other experts give 404, whatever the token.
    assert {status for attack, status in statuses if attack.startswith("expert")} <= {400, 403, 404}


@pytest.mark.threat("another desk")
def test_an_editor_of_another_newsletter_finds_none_of_these_ids(
    demo_app: Flask, crawls: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    """Shirin opens every page of this desk, and the same ids under the URL of her own desk."""
    closed_urls = list_closed_urls(demo_app, crawls)
    paths = sorted({path for method, _endpoint, path in closed_urls if method == "GET" and path.startswith(DESK)})
    shirin = sign_in_browser(demo_app, OTHER_DESK_EDITOR, "desk")
    home = shirin.open("/desk/")
    own_desk = f"/desk/{home.headers['Location'].removeprefix(BASE_URL).split('/')[2]}/"
    assert own_desk != DESK
    attempts(2 * len(paths))
    assert len(paths) > 40
    assert {path: shirin.open(path).status_code for path in paths} == dict.fromkeys(paths, 404)
    has_id = re.compile(r"/[0-9A-Z]{12}(/|$|\.)|/\d+(/|$)").search
    # All desks share the directory of experts. Files that wait for an hour, once they are gone, lead back to the form.
    exceptions = ("/experts", "/go-on/", "/back-issues/", "/letters/files/")
    paths_with_ids = [path for path in paths if has_id(path) and not any(part in path for part in exceptions)]
    assert len(paths_with_ids) > 10
    statuses = {path: shirin.open(path.replace(DESK, own_desk, 1)).status_code for path in paths_with_ids}
    assert statuses == dict.fromkeys(paths_with_ids, 404)


def list_desk_posts(app: Flask, crawls: dict[str, Crawl]) -> list[tuple[str, str]]:
    """Return each act that a form of this desk needs, with an existing path; forms that remove something come last."""
    values, values_by_url, found = find_values(crawls, app), find_values_by_url(crawls, app), []
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("editor.") or "POST" not in (rule.methods or ()):
            continue
        choices, chosen_name = find_choice(rule)
        variables = [variable for variable in list_variables(rule) if variable[1] != chosen_name]
        matching = next((one for one in values_by_url if all(variable in one for variable in variables)), values)
        arguments = {variable[1]: matching.get(variable) or UNKNOWN_VALUE for variable in variables}
        for choice in choices or [""]:
            act = desk_blueprint.get_permission(rule.endpoint, choice)
            chosen = {chosen_name: choice} if choice else {}
            found.append((act, bind_url_map(app).build(rule.endpoint, arguments | chosen, method="POST")))
    removing = ("/split", "/remove", "/withdraw", "/deactivate")
    return sorted(found, key=lambda post: post[1].endswith(removing) and "/translator/" not in post[1])


@pytest.mark.threat("rogue assistant", "another desk")
def test_each_role_can_do_what_the_table_says_and_others_get_404(
    demo_app: Flask, crawls: dict[str, Crawl], attempts: Callable[[int], None]
) -> None:
    """Every form of the desk is sent empty by the editor of another newsletter and by each role, the highest last,
    since some forms do something.

    Without the act, the response is 404. With it, it is 404 only if an admin gets 404 as well, because the form had to
    say more, or because an earlier form has removed the row.
    """
    posts = list_desk_posts(demo_app, crawls)
    emails = {"": OTHER_DESK_EDITOR, "assistant": ASSISTANT, "editor": EDITOR, "admin": ADMIN}
    if not demo_app.extensions["database"].is_sqlite:  # the permissions are the same; this executes each query
        emails = {role: emails[role] for role in ("assistant", "admin")}
    statuses: dict[str, list[int]] = {}
    with without_csrf_check(demo_app):
        for role, email in emails.items():
            browser = sign_in_browser(demo_app, email, "desk")
            statuses[role] = [browser.client.post(path, base_url=BASE_URL).status_code for _act, path in posts]
    attempts(sum(map(len, statuses.values())))
    found_acts = {
        act
        for role_statuses in statuses.values()
        for (act, _path), status in zip(posts, role_statuses, strict=True)
        if status != 404
    }
    expected_acts = set(ACTS) - set(OTHER_ACTS) - ACTS_BY_GET
    assert not expected_acts - found_acts, f"No form of the desk needs {sorted(expected_acts - found_acts)}"
    assert not found_acts - expected_acts, f"Remove {sorted(found_acts - expected_acts)} from ACTS_BY_GET"
    for role, role_statuses in statuses.items():
        assert [
            (role, act, path, status)
            for (act, path), status, admins_status in zip(posts, role_statuses, statuses["admin"], strict=True)
            if status >= 500 or (status == 404 != admins_status if role in roles_for(act) else status != 404)
        ] == []


def get_acts(visitor: str) -> frozenset[str]:
    """Return the acts of a visitor whose crawl has this name."""
    acts = {"Tereza the editor": ROLES["editor"].acts, "Aizada the assistant": ROLES["assistant"].acts}
    return acts.get(visitor) or frozenset(visitor.split(", "))


@pytest.mark.threat("rogue assistant")
@pytest.mark.parametrize("visitor", ["Tereza the editor", "Aizada the assistant", *REDUCED_ROLES])
def test_no_page_offers_an_action_that_its_viewer_lacks(crawls: dict[str, Crawl], visitor: str) -> None:
    """Nobody is shown a button, form or link whose act they lack: templates ask `may(act)`."""
    assert len(crawls[visitor].status_codes) > 60
    assert [
        f"the page {page} offers {offer}, which needs the act {act!r}: ask may({act!r}) there"
        for page, offer, act in sorted(crawls[visitor].offers)
        if act not in get_acts(visitor)
    ] == []


def test_the_crawl_sees_the_actions_that_pages_offer(crawls: dict[str, Crawl]) -> None:
    seen = {act for _page, _offer, act in crawls["Tereza the editor"].offers}
    assert ROLES["editor"].acts - seen == {"undo"}  # there is nothing to undo
