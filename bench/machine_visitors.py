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

RESPONSE_TIMEOUT = 15.0  # seconds
RETRY_PAUSE = 1.0  # seconds
RETRY_PERIOD = 60.0  # seconds after which visitors give up
INBOX = "ask@steppe.example"
_LINK = re.compile(r"https?://[^/]+(/a/\S+)")
_FORM = re.compile(r'name="form" value="([^"]+)"')
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True)
class RequestRecord:
    """A request and its outcome. Times are those of `time.monotonic`."""

    began: float
    ended: float
    succeeded: bool


@dataclass(frozen=True)
class AcknowledgedText:
    """A text that the product has acknowledged, so that it must not be lost. `kind` is letter, answer or mail."""

    kind: str
    text: str
    at: float


def create_newsroom(machines: Machines) -> sample_newsroom.Newsroom:
    """Create a newsroom that receives mail."""
    database = machines.open_database()
    newsroom = database.write(sample_newsroom.create_newsroom)

    def set_inbox(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).inbox = INBOX

    database.write(set_inbox)
    database.close()
    return newsroom


def _invite_leyla(session: Session, newsroom: sample_newsroom.Newsroom, text: str) -> int:
    """Open a question with this text and invite Leyla to answer it; return the assignment's ID."""
    question = actions.open_question(session, newsroom.nora, [], headline=text, body=text, language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    leyla = session.get_one(Expert, newsroom.leyla.expert_id)
    assignment = assigning.assign(session, newsroom.nora, question, leyla)
    invitations.invite(session, newsroom.nora, assignment)
    return assignment.id


class Visitors:
    """The visitors. They record all `requests`, the `acknowledged` texts, and how often they gave up, by action."""

    def __init__(self, machines: Machines, newsroom: sample_newsroom.Newsroom, seed: int) -> None:
        self._machines, self._newsroom, self._rng = machines, newsroom, random.Random(seed)
        self._database = machines.open_database()
        self.requests: list[RequestRecord] = []
        self.acknowledged: list[AcknowledgedText] = []
        self.given_up: Counter[str] = Counter()
        self._numbers, self._expert_links = count(1), deque[str]()
        self._tls_context = ssl.create_default_context(cafile=str(machines.folder / "fullchain.pem"))
        self._tls_context.check_hostname = False

    @contextmanager
    def keep_visiting(self, rate: float) -> Iterator[None]:
        """Let `rate` readers per second come until the block ends. For every two readers, a mail comes in; for every
        three, the desk invites an expert, who answers.
        """
        stop = threading.Event()
        rates: list[tuple[Callable[[], None], float]] = [
            (self.send_letter, rate),
            (self.invite_expert, rate / 3),
            (self.send_answer, rate / 3),
            (self.send_mail, rate / 2),
        ]
        visits: list[threading.Thread] = []

        def start_visits(visit: Callable[[], None], interval: float) -> None:
            due = time.monotonic()
            while not stop.wait(max(0.0, due - time.monotonic())):
                due += interval
                thread = threading.Thread(target=visit)
                visits.append(thread)
                thread.start()

        schedulers = [
            threading.Thread(target=start_visits, args=(visit, 1 / visit_rate)) for visit, visit_rate in rates
        ]
        for scheduler in schedulers:
            scheduler.start()
        try:
            yield
        finally:
            stop.set()
            for thread in [*schedulers, *visits]:
                thread.join()
            self._database.close()

    def send_letter(self) -> None:
        number, address = next(self._numbers), self._pick_address()
        text = f"Why does well number {number} taste of salt in autumn?"
        fields = {"body": text, "then": "send", "hear_back": "number"}
        if number % 2:
            fields |= {"hear_back": "while", "email_while": f"reader{number}@post.example"}
        page = self._retry_request(address, "the form", "/steppe/ask", None, 200)
        form = _FORM.search(page)
        if form is None:
            return
        if self._retry_request(address, "a letter", "/steppe/send", urlencode(fields | {"form": form[1]}), 200):
            self.acknowledged.append(AcknowledgedText("letter", text, time.monotonic()))

    def invite_expert(self) -> None:
        """Let Nora invite an expert, directly in the database; skip it while the database is away."""
        text = f"Who measures the salt at gauge number {next(self._numbers)}?"
        with suppress(Busy, SQLAlchemyError):
            assignment_id = self._database.write(partial(_invite_leyla, newsroom=self._newsroom, text=text))
            with self._database.read() as session:
                invitation = session.scalars(select(OutboxMail).filter_by(assignment_id=assignment_id)).one()
                if link := _LINK.search(outbox.read(session, invitation).text):
                    self._expert_links.append(link[1])

    def send_answer(self) -> None:
        """Answer by the oldest link that was not used yet, if there is one."""
        if not self._expert_links:
            return
        link = self._expert_links.popleft()
        address, text = self._pick_address(), f"The plates at well number {next(self._numbers)} are read in March."
        token = _CSRF.search(self._retry_request(address, "a link", link, None, 200))
        if token is None:
            return
        body = urlencode({"csrf_token": token[1], "answer": text, "own_words": "1"})
        if self._retry_request(address, "an answer", f"{link}/send", body, 303):
            self.acknowledged.append(AcknowledgedText("answer", text, time.monotonic()))

    def send_mail(self) -> None:
        """Hand over a mail by LMTP, to each worker in turn until one accepts it."""
        number = next(self._numbers)
        sender = f"reader{number}@post.example"
        text = f"Who reads the gauge at well number {number} when the river is low?"
        raw, deadline = mail(sender, INBOX, body=text), time.monotonic() + RETRY_PERIOD
        hosts = list(WORKER_MACHINES)
        self._rng.shuffle(hosts)
        while time.monotonic() < deadline:
            try:
                with self._machines.network.enter("mx"):
                    client = smtplib.LMTP(self._machines.network.address[hosts[0]], LMTP_PORT, timeout=RESPONSE_TIMEOUT)
                with client:
                    client.sendmail(sender, [INBOX], raw)
                self.acknowledged.append(AcknowledgedText("mail", text, time.monotonic()))
                return
            except OSError:
                hosts.reverse()
                time.sleep(RETRY_PAUSE)
        self.given_up["mail"] += 1

    def _pick_address(self) -> str:
        return f"{NETWORK}.{self._rng.randrange(8, 12)}.{self._rng.randrange(1, 255)}"

    def _retry_request(self, address: str, action: str, path: str, body: str | None, expected_status: int) -> str:
        """Repeat a request until it has the expected status. Return the page, never empty, or "" after giving up."""
        deadline = time.monotonic() + RETRY_PERIOD
        while time.monotonic() < deadline:
            start = time.monotonic()
            status, page = self.request(address, path, body)
            self.requests.append(RequestRecord(start, time.monotonic(), status == expected_status))
            if status == expected_status:
                return page or "-"
            time.sleep(RETRY_PAUSE)
        self.given_up[action] += 1
        return ""

    def request(self, address: str, path: str, body: str | None) -> tuple[int, str]:
        """Request a page from an address, by POST if there is a body. Return status and text; 0 without a response."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        connection = HTTPConnection(SITE)
        try:
            with self._machines.network.enter("readers"):
                front = (self._machines.network.address["front"], 443)
                tcp_socket = socket.create_connection(front, RESPONSE_TIMEOUT, source_address=(address, 0))
            connection.sock = self._tls_context.wrap_socket(tcp_socket, server_hostname=SITE)
            connection.request("POST" if body is not None else "GET", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, HTTPException):
            return 0, ""
        finally:
            connection.close()
