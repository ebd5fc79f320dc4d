"""The performance goals, one per row: what is measured, relative to which floor, and the target.

Each part of the bench measures the goals that name it.
"""

from dataclasses import dataclass

INSERT_FLOOR = "one row inserted and committed"
BARE_PAGE_FLOOR = "a bare Flask page with a small template"
ROWS_FLOOR = "30 rows by Core and Jinja"
SMALLEST_SIZE_FLOOR = "the same at the smallest size"
IDLE_FLOOR = "the same with nobody beside"
MAILS_FLOOR = "parsed, kept raw and inserted, fifty a commit"


@dataclass(frozen=True)
class Goal:
    """A performance goal.

    `title` is its key in docs/performance.md. `target` is a multiple of the floor if `is_ratio` is set, otherwise a
    value in `unit`.
    """

    number: str
    key: str
    part: str
    title: str
    unit: str
    target: float | None = None
    floor: str = ""
    is_ratio: bool = False
    higher_is_better: bool = False


@dataclass(frozen=True)
class Measurement:
    """A figure, with that of its floor in the same rounds. If it is the worst of several cases, `case` names that."""

    value: float
    floor: float | None = None
    case: str = ""
    failures: int = 0

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None


@dataclass(frozen=True, order=True)
class FigureKey:
    """The key of a figure: the goal's key, the database, and the number of questions."""

    goal_key: str
    database: str
    size: int


Figures = dict[FigureKey, Measurement]
Cases = dict[str, dict[str, Measurement]]  # by the goal's key, then by the case: a page, or "" if there is only one

CPU_UNIT = "ms CPU"
GOALS = (
    *(
        Goal(
            "G1",
            f"submit-cpu-{clients}",
            "readers",
            f"a reader's Send, {clients} client{'s' if clients > 1 else ''}",
            CPU_UNIT,
            2.0,
            INSERT_FLOOR,
            is_ratio=True,
        )
        for clients in (1, 8, 32)
    ),
    Goal(
        "G1",
        "submit-rate",
        "readers",
        "Sends at 32 clients",
        "/s",
        1.5,
        INSERT_FLOOR,
        is_ratio=True,
        higher_is_better=True,
    ),
    Goal("G1", "submit-p99", "readers", "the slowest hundredth of them", "ms", 60),
    Goal(
        "G2",
        "submit-growth",
        "readers",
        "growth of a Send, 8 clients",
        "x floor",
        1.10,
        SMALLEST_SIZE_FLOOR,
        is_ratio=True,
    ),
    Goal("G3", "copies-cpu", "readers", "readers' pages from copies", CPU_UNIT, 1.0, BARE_PAGE_FLOOR, is_ratio=True),
    Goal("G3", "unchanged-cpu", "readers", "the same, unchanged (304)", CPU_UNIT, 0.5, BARE_PAGE_FLOOR, is_ratio=True),
    Goal(
        "G3",
        "copies-growth",
        "readers",
        "growth of pages from copies",
        "x floor",
        1.15,
        SMALLEST_SIZE_FLOOR,
        is_ratio=True,
    ),
    Goal(
        "G3", "anew-cpu", "readers", "readers' pages made anew after a change", CPU_UNIT, 1.3, ROWS_FLOOR, is_ratio=True
    ),
    Goal(
        "G3", "anew-growth", "readers", "growth of pages made anew", "x floor", 1.15, SMALLEST_SIZE_FLOOR, is_ratio=True
    ),
    Goal("G4", "letters-statements", "desk", "letters: what they ask", "statements", 5),
    Goal("G4", "letters-cpu", "desk", "letters, 8 clients", CPU_UNIT, 6, BARE_PAGE_FLOOR),
    Goal("G4", "letters-p99", "desk", "their slowest hundredth", "ms", 25),
    Goal("G4", "desk-statements", "desk", "other desk pages: what they ask", "statements", 10),
    Goal("G4", "desk-cpu", "desk", "other desk pages, 1 client", CPU_UNIT, 12, BARE_PAGE_FLOOR),
    Goal("G4", "desk-p99", "desk", "other desk pages: their slowest hundredth", "ms", 50),
    Goal(
        "G4", "desk-growth", "desk", "growth of the wait for a desk page", "ms", 2.0, SMALLEST_SIZE_FLOOR, is_ratio=True
    ),
    Goal("G5", "mail-rate", "mail", "mails stored and placed", "/s", 300, higher_is_better=True),
    Goal(
        "G5",
        "mail-share",
        "mail",
        "the same, of the floor",
        "/s",
        0.6,
        MAILS_FLOOR,
        is_ratio=True,
        higher_is_better=True,
    ),
    Goal("G5", "mail-cpu", "mail", "a mail stored and placed", CPU_UNIT, None, MAILS_FLOOR),
    Goal("G5", "piped-p99", "strain", "a mail handed over by LMTP: slowest hundredth", "ms", 15),
    Goal("G6", "hostile-cpu", "strain", "a hostile mail, placed", CPU_UNIT, 250),
    Goal("G7", "memory", "service", "all processes of serve, after some pages", "MB", 130),
    Goal("G7", "start", "service", "from the command to the first answer", "s", 1.2),
    Goal("G7", "start-cpu", "service", "the same, of the processor", "s CPU"),
    Goal("G7", "recovery", "service", "from the kill of its pages to the next answer", "s", 1.0),
    Goal("G7", "installed", "service", "what an installation takes, without bytecode", "MB", 120),
    Goal("G8", "ask-bytes", "readers", "the ask page with all it loads, without script", "kB", 6),
    Goal("G8", "ask-requests", "readers", "the ask page: requests", "requests", 2),
    Goal("G8", "archive-bytes", "readers", "the archive with all it loads, without script", "kB", 10),
    Goal("G9", "expert-statements", "desk", "the page behind an expert's link: what it asks", "statements", 4),
    Goal("G9", "expert-cpu", "desk", "the page behind an expert's link", CPU_UNIT, None, BARE_PAGE_FLOOR),
    Goal("G9", "expert-p99", "desk", "its slowest hundredth", "ms", 20),
    Goal("G9", "autosave-cpu", "desk", "a draft that saves itself", CPU_UNIT, 5, INSERT_FLOOR),
    Goal("G10", "edition-cpu", "desk", "an edition of 30 Q&As, made anew", CPU_UNIT, 50),
    Goal("G10", "search-p99", "desk", "a search by the desk, and by readers: slowest hundredth", "ms", 50),
    Goal(
        "G11",
        "queue-p99",
        "strain",
        "letters beside 32 readers and mail: slowest hundredth",
        "ms",
        2.0,
        IDLE_FLOOR,
        is_ratio=True,
    ),
    Goal("G11", "locked-p99", "strain", "readers' pages while nobody can write: slowest hundredth", "ms", 100),
)
GOALS_BY_KEY = {goal.key: goal for goal in GOALS}
GOALS_BY_TITLE = {(goal.number, goal.title): goal for goal in GOALS}

COUNT_UNITS = ("statements", "requests", "kB", "MB")  # nearly the same on any machine
EXACT_UNITS = ("statements", "requests")
MARGIN = 0.2  # by which a ratio may be worse than the committed one, as measured on shared machines


def meets_target(goal: Goal, measurement: Measurement) -> bool | None:
    """Return whether the goal is met; None if it has no target, or if its floor was not measured."""
    value = measurement.ratio if goal.is_ratio else measurement.value
    if goal.target is None or value is None:
        return None
    if measurement.failures:
        return False
    return value >= goal.target if goal.higher_is_better else value <= goal.target


def comparable_value(goal: Goal, measurement: Measurement) -> float | None:
    """Return the value that is comparable between runs: a count or the ratio to the floor, never a time or rate."""
    return measurement.value if goal.unit in COUNT_UNITS else measurement.ratio


def is_worse(goal: Goal, measurement: Measurement, committed: Measurement | None) -> bool:
    """Return whether a figure is worse than the committed one by more than the margin; False if that had failures."""
    if committed is None or committed.failures:
        return False
    value, committed_value = comparable_value(goal, measurement), comparable_value(goal, committed)
    if value is None or committed_value is None:
        return False
    margin = 0.0 if goal.unit in EXACT_UNITS else MARGIN
    if goal.higher_is_better:
        return value < committed_value * (1 - margin)
    return value > committed_value * (1 + margin)


def ratio_or_value(goal: Goal, measurement: Measurement) -> float:
    """Return the ratio to the floor if the target is one and the floor was measured, otherwise the value."""
    return (measurement.ratio if goal.is_ratio else None) or measurement.value


def pick_worst(cases: dict[str, Measurement], goal: Goal) -> Measurement:
    """Return the figure with the highest value or ratio, with the name of its case and the failures of all."""
    name = max(cases, key=lambda case: ratio_or_value(goal, cases[case]))
    failures = sum(measurement.failures for measurement in cases.values())
    return Measurement(cases[name].value, cases[name].floor, name, failures)
