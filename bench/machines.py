"""`python -m bench.machines`: a newsroom on ten machines, each killed or cut off while readers, experts and mail come.

Each machine is a network namespace on a bridge that leads nowhere else (needs root and `ip netns`): PostgreSQL, Redis,
two hosts with pages behind nginx, two with a worker and the LMTP door, a mail server that takes what is sent, and one
that hands mail in. By a seeded plan each of the six that work is killed (SIGKILL) and started again after as long as
systemd waits, and cut off, silently, from all others or from the database alone. Said at the end, for each: how long
requests failed, what was acknowledged and isn't there, and what is there or was sent twice.
"""

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.many_machines import (
    WEB_MACHINES,
    WORKER_MACHINES,
    Machines,
    Totals,
    find_missing_for_network,
    start_machines,
)
from tests.support.waiting import wait_until

from .machine_visitors import Visitors, prepare

RESTART, CUT, BRIEF = 5.0, 15.0, 3.0  # seconds: RestartSec= of the units, a cut, and what it takes to start a server
BEFORE, AFTER = 3.0, 12.0  # seconds of quiet before each fault, and after it
PROMISED = 10.0  # seconds for which requests may fail
SETTLED = 120.0  # seconds in which the remaining work must be done


@dataclass(frozen=True)
class Fault:
    """A fault of a machine. `alone` means that no other machine can take over."""

    name: str
    machine: str
    seconds: float
    begin: Callable[[Machines], None]
    end: Callable[[Machines], None]
    alone: bool = False


def killed(machine: str, seconds: float, alone: bool = False) -> Fault:
    return Fault(
        f"{machine} killed", machine, seconds, lambda all_: all_.kill(machine), lambda all_: all_.start(machine), alone
    )


def cut(machine: str, other: str = "", seconds: float = CUT, alone: bool = False) -> Fault:
    name = f"{machine} cut off" + (f" from {other}" if other else "")
    return Fault(
        name,
        machine,
        seconds,
        lambda all_: all_.network.disconnect(machine, other),
        lambda all_: all_.network.reconnect(machine, other),
        alone,
    )


FAULTS = (
    killed("db", BRIEF, alone=True),
    cut("db", alone=True),
    killed("redis", CUT),
    cut("redis"),
    *(killed(name, RESTART) for name in (*WEB_MACHINES, *WORKER_MACHINES)),
    *(cut(name) for name in (*WEB_MACHINES, *WORKER_MACHINES)),
    cut("web1", "db"),
    cut("worker1", "db"),
    cut("worker2", "smtp"),
)


@dataclass
class Seen:
    """The times of a fault: its beginning, its end, and the end of counting its consequences."""

    fault: Fault
    began: float
    ended: float
    until: float


def say(text: str) -> None:
    print(text, flush=True)


def bear(machines: Machines, visitors: Visitors, fault: Fault) -> Seen:
    time.sleep(BEFORE)
    began = time.monotonic()
    fault.begin(machines)
    time.sleep(fault.seconds)
    ended = time.monotonic()
    fault.end(machines)
    time.sleep(AFTER)
    return Seen(fault, began, ended, time.monotonic())


def settle(machines: Machines) -> None:
    """Wait until all mail is sent and placed. Leases of dead workers are ended, instead of waiting ten minutes."""
    time.sleep(5)
    machines.execute("UPDATE outbox SET leased_until = NULL, due_at = created_at WHERE state = 'queued'")
    machines.execute("UPDATE inbound SET leased_until = NULL WHERE leased_until IS NOT NULL")
    wait_until(
        lambda: not machines.fetch_value("SELECT count(*) FROM outbox WHERE state = 'queued'"), "the outbox", SETTLED
    )
    waiting = "SELECT count(*) FROM inbound WHERE placed_at IS NULL"
    wait_until(lambda: not machines.fetch_value(waiting), "the mail that came", SETTLED)


def row(seen: Seen, visitors: Visitors, found: Totals, machines: Machines) -> bool:
    """Print the consequences of a fault; return whether they are as promised."""
    asked = [one for one in visitors.requests if seen.began - 0.5 <= one.ended and one.began < seen.until]
    failed = [one for one in asked if not one.well]
    stretch = max(one.ended for one in failed) - min(one.began for one in failed) if failed else 0.0
    beyond = max(0.0, max(one.ended for one in failed) - seen.ended) if failed else 0.0
    slowest = max((one.ended - one.began for one in asked), default=0.0)
    mine = [one for one in visitors.acknowledged if seen.began <= one.at < seen.until]
    times = [found.texts[one.words] for one in mine]
    first: dict[str, float] = {}
    for at, line in machines.list_deliveries():
        first.setdefault(line.split()[0], at)
    again = sum(found.delivered[key] > 1 for key, at in first.items() if seen.began - 1 <= at < seen.until)
    well = stretch <= PROMISED or (seen.fault.alone and beyond <= PROMISED)
    say(
        f"{seen.fault.name:<24} {seen.ended - seen.began:>6.1f} {len(asked):>6} {len(failed):>6} {stretch:>8.1f}"
        f" {beyond:>8.1f} {slowest:>8.1f} {len(mine):>6} {times.count(0):>5} {sum(n > 1 for n in times):>6} {again:>6}"
        f"   {'' if well else 'LONGER THAN PROMISED'}"
    )
    return well and all(n == 1 for n in times)


def report(faults: tuple[Fault, ...], seed: int, rate: float) -> bool:
    order = list(faults)
    random.Random(seed).shuffle(order)
    with start_machines() as machines:
        newsroom = prepare(machines)
        for name in ("redis", "front", *WEB_MACHINES, *WORKER_MACHINES):
            machines.start(name)
        for name in ("redis", "front", *WEB_MACHINES, *WORKER_MACHINES):
            wait_until(lambda name=name: machines.is_listening(name), name, 90.0)  # type: ignore[misc]
        visitors = Visitors(machines, newsroom, seed)
        with visitors.coming(rate):
            time.sleep(3)
            seen = []
            for fault in order:
                say(f"{time.strftime('%H:%M:%S')} {fault.name}")
                seen.append(bear(machines, visitors, fault))
        settle(machines)
        found = machines.get_totals()
        say(
            f"\n{'fault':<24} {'lasted':>6} {'asked':>6} {'failed':>6} {'stretch':>8} {'after it':>8} {'slowest':>8}"
            f" {'acked':>6} {'lost':>5} {'double':>6} {'resent':>6}"
        )
        well = [row(one, visitors, found, machines) for one in seen]
        return all([*well, *everything(visitors, found)])


def everything(visitors: Visitors, found: Totals) -> list[bool]:
    """Print the totals of the run; return whether nothing was lost, stored twice, or known to one side only."""
    kinds = Counter(one.kind for one in visitors.acknowledged)
    lost = [one for one in visitors.acknowledged if not found.texts[one.words]]
    double = [words for words, times in found.texts.items() if times > 1 and "well number" in words]
    twice = sum(times > 1 for times in found.delivered.values())
    say(f"\nacknowledged: {dict(kinds)}; lost {len(lost)}; stored twice {len(double)}")
    say(f"mails sent: {len(found.sent)}, with {len(set(found.delivered) ^ found.sent)} of which only one side knows;")
    say(f"{twice} of them were handed over again, under the same Message-ID")
    say(f"never acknowledged, though tried for a minute: {visitors.given_up}")
    return [not lost, not double, not set(found.delivered) ^ found.sent]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.machines", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=4.0, help="readers a second")
    parser.add_argument("--only", nargs="+", default=[], help="words of the faults to try")
    given = parser.parse_args()
    if missing := find_missing_for_network():
        sys.exit(f"bench.machines needs what is not here: {missing}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and leave nothing behind
    faults = tuple(one for one in FAULTS if not given.only or any(word in one.name for word in given.only))
    sys.exit(0 if report(faults, given.seed, given.rate) else 1)


if __name__ == "__main__":
    main()
