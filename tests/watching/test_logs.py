"""The log: readers' words, addresses, receipts and tokens are planted at every door and in every fault, and searched for in
all that was logged."""

import io
import json
import logging
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from app.db.engine import Database
from app.mail import outbox
from app.mail.models import OutboxMail
from app.reader.copies import LruStore
from app.server import worker
from app.watching import logs
from app.watching.references import HEADER
from tests.support.assignments import ExpertAssignment
from tests.support.desk import Desk
from tests.support.incoming_mails import mail
from tests.support.mailroom import NewsletterMailroom
from tests.support.processes import run_site
from tests.support.reader_pages import get_form_token, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom
from tests.support.smtp_servers import run_smtp_server as smtp_served

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
WORDS = "What became of the silver kettle?"
PLANTED = (
    "kettle",
    "cousin weighs",
    "Karasai",
    "bakhtiyar",
    "Bakhtiyar",
    "post.example",
    "192.0.2.77",
    "2001:db8::77",
    "hunter2",
)
CALLER = {"REMOTE_ADDR": "192.0.2.77"}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that is logged at every level, as JSON and as for people."""
    root, out, before = logging.getLogger(), io.StringIO(), logging.getLogger().level
    handlers = [logging.StreamHandler(out) for _ in range(2)]
    for handler, form in zip(handlers, ("json", "console"), strict=True):
        handler.setFormatter(logs.formatter({"LOG_FORMAT": form}))
        root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.setLevel(before)
    for handler in handlers:
        root.removeHandler(handler)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines() if line.startswith("{")]


def find_planted(output: str, *more: str) -> list[str]:
    return [word for word in (*PLANTED, *more) if word in output]


@pytest.mark.threat("hosting provider")
@on_sqlite
def test_nothing_of_a_reader_is_logged_at_any_level_whatever_goes_wrong(
    app: Flask,
    database: Database,
    newsroom: Newsroom,
    salt: ExpertAssignment,
    logged: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client, nora = app.test_client(), Desk(app, newsroom.nora)
    client.environ_base.update(CALLER)
    receipt = read_receipt(send_question(
        client, body=WORDS, background="My cousin weighs it.", hear_back="while", email_while="bakhtiyar@post.example",
        credit="first", first="Bakhtiyar", place="Karasai",
    ).text)  # fmt: skip
    client.post("/steppe/receipt", data={"receipt": receipt})
    client.get("/steppe/answers?q=silver+kettle")
    nora.get("letters")
    with database.read() as session:
        invitation = outbox.read(session, session.scalars(select(OutboxMail)).one())
    (link,) = re.findall(r"/a/([\w-]+)", invitation.text)
    client.get(f"/a/{link}")
    client.post("/sign-in", data={"email": "bakhtiyar@post.example"})
    room = NewsletterMailroom(database, newsroom)
    room.store_mail(mail("Bakhtiyar <bakhtiyar@post.example>", body=WORDS))
    with smtp_served() as server:  # it refuses, and repeats what it was told
        server.replies["RCPT"] = b"451 bakhtiyar@post.example has a silver kettle on the line"
        app.config |= {
            "MAIL_TRANSPORT": "smtp", "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": server.port, "MAIL_SUPPRESS_SEND": False,
        }  # fmt: skip
        worker._transport.cache_clear()
        worker.run(app, run_once=True)

    def trips(*_: object, **__: object) -> None:
        silver = WORDS  # a value of the frame
        raise ValueError(f"{silver} bakhtiyar@post.example {receipt} {link}")

    logged.write("\n--- faults ---\n")
    for duty in ("place_due", "deliver_due", "index_due"):
        monkeypatch.setattr(worker, duty, trips)
    room.store_mail(mail(body=WORDS))
    worker.run(app, run_once=True)
    form = get_form_token(client)
    event.listen(database.writer, "before_cursor_execute", trips)
    ours: Database = app.extensions["database"]
    event.listen(ours.writer, "before_cursor_execute", trips)
    assert send_question(client, form=form, body=WORDS).status_code == 500
    event.remove(ours.writer, "before_cursor_execute", trips)
    event.remove(database.writer, "before_cursor_execute", trips)
    with database.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE contacts")
    assert send_question(client, body=WORDS, hear_back="once", email_once="bakhtiyar@post.example").status_code == 500
    try:
        trips()
    except ValueError:  # as others log: with the words filled in, with the exception, with fields
        other = logging.getLogger("some.library")
        other.warning("could not take %s from %s in %d tries", WORDS, "bakhtiyar@post.example", 3)
        other.error(f"could not take {WORDS}", exc_info=True)
        app.logger.exception("Exception on %s", "/a/" + link, extra={"who": "bakhtiyar@post.example"})
        logging.getLogger("app.x").exception("trouble at %s?token=%s from %s", "/x", link, "2001:db8::77")
    out = logged.getvalue()
    assert find_planted(out, receipt, f"{receipt[:4]} {receipt[4:8]}", link) == []
    events = [(one["level"], one["logger"], one["event"]) for one in lines(logged)]
    assert ("warning", "some.library", "could not take … from … in 3 tries") in events
    assert ("error", "app.server.worker", "index: ValueError") in events
    (fault,) = [one for one in lines(logged) if one["event"] == "index: ValueError"]
    assert re.fullmatch(
        r"ValueError: app/server/worker.py:\d+ _run_duty > app/server/worker.py:\d+ <lambda> > tests/watching/test_logs.py:\d+ trips",
        *fault["fault"],
    )


@pytest.mark.threat("hosting provider")
@on_sqlite
def test_no_secret_that_comes_with_a_request_is_logged_or_stored(
    app: Flask, database: Database, newsroom: Newsroom, logged: io.StringIO, attempts: Callable[[int], None]
) -> None:
    """At every address, in its path, its query, a form, a cookie and the headers that carry secrets."""
    secret, client = "a-link-that-opens-something", app.test_client()
    headers = dict.fromkeys(("Authorization", "Referer", "User-Agent", "webhook-signature"), f"Bearer {secret}")
    fields = ("csrf_token", "code", "receipt", "form", "body", "credential", "email", "next", "once", "secret")
    client.set_cookie("__Host-desk", secret)
    statuses = Counter[int]()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", secret, rule.rule.replace("<slug>", newsroom.slug))
        for method in ("GET", "POST"):
            response = client.open(
                f"{path}?token={secret}&code={secret}&state={secret}", method=method, headers=headers,
                data=dict.fromkeys(fields, secret) if method == "POST" else None,
            )  # fmt: skip
            statuses[response.status_code] += 1
    assert {200, 303, 400, 404} <= statuses.keys()
    assert secret not in logged.getvalue()
    with database.read() as session:
        rows = session.execute(text("SELECT facts, old, new, actor FROM audit")).all()
    assert secret not in repr(rows)
    attempts(statuses.total())


@pytest.mark.threat("hosting provider")
@on_sqlite
def test_a_reader_has_no_line_and_the_desk_has_one_for_each_request(
    app: Flask, newsroom: Newsroom, logged: io.StringIO
) -> None:
    nora = Desk(app, newsroom.nora)
    logged.seek(0)
    logged.truncate()
    assert send_question(app.test_client()).status_code == 200
    before = lines(logged)
    page = nora.open("letters")
    requests = [one for one in lines(logged) if one["event"] == "request"]
    assert (before, {(one["endpoint"], one["method"], one["status"]) for one in requests}) == (
        [],
        {("editor.letters", "GET", 200)},
    )
    assert requests[-1]["request"] == page.headers[HEADER]
    assert set(requests[-1]) == {"time", "level", "logger", "event", "endpoint", "method", "status", "ms", "request"}


@on_sqlite
def test_the_page_the_head_and_the_log_bear_one_reference(
    app: Flask, newsroom: Newsroom, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setitem(app.view_functions, "reader.home", lambda **_: 1 / 0)
    monkeypatch.setattr(app.extensions["copies"], "store", LruStore())  # another test may have left the page there
    page = app.test_client().get("/steppe/", headers={HEADER: "FORGED"})
    reference = page.headers[HEADER]
    assert (page.status_code, reference in page.text, len(reference)) == (500, True, 6)
    assert [(one["event"], one["request"]) for one in lines(logged)] == [
        ("ZeroDivisionError", reference), (f"error {reference}: 500 at /<slug>/", reference),
    ]  # fmt: skip


@pytest.mark.threat("hosting provider")
def test_the_processes_themselves_log_json_and_nobody(
    tmp_path: Path,
    sqlite_newsroom: tuple[Path, Newsroom],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pages and worker, at the level that says most."""
    monkeypatch.setenv("LOG_FORMAT", "json")
    monkeypatch.setenv("LOG_LEVEL", "debug")
    url = f"sqlite:///{tmp_path / 'newsroom.db'}"
    (tmp_path / "newsroom.db").write_bytes(sqlite_newsroom[0].read_bytes())
    with run_site(url, tmp_path / "mail") as site:
        for path in ("/steppe/answers?q=silver+kettle", "/a/bakhtiyar-the-token-of-a-link-1", "/desk/?from=bakhtiyar"):
            heads = {"Referer": "http://post.example/?kettle", "User-Agent": "kettle"}
            request = Request(f"{site}{path}", headers=heads)  # noqa: S310 - an address of ours
            with suppress(HTTPError):  # two of them lead nowhere
                urlopen(request).close()  # noqa: S310 - an address of ours
        with socket.create_connection(("127.0.0.1", int(site.rpartition(":")[2]))) as client:
            client.sendall(b"GET /silver kettle HTTP/9.9\r\nHost: post.example\r\n\r\n")
            client.recv(4096)
    out = "".join(capfd.readouterr())
    events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert len(events) == len(out.splitlines()), out
    assert find_planted(out, "the-token-of-a-link") == []
    assert [one for one in events if "127.0.0.1" in str(one)] == []  # nobody says who came
    assert ("app.watching.each_request", "request") in {(one["logger"], one["event"]) for one in events}


@on_sqlite
def test_levels_are_a_setting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    root, before = logging.getLogger(), logging.getLogger().level
    try:
        for level in ("debug", "error"):
            logs.begin({**app.config, "LOG_LEVEL": level})
            assert root.level == getattr(logging, level.upper())
            assert logging.getLogger("sqlalchemy").level >= logging.WARNING
        assert [one.name for one in root.handlers].count(logs.HANDLER_NAME) == 1
    finally:
        logs.begin(app.config)
        root.setLevel(before)
