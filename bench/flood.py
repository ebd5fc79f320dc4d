"""`python -m bench.flood`: letters by the thousand from one address or from many, with twenty of readers among them.

Real web processes and a worker, with the limits on, behind what they take for a proxy: it says which address a letter
comes from. Meanwhile somebody at the desk lists, opens and files. What is said at the end: where the readers' letters
stand, how long the desk's pages took, what became of the flood, and how large the database is.
"""

import argparse
import random
import re
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

from sqlalchemy import make_url, select

import config
from app import create_app
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate
from app.letters import crowds
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from demo.scale.people import SLUG
from tests.support.floods import HONEST_LETTERS, mixed_text
from tests.support.reader_pages import solve_proof_of_work

from . import doors
from .fill import fill_newsroom, invite_editor
from .servers import command, serving
from .surroundings import SECRET, environment, machine, say

HANDS = 12  # connections of the flood
LOOKS_EVERY = 1.0  # seconds between two actions of an editor at the desk
SORTED = 75.0  # seconds after which the worker has processed the last letters
FILLED = 10  # questions in the database beforehand
FIRST = 60  # letters that an editor reads
_FORM = re.compile(r'name="form" value="([^"]+)"(?: data-task="([^"]*)")?')
_LETTER = re.compile(r'name="letter" value="([^"]+)"')
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
_ONCE = re.compile(r'name="once" value="([^"]+)"')
_SEEN = re.compile(r'name="seen" value="([^"]+)"')


@dataclass
class Watch:
    """The measurements: responses by status, and milliseconds by action."""

    answers: Counter[int] = field(default_factory=Counter)
    took: dict[str, list[float]] = field(default_factory=dict)

    def note(self, what: str, began: float) -> None:
        self.took.setdefault(what, []).append((time.perf_counter() - began) * 1000)


class Hand:
    """A connection to the site, for requests from any address."""

    def __init__(self, port: int, watch: Watch) -> None:
        self.port, self.watch, self.line = port, watch, HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookie = ""

    def ask(self, method: str, path: str, address: str, body: str | None = None, cookie: str = "") -> tuple[int, str]:
        headers = {"X-Forwarded-For": address, "Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie or cookie}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            self.line.request(method, path, body, headers)
            answer = self.line.getresponse()
            self.cookie = (answer.headers.get("Set-Cookie") or self.cookie).partition(";")[0]
            return answer.status, answer.read().decode()
        except (OSError, HTTPException):
            self.line.close()
            return 0, ""

    def send(self, text: str, address: str, with_proof: bool = False) -> int:
        """Open the form and send it, as the sender of a flood must do too. Return the status, 0 without a form."""
        _status, page = self.ask("GET", f"/{SLUG}/ask", address)
        found = _FORM.search(page)
        if found is None:
            return 0
        fields = {"form": found[1], "body": text, "hear_back": "number", "then": "send"}
        if with_proof:
            fields["proof"] = solve_proof_of_work(found[2])
        began = time.perf_counter()
        status, _page = self.ask("POST", f"/{SLUG}/send", address, urlencode(fields))
        self.watch.note("a reader's Send" if with_proof else "Send", began)
        return status


@dataclass(frozen=True)
class Flood:
    posts: int
    seconds: float
    addresses: int


def run_flood(port: int, flood: Flood, watch: Watch) -> None:
    """Send all letters at an even rate; half of the readers' letters have a proof of work."""
    rng = random.Random(7)
    letters = [(mixed_text(rng), False, False) for _ in range(flood.posts)]
    step = flood.posts // (len(HONEST_LETTERS) + 1)
    for number, text in enumerate(HONEST_LETTERS, 1):
        letters.insert(number * step, (text, True, number % 2 == 0))
    lock, began = threading.Lock(), time.monotonic()
    waiting = iter(enumerate(letters))

    def work() -> None:
        hand = Hand(port, watch)
        while True:
            with lock:
                number, (text, is_reader, with_proof) = next(waiting, (0, ("", False, False)))
            if not text:
                return
            time.sleep(max(0.0, began + number * flood.seconds / len(letters) - time.monotonic()))
            nth = 0 if is_reader else 1 + number % flood.addresses
            status = hand.send(text, f"203.0.{nth // 250}.{1 + nth % 250}", with_proof)
            with lock:
                watch.answers[status] += 1
                if is_reader and status != 200:
                    say(f"a reader's letter was answered with {status}")

    hands = [threading.Thread(target=work) for _ in range(HANDS)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    say(f"sent in {time.monotonic() - began:.0f} s: {dict(watch.answers)}")


def at_the_desk(port: int, cookie: str, watch: Watch, stop: threading.Event) -> None:
    """List, open and file letters repeatedly, like an editor at work, until `stop` is set."""
    hand, desk = Hand(port, watch), f"/desk/{SLUG}/letters"

    def timed(what: str, method: str, path: str, body: str | None = None) -> str:
        began = time.perf_counter()
        status, page = hand.ask(method, path, "203.0.113.250", body, cookie)
        watch.note(what, began)
        if status not in (200, 303):
            say(f"{what} was answered with {status}")
        return page

    while not stop.wait(LOOKS_EVERY):
        timed("desk: held", "GET", f"{desk}?state=held")
        rows = _LETTER.findall(timed("desk: to file", "GET", desk))
        if not rows:
            continue
        public_id = rows[-1].split(".")[0]
        page = timed("desk: a letter", "GET", f"{desk}/{public_id}")
        csrf, once, seen = (pattern.search(page) for pattern in (_CSRF, _ONCE, _SEEN))
        if not (csrf and seen):
            continue
        fields = {"csrf_token": csrf[1], "once": once[1] if once else "", "seen": seen[1], "kind": "tip"}
        if not any(text[:20] in page for text in HONEST_LETTERS):
            timed("desk: file", "POST", f"{desk}/{public_id}/file", urlencode(fields))


def report(url: str, folder: str, flood: Flood) -> None:
    settings = environment(url, folder) | {"LIMITS": "1", "TRUSTED_PROXIES": "1"}
    migrate(url)
    database = Database(url, Keys({1: SECRET}), "http://127.0.0.1")
    fill_newsroom(database, FILLED)
    before = _state(database)
    app = create_app(config.load(settings))
    with serving("wsgi:app", settings) as (port, _server), command(settings, "worker"):
        own: Database = app.extensions["database"]
        cookie, watch, stop = doors.cookie(app, own.write(invite_editor)), Watch(), threading.Event()
        desk = threading.Thread(target=at_the_desk, args=(port, cookie, watch, stop))
        desk.start()
        run_flood(port, flood, watch)
        time.sleep(SORTED)
        stop.set()
        desk.join()
    for what, times in sorted(watch.took.items()):
        cuts = quantiles(times, n=100) if len(times) > 1 else times * 99
        say(f"{what:<20} {len(times):>6} times   p50 {cuts[49]:>7.1f} ms   p99 {cuts[98]:>7.1f} ms")
    _report(database, before)
    database.close()
    if url.startswith("sqlite"):
        size = sum(path.stat().st_size for path in Path(str(make_url(url).database)).parent.glob("*.db*"))
        say(f"the database has {size / 2**20:.1f} MiB, {size / (flood.posts + len(HONEST_LETTERS)):.0f} bytes a letter")


def _state(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Letter.id)).all())


def _report(database: Database, before: int) -> None:
    with database.read() as session:
        newsletter_id = session.scalars(select(Newsletter.id).filter_by(slug=SLUG)).one()
        new = session.execute(select(Letter.body, Letter.state, Letter.held_reason)).all()
        say(f"{len(new) - before} letters are stored: {dict(Counter(row.state for row in new))}")
        say(f"held for {dict(Counter(row.held_reason for row in new if row.held_reason))}")
        states = {row.body: row.state for row in new}
        say(
            f"of readers {sum(text in states for text in HONEST_LETTERS)} of {len(HONEST_LETTERS)} are in:"
            f" {dict(Counter(states.get(text, 'LOST') for text in HONEST_LETTERS))}"
        )
        held = [one.body for one in crowds.list_held_letters(newsletter_id).page(session, None, 20_000)]
        of_readers = [held.index(text) + 1 for text in HONEST_LETTERS if text in held]
        say(f"among {len(held)} held ones they stand at {sorted(of_readers)}")
        say(f"{sum(at <= FIRST for at in of_readers)} of them among the first {FIRST}")
        came = [one.body for one in crowds.list_waiting_letters(newsletter_id).page(session, None, 20_000)]
        mine = sorted(came.index(text) + 1 for text in HONEST_LETTERS if text in came and text not in held)
        say(f"those that came in unheld stand in the list To file at {mine}")
        say(
            "crowds that one press files: "
            f"{[one.number for one in crowds.list_largest_crowds(session, newsletter_id)]};"
            f" that one press holds: {[one.number for one in crowds.list_crowds_to_hold(session, newsletter_id)]}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.flood", description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--addresses", type=int, nargs="+", default=[1, 500])
    parser.add_argument("--database", help="an empty database; a new SQLite file if none is named")
    given = parser.parse_args()
    say(machine())
    for addresses in given.addresses:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
            url = given.database or f"sqlite:///{folder}/flood.db"
            name = make_url(url).get_backend_name()
            say(f"\n{given.posts:,} letters in {given.minutes:g} minutes from {addresses} addresses, {name}")
            report(url, folder, Flood(given.posts, given.minutes * 60, addresses))


if __name__ == "__main__":
    main()
