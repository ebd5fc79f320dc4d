"""`python -m bench.flood`: thousands of letters from one address or from many, with twenty of readers among them.

Real web processes and a worker, with the limits on, behind a simulated proxy, which names the address that a letter
comes from. Meanwhile an editor lists, opens and files letters. At the end it prints the positions of the readers'
letters in the desk's lists, the latency of the desk's pages, what became of the flood, and the size of the database.
"""

import argparse
import random
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import product
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple
from urllib.parse import urlencode

from sqlalchemy import func, make_url, select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.migrate import migrate
from app.letters import crowds
from app.letters.models import Letter
from app.letters.receive import MOST_A_DAY
from demo.scale.long_road import SLUG
from tests.support.floods import ALL_FLOOD_KINDS, HONEST_LETTERS, mixed_text
from tests.support.reader_pages import solve_proof_of_work

from .newsroom_data import fill_newsroom, get_newsletter, invite_editor
from .request_builders import ASK_PATH, get_app, sign_in
from .run_options import describe_machine, print_line, server_settings
from .servers import run_command, serve_app
from .temporary_databases import open_database

FLOOD_CONNECTIONS = 12
EDITOR_PAUSE = 1.0  # seconds between two actions of an editor at the desk
PROCESSING_SECONDS = 75.0  # after which the worker has processed the last letters
QUESTIONS = 10  # in the database beforehand
READ_LETTERS = 60  # letters that an editor reads
MAX_LISTED = 20_000  # letters of a list
_FORM = re.compile(r'name="form" value="([^"]+)"(?: data-task="([^"]*)")?')
_LETTER = re.compile(r'name="letter" value="([^"]+)"')
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
_ONCE = re.compile(r'name="once" value="([^"]+)"')
_SEEN = re.compile(r'name="seen" value="([^"]+)"')


@dataclass
class FloodTimings:
    """The measurements: the number of responses to letters by status, and milliseconds by action."""

    responses: Counter[int] = field(default_factory=Counter)
    latencies: dict[str, list[float]] = field(default_factory=dict)

    def add(self, action: str, start: float) -> None:
        self.latencies.setdefault(action, []).append((time.perf_counter() - start) * 1000)


class SiteConnection:
    """A connection to the site, for requests from any address. It keeps the cookie that the site sets."""

    def __init__(self, port: int, timings: FloodTimings, cookie: str = "") -> None:
        self.port, self.timings, self.cookie = port, timings, cookie
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def request(self, method: str, path: str, address: str, body: str | None = None) -> tuple[int, str]:
        """Return status and text of the response; status 0 if there is none."""
        headers = {"X-Forwarded-For": address, "Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            if new_cookie := response.headers.get("Set-Cookie"):
                self.cookie = new_cookie.partition(";")[0]
            return response.status, response.read().decode()
        except (OSError, HTTPException):
            self._connection.close()
            return 0, ""

    def submit(self, text: str, address: str, with_proof: bool = False) -> int:
        """Open the form and send it, as the sender of a flood must do too. Return the status, 0 without a form."""
        _status, page = self.request("GET", ASK_PATH, address)
        form = _FORM.search(page)
        if form is None:
            return 0
        fields = {"form": form[1], "body": text, "hear_back": "number", "then": "send"}
        if with_proof:
            fields["proof"] = solve_proof_of_work(form[2])
        start = time.perf_counter()
        status, _page = self.request("POST", f"/{SLUG}/send", address, urlencode(fields))
        self.timings.add("a reader's Send" if with_proof else "Send", start)
        return status


@dataclass(frozen=True)
class Flood:
    letters: int
    seconds: float
    addresses: int
    make_text: Callable[[random.Random], str] = mixed_text


class FloodLetter(NamedTuple):
    text: str
    is_readers: bool = False
    with_proof: bool = False


def build_flood(size: int, make_text: Callable[[random.Random], str]) -> list[FloodLetter]:
    """Return `size` letters of the flood, with the readers' letters among them, half of these with a proof of work."""
    rng = random.Random(7)
    letters = [FloodLetter(make_text(rng)) for _ in range(size)]
    step = size // (len(HONEST_LETTERS) + 1)
    for number, text in enumerate(HONEST_LETTERS, 1):
        letters.insert(number * step, FloodLetter(text, is_readers=True, with_proof=number % 2 == 0))
    return letters


def send_flood(port: int, flood: Flood, timings: FloodTimings) -> None:
    """Send all letters at an even rate."""
    letters = build_flood(flood.letters, flood.make_text)
    lock, start = threading.Lock(), time.monotonic()
    queue = iter(enumerate(letters))

    def send_letters() -> None:
        connection = SiteConnection(port, timings)
        while True:
            with lock:
                number, letter = next(queue, (0, None))
            if letter is None:
                return
            due = start + number * flood.seconds / len(letters)
            time.sleep(max(0.0, due - time.monotonic()))
            address_number = 0 if letter.is_readers else 1 + number % flood.addresses
            address = f"203.0.{address_number // 250}.{1 + address_number % 250}"
            status = connection.submit(letter.text, address, letter.with_proof)
            with lock:
                timings.responses[status] += 1
                if letter.is_readers and status != 200:
                    print_line(f"a reader's letter was answered with {status}")

    threads = [threading.Thread(target=send_letters) for _ in range(FLOOD_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print_line(f"sent in {time.monotonic() - start:.0f} s: {dict(timings.responses)}")


class Editor:
    """An editor at work, who lists, opens and files letters."""

    def __init__(self, port: int, cookie: str, timings: FloodTimings) -> None:
        self._connection = SiteConnection(port, timings, cookie)

    def work(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while not stop.wait(EDITOR_PAUSE):
            self._file_oldest_letter()

    def _file_oldest_letter(self) -> None:
        path = f"/desk/{SLUG}/letters"
        self._request_timed("desk: held", "GET", f"{path}?state=held")
        keys = _LETTER.findall(self._request_timed("desk: to file", "GET", path))
        if not keys:
            return
        letter_path = f"{path}/{keys[-1].split('.')[0]}"
        page = self._request_timed("desk: a letter", "GET", letter_path)
        csrf, once, seen = _CSRF.search(page), _ONCE.search(page), _SEEN.search(page)
        is_readers = any(text[:20] in page for text in HONEST_LETTERS)
        if csrf and seen and not is_readers:
            fields = {"csrf_token": csrf[1], "once": once[1] if once else "", "seen": seen[1], "kind": "tip"}
            self._request_timed("desk: file", "POST", f"{letter_path}/file", urlencode(fields))

    def _request_timed(self, action: str, method: str, path: str, body: str | None = None) -> str:
        start = time.perf_counter()
        status, page = self._connection.request(method, path, "203.0.113.250", body)
        self._connection.timings.add(action, start)
        if status not in (200, 303):
            print_line(f"{action} was answered with {status}")
        return page


def run_flood(url: str, folder: str, flood: Flood, daily_limit: int) -> None:
    """Fill the database at `url`, serve it, send the flood, and print what became of it."""
    settings = server_settings(url, folder) | {"LIMITS": "1", "TRUSTED_PROXIES": "1", "LETTERS_A_DAY": str(daily_limit)}
    migrate(url)
    database = open_database(url)
    fill_newsroom(database, QUESTIONS)
    with database.read() as session:
        letters_before = session.scalar(select(func.count()).select_from(Letter)) or 0
    app = get_app(settings)
    app_database: Database = app.extensions["database"]
    timings = FloodTimings()
    with serve_app("wsgi:app", settings) as server, run_command(settings, "worker"):
        cookie = sign_in(app, app_database.write(invite_editor))
        stop = threading.Event()
        editor = threading.Thread(target=Editor(server.port, cookie, timings).work, args=(stop,))
        editor.start()
        send_flood(server.port, flood, timings)
        time.sleep(PROCESSING_SECONDS)
        stop.set()
        editor.join()
    _print_latencies(timings)
    with database.read() as session:
        _print_letters(session, letters_before)
        _print_lists(session)
    database.close()
    if url.startswith("sqlite"):
        size = sum(path.stat().st_size for path in Path(str(make_url(url).database)).parent.glob("*.db*"))
        bytes_per_letter = size / (flood.letters + len(HONEST_LETTERS))
        print_line(f"the database has {size / 2**20:.1f} MiB, {bytes_per_letter:.0f} bytes a letter")


def _print_latencies(timings: FloodTimings) -> None:
    for action, latencies in sorted(timings.latencies.items()):
        cuts = quantiles(latencies, n=100) if len(latencies) > 1 else latencies * 99
        print_line(f"{action:<20} {len(latencies):>6} times   p50 {cuts[49]:>7.1f} ms   p99 {cuts[98]:>7.1f} ms")


def _print_letters(session: Session, letters_before: int) -> None:
    """Print the states of the letters, and of the readers' among them."""
    rows = session.execute(select(Letter.body, Letter.state, Letter.held_reason)).all()
    print_line(f"{len(rows) - letters_before} letters are stored: {dict(Counter(row.state for row in rows))}")
    kept = sum(bool(row.body) for row in rows) - letters_before
    print_line(f"{kept} of them have their words")
    print_line(f"held for {dict(Counter(row.held_reason for row in rows if row.held_reason))}")
    state_by_text = {row.body: row.state for row in rows}
    stored = sum(text in state_by_text for text in HONEST_LETTERS)
    states = dict(Counter(state_by_text.get(text, "LOST") for text in HONEST_LETTERS))
    print_line(f"of readers {stored} of {len(HONEST_LETTERS)} are in: {states}")


def _print_lists(session: Session) -> None:
    """Print the positions of the readers' letters in the desk's lists, and the crowds that one click moves."""
    newsletter_id = get_newsletter(session).id
    held = [letter.body for letter in crowds.list_held_letters(newsletter_id).page(session, None, MAX_LISTED)]
    held_positions = _find_positions(held, HONEST_LETTERS)
    print_line(f"among {len(held)} held ones they stand at {held_positions}")
    among_first = sum(position <= READ_LETTERS for position in held_positions)
    print_line(f"{among_first} of them among the first {READ_LETTERS}")
    waiting = [letter.body for letter in crowds.list_waiting_letters(newsletter_id).page(session, None, MAX_LISTED)]
    unheld = [text for text in HONEST_LETTERS if text not in held]
    print_line(f"those that came in unheld stand in the list To file at {_find_positions(waiting, unheld)}")
    to_file = [crowd.number for crowd in crowds.list_largest_crowds(session, newsletter_id)]
    to_hold = [crowd.number for crowd in crowds.list_crowds_to_hold(session, newsletter_id)]
    print_line(f"crowds that one press files: {to_file}; that one press holds: {to_hold}")


def _find_positions(listed: list[str | None], texts: Sequence[str]) -> list[int]:
    """Return the positions of those texts that are listed, from 1, in ascending order."""
    return sorted(listed.index(text) + 1 for text in texts if text in listed)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.flood", description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--addresses", type=int, nargs="+", default=[1, 500])
    parser.add_argument("--limit", type=int, default=MOST_A_DAY, help="LETTERS_A_DAY")
    parser.add_argument("--kinds", nargs="+", choices=ALL_FLOOD_KINDS, default=["mixed"])
    parser.add_argument("--database", help="an empty database; the default is a new SQLite file")
    arguments = parser.parse_args()
    print_line(describe_machine())
    for kind, addresses in product(arguments.kinds, arguments.addresses):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
            url = arguments.database or f"sqlite:///{folder}/flood.db"
            name = make_url(url).get_backend_name()
            print_line(
                f"\n{arguments.posts:,} letters in {arguments.minutes:g} minutes from {addresses} addresses, "
                f"{kind}, {arguments.limit:,} letters a day, {name}"
            )
            flood = Flood(arguments.posts, arguments.minutes * 60, addresses, ALL_FLOOD_KINDS[kind])
            run_flood(url, folder, flood, arguments.limit)


if __name__ == "__main__":
    main()
