"""Visitors while machines fail (`bench.machines`): readers who ask, experts who answer by their link, and mails.

After no response or an error, they retry with the same form or mail, as people and mail servers do.
"""

import random
import re
import smtplib
import socket
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException
from itertools import count
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.answers import assigning
from app.db.fault_kinds import Busy
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions, wording
from app.workflows import invitations
from tests.support import sample_newsroom
from tests.support.incoming_mails import mail
from tests.support.many_machines import LMTP_PORT, NETWORK, SITE, WORKER_MACHINES, Machines

PATIENCE = 15.0  # seconds of waiting for a response
AGAIN = 1.0  # seconds before a retry
GIVEN_UP = 60.0  # seconds after which they give up
INBOX = "ask@steppe.example"
_LINK = re.compile(r"https?://[^/]+(/a/\S+)")
_FORM = re.compile(r'name="form" value="([^"]+)"')
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True)
class Request:
    what: str
    began: float
    ended: float
    well: bool
    status: int


@dataclass(frozen=True)
class Acknowledged:
    kind: str  # letter, answer, mail
    words: str
    at: float


def prepare(machines: Machines) -> sample_newsroom.Newsroom:
    """Create a newsroom that receives mail."""
    database = machines.open_database()
    newsroom = database.write(sample_newsroom.create_newsroom)

    def take_mail(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).inbox = INBOX

    database.write(take_mail)
    database.close()
    return newsroom


def _ask_leyla(session: Session, newsroom: sample_newsroom.Newsroom, words: str) -> int:
    question = actions.open_question(session, newsroom.nora, [], headline=words, body=words, language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    leyla = session.get_one(Expert, newsroom.leyla.expert_id)
    assignment = assigning.assign(session, newsroom.nora, question, leyla)
    invitations.invite(session, newsroom.nora, assignment)
    return assignment.id


class Visitors:
    """The visitors. They record all `requests`, and what was `acknowledged`."""

    def __init__(self, machines: Machines, newsroom: sample_newsroom.Newsroom, seed: int) -> None:
        self._machines, self._newsroom, self._random = machines, newsroom, random.Random(seed)
        self._near = machines.open_database()
        self.requests: list[Request] = []
        self.acknowledged: list[Acknowledged] = []
        self.given_up: Counter[str] = Counter()
        self._numbers, self._links = count(1), deque[str]()
        self._trusting = ssl.create_default_context(cafile=str(machines.folder / "fullchain.pem"))
        self._trusting.check_hostname = False

    @contextmanager
    def coming(self, rate: float) -> Iterator[None]:
        """Let `rate` readers per second come until the block ends. For every two readers, a mail comes in; for every
        three, the desk invites an expert, who answers.
        """
        stop = threading.Event()
        each: list[tuple[Callable[[], None], float]] = [
            (self.reader, rate),
            (self.desk, rate / 3),
            (self.expert, rate / 3),
            (self.mail, rate / 2),
        ]
        begun: list[threading.Thread] = []

        def come(work: Callable[[], None], every: float) -> None:
            due = time.monotonic()
            while not stop.wait(max(0.0, due - time.monotonic())):
                due += every
                begun.append(one := threading.Thread(target=work))
                one.start()

        threads = [threading.Thread(target=come, args=(work, 1 / often)) for work, often in each]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in [*threads, *begun]:
                thread.join()
            self._near.close()

    def reader(self) -> None:
        number, address = next(self._numbers), self._address()
        words = f"Why does well number {number} taste of salt in autumn?"
        fields = {"body": words, "then": "send", "hear_back": "number"}
        if number % 2:
            fields |= {"hear_back": "while", "email_while": f"reader{number}@post.example"}
        page = self._until_well(address, "the form", "/steppe/ask", None, 200)
        form = _FORM.search(page)
        if form is None:
            return
        if self._until_well(address, "a letter", "/steppe/send", urlencode(fields | {"form": form[1]}), 200):
            self.acknowledged.append(Acknowledged("letter", words, time.monotonic()))

    def desk(self) -> None:
        """Let Nora invite an expert, directly in the database; skip it while the database is away."""
        words = f"Who measures the salt at gauge number {next(self._numbers)}?"
        with suppress(Busy, SQLAlchemyError):
            key = self._near.write(partial(_ask_leyla, newsroom=self._newsroom, words=words))
            with self._near.read() as session:
                mail = session.scalars(select(OutboxMail).where(OutboxMail.assignment_id == key)).one()
                if found := _LINK.search(outbox.read(session, mail).text):
                    self._links.append(found[1])

    def expert(self) -> None:
        if not self._links:
            return
        link = self._links.popleft()
        address, words = self._address(), f"The plates at well number {next(self._numbers)} are read in March."
        found = _CSRF.search(self._until_well(address, "a link", link, None, 200))
        if found is None:
            return
        body = urlencode({"csrf_token": found[1], "answer": words, "own_words": "1"})
        if self._until_well(address, "an answer", f"{link}/send", body, 303):
            self.acknowledged.append(Acknowledged("answer", words, time.monotonic()))

    def mail(self) -> None:
        number = next(self._numbers)
        words = f"Who reads the gauge at well number {number} when the river is low?"
        raw, end = mail(f"reader{number}@post.example", INBOX, body=words), time.monotonic() + GIVEN_UP
        hosts = list(WORKER_MACHINES)
        self._random.shuffle(hosts)
        while time.monotonic() < end:
            try:
                with self._machines.network.enter("mx"):
                    line = smtplib.LMTP(self._machines.network.address[hosts[0]], LMTP_PORT, timeout=PATIENCE)
                with line:
                    line.sendmail(f"reader{number}@post.example", [INBOX], raw)
                self.acknowledged.append(Acknowledged("mail", words, time.monotonic()))
                return
            except OSError:
                hosts.reverse()
                time.sleep(AGAIN)
        self.given_up["mail"] += 1

    def _address(self) -> str:
        return f"{NETWORK}.{self._random.randrange(8, 12)}.{self._random.randrange(1, 255)}"

    def _until_well(self, address: str, what: str, path: str, body: str | None, wanted: int) -> str:
        end = time.monotonic() + GIVEN_UP
        while time.monotonic() < end:
            began = time.monotonic()
            status, page = self.ask(address, path, body)
            self.requests.append(Request(what, began, time.monotonic(), status == wanted, status))
            if status == wanted:
                return page or "-"
            time.sleep(AGAIN)
        self.given_up[what] += 1
        return ""

    def ask(self, address: str, path: str, body: str | None) -> tuple[int, str]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        way = HTTPConnection(SITE)
        try:
            with self._machines.network.enter("readers"):
                place = (self._machines.network.address["front"], 443)
                plain = socket.create_connection(place, PATIENCE, source_address=(address, 0))
            way.sock = self._trusting.wrap_socket(plain, server_hostname=SITE)
            way.request("POST" if body is not None else "GET", path, body, headers)
            answer = way.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, HTTPException):
            return 0, ""
        finally:
            way.close()
