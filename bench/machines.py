"""`python -m bench.machines`: a newsroom on ten machines, each killed or cut off while readers, experts and mail come.

Each machine is a network namespace on a bridge that leads nowhere else (needs root and `ip netns`): PostgreSQL, Redis,
two hosts with pages behind nginx, two with a worker and the LMTP door, a mail server that takes what is sent, and one
that hands mail in. By a seeded plan each of the six that work is killed (SIGKILL) and started again after as long as
systemd waits, and cut off, silently, from all others or from the database alone. At the end it prints for each fault
how long requests failed, what was acknowledged but lost, and what was stored or sent twice.
"""

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from tests.support.many_machines import (
    WEB_MACHINES,
    WORKER_MACHINES,
    Machines,
    Totals,
    find_missing_for_network,
    start_machines,
)
from tests.support.waiting import wait_until

from .machine_visitors import Visitors, create_newsroom
from .run_options import print_line

RESTART_SECONDS = 5.0  # RestartSec= of the units
CUT_SECONDS = 15.0
DATABASE_RESTART_SECONDS = 3.0
QUIET_BEFORE, QUIET_AFTER = 3.0, 12.0  # seconds without another fault
PROMISED_SECONDS = 10.0  # for which requests may fail
MAX_SETTLE_SECONDS = 120.0  # in which the remaining work must be done
ALL_MACHINES = ("redis", "front", *WEB_MACHINES, *WORKER_MACHINES)


@dataclass(frozen=True)
class Fault:
    """A fault of a machine, of so many seconds. `is_irreplaceable` means that no other machine can take over."""

    name: str
    seconds: float
    begin: Callable[[Machines], None]
    end: Callable[[Machines], None]
    is_irreplaceable: bool = False


def build_kill(machine: str, seconds: float, is_irreplaceable: bool = False) -> Fault:
    """Return the fault that kills a machine and starts it again."""
    return Fault(
        f"{machine} killed",
        seconds,
        begin=lambda machines: machines.kill(machine),
        end=lambda machines: machines.start(machine),
        is_irreplaceable=is_irreplaceable,
    )


def build_cut(machine: str, other: str = "", is_irreplaceable: bool = False) -> Fault:
    """Return the fault that cuts a machine off from another one, or from all."""
    return Fault(
        f"{machine} cut off from {other}" if other else f"{machine} cut off",
        CUT_SECONDS,
        begin=lambda machines: machines.network.disconnect(machine, other),
        end=lambda machines: machines.network.reconnect(machine, other),
        is_irreplaceable=is_irreplaceable,
    )


FAULTS = (
    build_kill("db", DATABASE_RESTART_SECONDS, is_irreplaceable=True),
    build_cut("db", is_irreplaceable=True),
    build_kill("redis", CUT_SECONDS),
    build_cut("redis"),
    *(build_kill(name, RESTART_SECONDS) for name in (*WEB_MACHINES, *WORKER_MACHINES)),
    *(build_cut(name) for name in (*WEB_MACHINES, *WORKER_MACHINES)),
    build_cut("web1", "db"),
    build_cut("worker1", "db"),
    build_cut("worker2", "smtp"),
)


@dataclass(frozen=True)
class FaultPeriod:
    """The times of a fault: its beginning, its end, and the end of counting its consequences."""

    fault: Fault
    began: float
    ended: float
    counted_until: float


@dataclass(frozen=True)
class Outage:
    """The requests around a fault. `stretch` is the time from the first failed one to the end of the last one,
    `overrun` the part of it after the fault's end, `slowest` the longest request, all in seconds.
    """

    requests: int
    failures: int
    stretch: float
    overrun: float
    slowest: float


def run_fault(machines: Machines, fault: Fault) -> FaultPeriod:
    time.sleep(QUIET_BEFORE)
    began = time.monotonic()
    fault.begin(machines)
    time.sleep(fault.seconds)
    ended = time.monotonic()
    fault.end(machines)
    time.sleep(QUIET_AFTER)
    return FaultPeriod(fault, began, ended, time.monotonic())


def wait_until_settled(machines: Machines) -> None:
    """Wait until all mail is sent and placed. Leases of dead workers are ended, instead of waiting ten minutes."""
    time.sleep(5)
    machines.execute("UPDATE outbox SET leased_until = NULL, due_at = created_at WHERE state = 'queued'")
    machines.execute("UPDATE inbound SET leased_until = NULL WHERE leased_until IS NOT NULL")
    queued = "SELECT count(*) FROM outbox WHERE state = 'queued'"
    wait_until(lambda: not machines.fetch_value(queued), "the outbox", MAX_SETTLE_SECONDS)
    unplaced = "SELECT count(*) FROM inbound WHERE placed_at IS NULL"
    wait_until(lambda: not machines.fetch_value(unplaced), "the mail that came", MAX_SETTLE_SECONDS)


def summarize_requests(period: FaultPeriod, visitors: Visitors) -> Outage:
    requests = [
        request
        for request in visitors.requests
        if period.began - 0.5 <= request.ended and request.began < period.counted_until
    ]
    slowest = max((request.ended - request.began for request in requests), default=0.0)
    failed = [request for request in requests if not request.succeeded]
    if not failed:
        return Outage(len(requests), 0, 0.0, 0.0, slowest)
    last_failure = max(request.ended for request in failed)
    stretch = last_failure - min(request.began for request in failed)
    return Outage(len(requests), len(failed), stretch, max(0.0, last_failure - period.ended), slowest)


def count_resent_mails(period: FaultPeriod, totals: Totals, machines: Machines) -> int:
    """Count the mails that were first handed over during the fault, and then again under the same Message-ID."""
    first_times: dict[str, float] = {}
    for at, line in machines.list_deliveries():
        first_times.setdefault(line.split()[0], at)
    return sum(
        totals.delivered[message_id] > 1
        for message_id, at in first_times.items()
        if period.began - 1 <= at < period.counted_until
    )


def print_fault(period: FaultPeriod, visitors: Visitors, totals: Totals, machines: Machines) -> bool:
    """Print the consequences of a fault; return whether they are as promised."""
    outage = summarize_requests(period, visitors)
    copies = [
        totals.texts[acknowledged.text]
        for acknowledged in visitors.acknowledged
        if period.began <= acknowledged.at < period.counted_until
    ]
    double = sum(number > 1 for number in copies)
    resent = count_resent_mails(period, totals, machines)
    is_short = outage.stretch <= PROMISED_SECONDS or (
        period.fault.is_irreplaceable and outage.overrun <= PROMISED_SECONDS
    )
    print_line(
        f"{period.fault.name:<24} {period.ended - period.began:>6.1f} {outage.requests:>6} {outage.failures:>6}"
        f" {outage.stretch:>8.1f} {outage.overrun:>8.1f} {outage.slowest:>8.1f} {len(copies):>6}"
        f" {copies.count(0):>5} {double:>6} {resent:>6}   {'' if is_short else 'LONGER THAN PROMISED'}"
    )
    return is_short and all(number == 1 for number in copies)


def run_faults(faults: Iterable[Fault], seed: int, rate: float) -> bool:
    """Run the faults in random order, and print their consequences; return whether all are as promised."""
    ordered_faults = list(faults)
    random.Random(seed).shuffle(ordered_faults)
    with start_machines() as machines:
        newsroom = create_newsroom(machines)
        for name in ALL_MACHINES:
            machines.start(name)
        for name in ALL_MACHINES:
            wait_until(partial(machines.is_listening, name), name, 90.0)
        visitors = Visitors(machines, newsroom, seed)
        periods = []
        with visitors.keep_visiting(rate):
            time.sleep(3)
            for fault in ordered_faults:
                print_line(f"{time.strftime('%H:%M:%S')} {fault.name}")
                periods.append(run_fault(machines, fault))
        wait_until_settled(machines)
        totals = machines.get_totals()
        print_line(
            f"\n{'fault':<24} {'lasted':>6} {'asked':>6} {'failed':>6} {'stretch':>8} {'after it':>8} {'slowest':>8}"
            f" {'acked':>6} {'lost':>5} {'double':>6} {'resent':>6}"
        )
        kept_promises = [print_fault(period, visitors, totals, machines) for period in periods]
        return print_totals(visitors, totals) and all(kept_promises)


def print_totals(visitors: Visitors, totals: Totals) -> bool:
    """Print the totals of the run; return whether nothing was lost, stored twice, or known to one side only."""
    kinds = Counter(acknowledged.kind for acknowledged in visitors.acknowledged)
    lost = [acknowledged for acknowledged in visitors.acknowledged if not totals.texts[acknowledged.text]]
    double = [text for text, number in totals.texts.items() if number > 1 and "well number" in text]
    one_sided = set(totals.delivered) ^ totals.sent
    resent = sum(number > 1 for number in totals.delivered.values())
    print_line(f"\nacknowledged: {dict(kinds)}; lost {len(lost)}; stored twice {len(double)}")
    print_line(f"mails sent: {len(totals.sent)}, with {len(one_sided)} of which only one side knows;")
    print_line(f"{resent} of them were handed over again, under the same Message-ID")
    print_line(f"never acknowledged, though tried for a minute: {visitors.given_up}")
    return not (lost or double or one_sided)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.machines", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=4.0, help="readers a second")
    parser.add_argument("--only", nargs="+", default=[], help="words in the names of the faults to run")
    arguments = parser.parse_args()
    if missing := find_missing_for_network():
        sys.exit(f"bench.machines needs what is not here: {missing}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leaves the blocks, which remove the machines
    faults = [fault for fault in FAULTS if not arguments.only or any(word in fault.name for word in arguments.only)]
    sys.exit(0 if run_faults(faults, arguments.seed, arguments.rate) else 1)


if __name__ == "__main__":
    main()
