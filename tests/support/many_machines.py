"""A newsroom on many machines: PostgreSQL, Redis, a mail server, two hosts with pages and two with a worker and the LMTP door,
behind the nginx of deploy/; each a network namespace of its own (`tests.support.wire`).
"""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import select

from app.answers.models import AnswerText
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate
from app.letters.models import Letter
from app.mail.models import OutboxMail
from tests.support import clock, postgres
from tests.support.app import SECRETS
from tests.support.fake_servers import run_server
from tests.support.smtp_servers import SmtpServer, get_message_id
from tests.support.waiting import until
from tests.support.wire import NET, Wire, wire

ROOT = Path(__file__).parent.parent.parent
SITE = "ask.example.org"
WEBS, WORKERS = ("web1", "web2"), ("worker1", "worker2")
ALL = ("front", "readers", "mx", "smtp", "db", "redis", *WEBS, *WORKERS)
START = 60.0  # seconds
LMTP, PAGES = 8024, 8000
# What docs/install.md says under "Several machines" of nginx.
SEVERAL = (
    ("    server 127.0.0.1:8000;\n    keepalive 16;\n", "{servers}"),
    ("proxy_connect_timeout 5s;", "proxy_connect_timeout 2s;"),
    ("proxy_read_timeout 60s;", "proxy_read_timeout 8s;"),
    ("proxy_next_upstream off;", "proxy_next_upstream error timeout http_503; proxy_next_upstream_tries 2;"),
    (
        "    location / {\n        proxy_pass http://readers-asked;\n    }\n",
        "    location / {\n        proxy_pass http://readers-asked;\n    }\n"
        "    location /desk/ {\n        proxy_read_timeout 60s;\n        proxy_pass http://readers-asked;\n    }\n",
    ),
)


class Sink(SmtpServer):
    """A mail server that takes all there is; `marked` says when."""

    def __init__(self, place: tuple[str, int]) -> None:
        super().__init__(place=place)
        self.marked: list[tuple[float, str]] = []

    def take(self, sender: str, recipient: str, raw: bytes) -> None:
        self.marked.append((time.monotonic(), f"{get_message_id(raw)} {recipient}"))


@dataclass(frozen=True)
class Books:
    """What is stored in the end and how often, what the outbox says was sent, and how often the mail server took it."""

    words: Counter[str]
    sent: set[str]
    taken: Counter[str]


class Machines:
    """`started` are the first processes of each machine, `sink` is the mail server with what it took."""

    def __init__(self, made: Wire, folder: Path, sink: Sink) -> None:
        self.wire, self.folder, self.sink = made, folder, sink
        self.started: dict[str, list[subprocess.Popen[bytes]]] = {}
        self.url = f"postgresql+psycopg://desk@{made.address['db']}/newsroom"
        # By the socket in the folder, whatever is cut.
        self.near = f"postgresql+psycopg://postgres@/newsroom?host={folder}"
        secret = base64.b64encode(SECRETS[1]).decode()
        self.settings = {
            **clock.clock_environment(), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "BASE_URL": f"https://{SITE}", "SECRET_KEYS": f"1:{secret}",
            "DATABASE_URL": self.url, "TRUSTED_PROXIES": "1",
            "MAIL_FROM": f"desk@{SITE}", "MAIL_SERVER": made.address["smtp"], "MAIL_PORT": "2525", "MAIL_TIMEOUT": "20",
            "MAIL_AUTHSERV_ID": "mx.example.org", "MAIL_RECEIVED_BY": "mx.example.org",
        }  # fmt: skip

        if "redis" in made.address:
            self.settings["REDIS_URL"] = f"redis://{made.address['redis']}:6379/0"

    def database(self) -> Database:
        return Database(self.near, Keys(SECRETS), f"https://{SITE}", pool_size=2)

    def settings_at(self, name: str) -> dict[str, str]:
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return self.settings | {"ERASURES": str(place / "erasures"), "BIND_ADDRESS": self.wire.address[name]}

    def environment_at(self, name: str) -> dict[str, str]:
        """PostgreSQL and Redis keep the machine's time (docs/adr/0030-test-clock.md)."""
        given = self.settings_at(name)
        return (
            {key: value for key, value in given.items() if key not in clock.FIXED} if name in ("db", "redis") else given
        )

    def start(self, name: str) -> None:
        """Start what belongs on a machine; those that wait for nothing else are started at once."""
        self.started[name] = [
            self.wire.start(name, command, self.environment_at(name), self.folder / f"{name}.log", cwd, account)
            for command, cwd, account in self._commands(name)
        ]

    def _commands(self, name: str) -> list[tuple[tuple[str, ...], Path, str]]:
        ours: tuple[str, ...] = (sys.executable, "-m", "flask", "--app", "wsgi")
        if name == "db":
            programs = postgres.programs()
            assert programs is not None
            said = ("-c", "listen_addresses=*", "-c", f"unix_socket_directories={self.folder}")
            command = (str(programs / "postgres"), "-D", str(self.folder / "data"), *said)
            return [(command, self.folder, "postgres")]
        if name == "redis":
            settings = ("--bind", self.wire.address[name], "--protected-mode", "no", "--save", "", "--appendonly", "no")
            return [(("redis-server", *settings), self.folder, "")]
        if name == "front":
            return [(("nginx", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)), self.folder, "")]
        if name in WEBS:
            return [((*ours, "web"), ROOT, "")]
        door = (*ours, "mail", "lmtp", "--host", self.wire.address[name], "--port", str(LMTP))
        return [((*ours, "worker"), ROOT, ""), (door, ROOT, "")]

    def kill(self, name: str) -> None:
        """Kill all that runs on a machine (SIGKILL)."""
        self.wire.kill(name)
        for one in self.started.pop(name, []):
            one.wait(START)

    def answers(self, name: str) -> bool:
        """Whether what belongs on a machine takes connections, tried on the machine itself."""
        port = {"db": 5432, "redis": 6379, "front": 443, "smtp": 2525}.get(name, PAGES if name in WEBS else LMTP)
        with suppress(OSError), self.wire.at(name), socket.create_connection((self.wire.address[name], port), 1):
            return True
        return False

    def found(self) -> None:
        """Make the database and all that has to lie there before anything is started."""
        programs = postgres.programs()
        assert programs is not None
        account = {"user": "postgres", "group": "postgres", "extra_groups": []}
        initdb = (
            programs / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        )
        subprocess.run(
            initdb, check=True, cwd=self.folder, env=clock.machine_environment(), stdout=subprocess.DEVNULL, **account
        )  # type: ignore[call-overload]
        with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all desk {NET}.0.0/16 trust\n")
        self.start("db")
        server = f"postgresql://postgres@/postgres?host={self.folder}"
        until(lambda: postgres.lets_us_in(server), "PostgreSQL", START)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("CREATE ROLE desk LOGIN")
            connection.execute("CREATE DATABASE newsroom OWNER desk")
        migrate(self.near.replace("postgres@", "desk@"))
        _certify(self.folder)
        (self.folder / "nginx.conf").write_text(self._nginx())

    def _nginx(self) -> str:
        """The proxy as newsrooms run it, changed as docs/install.md says for several machines."""
        said = (ROOT / "deploy" / "nginx.conf").read_text()
        places = [f"    server {self.wire.address[name]}:{PAGES}" for name in WEBS]
        servers = "".join(f"{place}{last};\n" for last in ("", " backup max_fails=0") for place in places)
        changes = [(old, new.replace("{servers}", servers)) for old, new in SEVERAL]
        changes += [
            (f"/etc/letsencrypt/live/{SITE}/{name}.pem", str(self.folder / f"{name}.pem"))
            for name in ("fullchain", "privkey")
        ]
        for old, new in changes:
            assert old in said, f"deploy/nginx.conf has no {old!r}"
            said = said.replace(old, new)
        temporary = "\n".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"daemon off; worker_processes 1; pid {self.folder}/nginx.pid; error_log /dev/null;\n"
            f"events {{ worker_connections 1024; }}\nhttp {{ {temporary}\n{said}\n}}\n"
        )

    def taken(self) -> list[tuple[float, str]]:
        """What the mail server took: when, and the Message-ID with the recipient."""
        return list(self.sink.marked)

    def books(self) -> Books:
        database = self.database()
        with database.read() as session:
            letters = session.scalars(select(Letter.body).where(Letter.body.is_not(None))).all()
            answers = session.scalars(select(AnswerText.body).where(AnswerText.kind == "submitted")).all()
            sent = set(session.scalars(select(OutboxMail.message_id).where(OutboxMail.state == "sent")))
        database.close()
        return Books(
            Counter(filter(None, [*letters, *answers])), sent, Counter(line.split()[0] for _, line in self.taken())
        )

    def tell(self, statement: str) -> None:
        """Change something in the database past the product."""
        with psycopg.connect(postgres.plain(self.near)) as connection:
            connection.execute(statement)

    def scalar(self, query: str) -> Any:
        with psycopg.connect(postgres.plain(self.near)) as connection:
            found = connection.execute(query).fetchone()
        return found and found[0]


def _certify(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={SITE}", "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


@contextmanager
def many_machines(*names: str) -> Iterator[Machines]:
    """The machines of these names, or all, until the block ends; their database is made and answers, and nothing else is started
    but the mail server."""
    folder = Path(tempfile.mkdtemp(prefix="readers-asked-"))
    folder.chmod(0o755)
    shutil.chown(folder, "postgres", "postgres")
    try:
        with wire(*(names or ALL)) as made:
            made.stands_for_many("readers")
            with made.at("smtp"):
                sink = Sink(place=(made.address["smtp"], 2525))
            with run_server(sink, sink.over):
                machines = Machines(made, folder, sink)
                machines.found()
                yield machines
                made.kill("db", signal.SIGINT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
