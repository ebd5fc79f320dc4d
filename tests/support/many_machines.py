"""A newsroom on many machines: PostgreSQL, Redis, a mail server, two hosts with pages and two with a worker and the
LMTP door, behind the nginx of deploy/.

Each machine is a network namespace on a bridge that leads nowhere else; files and processes are those of this
machine. A cut is silent, as where a cable is pulled out behind a switch: what is sent arrives nowhere, and nobody
says so.
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
from collections.abc import Iterator, Mapping, Sequence
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
from tests.support.debian_machine import enter_namespace
from tests.support.fake_servers import run_server
from tests.support.required_programs import skip_without
from tests.support.smtp_servers import SmtpServer, get_message_id
from tests.support.waiting import wait_until

NETWORK = "10.77"
NO_HARDWARE = "02:00:00:00:ff:ff"  # an address that no machine has
READER_ADDRESSES = f"{NETWORK}.8.0/22"  # further addresses of a machine that stands for many
SWITCH = "switch"


def find_missing_for_network() -> str:
    """What this machine lacks for it, or nothing."""
    if os.geteuid() != 0:
        return "right to make network namespaces (run as root)"
    if shutil.which("ip") is None:
        return "ip (Debian's iproute2)"
    name = f"ra-{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode == 0:
        made = subprocess.run(
            ["ip", "-n", name, "link", "add", "try", "type", "bridge"], capture_output=True, text=True, check=False
        )
        subprocess.run(["ip", "netns", "delete", name], check=True)
    return f"network namespaces with bridges: {made.stderr.strip()}" if made.returncode else ""


class Network:
    """`address` of each machine by its name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._prefix = f"ra-{os.getpid()}"
        self.names = tuple(names)
        self.address = {name: f"{NETWORK}.0.{number}" for number, name in enumerate(names, 1)}
        self._hardware = {name: f"02:00:00:00:00:{number:02x}" for number, name in enumerate(names, 1)}

    def space(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def make(self) -> None:
        spaces = (SWITCH, *self.names)
        _batch("", [f"netns add {self.space(name)}" for name in spaces])
        switch = ["link add bridge type bridge", "link set bridge up"]
        for number, name in enumerate(self.names):
            switch += [
                f"link add port{number} type veth peer name wire netns {self.space(name)}",
                f"link set port{number} master bridge",
                f"link set port{number} up",
            ]
        _batch(self.space(SWITCH), switch)
        for name in self.names:
            _batch(self.space(name), [
                "link set lo up", f"link set wire address {self._hardware[name]}", "link set wire up",
                f"address add {self.address[name]}/16 dev wire",
                *(f"neighbour replace {self._known(other, self._hardware[other])}" for other in self.names if other != name),
            ])  # fmt: skip

    def stands_for_many(self, name: str) -> None:
        """Let a machine speak from any address of `READER_ADDRESSES`."""
        _batch(self.space(name), [f"route add local {READER_ADDRESSES} dev lo"])

    def _known(self, name: str, hardware: str) -> str:
        return f"{self.address[name]} lladdr {hardware} nud permanent dev wire"

    def _set(self, pairs: Sequence[tuple[str, str]], are_cut: bool) -> None:
        for one, other in pairs:
            for here, there in ((one, other), (other, one)):
                hardware = NO_HARDWARE if are_cut else self._hardware[there]
                _batch(self.space(here), [f"neighbour replace {self._known(there, hardware)}"])

    def _pairs(self, name: str, other: str) -> list[tuple[str, str]]:
        return [(name, one) for one in ([other] if other else self.names) if one != name]

    def cut(self, name: str, other: str = "") -> None:
        """Cut a machine off from another one, or from all."""
        self._set(self._pairs(name, other), True)

    def mend(self, name: str, other: str = "") -> None:
        self._set(self._pairs(name, other), False)

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Let this thread be at a machine: a socket that is made meanwhile stays there."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.space(name)}", os.O_RDONLY)
        try:
            enter_namespace(there)
            try:
                yield
            finally:
                enter_namespace(here)
        finally:
            os.close(here)
            os.close(there)

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path, account: str = ""
    ) -> "subprocess.Popen[bytes]":
        """A process at a machine, in a session of its own."""
        become = ("setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups") if account else ()
        with log.open("ab") as said:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.space(name), *become, *command], env=dict(environment), cwd=cwd,
                stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def processes(self, name: str) -> list[int]:
        """The numbers of all that runs at a machine, but for us: a thread of ours may just be there."""
        found = subprocess.run(["ip", "netns", "pids", self.space(name)], capture_output=True, text=True, check=False)
        return [int(number) for number in found.stdout.split() if int(number) != os.getpid()]

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End all that runs at a machine."""
        for pid in self.processes(name):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def remove(self) -> None:
        for name in (*self.names, SWITCH):
            self.kill(name)
            subprocess.run(["ip", "netns", "delete", self.space(name)], check=False, capture_output=True)


def _batch(space: str, lines: Sequence[str]) -> None:
    done = subprocess.run(
        ["ip", *(["-n", space] if space else []), "-batch", "-"], input="\n".join(lines).encode(),
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{lines}\n{done.stderr.decode()}"


@contextmanager
def create_network(*names: str) -> Iterator[Network]:
    """Machines of these names until the block ends; whatever runs there ends with them."""
    if missing := find_missing_for_network():
        skip_without(missing)
    made = Network(names)
    try:
        made.make()
        yield made
    finally:
        made.remove()


ROOT = Path(__file__).parent.parent.parent
SITE = "ask.example.org"
WEBS, WORKERS = ("web1", "web2"), ("worker1", "worker2")
ALL_MACHINES = ("front", "readers", "mx", "smtp", "db", "redis", *WEBS, *WORKERS)
START = 60.0  # seconds
LMTP, PAGES = 8024, 8000
# What docs/install.md says under "Several machines" of nginx.
NGINX_CHANGES = (
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
class Totals:
    """What is stored in the end and how often, what the outbox says was sent, and how often the mail server took it."""

    words: Counter[str]
    sent: set[str]
    taken: Counter[str]


class Machines:
    """`started` are the first processes of each machine, `sink` is the mail server with what it took."""

    def __init__(self, made: Network, folder: Path, sink: Sink) -> None:
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
            programs = postgres.find_programs()
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
        programs = postgres.find_programs()
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
            rules.write(f"host all desk {NETWORK}.0.0/16 trust\n")
        self.start("db")
        server = f"postgresql://postgres@/postgres?host={self.folder}"
        wait_until(lambda: postgres.can_create_databases(server), "PostgreSQL", START)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("CREATE ROLE desk LOGIN")
            connection.execute("CREATE DATABASE newsroom OWNER desk")
        migrate(self.near.replace("postgres@", "desk@"))
        _make_certificate(self.folder)
        (self.folder / "nginx.conf").write_text(self._nginx())

    def _nginx(self) -> str:
        """The proxy as newsrooms run it, changed as docs/install.md says for several machines."""
        said = (ROOT / "deploy" / "nginx.conf").read_text()
        places = [f"    server {self.wire.address[name]}:{PAGES}" for name in WEBS]
        servers = "".join(f"{place}{last};\n" for last in ("", " backup max_fails=0") for place in places)
        changes = [(old, new.replace("{servers}", servers)) for old, new in NGINX_CHANGES]
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

    def books(self) -> Totals:
        database = self.database()
        with database.read() as session:
            letters = session.scalars(select(Letter.body).where(Letter.body.is_not(None))).all()
            answers = session.scalars(select(AnswerText.body).where(AnswerText.kind == "submitted")).all()
            sent = set(session.scalars(select(OutboxMail.message_id).where(OutboxMail.state == "sent")))
        database.close()
        return Totals(
            Counter(filter(None, [*letters, *answers])), sent, Counter(line.split()[0] for _, line in self.taken())
        )

    def tell(self, statement: str) -> None:
        """Change something in the database past the product."""
        with psycopg.connect(postgres.psycopg_url(self.near)) as connection:
            connection.execute(statement)

    def scalar(self, query: str) -> Any:
        with psycopg.connect(postgres.psycopg_url(self.near)) as connection:
            found = connection.execute(query).fetchone()
        return found and found[0]


def _make_certificate(folder: Path) -> None:
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
        with create_network(*(names or ALL_MACHINES)) as made:
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
