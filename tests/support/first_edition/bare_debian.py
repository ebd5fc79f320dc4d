"""A Debian of its own from nothing: debootstrap, its own systemd as the first process, its own network, gone at the end.

Needs root and the network. The machine has a loopback and nothing else, so that what listens there are the servers that the
docs set up, on the ports that they name; apt and pip fetch through a proxy at 127.0.0.1, which is served from outside.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from tempfile import mkdtemp
from threading import Thread
from typing import BinaryIO
from urllib.parse import urlsplit

from tests.support.debian_machine import enter_namespace
from tests.support.waiting import wait_until

RELEASE = "trixie"
HOST_PROGRAMS = ("debootstrap", "git", "unshare", "nsenter", "setpriv", "ip", "pivot_root")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_TIMEOUT = 120.0  # seconds that systemd may take
COMMAND_TIMEOUT = 1800.0  # seconds that one block of commands may take: some fetch packages
# What the installer of a Debian brings beside what debootstrap calls minimal, and Debian's own way to become another account.
INCLUDED_PACKAGES = ("systemd", "systemd-sysv", "dbus", "iproute2", "procps", "ca-certificates", "util-linux")
# How the machine that this runs on gets at packages, which a machine of its own has to be told as well.
CA_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"

BOOTSTRAP_SCRIPT = """
mount --make-rprivate /
exec debootstrap --variant=minbase --include="$INCLUDE" "$RELEASE" "$ROOT"
"""

BOOT_SCRIPT = """
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"
cd "$ROOT"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do touch "dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=755 tmpfs run
ip link set lo up
pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=other PATH="$SEARCHED" /usr/lib/systemd/systemd --system --show-status=0 --log-target=null
"""


# Each script is a process of its own; all together are one shell.
RESTORE_SHELL_STATE = "cd /root; set -a; [ ! -e /run/shell ] || . /run/shell"
SAVE_SHELL_STATE = "{ export -p; printf 'cd %q\\n' \"$PWD\"; } > /run/shell"


class StepFailed(Exception):
    """Commands that did not end as they should; says what they printed last."""


class BareDebian:
    """The machine: `pid` is its systemd, `root` its folder, `log` gets all that commands print."""

    def __init__(self, pid: int, root: Path, log: BinaryIO) -> None:
        self.pid, self.root, self._log = pid, root, log

    def run(self, script: str) -> str:
        """Type a script into root's one shell, which remembers its folder and variables, and return what it printed.

        Raises `Failed`.
        """
        into = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root"]
        self._log.write(f"\n{script.strip()}\n".encode())
        self._log.flush()
        begins = self._log.tell()
        done = subprocess.run(
            [*into, "bash", "-euo", "pipefail", "-c", f"{RESTORE_SHELL_STATE}\n{script}\n{SAVE_SHELL_STATE}"], stdin=subprocess.DEVNULL,
            stdout=self._log, stderr=subprocess.STDOUT, check=False, timeout=COMMAND_TIMEOUT,
            env={"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
        self._log.seek(begins)
        printed = self._log.read().decode("utf-8", "replace")
        if done.returncode:
            raise StepFailed(
                "\n".join([f"ended with {done.returncode}: {script.strip()}", *printed.splitlines()[-15:]])
            )
        return printed

    def write(self, path: str, text: str) -> None:
        """Put a file there that no page of the docs makes: what the newsroom had before."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def has_listener(self, port: int) -> bool:
        return f":{port} " in self.run("ss -ltnH")

    def enter_network(self) -> None:
        """Let this thread, and what it starts from now on, live in the machine's network: browsers, mail programs."""
        space = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            enter_namespace(space)
        finally:
            os.close(space)


def list_missing_requirements() -> list[str]:
    """Return what keeps a machine from being made here."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [f"{name} is missing" for name in HOST_PROGRAMS if shutil.which(name, path=path) is None]
    return missing if os.geteuid() == 0 else ["it has to be run by root", *missing]


@contextmanager
def bare_debian(log: BinaryIO, name: str) -> Iterator[BareDebian]:
    """Make the machine, and take it away when the block ends; it ends as well when this process is killed."""
    folder = Path(mkdtemp(prefix="first-edition-", dir="/var/tmp"))
    try:
        folder.chmod(0o755)
        root = folder / "root"
        _bootstrap(root, log)
        (root / "etc/hostname").write_text(f"{name}\n")
        with _boot(root, log) as pid, http_proxy(pid) as proxy:
            _configure_proxy(proxy, root)
            yield BareDebian(pid, root, log)
    finally:
        wait_until(lambda: _remove_folder(folder), f"the end of all that wrote into {folder}", BOOT_TIMEOUT)


def _remove_folder(folder: Path) -> bool:
    """Take a folder away. What is killed may still write into it for a moment."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _bootstrap(root: Path, log: BinaryIO) -> None:
    environment = {
        "ROOT": str(root),
        "RELEASE": RELEASE,
        "INCLUDE": ",".join(INCLUDED_PACKAGES),
        "PATH": f"{os.environ['PATH']}:{PATH}",
    }
    _run_outside(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-euc", BOOTSTRAP_SCRIPT],
        log,
        {**os.environ, **environment},
    )
    (root / "etc/dpkg/dpkg.cfg.d/quickly").write_text("force-unsafe-io\n")  # nobody needs it after a power cut


def _configure_proxy(proxy: str, root: Path) -> None:
    """Let apt and pip go through the proxy without a question, and believe whom they believe on the machine that this runs on."""
    apt = (
        f'Acquire::http::Proxy "{proxy}";',
        f'Acquire::https::Proxy "{proxy}";',
        'Acquire::http::Pipeline-Depth "0";',
        'APT::Get::Assume-Yes "true";',  # as whoever types it says
    )
    (root / "etc/apt/apt.conf.d/way-out").write_text("\n".join([*apt, ""]))
    pip = ConfigParser(interpolation=None)
    pip.read(("/etc/pip.conf", Path("~/.config/pip/pip.conf").expanduser()))
    pip.read_dict({"global": {"proxy": proxy}})
    with (root / "etc/pip.conf").open("w") as file:
        pip.write(file)
    if Path("/", CA_CERTIFICATES).exists():
        shutil.copy(Path("/", CA_CERTIFICATES), root / CA_CERTIFICATES)


def _run_outside(command: Sequence[str], log: BinaryIO, environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False, timeout=COMMAND_TIMEOUT
    )
    if done.returncode:
        raise StepFailed(f"debootstrap ended with {done.returncode}: is there a network?")


@contextmanager
def _boot(root: Path, log: BinaryIO) -> Iterator[int]:
    """Start systemd in spaces of its own; gives its number as this machine counts."""
    environment = {"ROOT": str(root), "SEARCHED": PATH, "PATH": f"{os.environ['PATH']}:{PATH}"}
    spaces = ("--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child")
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "unshare", *spaces, "bash", "-euc", BOOT_SCRIPT], env=environment, stdin=subprocess.DEVNULL,
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_until(lambda: child.poll() is not None or _has_booted(child.pid), "systemd", BOOT_TIMEOUT)
        if child.poll() is not None:
            raise StepFailed("systemd did not start: the log says why")
        yield _first_child(child.pid)
    finally:
        child.kill()
        child.wait(BOOT_TIMEOUT)


def _first_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _has_booted(pid: int) -> bool:
    """Whether systemd has started all that starts with the machine, well or not."""
    try:
        first = _first_child(pid)
    except (OSError, IndexError):
        return False
    asked = ("nsenter", f"--target={first}", "--all", "systemctl", "is-system-running")
    said = subprocess.run(asked, capture_output=True, text=True, check=False, env={"PATH": PATH}).stdout.strip()
    return said in ("running", "degraded")


PROXY_PORT = 3128
PROXY_TIMEOUT = 60.0  # seconds without a byte


class _ProxyHandler(StreamRequestHandler):
    """One request: a tunnel for TLS, or a plain fetch (RFC 9110, sections 9.3.6 and 7.2)."""

    timeout = PROXY_TIMEOUT

    def handle(self) -> None:
        with suppress(OSError, ValueError):
            method, target, _ = self.rfile.readline().decode("latin-1").split()
            headers = list(iter(self.rfile.readline, b"\r\n"))
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                with socket.create_connection((host, int(port)), PROXY_TIMEOUT) as far:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    Thread(target=_carry, args=(self.connection, far), daemon=True).start()
                    _carry(far, self.connection)
                return
            there = urlsplit(target)
            with socket.create_connection((there.hostname, there.port or 80), PROXY_TIMEOUT) as far:
                kept = [one for one in headers if not one.lower().startswith((b"connection:", b"proxy-"))]
                path = there._replace(scheme="", netloc="").geturl()
                far.sendall(b"".join([f"{method} {path} HTTP/1.1\r\n".encode(), *kept, b"Connection: close\r\n\r\n"]))
                _carry(far, self.connection)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(1 << 16):
            target.sendall(some)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _ProxyServer(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, pid: int) -> None:
        super().__init__(("127.0.0.1", PROXY_PORT), _ProxyHandler, bind_and_activate=False)
        self.socket.close()
        listens = Thread(target=self._listen, args=(pid,))  # another network is entered by a thread, and left with it
        listens.start()
        listens.join()

    def _listen(self, pid: int) -> None:
        space = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            enter_namespace(space)
        finally:
            os.close(space)
        self.socket = socket.create_server(self.server_address)


@contextmanager
def http_proxy(pid: int) -> Iterator[str]:
    """Let the machine of this process out until the block ends; gives the address of the proxy, as it is there."""
    with _ProxyServer(pid) as server:
        serves = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        serves.start()
        try:
            yield f"http://127.0.0.1:{PROXY_PORT}"
        finally:
            server.shutdown()
            serves.join()
