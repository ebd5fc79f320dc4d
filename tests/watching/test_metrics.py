"""`/metrics`: closed to strangers, adds up over processes, and tells no minute of any reader."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select, update

from app.core.clock import utc_now
from app.db.engine import Database
from app.doctor.checks import CHECKS
from app.editions.models import Edition
from app.mail import outbox
from app.mail.message import Message
from app.server import worker
from app.watching import each_request, metrics
from tests.support.desk import Desk
from tests.support.incoming_mails import mail
from tests.support.mailroom import NewsletterMailroom
from tests.support.processes import run_site
from tests.support.reader_pages import send_question
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import wait_until

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TOKEN = "a token of thirty-two characters!"
KNOWN = {"Authorization": f"Bearer {TOKEN}"}
MAIL = Message("expert.letter", "leyla@field.example", "Leyla", "Salt", "Dear Leyla", "en", "Nora Lind")

Numbers = dict[tuple[str, ...], float]


def read(text: str) -> Numbers:
    """Each number by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def metrics_client(app: Flask) -> FlaskClient:
    app.config["METRICS_TOKEN"] = TOKEN
    return app.test_client()


@pytest.mark.threat("hosting provider")
@on_sqlite
def test_strangers_learn_nothing(app: Flask, client: FlaskClient) -> None:
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    app.config["METRICS_TOKEN"] = TOKEN
    for given in (
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {TOKEN}"},
    ):
        page = client.get("/metrics", headers=given)
        assert (page.status_code, page.text) == (401, "")
    assert client.get("/metrics", headers=KNOWN).status_code == 200


def of_readers(metrics_client: FlaskClient) -> Numbers:
    found = read(metrics_client.get("/metrics", headers=KNOWN).text)
    return {
        name: value for name, value in found.items() if name[1:2] == ("reader",) and not name[0].endswith("_created")
    }


@pytest.mark.threat("hosting provider")
@on_sqlite
def test_a_reader_who_writes_looks_like_one_who_reads(
    metrics_client: FlaskClient, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count(0, 0.03)  # seconds: whatever is done takes a little, and some pages do more than others
    monkeypatch.setattr(each_request.time, "perf_counter", lambda: next(ticks))
    start = of_readers(metrics_client)
    metrics_client.get("/steppe/")
    metrics_client.get("/steppe/answers")
    read_only = of_readers(metrics_client)
    send_question(metrics_client)  # opens the form and sends it
    wrote = of_readers(metrics_client)
    gained = [
        {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
        for before, after in ((start, read_only), (read_only, wrote))
    ]
    assert gained[0] == gained[1]
    assert gained[0][("readers_asked_requests_total", "reader", "any", "2xx")] == 2


@on_sqlite
def test_the_desks_requests_are_counted_by_endpoint_method_and_status(
    app: Flask, metrics_client: FlaskClient, newsroom: Newsroom
) -> None:
    name = ("readers_asked_requests_total", "editor.letters", "GET", "2xx")
    nora, before = Desk(app, newsroom.nora), read(metrics_client.get("/metrics", headers=KNOWN).text)
    nora.get("letters")
    after = read(metrics_client.get("/metrics", headers=KNOWN).text)
    seconds = ("readers_asked_request_seconds_count", "editor.letters")
    assert [after[one] - before.get(one, 0) for one in (name, seconds)] == [1, 1]


def test_queues_mails_editions_and_the_worker(
    app: Flask, metrics_client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    room, at = NewsletterMailroom(database, newsroom), utc_now()
    quarter = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    before, since = quarter - timedelta(seconds=1), quarter + timedelta(microseconds=1)
    room.store_mail(mail(), before)
    room.store_mail(mail(), since)
    database.write(lambda s: outbox.put(s, MAIL) and None, before)
    first = select(func.min(Edition.id)).scalar_subquery()
    ran = update(Edition).where(Edition.id == first).values(cutoff_at=before, runs_at=before)
    database.write(lambda s: s.execute(ran) and None)
    found = read(metrics_client.get("/metrics", headers=KNOWN).text)
    waited = (at - before).total_seconds()
    assert 0 <= found[("readers_asked_incoming_wait_seconds",)] - waited < 20
    assert 0 <= found[("readers_asked_outgoing_wait_seconds",)] - waited < 20
    assert {name: value for name, value in found.items() if name[0].endswith("_mails")} == {
        ("readers_asked_incoming_mails", "stored"): 1, ("readers_asked_outgoing_mails", "queued"): 1,
    }  # fmt: skip
    assert (found[("readers_asked_editions_due",)], ("readers_asked_worker_seen_seconds",) in found) == (1, False)
    worker.run(app, run_once=True)
    worker.run(app, run_once=True)
    found = read(metrics_client.get("/metrics", headers=KNOWN).text)
    assert {name[1]: value for name, value in found.items() if name[0] == "readers_asked_worker_rounds_total"} == {
        duty.name: 2 for duty in worker.DUTIES
    }
    assert found[("readers_asked_worker_seen_seconds",)] < 20


@pytest.fixture
def two_processes(
    tmp_path: Path, sqlite_newsroom: tuple[Path, Newsroom], monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "newsroom.db").write_bytes(sqlite_newsroom[0].read_bytes())
    with run_site(f"sqlite:///{tmp_path / 'newsroom.db'}", tmp_path / "mail") as site:
        yield site
    assert list(tmp_path.glob("readers-asked-metrics-*")) == []  # the folder goes with the server


def test_processes_add_up(two_processes: str, tmp_path: Path) -> None:
    def read_count() -> float:
        with urlopen(Request(f"{two_processes}/metrics", headers=KNOWN)) as page:  # noqa: S310 - an address of ours
            return read(page.read().decode()).get(("readers_asked_requests_total", "reader", "any", "2xx"), 0)

    def processes() -> int:
        names = [file.name for file in tmp_path.glob("readers-asked-metrics-*/counter_*.db")]
        return len({re.findall(r"\d+", name)[-1] for name in names})

    asked = 0

    def has_asked_both() -> bool:
        nonlocal asked
        urlopen(f"{two_processes}/steppe/").close()  # noqa: S310 - an address of ours
        asked += 1
        return processes() == 2

    wait_until(has_asked_both, "both processes to answer")
    assert read_count() == asked


def test_counting_costs_a_request_next_to_nothing() -> None:
    began = time.process_time()
    for _ in range(1000):
        metrics.count("editor.letters", "GET", 200, 0.012)
    assert (time.process_time() - began) / 1000 < 0.001  # seconds; it is some ten microseconds


def test_the_page_of_maintenance_lists_every_check_number_and_setting() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "maintain.md").read_text()
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in page.splitlines()
        if line.startswith("| ")
    ]
    assert [row for row in rows if row[0] in {check.name for check in CHECKS}] == [
        (check.name, check.looks_at, check.remedy) for check in CHECKS
    ]
    names = [row[0].strip("`") for row in rows if row[0].startswith("`readers_asked")]
    assert names == ["readers_asked_requests_total", "readers_asked_request_seconds", *metrics.DATABASE_METRICS]
    assert [row[2] for row in rows if row[0].strip("`") in metrics.DATABASE_METRICS] == list(
        metrics.DATABASE_METRICS.values()
    )
