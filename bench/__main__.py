"""`make bench`: the performance goals in one table, with floor, figure, target and the committed figure.

Parts: `readers` sends questions and opens public pages, `desk` opens the desk's pages and an expert's link, `mail`
stores and places incoming mail, `service` measures memory, start and size, `strain` measures pages beside a rush, pages
while nobody can write to the database, and hostile mails. Without arguments, these five are measured, at each size and
in each database. The other parts have no goals: `trim` (which text of a reply is kept), `matching` (whether repeated
questions are found), `look-alikes` (how many suggestions are false), `languages` (how often the language of a sentence
is recognised), `back-issues` (how much is found in back issues that the importer wasn't trained on), `encryption` (what
encrypting the SQLite file costs), and `flames` (flame graphs of the three requests that are furthest from their goals
by the committed figures). The rounds of compared programs are interleaved, since the machine's speed drifts. Progress
goes to standard error.
"""

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from . import goal_table
from .goals import Figures
from .load_client import Pace
from .run_options import RunOptions, describe_machine, print_line, print_progress
from .temporary_databases import DATABASE_NAMES

# The modules of the parts: those with goals have `measure`, the others `print_report`.
GOAL_PARTS = {"readers": "readers", "desk": "desk_pages", "mail": "mail_in", "service": "service", "strain": "strain"}
REPORT_PARTS = {
    "trim": "trim",
    "matching": "matching",
    "look-alikes": "look_alikes",
    "languages": "language_guessing",
    "back-issues": "back_issue_training",
    "encryption": "encryption",
}
PARTS = (*GOAL_PARTS, *REPORT_PARTS, "flames")


def _import_part(module: str) -> Any:
    return import_module(f"bench.{module}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; the default is {', '.join(GOAL_PARTS)}")
    add("--questions", type=int, nargs="+", default=[1_000, 100_000], help="the sizes")
    add("--database", choices=DATABASE_NAMES, nargs="+", default=["sqlite"], help="TEST_POSTGRES_URL names a server")
    add("--rounds", type=int, default=3, help="of each measurement, of which the median counts")
    add("--seconds", type=float, default=2.0, help="of each round")
    add("--kept", type=Path, help="a folder in which filled databases are kept for the next run")
    add("--json", action="store_true", help="print the table as JSON")
    add("--write", action="store_true", help="put the figures into docs/performance.md")
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    return arguments


def main() -> None:
    arguments = _parse_arguments()
    options = RunOptions(
        print_progress,
        sizes=tuple(sorted(arguments.questions)),
        databases=tuple(arguments.database),
        pace=Pace(arguments.rounds, arguments.seconds),
        cache_folder=arguments.kept,
    )
    parts = arguments.parts or list(GOAL_PARTS)
    print_progress(describe_machine())
    figures: Figures = {}
    for part in parts:
        print_progress(f"\n== {part} ==")
        if part in GOAL_PARTS:
            figures |= _import_part(GOAL_PARTS[part]).measure(options)
        elif part in REPORT_PARTS:
            _import_part(REPORT_PARTS[part]).print_report(print_line)
        else:
            _import_part("flames").draw_flame_graphs(options)
    for goal in goal_table.list_missing_goals(figures, {part for part in parts if part in GOAL_PARTS}):
        print_progress(f"NOT MEASURED: {goal}")
    if figures:
        publish_figures(figures, arguments.json, arguments.write)


def publish_figures(figures: Figures, as_json: bool, update_docs: bool) -> None:
    """Print the table beside the committed figures, and write it into docs/performance.md if requested."""
    page = goal_table.PERFORMANCE_PAGE.read_text(encoding="utf-8")
    committed = goal_table.parse_figures(page)
    if as_json:
        print(json.dumps(goal_table.build_json(figures, committed, machine=describe_machine()), indent=1))
    else:
        print_line("\n" + goal_table.render_terminal(figures, committed))
    if update_docs:
        goal_table.PERFORMANCE_PAGE.write_text(goal_table.update_page(page, figures), encoding="utf-8")


if __name__ == "__main__":
    main()
