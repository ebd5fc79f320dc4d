"""A new Debian system by debootstrap, with its own systemd and network, deleted at the end.

Needs root and the network. The machine has only a loopback interface, so that the servers that the docs set up can use
their own ports. apt and pip download through a proxy at 127.0.0.1, which runs outside.
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

from tests.support.debian_machine import enter_namespace, get_first_child
from tests.support.waiting import wait_until

RELEASE = "trixie"
HOST_PROGRAMS = ("debootstrap", "git", "unshare", "nsenter", "setpriv", "ip", "pivot_root")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_TIMEOUT = 120.0  # seconds
COMMAND_TIMEOUT = 1800.0  # seconds for a block of commands; some download packages
# Packages that Debian's installer adds to the minimal system of debootstrap.
INCLUDED_PACKAGES = ("systemd", "systemd-sysv", "dbus", "iproute2", "procps", "ca-certificates", "util-linux")
# The certificate authorities that the host trusts, for downloads through its network.
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


# Each script runs in its own shell, which restores the folder and variables of the previous one.
RESTORE_SHELL_STATE = "cd /root; set -a; [ ! -e /run/shell ] || . /run/shell"
SAVE_SHELL_STATE = "{ export -p; printf 'cd %q\\n' \"$PWD\"; } > /run/shell"


class StepFailed(Exception):
    """A step that failed, with the last lines of its output."""


class BareDebian:
    """The machine: `pid` is its systemd, `root` its folder, `log` receives the output of all commands."""

    def __init__(self, pid: int, root: Path, log: BinaryIO) -> None:
        self.pid, self.root, self._log = pid, root, log

    def run(self, script: str) -> str:
        """Run a script in root's shell, which keeps its folder and variables between scripts; return its output.

        Raises `StepFailed`.
        """
        enter_command = [
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--cgroup",
            "--root",
        ]
        self._log.write(f"\n{script.strip()}\n".encode())
        self._log.flush()
        output_start = self._log.tell()
        result = subprocess.run(
            [*enter_command, "bash", "-euo", "pipefail", "-c", f"{RESTORE_SHELL_STATE}\n{script}\n{SAVE_SHELL_STATE}"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, check=False, timeout=COMMAND_TIMEOUT,
            env={"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
        self._log.seek(output_start)
        output = self._log.read().decode("utf-8", "replace")
        if result.returncode:
            last_lines = output.splitlines()[-15:]
            raise StepFailed("\n".join([f"ended with {result.returncode}: {script.strip()}", *last_lines]))
        return output

    def write(self, path: str, text: str) -> None:
        """Write a file that the docs assume to exist already."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def has_listener(self, port: int) -> bool:
        return f":{port} " in self.run("ss -ltnH")

    def enter_network(self) -> None:
        """Move this thread, and the processes that it starts, into the machine's network."""
        _enter_network(self.pid)


def _enter_network(pid: int) -> None:
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        enter_namespace(namespace)
    finally:
        os.close(namespace)


def list_missing_requirements() -> list[str]:
    """Return what a machine needs and this host lacks, as phrases."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [f"{name} is missing" for name in HOST_PROGRAMS if shutil.which(name, path=path) is None]
    if os.geteuid() != 0:
        missing.insert(0, "it has to be run by root")
    return missing


@contextmanager
def bare_debian(log: BinaryIO, name: str) -> Iterator[BareDebian]:
    """Create a machine, and delete it when the block ends; it also ends when this process is killed."""
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
    """Delete a folder, and return whether it is gone: killed processes may still write into it for a moment."""
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
    (root / "etc/dpkg/dpkg.cfg.d/quickly").write_text("force-unsafe-io\n")  # it doesn't have to survive a power cut


def _configure_proxy(proxy: str, root: Path) -> None:
    """Let apt and pip use the proxy, without questions, and trust the certificate authorities of the host."""
    apt_settings = (
        f'Acquire::http::Proxy "{proxy}";',
        f'Acquire::https::Proxy "{proxy}";',
        'Acquire::http::Pipeline-Depth "0";',
        'APT::Get::Assume-Yes "true";',  # as an operator answers
    )
    (root / "etc/apt/apt.conf.d/way-out").write_text("\n".join([*apt_settings, ""]))
    pip_settings = ConfigParser(interpolation=None)
    pip_settings.read(("/etc/pip.conf", Path("~/.config/pip/pip.conf").expanduser()))
    pip_settings.read_dict({"global": {"proxy": proxy}})
    with (root / "etc/pip.conf").open("w") as file:
        pip_settings.write(file)
    if Path("/", CA_CERTIFICATES).exists():
        shutil.copy(Path("/", CA_CERTIFICATES), root / CA_CERTIFICATES)


def _run_outside(command: Sequence[str], log: BinaryIO, environment: dict[str, str]) -> None:
    result = subprocess.run(
        command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False, timeout=COMMAND_TIMEOUT
    )
    if result.returncode:
        raise StepFailed(f"debootstrap ended with {result.returncode}: is there a network?")


@contextmanager
def _boot(root: Path, log: BinaryIO) -> Iterator[int]:
    """Start systemd in namespaces of its own until the block ends; yield its pid as seen from outside."""
    environment = {"ROOT": str(root), "SEARCHED": PATH, "PATH": f"{os.environ['PATH']}:{PATH}"}
    namespaces = ("--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child")
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "unshare", *namespaces, "bash", "-euc", BOOT_SCRIPT],
        env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_until(lambda: child.poll() is not None or _has_booted(child.pid), "systemd", BOOT_TIMEOUT)
        if child.poll() is not None:
            raise StepFailed("systemd did not start: the log says why")
        yield get_first_child(child.pid)
    finally:
        child.kill()
        child.wait(BOOT_TIMEOUT)


def _has_booted(pid: int) -> bool:
    """Return whether systemd has tried to start all units."""
    try:
        systemd = get_first_child(pid)
    except (OSError, IndexError):
        return False
    command = ("nsenter", f"--target={systemd}", "--all", "systemctl", "is-system-running")
    state = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": PATH}).stdout.strip()
    return state in ("running", "degraded")


PROXY_PORT = 3128
PROXY_TIMEOUT = 60.0  # seconds without a byte


class _ProxyHandler(StreamRequestHandler):
    """Handles a request: a tunnel for TLS, or a plain request (RFC 9110, sections 9.3.6 and 7.2)."""

    timeout = PROXY_TIMEOUT

    def handle(self) -> None:
        with suppress(OSError, ValueError):
            method, target, _ = self.rfile.readline().decode("latin-1").split()
            headers = list(iter(self.rfile.readline, b"\r\n"))
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                with socket.create_connection((host, int(port)), PROXY_TIMEOUT) as server:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    Thread(target=_copy_bytes, args=(self.connection, server), daemon=True).start()
                    _copy_bytes(server, self.connection)
                return
            url = urlsplit(target)
            with socket.create_connection((url.hostname, url.port or 80), PROXY_TIMEOUT) as server:
                kept_headers = [line for line in headers if not line.lower().startswith((b"connection:", b"proxy-"))]
                path = url._replace(scheme="", netloc="").geturl()
                request_line = f"{method} {path} HTTP/1.1\r\n".encode()
                server.sendall(b"".join([request_line, *kept_headers, b"Connection: close\r\n\r\n"]))
                _copy_bytes(server, self.connection)


def _copy_bytes(source: socket.socket, target: socket.socket) -> None:
    """Forward bytes until the source closes, and close the target for writing then."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _ProxyServer(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, pid: int) -> None:
        super().__init__(("127.0.0.1", PROXY_PORT), _ProxyHandler, bind_and_activate=False)
        self.socket.close()
        thread = Thread(target=self._listen, args=(pid,))  # only this thread enters the machine's network
        thread.start()
        thread.join()

    def _listen(self, pid: int) -> None:
        _enter_network(pid)
        self.socket = socket.create_server(self.server_address)


@contextmanager
def http_proxy(pid: int) -> Iterator[str]:
    """Run a proxy for the machine of this process until the block ends; yield its URL inside the machine."""
    with _ProxyServer(pid) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield f"http://127.0.0.1:{PROXY_PORT}"
        finally:
            server.shutdown()
            thread.join()
