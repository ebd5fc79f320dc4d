"""The clock of the tests: each run begins at the same moment, and time passes from there, whatever the date is.

pytest restarts itself with libfaketime, which all processes that a test starts inherit: server, worker, commands,
mail servers and Chromium. The environment variable CLOCK chooses another moment, by its name in `CLOCKS` or as a time
in UTC:

    CLOCK=leap-day .venv/bin/python -m pytest tests/editions
    .venv/bin/python -m tests.support.clock new-year make run

Without a command the second lists the clocks. `make clocks` runs the tests that depend on dates at each of them.

docs/adr/0030-test-clock.md gives the reasons.
"""

import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

CLOCK_VARIABLE = "CLOCK"
FAKETIME_VARIABLES = {
    "FAKETIME": "",  # seconds to add to the machine's time
    "FAKETIME_CACHE_DURATION": "1000000",  # nginx clears its environment, from which the offset is read every ten seconds
    "FAKETIME_DISABLE_SHM": "1",  # a killed process would leave the shared lock locked for all others
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # measured durations stay real
    "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # Chromium hangs for seconds with this fix for an older glibc
    "LD_PRELOAD": "",
    "TZ": "",
}


class Clock(NamedTuple):
    """The moment in UTC at which a run begins, the time zone of its machine, and what is special about it."""

    start: datetime
    zone: str
    description: str


def _parse_clock(start: str, zone: str, description: str) -> Clock:
    moment = datetime.fromisoformat(start)
    return Clock(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC), zone, description)


# The newsletter of most tests runs on the first and third Wednesday at 09:00 in Prague; its
# cut-off is two days earlier. In the demo, "Shift Change" has its cut-off at 17:00 on that Monday.
CLOCKS = {
    "usual": _parse_clock("2026-11-10 09:40", "UTC", "a Tuesday, six days before a cut-off"),
    "before-cut-off": _parse_clock("2026-11-16 07:00", "UTC", "an hour before a cut-off"),
    "after-cut-off": _parse_clock("2026-11-16 09:00", "UTC", "an hour after a cut-off"),
    "midnight": _parse_clock("2026-11-11 23:55", "UTC", "five minutes before midnight in UTC"),
    "month-end": _parse_clock(
        "2026-11-30 22:30", "Europe/Prague", "the last evening of a month, between a cut-off and its edition"
    ),
    "new-year": _parse_clock("2026-12-31 22:55", "Europe/Prague", "five minutes before New Year in Prague"),
    "spring-forward": _parse_clock(
        "2027-03-28 00:55", "Europe/Prague", "five minutes before 02:00 becomes 03:00 in Prague"
    ),
    "fall-back": _parse_clock("2026-10-25 00:55", "Europe/Prague", "five minutes before 03:00 becomes 02:00 in Prague"),
    "no-summer-time": _parse_clock(
        "2027-03-28 00:55", "Asia/Almaty", "that spring night on a machine in a zone without summer time"
    ),
    "leap-day": _parse_clock("2028-02-29 10:00", "UTC", "29 February, the day before an edition"),
    "summer-break": _parse_clock("2027-06-25 14:00", "UTC", "a Friday in late June, as before a summer break"),
    "five-years-on": _parse_clock(
        "2031-12-01 05:00", "UTC", "five years on: days that tests take for far away are past"
    ),
}


def get_clock() -> Clock:
    """Return the clock that the environment chooses. Raises UsageError if it is neither a name nor a time."""
    name = os.environ.get(CLOCK_VARIABLE) or "usual"
    try:
        return CLOCKS.get(name) or _parse_clock(name, "UTC", "chosen by hand")
    except ValueError:
        raise pytest.UsageError(f"CLOCK={name} is neither a time nor one of: {', '.join(CLOCKS)}") from None


def today(zone: str = "Europe/Prague") -> date:
    """Return the date in a time zone, by default that of the newsletters of the tests."""
    return datetime.now(ZoneInfo(zone)).date()


def clock_environment() -> dict[str, str]:
    """Return the variables that give a process this clock, for one that doesn't inherit the environment."""
    return {name: os.environ[name] for name in FAKETIME_VARIABLES if name in os.environ}


def machine_environment() -> dict[str, str]:
    """Return the environment of a process that runs at the machine's own time."""
    return {name: value for name, value in os.environ.items() if name not in FAKETIME_VARIABLES}


def environment_after(offset: timedelta) -> dict[str, str]:
    """Return the environment of a process whose clock is ahead of ours by `offset`."""
    return {**os.environ, "FAKETIME": f"{float(os.environ['FAKETIME']) + offset.total_seconds():+.3f}"}


def is_clock_faked() -> bool:
    return "FAKETIME" in os.environ


def _find_library() -> Path | None:
    """Find libfaketime where Debian and its derivatives install it."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def _faketime_environment(clock: Clock, library: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that starts at the moment of a clock."""
    offset = f"{clock.start.timestamp() - time.time():+.3f}"
    preload = ":".join(filter(None, (str(library), environ.get("LD_PRELOAD"))))
    return {**environ, **FAKETIME_VARIABLES, "FAKETIME": offset, "LD_PRELOAD": preload, "TZ": clock.zone}


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Restart pytest at its clock, before it starts workers.

    Without libfaketime it runs at the machine's time, and tests/house/test_clock.py fails.
    """
    clock = get_clock()
    if is_clock_faked() or (library := _find_library()) is None:
        return
    if capture := config.pluginmanager.getplugin("capturemanager"):
        capture.suspend_global_capture(in_=True)
    os.execve(sys.executable, sys.orig_argv, _faketime_environment(clock, library, os.environ))  # noqa: S606 - it is this very command


def pytest_report_header() -> str:
    if not is_clock_faked():
        return "clock: THE MACHINE'S OWN"
    clock = get_clock()
    return f"clock: {clock.start:%Y-%m-%d %H:%M} UTC, {clock.description}"


def main() -> None:
    """Run a command at a clock; without a command, list the clocks."""
    if (library := _find_library()) is None:
        sys.exit("libfaketime is missing: apt-get install faketime")
    if len(sys.argv) < 3:
        print("\n".join(CLOCKS))
        return
    os.environ[CLOCK_VARIABLE], *command = sys.argv[1:]
    os.execvpe(command[0], command, _faketime_environment(get_clock(), library, os.environ))  # noqa: S606 - what was typed


if __name__ == "__main__":
    main()
