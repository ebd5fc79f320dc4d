"""A Debian machine of its own, for recipes run as they stand: what is changed in its folders is gone with it.

Its folders lie over those of the machine that runs the tests, and its network is a loopback of its own: ports,
accounts and settings are those that the recipe names. Everything that was started in it ends with it, and it ends
with the process that made it: it reads until nobody writes any more. It can boot systemd, which then starts and ends
the programs.
"""

import ctypes
import os
import pwd
import re
import runpy
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.reduction import DupFd
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.support import clock
from tests.support.processes import FORKSERVER
from tests.support.required_programs import skip_without
from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
PROGRAM_FOLDER = "/srv/readers-asked"  # where a newsroom has the program
ACCOUNT = "readers-asked"
SETTINGS = "/etc/readers-asked/environment"
REQUIRED_PROGRAMS = ("unshare", "nsenter", "setpriv", "ip", "useradd")
COMMAND_TIMEOUT = 120.0  # seconds that a command may take on a machine that has much else to do
OVERLAID_FOLDERS = ("etc", "var", "srv", "run", "usr/local", "home")

SETUP_SCRIPT = """
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$OVER"
for folder in $FOLDERS; do
  mkdir -p "$OVER/$folder/upper" "$OVER/$folder/work"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$OVER/$folder/upper,workdir=$OVER/$folder/work" "/$folder"
done
ip link set lo up
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
useradd --system --user-group --no-create-home --home-dir /var/lib/readers-asked readers-asked
mkdir -p /srv/readers-asked /etc/readers-asked
mount --bind "$PROGRAM" /srv/readers-asked
for folder in $CLOSED; do chmod a+x "$folder"; done
touch "$OVER/ready"
cat > /dev/null
"""


def wait_for_machine(done: Callable[[], bool], what: str) -> None:
    """Wait for a fact that several servers, started anew, have their part in."""
    wait_until(done, what, COMMAND_TIMEOUT)


class DebianMachine:
    """`pid` is the process that the machine hangs on; `folder` is seen from inside and from outside."""

    def __init__(self, pid: int, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {
            **clock.clock_environment(),
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            **environment,
        }
        self._pid = pid
        self._serving: list[Any] = []
        self._started: list[subprocess.Popen[bytes]] = []
        self.enter = ("nsenter", f"--target={pid}", "--mount", "--net", "--pid")

    def run(self, script: str, given: bytes = b"", status: int = 0) -> str:
        """What the script said, run by root; it fails loudly unless it ends as it should."""
        with TemporaryFile() as said:  # no pipe: servers that the script starts would hold it open
            done = subprocess.run(
                [*self.enter, "bash", "-euo", "pipefail", "-c", script], input=given, stdout=said,
                stderr=subprocess.STDOUT, env=self.environment, check=False, timeout=COMMAND_TIMEOUT,
            )  # fmt: skip
            said.seek(0)
            printed = said.read().decode("utf-8", "replace")
        assert done.returncode == status, f"{script}\n{printed}"
        return printed

    def start(self, command: str) -> None:
        """A command that goes on in the program's folder until `stop_all`, or the machine's end."""
        number = f"/run/started.{len(self._started)}"
        line = f"echo $$ > {number}; cd {PROGRAM_FOLDER}; exec {command}"
        self._started.append(subprocess.Popen([*self.enter, "bash", "-euc", line], env=self.environment))

    def stop_all(self) -> None:
        """End what was started, by the numbers that it has in here."""
        if self._started:
            self.run("kill $(cat /run/started.*) || true; rm /run/started.*")
        for child in self._serving:
            child.terminate()
        for one in self._started:
            one.wait(COMMAND_TIMEOUT)
        for child in self._serving:
            child.join(COMMAND_TIMEOUT)
        self._started.clear()
        self._serving.clear()

    def run_program(self, commands: str, given: bytes = b"") -> str:
        """What commands of the program said, typed by its own account in its folder with its settings."""
        return "".join(self._run_program_line(line, given) for line in commands.splitlines())

    def _run_program_line(self, line: str, given: bytes) -> str:
        if re.search(r"[^\w\s@./-]", line):
            return self.run(self.as_account(line), given)
        with TemporaryFile() as said, TemporaryFile() as read:
            read.write(given)
            read.seek(0)
            child = self._fork_program(line, read.fileno(), said.fileno())
            child.join(COMMAND_TIMEOUT)
            said.seek(0)
            printed = said.read().decode("utf-8", "replace")
        assert child.exitcode == 0, f"{line}\n{printed}"
        return printed

    def start_program(self, line: str) -> None:
        """A command of the program that goes on until `stop_all`."""
        with TemporaryFile() as nothing:
            self._serving.append(self._fork_program(line, nothing.fileno(), 2))

    def _fork_program(self, line: str, reads: int, says: int) -> Any:
        """Fork it off a process that has loaded the product; all else is as when it is typed."""
        pairs = self.run(self.as_account("env -0")).split("\0")
        environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        files = [DupFd(number) for number in (reads, says)]
        child = FORKSERVER.Process(target=_run_inside, args=(self._pid, line.split(), environment, *files))
        child.start()
        return child

    def as_account(self, command: str) -> str:
        """The command as the program's account gives it, in its folder and with its settings."""
        start = f"cd {PROGRAM_FOLDER}; set -a; . {SETTINGS}; set +a; PATH={PROGRAM_FOLDER}/.venv/bin:$PATH; {command}"
        return f"setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --init-groups bash -euo pipefail -c {_quote(start)}"

    def has_listener(self, port: int) -> bool:
        return f":{port} " in self.run("ss -ltnH")

    def connect(self, address: str, port: int, source: str) -> socket.socket:
        """A connection that begins inside, from an address that the machine has, for whoever asks from outside."""
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self._pid}/ns/net", os.O_RDONLY)
        try:
            enter_namespace(there)
            try:
                return socket.create_connection((address, port), COMMAND_TIMEOUT, source_address=(source, 0))
            finally:
                enter_namespace(here)
        finally:
            os.close(here)
            os.close(there)

    def python(self, code: str, *arguments: str, given: bytes = b"", **environment: str) -> str:
        settings = [f"{name}={value}" for name, value in environment.items()]
        line = " ".join(map(_quote, ("env", *settings, sys.executable, "-c", code, *arguments)))
        return self.run(f"cd {PROGRAM_FOLDER} && {line}", given)


def _run_inside(pid: int, command: list[str], environment: dict[str, str], reads: Any, says: Any) -> None:
    """Enter the machine, become the program's account, and run a command of its."""
    files = [one.detach() for one in (reads, says)]
    for space in [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in ("net", "mnt")]:
        enter_namespace(space)
    account = pwd.getpwnam(ACCOUNT)
    os.setsid()
    os.initgroups(ACCOUNT, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.chdir(PROGRAM_FOLDER)
    os.environ.clear()
    os.environ.update(environment)
    for number, ours in ((files[0], 0), (files[1], 1), (files[1], 2)):
        os.dup2(number, ours)
    sys.stdin = os.fdopen(0, closefd=False)  # multiprocessing has put another one in its place
    sys.argv = command
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


def enter_namespace(space: int) -> None:
    """Let this thread be in another name space; Python's own os.setns is there from 3.12 on."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(space, 0):
        raise OSError(ctypes.get_errno(), "setns")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _list_private_folders() -> list[Path]:
    """The folders of this Python that only their owner may walk through: the program has an account of its own."""
    real = Path(sys.executable).resolve()
    places = {*real.parents, *ROOT.parents, *(ROOT / ".venv").resolve().parents}
    return sorted(place for place in places if not place.stat().st_mode & 0o001)


@contextmanager
def debian_machine(folder: Path, **environment: str) -> Iterator[DebianMachine]:
    """A machine until the block ends. `folder` is shared with it."""
    if missing := [
        name for name in REQUIRED_PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None
    ]:
        skip_without(f"{' and no '.join(missing)}")
    if os.geteuid() != 0:
        skip_without("right to make a machine of its own (run as root)")
    over, closed = folder / "over", _list_private_folders()
    over.mkdir()
    folders = [*OVERLAID_FOLDERS, *{place.parts[1] for place in closed}]
    variables = {
        **clock.clock_environment(), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "OVER": str(over), "FOLDERS": " ".join(folders),
        "PROGRAM": str(ROOT), "CLOSED": " ".join(map(str, closed)),
    }  # fmt: skip
    child = subprocess.Popen(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-euc", SETUP_SCRIPT],
        env=variables, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        wait_for_machine(lambda: child.poll() is not None or _is_set_up(child.pid, over), "the machine")
        if child.poll() is not None:
            assert child.stderr is not None
            skip_without(f"machine of its own: {child.stderr.read().decode().strip()}")
        yield DebianMachine(_first_child(child.pid), folder, environment)
    finally:
        child.kill()
        child.wait(COMMAND_TIMEOUT)


def _first_child(pid: int) -> int:
    """The first process inside, by its number outside."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _is_set_up(pid: int, over: Path) -> bool:
    """Its own file system is seen through its first process."""
    try:
        return Path(f"/proc/{_first_child(pid)}/root{over}/ready").exists()
    except (OSError, IndexError):
        return False


BOOT_SCRIPT = """
rm -rf /etc/systemd/system/*.wants /etc/rc?.d
for folder in /sys/fs/cgroup /var/lib/postgresql /etc/postgresql /var/log/journal; do
  mkdir -p $folder
  mount -t tmpfs -o mode=755 tmpfs $folder
done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system
ln -s /dev/null /run/systemd/system/tmp.mount  # what is shared with the machine lies there
printf '[Unit]\\nDefaultDependencies=no\\n' > /run/systemd/system/bare.target
mkdir /run/systemd/system.conf.d
printf '[Manager]\\nDefaultEnvironment=%s\\n' "$CLOCK_OF_UNITS" > /run/systemd/system.conf.d/clock.conf
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /usr/lib/systemd/systemd --system --unit=bare.target --show-status=0 --log-target=null
"""


@contextmanager
def boot_systemd(inside: DebianMachine) -> Iterator[DebianMachine]:
    """The same machine with its systemd, until the block ends."""
    if not Path("/usr/lib/systemd/systemd").exists():
        skip_without("systemd")
    spaces = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--cgroup", "--uts", "--ipc")
    clock_of_units = " ".join(f'"{name}={value}"' for name, value in clock.clock_environment().items())
    environment = {**inside.environment, "CLOCK_OF_UNITS": clock_of_units}
    child = subprocess.Popen([*inside.enter, "unshare", *spaces, "bash", "-euc", BOOT_SCRIPT], env=environment)
    try:
        wait_for_machine(lambda: child.poll() is not None or _find_systemd(child.pid) is not None, "systemd")
        if (pid := _find_systemd(child.pid)) is None:
            skip_without("right to start systemd in a machine of its own")
        made = DebianMachine(pid, inside.folder, inside.environment)
        wait_for_machine(lambda: "running" in made.publish("systemctl is-system-running || true"), "the first target")
        yield made
    finally:
        child.kill()
        child.wait(COMMAND_TIMEOUT)


def _find_systemd(pid: int) -> int | None:
    """The number of systemd among what a process has started, once it is there."""
    try:
        below = [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        names = {number: Path(f"/proc/{number}/comm").read_text().strip() for number in below}
    except OSError:
        return None
    return next((number for number, name in names.items() if name == "systemd"), None) or next(
        (found for number in below if (found := _find_systemd(number))), None
    )
