"""deploy/nginx.conf and deploy/Caddyfile, run by Debian's servers in front of the pages as readers get them."""

import base64
import gzip
import re
import select
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask

from app.core.clock import unix_time
from app.mail.inbound import MAX_MAIL_BYTES
from app.mailroom.webhook import path
from app.programs.signed_calls import signature
from app.web.body_limits import UPLOADS
from app.web.static_files import files
from config import webhook_key
from tests.support.app import SECRETS
from tests.support.debian_machine import wait_for_machine
from tests.support.incoming_mails import mail
from tests.support.proxies import (
    ADMIN_SOCKET,
    OTHER_IP,
    SERVER_ADDRESS,
    SITE_NAME,
    START_COMMANDS,
    TIMURS_IP,
    ProxiedSite,
    SiteResponse,
    SiteVisitor,
    run_proxied_site,
)

HOOK = "whsec_" + base64.b64encode(b"h" * 32).decode()
YEAR = "max-age=31536000"
CUT = 0
PACKED = {"Accept-Encoding": "gzip"}
WORDS = "Who measures the salt wind"  # nobody else says this


@pytest.fixture(scope="module")
def served(sqlite_newsroom: tuple[Path, object]) -> Iterator[ProxiedSite]:
    keys = f"SECRET_KEYS=1:{base64.b64encode(SECRETS[1]).decode()}"
    with run_proxied_site(sqlite_newsroom[0], keys, f"MAIL_WEBHOOK_SECRET={HOOK}") as made:
        yield made


@pytest.fixture(scope="module", params=START_COMMANDS)
def proxy(request: pytest.FixtureRequest, served: ProxiedSite) -> Iterator[str]:
    with served.use_proxy(request.param):
        yield request.param


@pytest.fixture
def site(proxy: str, served: ProxiedSite) -> ProxiedSite:
    return served


def form(**fields: str) -> tuple[bytes, dict[str, str]]:
    return urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"}


def is_from_app(answer: SiteResponse) -> bool:
    """The program made this page, in its own words and with its own policy."""
    return "default-src 'none'" in answer.headers.get("Content-Security-Policy", "")


@pytest.mark.threat("network observer")
def test_pages_come_by_tls_alone_and_say_once_that_they_do(site: ProxiedSite) -> None:
    led = site.timur.request_over_http("/steppe/?a=b")
    assert (led.status, led.headers["Location"]) == (308, f"https://{SITE_NAME}/steppe/?a=b")
    page = site.timur.request("/steppe/")
    assert (page.status, is_from_app(page), page.headers.get_all("Strict-Transport-Security")) == (200, True, [YEAR])
    assert "Secure" in site.timur.request("/sign-in").headers["Set-Cookie"]


TALK_TO_PROXY = f"exec python -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{ADMIN_SOCKET}\")' 2>&1"


@pytest.mark.threat("network observer")
def test_no_other_account_of_the_machine_tells_the_proxy_what_to_do(site: ProxiedSite, proxy: str) -> None:
    """Caddy takes orders over HTTP: whoever gives it another configuration reads, logs or redirects all that comes."""
    listeners = site.machine.run("ss -ltnH").splitlines()
    assert sorted({line.split()[3].rpartition(":")[2] for line in listeners}) == ["443", "80", "8000"]
    if proxy == "Caddy":
        assert "PermissionError" in site.machine.run(site.machine.as_account(TALK_TO_PROXY), status=1)
        site.machine.run("caddy reload --config /etc/caddy/Caddyfile --force > /run/proxy.said 2>&1")
        assert site.timur.request("/steppe/").status == 200


def test_styles_and_scripts_come_packed_and_are_kept_for_good_under_the_address_that_pages_name(
    site: ProxiedSite,
) -> None:
    page = site.timur.request("/steppe/").body.decode()
    for name, kind in (("reading-page.css", "text/css"), ("proof.js", "text/javascript")):
        [address] = set(re.findall(rf'"(/static/[^/"]+/{re.escape(name)})"', page))
        plain, packed = (site.timur.request(address, headers=more) for more in ({}, PACKED))
        for answer in (plain, packed):
            assert (answer.status, answer.headers.get_content_type()) == (200, kind)
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["Vary"] == "Accept-Encoding"
        assert (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"]) == (None, "gzip")
        assert plain.body == gzip.decompress(packed.body) == files()[name].body
        again = site.timur.request(address, headers=PACKED | {"If-None-Match": packed.headers["ETag"]})
        assert (again.status, again.body) == (304, b"")
        some = site.timur.request(address, headers=PACKED | {"Range": "bytes=2-5"})
        assert (some.status, some.headers["Content-Encoding"], some.body) == (206, None, plain.body[2:6])


@pytest.mark.threat("network observer")
def test_only_a_page_without_a_secret_is_packed_since_the_length_of_one_could_be_asked_for_it(
    site: ProxiedSite,
) -> None:
    for address, packing in (("/steppe/", "gzip"), ("/steppe/receipt", None), ("/sign-in", None)):
        plain, packed = (site.timur.request(address, headers=more) for more in ({}, PACKED))
        assert (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"]) == (None, packing), address
    answers = [site.timur.request("/steppe/answers", headers=more) for more in ({}, PACKED)]
    assert answers[0].body == gzip.decompress(answers[1].body)
    assert {answer.headers["ETag"] for answer in answers} == {answers[0].headers["ETag"]}
    again = site.timur.request("/steppe/answers", headers=PACKED | {"If-None-Match": answers[0].headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def sign_in_tries(visitor: SiteVisitor, name: str) -> Iterator[int]:
    """How the site takes one wrong address after the other; each try says that it comes from somebody else."""
    page = visitor.request("/sign-in")
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    [token] = set(re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', page.body.decode()))
    for number in range(25):  # a minute may end meanwhile, and with it the count
        body, headers = form(csrf_token=token, email=f"{name}{number}")
        forged = {"X-Forwarded-For": f"192.0.2.{number + 10}", "X-Real-IP": "192.0.2.9", "Forwarded": "for=192.0.2.8"}
        yield visitor.request("/sign-in", body, headers=headers | forged | {"Cookie": cookie}).status


@pytest.mark.threat("guessed number")
def test_each_visitor_has_limits_of_their_own_whatever_they_say_of_themselves(site: ProxiedSite) -> None:
    assert next(status for status in sign_in_tries(site.timur, "timur") if status != 400) == 429
    assert next(sign_in_tries(site.other_visitor, "anna")) == 400
    report = site.machine.run_program("readers-asked doctor || true")
    assert re.findall(r"(?m)^(\w+) +proxy", report) == ["FINE"]


def test_a_header_that_only_a_server_may_set_is_not_handed_on(site: ProxiedSite) -> None:
    plain, forged = (
        site.timur.request("/steppe/", headers=more) for more in ({}, {"SCRIPT_NAME": "/x", "PATH_INFO": "/y"})
    )
    assert (forged.status, len(forged.body)) == (200, len(plain.body))
    assert b'"/x/' not in forged.body


@pytest.mark.parametrize("size", [300_000, 900_000])
def test_the_program_itself_says_that_a_form_is_too_large(site: ProxiedSite, size: int) -> None:
    body, headers = form(text="x" * size)
    answer = site.timur.request("/steppe/send", body, headers=headers)
    assert (answer.status, is_from_app(answer)) == (413, True)


@pytest.mark.threat("slow clients")
def test_what_is_larger_by_far_goes_no_further_than_the_proxy(site: ProxiedSite) -> None:
    body, headers = form(text="x" * 1_500_000)
    answer = site.timur.request("/steppe/send", body, headers=headers)
    assert (answer.status, is_from_app(answer), answer.headers["Strict-Transport-Security"]) == (413, False, YEAR)


def test_a_line_or_a_header_that_is_too_long_is_refused_and_a_long_one_is_not(site: ProxiedSite) -> None:
    assert site.timur.request(f"/steppe/?q={'x' * 3900}").status == 200
    assert site.timur.request(f"/steppe/?q={'x' * 20_000}").status in (414, 431)
    assert site.timur.request("/steppe/", headers={"X-Long": "x" * 3900}).status == 200
    assert site.timur.request("/steppe/", headers={"X-Long": "x" * 20_000}).status in (400, 431)


@pytest.mark.threat("large bodies")
@pytest.mark.parametrize("size", [2_000_000, 20_000_000])
def test_uploads_come_through_to_the_program_which_looks_at_who_sends(site: ProxiedSite, app: Flask, size: int) -> None:
    urls = app.url_map.bind(SITE_NAME)
    for endpoint in UPLOADS:
        [rule] = [rule for rule in app.url_map.iter_rules(endpoint) if "POST" in (rule.methods or ())]
        address = urls.build(endpoint, dict.fromkeys(rule.arguments, "x"), method="POST")
        answer = site.timur.request(address, b"x" * size, headers={"Content-Type": "application/octet-stream"})
        assert (answer.status in (403, 404, 413), is_from_app(answer)) == (True, True), (endpoint, answer.status)


def posted(site: ProxiedSite, raw: bytes) -> int:
    stamp = str(int(unix_time()))
    headers = {
        "Content-Type": "message/rfc822", "webhook-id": "msg_1", "webhook-timestamp": stamp,
        "webhook-signature": signature(webhook_key(HOOK), "msg_1", stamp, raw),
    }  # fmt: skip
    try:
        return site.timur.request(path(HOOK), raw, headers=headers).status
    except OSError:
        return CUT


def test_the_largest_mail_that_is_taken_comes_through(site: ProxiedSite) -> None:
    raw = mail(to="ask@example.org")
    largest = raw + b"x" * (MAX_MAIL_BYTES - len(raw))
    assert posted(site, largest) == 200
    for more in (1, MAX_MAIL_BYTES):
        assert posted(site, largest + b"x" * more) in (413, CUT)  # a proxy may end the connection first


@pytest.mark.threat("hosting provider")
def test_nothing_of_a_form_or_a_page_needs_the_disk(site: ProxiedSite) -> None:
    """Whatever a proxy keeps of what is on its way, it can't keep in a folder that isn't there."""
    site.machine.run("rm -rf /var/lib/nginx/*")
    body, headers = form(text="я" * 40_000)  # 240 KB, the most that a form may have
    assert site.timur.request("/steppe/send", body, headers=headers).status in (400, 403, 422)
    assert site.timur.request("/static/desk.css").status == 200


def send_partial_request(visitor: SiteVisitor, words: bytes) -> object:
    """A request of which only the beginning comes."""
    made = visitor.connect()
    made.sendall(words)
    return made


@pytest.mark.threat("slow clients")
def test_whoever_is_slow_keeps_nobody_waiting_and_is_let_go(site: ProxiedSite, proxy: str) -> None:
    head = f"POST /steppe/send HTTP/1.1\r\nHost: {SITE_NAME}\r\nContent-Length: 5000\r\n\r\ntext=".encode()
    halves = [send_partial_request(site.timur, head) for _ in range(40)]  # more than the program has threads
    heads = [send_partial_request(site.timur, head[:30]) for _ in range(5)]
    for _ in range(5):
        assert site.other_visitor.request("/steppe/").status == 200
    waiting = heads + (halves if proxy == "nginx" else [])  # Caddy waits two minutes for a body
    wait_for_machine(lambda: len(select.select(waiting, [], [], 0)[0]) == len(waiting), "the end of slow connections")
    for one in (*halves, *heads):
        one.close()  # type: ignore[attr-defined]


def nobody_is_written_down(site: ProxiedSite, *words: str) -> None:
    written = site.read_logs()
    for word in (TIMURS_IP, OTHER_IP, "/steppe", "text=", *words):
        assert word not in written, written


@pytest.mark.threat("hosting provider")
def test_nobody_who_came_is_written_down_also_not_by_what_went_wrong(site: ProxiedSite) -> None:
    """Last, after all of the above."""
    broken = site.machine.connect(SERVER_ADDRESS, 443, TIMURS_IP)
    broken.sendall(b"GET /steppe/?q=secret HTTP/1.0\r\n\r\n" + b"\0" * 500)
    broken.recv(1000)
    broken.close()
    nobody_is_written_down(site, "secret")


@pytest.mark.threat("hosting provider")
@pytest.mark.parametrize("proxy_alone", START_COMMANDS)
def test_who_comes_while_the_pages_are_gone_is_not_written_down_either(
    sqlite_newsroom: tuple[Path, object], proxy_alone: str
) -> None:
    with run_proxied_site(sqlite_newsroom[0], with_pages=False) as site, site.use_proxy(proxy_alone):
        body, headers = form(text=WORDS)
        gone = site.timur.request("/steppe/send?q=salt", body, headers=headers)
        assert (gone.status, gone.headers["Strict-Transport-Security"]) == (502, YEAR)
        nobody_is_written_down(site, "salt", WORDS)
