"""A Debian machine in Linux namespaces, in which the recipes of the docs run unchanged.

Its folders overlay those of the machine that runs the tests, and its network is a loopback of its own, so a recipe can
use its own ports, accounts and settings, and all changes vanish with the machine. Its processes end with it, and it
ends with the process that created it, because it reads from a pipe until that is closed. It can boot systemd.
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
from typing import IO, Any

from tests.support import clock
from tests.support.processes import FORKSERVER
from tests.support.required_programs import skip_without
from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
PROGRAM_FOLDER = "/srv/readers-asked"  # where the docs install the program
ACCOUNT = "readers-asked"
SETTINGS = "/etc/readers-asked/environment"
REQUIRED_PROGRAMS = ("unshare", "nsenter", "setpriv", "ip", "useradd")
COMMAND_TIMEOUT = 120.0  # seconds, for a busy test machine
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
printf '#!/bin/sh\nexec /srv/readers-asked/.venv/bin/python /srv/readers-asked "$@"\n' > /usr/local/bin/readers-asked
chmod 755 /usr/local/bin/readers-asked
for folder in $PRIVATE_FOLDERS; do chmod a+x "$folder"; done
touch "$OVER/ready"
cat > /dev/null
"""


def wait_for_machine(condition: Callable[[], bool], description: str) -> None:
    """Wait for a condition that depends on servers that have just been started."""
    wait_until(condition, description, COMMAND_TIMEOUT)


class DebianMachine:
    """A running machine: `pid` is its first process as seen from outside, `folder` is shared with it."""

    def __init__(self, pid: int, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {
            **clock.clock_environment(),
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            **environment,
        }
        self._pid = pid
        self._programs: list[Any] = []
        self._commands: list[subprocess.Popen[bytes]] = []
        self.enter_command = ("nsenter", f"--target={pid}", "--mount", "--net", "--pid")

    def run(self, script: str, stdin: bytes = b"", status: int = 0) -> str:
        """Run a shell script as root and return its output; fail unless it exits with `status`."""
        with TemporaryFile() as file:  # no pipe: servers that the script starts would keep it open
            result = subprocess.run(
                [*self.enter_command, "bash", "-euo", "pipefail", "-c", script], input=stdin, stdout=file,
                stderr=subprocess.STDOUT, env=self.environment, check=False, timeout=COMMAND_TIMEOUT,
            )  # fmt: skip
            output = _read_output(file)
        assert result.returncode == status, f"{script}\n{output}"
        return output

    def start(self, command: str) -> None:
        """Start a command in the program's folder that runs until `stop_all`, or until the machine ends."""
        pid_file = f"/run/started.{len(self._commands)}"
        script = f"echo $$ > {pid_file}; cd {PROGRAM_FOLDER}; exec {command}"
        self._commands.append(subprocess.Popen([*self.enter_command, "bash", "-euc", script], env=self.environment))

    def stop_all(self) -> None:
        """Stop everything that `start` and `start_program` have started, by its pid inside the machine."""
        if self._commands:
            self.run("kill $(cat /run/started.*) || true; rm /run/started.*")
        for program in self._programs:
            program.terminate()
        for command in self._commands:
            command.wait(COMMAND_TIMEOUT)
        for program in self._programs:
            program.join(COMMAND_TIMEOUT)
        self._commands.clear()
        self._programs.clear()

    def run_program(self, commands: str, stdin: bytes = b"") -> str:
        """Run commands of the program, one per line, as `as_account` does; return their output."""
        return "".join(self._run_program_line(line, stdin) for line in commands.splitlines())

    def _run_program_line(self, line: str, stdin: bytes) -> str:
        needs_shell = re.search(r"[^\w\s@./-]", line)
        if needs_shell:
            return self.run(self.as_account(line), stdin)
        with TemporaryFile() as output_file, TemporaryFile() as input_file:
            input_file.write(stdin)
            input_file.seek(0)
            child = self._fork_program(line, input_file.fileno(), output_file.fileno())
            child.join(COMMAND_TIMEOUT)
            output = _read_output(output_file)
        assert child.exitcode == 0, f"{line}\n{output}"
        return output

    def start_program(self, line: str) -> None:
        """Start a command of the program that runs until `stop_all`."""
        with TemporaryFile() as empty_file:
            self._programs.append(self._fork_program(line, empty_file.fileno(), 2))

    def _fork_program(self, line: str, stdin: int, output: int) -> Any:
        """Fork a command from a process that has already imported the app, which saves time."""
        pairs = self.run(self.as_account("env -0")).split("\0")
        environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        files = [DupFd(number) for number in (stdin, output)]
        child = FORKSERVER.Process(target=_run_inside, args=(self._pid, line.split(), environment, *files))
        child.start()
        return child

    def as_account(self, command: str) -> str:
        """Return a command that runs `command` as the program's account, in its folder and with its settings."""
        script = f"cd {PROGRAM_FOLDER}; set -a; . {SETTINGS}; set +a; PATH={PROGRAM_FOLDER}/.venv/bin:$PATH; {command}"
        return f"setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --init-groups bash -euo pipefail -c {_quote(script)}"

    def has_listener(self, port: int) -> bool:
        return f":{port} " in self.run("ss -ltnH")

    def connect(self, address: str, port: int, source: str) -> socket.socket:
        """Return a connection that starts inside the machine from its address `source`, for use outside."""
        own_network = os.open("/proc/self/ns/net", os.O_RDONLY)
        machine_network = os.open(f"/proc/{self._pid}/ns/net", os.O_RDONLY)
        try:
            enter_namespace(machine_network)
            try:
                return socket.create_connection((address, port), COMMAND_TIMEOUT, source_address=(source, 0))
            finally:
                enter_namespace(own_network)
        finally:
            os.close(own_network)
            os.close(machine_network)

    def run_python(self, code: str, *arguments: str, stdin: bytes = b"", **environment: str) -> str:
        """Run Python code as root in the program's folder, and return its output."""
        settings = [f"{name}={value}" for name, value in environment.items()]
        line = " ".join(map(_quote, ("env", *settings, sys.executable, "-c", code, *arguments)))
        return self.run(f"cd {PROGRAM_FOLDER} && {line}", stdin)


def _read_output(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _run_inside(pid: int, command: list[str], environment: dict[str, str], stdin: Any, output: Any) -> None:
    """Enter the machine, become the program's account, and run a command of the program."""
    input_number, output_number = stdin.detach(), output.detach()
    for namespace in [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in ("net", "mnt")]:
        enter_namespace(namespace)
    account = pwd.getpwnam(ACCOUNT)
    os.setsid()
    os.initgroups(ACCOUNT, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.chdir(PROGRAM_FOLDER)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(input_number, 0)
    os.dup2(output_number, 1)
    os.dup2(output_number, 2)
    sys.stdin = os.fdopen(0, closefd=False)  # multiprocessing has replaced it
    sys.argv = command
    assert command[0] == "readers-asked", command
    runpy.run_path(PROGRAM_FOLDER, run_name="__main__")


def enter_namespace(namespace: int) -> None:
    """Move this thread into the namespace of a file descriptor. Python has `os.setns` only from 3.12 on."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(namespace, 0):
        raise OSError(ctypes.get_errno(), "setns")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _list_private_folders() -> list[Path]:
    """Return the folders above Python and the program that other accounts, such as the program's, may not enter."""
    executable = Path(sys.executable).resolve()
    folders = {*executable.parents, *ROOT.parents, *(ROOT / ".venv").resolve().parents}
    return sorted(folder for folder in folders if not folder.stat().st_mode & 0o001)


@contextmanager
def debian_machine(folder: Path, **environment: str) -> Iterator[DebianMachine]:
    """Run a machine until the block ends; `folder` is shared with it."""
    if missing := [
        name for name in REQUIRED_PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None
    ]:
        skip_without(f"{' and no '.join(missing)}")
    if os.geteuid() != 0:
        skip_without("right to make a machine of its own (run as root)")
    overlay, private_folders = folder / "over", _list_private_folders()
    overlay.mkdir()
    folders = [*OVERLAID_FOLDERS, *{path.parts[1] for path in private_folders}]
    variables = {
        **clock.clock_environment(), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "OVER": str(overlay), "FOLDERS": " ".join(folders),
        "PROGRAM": str(ROOT), "PRIVATE_FOLDERS": " ".join(map(str, private_folders)),
    }  # fmt: skip
    child = subprocess.Popen(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-euc", SETUP_SCRIPT],
        env=variables, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        wait_for_machine(lambda: child.poll() is not None or _is_set_up(child.pid, overlay), "the machine")
        if child.poll() is not None:
            assert child.stderr is not None
            skip_without(f"machine of its own: {child.stderr.read().decode().strip()}")
        yield DebianMachine(get_first_child(child.pid), folder, environment)
    finally:
        child.kill()
        child.wait(COMMAND_TIMEOUT)


def get_first_child(pid: int) -> int:
    """Return the pid, as seen from outside, of the first process in the namespaces that `unshare` has created."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _is_set_up(pid: int, overlay: Path) -> bool:
    """Return whether the setup script has ended: `overlay` is then mounted in the root of the first process."""
    try:
        return Path(f"/proc/{get_first_child(pid)}/root{overlay}/ready").exists()
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
ln -s /dev/null /run/systemd/system/tmp.mount  # the shared folder is below /tmp
printf '[Unit]\\nDefaultDependencies=no\\n' > /run/systemd/system/bare.target
mkdir /run/systemd/system.conf.d
printf '[Manager]\\nDefaultEnvironment=%s\\n' "$UNIT_CLOCK" > /run/systemd/system.conf.d/clock.conf
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /usr/lib/systemd/systemd --system --unit=bare.target --show-status=0 --log-target=null
"""


@contextmanager
def boot_systemd(machine: DebianMachine) -> Iterator[DebianMachine]:
    """Boot systemd in a machine until the block ends; yield the machine as seen from systemd."""
    if not Path("/usr/lib/systemd/systemd").exists():
        skip_without("systemd")
    namespaces = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--cgroup", "--uts", "--ipc")
    unit_clock = " ".join(f'"{name}={value}"' for name, value in clock.clock_environment().items())
    environment = {**machine.environment, "UNIT_CLOCK": unit_clock}
    child = subprocess.Popen(
        [*machine.enter_command, "unshare", *namespaces, "bash", "-euc", BOOT_SCRIPT], env=environment
    )
    try:
        wait_for_machine(lambda: child.poll() is not None or _find_systemd(child.pid) is not None, "systemd")
        if (pid := _find_systemd(child.pid)) is None:
            skip_without("right to start systemd in a machine of its own")
        booted = DebianMachine(pid, machine.folder, machine.environment)
        wait_for_machine(lambda: "running" in booted.run("systemctl is-system-running || true"), "the first target")
        yield booted
    finally:
        child.kill()
        child.wait(COMMAND_TIMEOUT)


def _find_systemd(pid: int) -> int | None:
    """Return the pid of systemd among the descendants of a process, None if it has not started yet."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        names = {child: Path(f"/proc/{child}/comm").read_text().strip() for child in children}
    except OSError:
        return None
    for child, name in names.items():
        if name == "systemd":
            return child
    for child in children:
        if systemd := _find_systemd(child):
            return systemd
    return None
