"""Machines on one wire: network namespaces of their own on a bridge that leads nowhere else, each cut off from any other at will.

Only the network is of its own: files and processes are those of this machine. A cut is silent, as where a cable is pulled out behind
a switch: what is sent arrives nowhere, and nobody says so.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.machine import enter
from tests.support.missing import without

NET = "10.77"
NOWHERE = "02:00:00:00:ff:ff"  # an address that no machine has
SEVERAL = f"{NET}.8.0/22"  # further addresses of a machine that stands for many
SWITCH = "switch"


def lacks() -> str:
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


class Wire:
    """`address` of each machine by its name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._prefix = f"ra-{os.getpid()}"
        self.names = tuple(names)
        self.address = {name: f"{NET}.0.{number}" for number, name in enumerate(names, 1)}
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
        """Let a machine speak from any address of `SEVERAL`."""
        _batch(self.space(name), [f"route add local {SEVERAL} dev lo"])

    def _known(self, name: str, hardware: str) -> str:
        return f"{self.address[name]} lladdr {hardware} nud permanent dev wire"

    def _set(self, pairs: Sequence[tuple[str, str]], are_cut: bool) -> None:
        for one, other in pairs:
            for here, there in ((one, other), (other, one)):
                hardware = NOWHERE if are_cut else self._hardware[there]
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
            enter(there)
            try:
                yield
            finally:
                enter(here)
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
def wire(*names: str) -> Iterator[Wire]:
    """Machines of these names until the block ends; whatever runs there ends with them."""
    if missing := lacks():
        without(missing)
    made = Wire(names)
    try:
        made.make()
        yield made
    finally:
        made.remove()
