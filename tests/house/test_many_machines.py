"""Machines that are cut off from each other, without a word: nobody waits for them longer than a proxy does, and what they held is
let go."""

import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.fault_kinds import Busy
from app.db.public_version import read_public_version
from app.newsletters.models import Newsletter
from bench.machine_visitors import Visitors, create_newsroom
from tests.support import postgres
from tests.support.app import SECRETS
from tests.support.debian_machine import wait_for_machine
from tests.support.many_machines import NETWORK, NGINX_CHANGES, WEB_MACHINES, Machines, start_machines
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT

AS_LONG = 8.0  # seconds that the proxy waits for an answer, and one second more for what is measured
FAILS = 10.0  # seconds for which requests may fail
NAMES = ("front", "readers", "mx", "smtp", "db", "web1", "web2", "worker1", "worker2")


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Machines on which nothing is started but the database and the mail server."""
    with start_machines(*NAMES) as made:
        yield made


@pytest.fixture(scope="module")
def newsroom(machines: Machines) -> Newsroom:
    return create_newsroom(machines)


def took(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_the_docs_name_what_is_changed_for_several_machines() -> None:
    page = re.sub(r"\s+", " ", (ROOT / "docs" / "install.md").read_text())
    said = re.sub(r"\s+", " ", " ".join(new.removeprefix(old) for old, new in NGINX_CHANGES[1:]))
    lines = [line.strip() for line in re.split(r"(?<=;)", said)]
    assert [line for line in lines if line not in page] == []
    assert page.count(" backup max_fails=0;") == page.count("server 10.0.0.1") / 2 == len(WEB_MACHINES)


def test_a_database_that_is_cut_off_is_waited_for_once_and_as_long_as_the_proxy_waits(
    machines: Machines, newsroom: Newsroom
) -> None:
    with machines.network.enter("web1"):
        database = Database(machines.url, Keys(SECRETS), "https://ask.example.org")

        def look() -> None:
            with database.read() as session:
                session.get(Newsletter, 1)

        look()
        database.write(lambda session: session.get(Newsletter, 1))
        assert read_public_version(database, "steppe") is not None
        machines.network.disconnect("web1", "db")

        def visit() -> None:
            """What a page does: the version of its copy is asked for, then the page is made."""
            assert read_public_version(database, "steppe") is None
            with pytest.raises(OperationalError):
                look()

        try:
            assert took(visit) < AS_LONG
            with pytest.raises(Busy):
                database.write(lambda session: session.get(Newsletter, 1))
            assert (
                took(visit) < 6.0
            )  # two more connections of two seconds each, and nobody waits for what is known to be broken
        finally:
            machines.network.reconnect("web1", "db")
        wait_for_machine(lambda: read_public_version(database, "steppe") is not None, "the database")
        look()
        database.close()


def test_what_a_machine_had_locked_is_let_go_once_it_is_cut_off(machines: Machines) -> None:
    with machines.network.enter("web1"):
        database = Database(machines.url, Keys(SECRETS), "https://ask.example.org")
        gone = database.writer.connect()
    gone.exec_driver_sql("LOCK TABLE newsletters")
    machines.network.disconnect("web1", "db")
    try:
        with psycopg.connect(postgres.to_psycopg_url(machines.socket_url)) as other:
            assert took(lambda: other.execute("LOCK TABLE newsletters")) < AS_LONG
    finally:
        machines.network.reconnect("web1", "db")
        gone.invalidate()
        database.close()


def test_readers_ask_and_experts_answer_while_machines_fail_and_nothing_is_lost_or_sent_twice(
    machines: Machines, newsroom: Newsroom
) -> None:
    for name in ("front", "web1", "web2", "worker1", "worker2"):
        machines.start(name)
    for name in ("front", "web1", "web2", "worker1", "worker2"):
        wait_for_machine(lambda name=name: machines.is_listening(name), name)  # type: ignore[misc]
    visitors = Visitors(machines, newsroom, seed=3)
    with visitors.keep_visiting(rate=3):
        time.sleep(1)
        machines.network.disconnect("web1", "db")
        machines.kill("worker1")
        time.sleep(AS_LONG)
        machines.network.reconnect("web1", "db")
        time.sleep(1)
    # What worker1 had in its hands is done again in ten minutes.
    machines.execute("UPDATE outbox SET leased_until = NULL, due_at = created_at WHERE state = 'queued'")
    machines.execute("UPDATE inbound SET leased_until = NULL")
    wait_for_machine(
        lambda: not machines.fetch_value("SELECT count(*) FROM outbox WHERE state = 'queued'"), "the outbox"
    )
    wait_for_machine(
        lambda: not machines.fetch_value("SELECT count(*) FROM inbound WHERE placed_at IS NULL"), "the mail"
    )
    failed = [one for one in visitors.requests if not one.succeeded]
    assert not failed or max(one.ended for one in failed) - min(one.began for one in failed) < FAILS
    assert not visitors.given_up
    kinds = {one.kind for one in visitors.acknowledged}
    assert kinds == {"letter", "answer", "mail"}
    stored = machines.get_totals()
    assert {one.text: stored.texts[one.text] for one in visitors.acknowledged} == dict.fromkeys(
        (one.text for one in visitors.acknowledged), 1
    )
    assert set(stored.delivered) == stored.sent
    assert sum(times > 1 for times in stored.delivered.values()) <= 1  # what worker1 had handed over as it was killed


def test_while_the_database_is_away_from_all_pages_the_program_gives_the_words_back(
    machines: Machines, newsroom: Newsroom
) -> None:
    """nginx by itself would leave both machines alone for ten seconds and answer for them, without a word."""
    visitors, words = Visitors(machines, newsroom, seed=4), "Who salts the wells while nobody looks?"
    for name in WEB_MACHINES:
        machines.network.disconnect(name, "db")
    try:
        for _ in range(3):
            assert visitors.request(f"{NETWORK}.8.8", "/steppe/answers", None)[0] == 503
        status, page = visitors.request(f"{NETWORK}.8.8", "/steppe/send", urlencode({"body": words, "then": "send"}))
        assert (status, words in page) == (503, True)
    finally:
        for name in WEB_MACHINES:
            machines.network.reconnect(name, "db")
