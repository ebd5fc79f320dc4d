"""`make bench`: the goals of speed in one table, with floor, figure, target and what was committed before.

`readers` are questions sent and public pages, `desk` the desk's pages and an expert's, `mail` what comes in, `service`
memory and start, `strain` what others notice of a rush, of a database in which nobody can write and of hostile mails.
Without a name these five are measured, at each size and in each database. By name there are also
`trim` (whose words are found), `matching` (whether doubles are), `look-alikes` (how many of those shown unasked are
false) and `languages` (whether the language of a sentence is found), and `flames`: a flame graph of each of the three
that are furthest from their goals by the committed figures. Rounds of what is compared are interleaved, since the
machine's speed drifts. How far it is, is told on standard error.
"""

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from . import table
from .databases import NAMES
from .goals import Figures
from .load import Pace
from .surroundings import Run, aside, machine, say

GOALS = {
    "readers": "readers",
    "desk": "desk",
    "mail": "mail_in",
    "service": "service",
    "strain": "strain",
}  # the parts with figures in the table
TOLD = {"trim": "trim", "matching": "matching", "look-alikes": "look_alikes", "languages": "languages"}
PARTS = (*GOALS, *TOLD, "flames")


def _report(module: str) -> Any:
    return import_module(f"bench.{module}").report


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; {', '.join(GOALS)} if none is named")
    add("--questions", type=int, nargs="+", default=[1_000, 100_000], help="the sizes")
    add("--database", choices=NAMES, nargs="+", default=["sqlite"], help="TEST_POSTGRES_URL names a server")
    add("--rounds", type=int, default=3, help="of each measurement, of which the median counts")
    add("--seconds", type=float, default=2.0, help="of each round")
    add("--kept", type=Path, help="a folder: filled databases are used again the next time")
    add("--json", action="store_true", help="the table for a program")
    add("--write", action="store_true", help="put the figures into docs/performance.md")
    given = parser.parse_args()
    if unknown := [part for part in given.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    pace = Pace(given.rounds, given.seconds)
    run = Run(aside, tuple(sorted(given.questions)), tuple(given.database), pace, given.kept)
    aside(machine())
    figures: Figures = {}
    for part in given.parts or GOALS:
        aside(f"\n== {part} ==")
        if part in GOALS:
            figures |= _report(GOALS[part])(run)
        elif part == "flames":
            _report(part)(run)
        else:
            _report(TOLD[part])(say)
    for goal in table.missing(figures, {part for part in given.parts or GOALS if part in GOALS}):
        aside(f"NOT MEASURED: {goal}")
    if figures:
        conclude(figures, given.json, given.write)


def conclude(figures: Figures, is_json: bool, is_written: bool) -> None:
    """Print the table beside the committed figures, and write it into docs/performance.md if requested."""
    page = table.PAGE.read_text(encoding="utf-8")
    committed = table.read(page)
    if is_json:
        print(json.dumps(table.as_json(figures, committed, machine=machine()), indent=1))
    else:
        say("\n" + table.printed(figures, committed))
    if is_written:
        table.PAGE.write_text(table.written(page, figures), encoding="utf-8")


if __name__ == "__main__":
    main()
