"""A machine on which systemd starts and ends the programs: Debian's own, as the first process of the machine.

Nothing starts by itself but what a test starts. On it lies what Debian's packages bring, without a network to bring more.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import clock
from tests.support.machine import LONGEST, Machine, patiently
from tests.support.missing import without

BOOT = """
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
def booted(inside: Machine) -> Iterator[Machine]:
    """The same machine with its systemd, until the block ends."""
    if not Path("/usr/lib/systemd/systemd").exists():
        without("systemd")
    spaces = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--cgroup", "--uts", "--ipc")
    clock_of_units = " ".join(f'"{name}={value}"' for name, value in clock.clock_environment().items())
    environment = {**inside.environment, "CLOCK_OF_UNITS": clock_of_units}
    child = subprocess.Popen([*inside.enter, "unshare", *spaces, "bash", "-euc", BOOT], env=environment)
    try:
        patiently(lambda: child.poll() is not None or _systemd(child.pid) is not None, "systemd")
        if (pid := _systemd(child.pid)) is None:
            without("right to start systemd in a machine of its own")
        made = Machine(pid, inside.folder, inside.environment)
        patiently(lambda: "running" in made.run("systemctl is-system-running || true"), "the first target")
        yield made
    finally:
        child.kill()
        child.wait(LONGEST)


def _systemd(pid: int) -> int | None:
    """The number of systemd among what a process has started, once it is there."""
    try:
        below = [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        names = {number: Path(f"/proc/{number}/comm").read_text().strip() for number in below}
    except OSError:
        return None
    return next((number for number, name in names.items() if name == "systemd"), None) or next(
        (found for number in below if (found := _systemd(number))), None
    )
