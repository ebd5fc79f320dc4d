"""A newsroom on many machines: PostgreSQL, Redis, a mail server, two web servers and two machines with a worker and
the LMTP server, behind the nginx of deploy/.

Each machine is a network namespace on an isolated bridge; all share the files and processes of this machine. A
disconnected machine doesn't notice: its packets are lost silently, as if a cable were pulled out behind a switch.
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
from tests.support.source import ROOT
from tests.support.waiting import wait_until

NETWORK = "10.77"
UNUSED_MAC_ADDRESS = "02:00:00:00:ff:ff"
READER_ADDRESSES = f"{NETWORK}.8.0/22"  # source addresses of the machine that plays all readers
SWITCH = "switch"


def find_missing_for_network() -> str:
    """Return a description of what this machine lacks to create a network, or an empty string."""
    if os.geteuid() != 0:
        return "right to make network namespaces (run as root)"
    if shutil.which("ip") is None:
        return "ip (Debian's iproute2)"
    name = f"ra-{os.getpid()}-try"
    result = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if result.returncode == 0:
        result = subprocess.run(
            ["ip", "-n", name, "link", "add", "try", "type", "bridge"], capture_output=True, text=True, check=False
        )
        subprocess.run(["ip", "netns", "delete", name], check=True)
    return f"network namespaces with bridges: {result.stderr.strip()}" if result.returncode else ""


class Network:
    """Network namespaces that are connected by a bridge. `address` has the IP address of each machine by its name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._prefix = f"ra-{os.getpid()}"
        self.names = tuple(names)
        self.address = {name: f"{NETWORK}.0.{number}" for number, name in enumerate(names, 1)}
        self._mac_addresses = {name: f"02:00:00:00:00:{number:02x}" for number, name in enumerate(names, 1)}

    def get_namespace(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def create(self) -> None:
        spaces = (SWITCH, *self.names)
        _run_ip_batch("", [f"netns add {self.get_namespace(name)}" for name in spaces])
        switch_commands = ["link add bridge type bridge", "link set bridge up"]
        for number, name in enumerate(self.names):
            switch_commands += [
                f"link add port{number} type veth peer name wire netns {self.get_namespace(name)}",
                f"link set port{number} master bridge",
                f"link set port{number} up",
            ]
        _run_ip_batch(self.get_namespace(SWITCH), switch_commands)
        for name in self.names:
            _run_ip_batch(self.get_namespace(name), [
                "link set lo up", f"link set wire address {self._mac_addresses[name]}", "link set wire up",
                f"address add {self.address[name]}/16 dev wire",
                *(f"neighbour replace {self._format_neighbour(peer, self._mac_addresses[peer])}"
                  for peer in self.names if peer != name),
            ])  # fmt: skip

    def add_reader_addresses(self, name: str) -> None:
        """Allow a machine to connect from any address of `READER_ADDRESSES`."""
        _run_ip_batch(self.get_namespace(name), [f"route add local {READER_ADDRESSES} dev lo"])

    def _format_neighbour(self, name: str, mac_address: str) -> str:
        return f"{self.address[name]} lladdr {mac_address} nud permanent dev wire"

    def _update_links(self, pairs: Sequence[tuple[str, str]], disconnected: bool) -> None:
        for name, other in pairs:
            for source, target in ((name, other), (other, name)):
                mac_address = UNUSED_MAC_ADDRESS if disconnected else self._mac_addresses[target]
                _run_ip_batch(
                    self.get_namespace(source), [f"neighbour replace {self._format_neighbour(target, mac_address)}"]
                )

    def _list_links(self, name: str, other: str) -> list[tuple[str, str]]:
        return [(name, peer) for peer in ([other] if other else self.names) if peer != name]

    def disconnect(self, name: str, other: str = "") -> None:
        """Disconnect a machine from another one, or from all."""
        self._update_links(self._list_links(name, other), True)

    def reconnect(self, name: str, other: str = "") -> None:
        self._update_links(self._list_links(name, other), False)

    @contextmanager
    def enter(self, name: str) -> Iterator[None]:
        """Move this thread into a machine until the block ends. Sockets that are created inside stay there."""
        own_namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        machine_namespace = os.open(f"/run/netns/{self.get_namespace(name)}", os.O_RDONLY)
        try:
            enter_namespace(machine_namespace)
            try:
                yield
            finally:
                enter_namespace(own_namespace)
        finally:
            os.close(own_namespace)
            os.close(machine_namespace)

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path, account: str = ""
    ) -> "subprocess.Popen[bytes]":
        """Start a process on a machine, in a new session, as `account` or as this user."""
        setpriv = ("setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups") if account else ()
        with log.open("ab") as log_file:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.get_namespace(name), *setpriv, *command], env=dict(environment), cwd=cwd,
                stdout=log_file, stderr=log_file, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def list_pids(self, name: str) -> list[int]:
        """Return the process ids on a machine, without this process, a thread of which may have entered the machine."""
        result = subprocess.run(
            ["ip", "netns", "pids", self.get_namespace(name)], capture_output=True, text=True, check=False
        )
        return [int(number) for number in result.stdout.split() if int(number) != os.getpid()]

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> None:
        """Send a signal to every process on a machine."""
        for pid in self.list_pids(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal_number)

    def remove(self) -> None:
        for name in (*self.names, SWITCH):
            self.kill(name)
            subprocess.run(["ip", "netns", "delete", self.get_namespace(name)], check=False, capture_output=True)


def _run_ip_batch(namespace: str, lines: Sequence[str]) -> None:
    result = subprocess.run(
        ["ip", *(["-n", namespace] if namespace else []), "-batch", "-"], input="\n".join(lines).encode(),
        capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, f"{lines}\n{result.stderr.decode()}"


@contextmanager
def create_network(*names: str) -> Iterator[Network]:
    """Create machines with these names. They and their processes are removed when the block ends."""
    if missing := find_missing_for_network():
        skip_without(missing)
    network = Network(names)
    try:
        network.create()
        yield network
    finally:
        network.remove()


SITE = "ask.example.org"
WEB_MACHINES, WORKER_MACHINES = ("web1", "web2"), ("worker1", "worker2")
ALL_MACHINES = ("front", "readers", "mx", "smtp", "db", "redis", *WEB_MACHINES, *WORKER_MACHINES)
START_TIMEOUT = 60.0  # seconds
LMTP_PORT, WEB_PORT = 8024, 8000
# The changes to nginx.conf that docs/install.md describes under "Several machines".
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


class RecordingSmtpServer(SmtpServer):
    """A mail server that accepts all mails. `deliveries` has the monotonic time of each, and "<Message-ID> recipient"."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address=address)
        self.deliveries: list[tuple[float, str]] = []

    def receive(self, sender: str, recipient: str, raw: bytes) -> None:
        self.deliveries.append((time.monotonic(), f"{get_message_id(raw)} {recipient}"))


@dataclass(frozen=True)
class Totals:
    """The texts that are stored in the end, with their number, the Message-IDs that the outbox lists as sent, and how
    often the mail server received each.
    """

    texts: Counter[str]
    sent: set[str]
    delivered: Counter[str]


class Machines:
    """The machines of a newsroom. `processes` has the processes started on each; `sink` is its mail server."""

    def __init__(self, network: Network, folder: Path, sink: RecordingSmtpServer) -> None:
        self.network, self.folder, self.sink = network, folder, sink
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        self.url = f"postgresql+psycopg://desk@{network.address['db']}/newsroom"
        # The Unix socket works even while the database machine is disconnected.
        self.socket_url = f"postgresql+psycopg://postgres@/newsroom?host={folder}"
        secret = base64.b64encode(SECRETS[1]).decode()
        self.settings = {
            **clock.clock_environment(), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "BASE_URL": f"https://{SITE}", "SECRET_KEYS": f"1:{secret}",
            "DATABASE_URL": self.url, "TRUSTED_PROXIES": "1",
            "MAIL_FROM": f"desk@{SITE}", "MAIL_SERVER": network.address["smtp"], "MAIL_PORT": "2525", "MAIL_TIMEOUT": "20",
            "MAIL_AUTHSERV_ID": "mx.example.org", "MAIL_RECEIVED_BY": "mx.example.org",
        }  # fmt: skip

        if "redis" in network.address:
            self.settings["REDIS_URL"] = f"redis://{network.address['redis']}:6379/0"

    def open_database(self) -> Database:
        return Database(self.socket_url, Keys(SECRETS), f"https://{SITE}")

    def get_settings(self, name: str) -> dict[str, str]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return self.settings | {"ERASURES": str(folder / "erasures"), "BIND_ADDRESS": self.network.address[name]}

    def get_environment(self, name: str) -> dict[str, str]:
        """Return a machine's environment. PostgreSQL and Redis use the real clock (docs/adr/0030-test-clock.md)."""
        settings = self.get_settings(name)
        if name in ("db", "redis"):
            return {key: value for key, value in settings.items() if key not in clock.FAKETIME_VARIABLES}
        return settings

    def start(self, name: str) -> None:
        """Start the processes of a machine, without waiting until they listen."""
        self.processes[name] = [
            self.network.start(name, command, self.get_environment(name), self.folder / f"{name}.log", cwd, account)
            for command, cwd, account in self._list_commands(name)
        ]

    def _list_commands(self, name: str) -> list[tuple[tuple[str, ...], Path, str]]:
        flask: tuple[str, ...] = (sys.executable, "-m", "flask", "--app", "wsgi")
        if name == "db":
            programs = postgres.find_programs()
            assert programs is not None
            options = ("-c", "listen_addresses=*", "-c", f"unix_socket_directories={self.folder}")
            command = (str(programs / "postgres"), "-D", str(self.folder / "data"), *options)
            return [(command, self.folder, "postgres")]
        if name == "redis":
            access = ("--bind", self.network.address[name], "--protected-mode", "no")
            return [(("redis-server", *access, "--save", "", "--appendonly", "no"), self.folder, "")]
        if name == "front":
            return [(("nginx", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)), self.folder, "")]
        if name in WEB_MACHINES:
            return [((*flask, "web"), ROOT, "")]
        lmtp = (*flask, "mail", "lmtp", "--host", self.network.address[name], "--port", str(LMTP_PORT))
        return [((*flask, "worker"), ROOT, ""), (lmtp, ROOT, "")]

    def kill(self, name: str) -> None:
        """Kill every process on a machine (SIGKILL)."""
        self.network.kill(name)
        for process in self.processes.pop(name, []):
            process.wait(START_TIMEOUT)

    def is_listening(self, name: str) -> bool:
        """Return whether the server of a machine accepts connections from the machine itself."""
        port = {"db": 5432, "redis": 6379, "front": 443, "smtp": 2525}.get(
            name, WEB_PORT if name in WEB_MACHINES else LMTP_PORT
        )
        with (
            suppress(OSError),
            self.network.enter(name),
            socket.create_connection((self.network.address[name], port), 1),
        ):
            return True
        return False

    def set_up(self) -> None:
        """Create and start the database, and write the files that the other machines need."""
        programs = postgres.find_programs()
        assert programs is not None
        account = {"user": "postgres", "group": "postgres", "extra_groups": []}
        data = self.folder / "data"
        initdb = (programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        subprocess.run(
            initdb, check=True, cwd=self.folder, env=clock.machine_environment(), stdout=subprocess.DEVNULL, **account
        )  # type: ignore[call-overload]
        with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all desk {NETWORK}.0.0/16 trust\n")
        self.start("db")
        server = f"postgresql://postgres@/postgres?host={self.folder}"
        wait_until(lambda: postgres.can_create_databases(server), "PostgreSQL", START_TIMEOUT)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("CREATE ROLE desk LOGIN")
            connection.execute("CREATE DATABASE newsroom OWNER desk")
        migrate(self.socket_url.replace("postgres@", "desk@"))
        _make_certificate(self.folder)
        (self.folder / "nginx.conf").write_text(self._render_nginx_conf())

    def _render_nginx_conf(self) -> str:
        """Return deploy/nginx.conf with the changes that docs/install.md describes for several machines."""
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        server_lines = [f"    server {self.network.address[name]}:{WEB_PORT}" for name in WEB_MACHINES]
        servers = "".join(f"{line}{suffix};\n" for suffix in ("", " backup max_fails=0") for line in server_lines)
        changes = [(old, new.replace("{servers}", servers)) for old, new in NGINX_CHANGES]
        changes += [
            (f"/etc/letsencrypt/live/{SITE}/{name}.pem", str(self.folder / f"{name}.pem"))
            for name in ("fullchain", "privkey")
        ]
        for old, new in changes:
            assert old in text, f"deploy/nginx.conf has no {old!r}"
            text = text.replace(old, new)
        temp_paths = "\n".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"daemon off; worker_processes 1; pid {self.folder}/nginx.pid; error_log /dev/null;\n"
            f"events {{ worker_connections 1024; }}\nhttp {{ {temp_paths}\n{text}\n}}\n"
        )

    def list_deliveries(self) -> list[tuple[float, str]]:
        """Return the monotonic time of each mail that the mail server received, and "<Message-ID> recipient"."""
        return list(self.sink.deliveries)

    def get_totals(self) -> Totals:
        database = self.open_database()
        with database.read() as session:
            letters = session.scalars(select(Letter.body).where(Letter.body.is_not(None))).all()
            answers = session.scalars(select(AnswerText.body).where(AnswerText.kind == "submitted")).all()
            sent = set(session.scalars(select(OutboxMail.message_id).where(OutboxMail.state == "sent")))
        database.close()
        return Totals(
            Counter(filter(None, [*letters, *answers])),
            sent,
            Counter(line.split()[0] for _, line in self.list_deliveries()),
        )

    def execute(self, statement: str) -> None:
        """Execute a statement without going through the product."""
        with psycopg.connect(postgres.to_psycopg_url(self.socket_url)) as connection:
            connection.execute(statement)

    def fetch_value(self, query: str) -> Any:
        with psycopg.connect(postgres.to_psycopg_url(self.socket_url)) as connection:
            row = connection.execute(query).fetchone()
        return row and row[0]


def _make_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={SITE}", "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


@contextmanager
def start_machines(*names: str) -> Iterator[Machines]:
    """Create the machines with these names, or all of them. Only their database and mail server are started."""
    folder = Path(tempfile.mkdtemp(prefix="readers-asked-"))
    folder.chmod(0o755)
    shutil.chown(folder, "postgres", "postgres")
    try:
        with create_network(*(names or ALL_MACHINES)) as network:
            network.add_reader_addresses("readers")
            with network.enter("smtp"):
                sink = RecordingSmtpServer((network.address["smtp"], 2525))
            with run_server(sink, sink.stop):
                machines = Machines(network, folder, sink)
                machines.set_up()
                yield machines
                network.kill("db", signal.SIGINT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
