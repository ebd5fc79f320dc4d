"""The performance goals, one per row: what is measured, relative to which floor, and the target.

Each part of the bench measures the goals that name it.
"""

from dataclasses import dataclass

INSERT = "one row inserted and committed"
BARE = "a bare Flask page with a small template"
ROWS = "30 rows by Core and Jinja"
SMALLEST = "the same at the smallest size"
ALONE = "the same with nobody beside"
MAILS = "parsed, kept raw and inserted, fifty a commit"


@dataclass(frozen=True)
class Goal:
    """A performance goal. `target` is a multiple of the floor if `of_floor` is set, otherwise a value in `unit`."""

    number: str
    key: str
    part: str
    what: str
    unit: str
    target: float | None = None
    floor: str = ""
    of_floor: bool = False
    is_more_better: bool = False


@dataclass(frozen=True)
class Measured:
    """A figure, with the floor's in the same rounds. If it is the worst of several, `where` names it."""

    value: float
    floor: float | None = None
    where: str = ""
    failed: int = 0

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None


@dataclass(frozen=True, order=True)
class Place:
    """The key of a figure: the goal's key, the database, and the number of questions."""

    key: str
    database: str
    size: int


Figures = dict[Place, Measured]

CPU = "ms CPU"
GOALS = (
    *(
        Goal("G1", f"submit-cpu-{clients}", "readers", f"a reader's Send, {who}", CPU, 2.0, floor=INSERT, of_floor=True)
        for clients, who in ((1, "1 client"), (8, "8 clients"), (32, "32 clients"))
    ),
    Goal("G1", "submit-rate", "readers", "Sends at 32 clients", "/s", 1.5, INSERT, of_floor=True, is_more_better=True),
    Goal("G1", "submit-p99", "readers", "the slowest hundredth of them", "ms", 60),
    Goal("G2", "submit-growth", "readers", "growth of a Send, 8 clients", "x floor", 1.10, SMALLEST, of_floor=True),
    Goal("G3", "copies-cpu", "readers", "readers' pages from copies", CPU, 1.0, BARE, of_floor=True),
    Goal("G3", "unchanged-cpu", "readers", "the same, unchanged (304)", CPU, 0.5, BARE, of_floor=True),
    Goal("G3", "copies-growth", "readers", "growth of pages from copies", "x floor", 1.15, SMALLEST, of_floor=True),
    Goal("G3", "anew-cpu", "readers", "readers' pages made anew after a change", CPU, 1.3, ROWS, of_floor=True),
    Goal("G3", "anew-growth", "readers", "growth of pages made anew", "x floor", 1.15, SMALLEST, of_floor=True),
    Goal("G4", "letters-statements", "desk", "letters: what they ask", "statements", 5),
    Goal("G4", "letters-cpu", "desk", "letters, 8 clients", CPU, 6, BARE),
    Goal("G4", "letters-p99", "desk", "their slowest hundredth", "ms", 25),
    Goal("G4", "desk-statements", "desk", "other desk pages: what they ask", "statements", 10),
    Goal("G4", "desk-cpu", "desk", "other desk pages, 1 client", CPU, 12, BARE),
    Goal("G4", "desk-p99", "desk", "other desk pages: their slowest hundredth", "ms", 50),
    Goal("G4", "desk-growth", "desk", "growth of the wait for a desk page", "ms", 2.0, SMALLEST, of_floor=True),
    Goal("G5", "mail-rate", "mail", "mails stored and placed", "/s", 300, is_more_better=True),
    Goal("G5", "mail-share", "mail", "the same, of the floor", "/s", 0.6, MAILS, of_floor=True, is_more_better=True),
    Goal("G5", "mail-cpu", "mail", "a mail stored and placed", CPU, None, MAILS),
    Goal("G5", "piped-p99", "strain", "a mail handed over by LMTP: slowest hundredth", "ms", 15),
    Goal("G6", "hostile-cpu", "strain", "a hostile mail, placed", CPU, 250),
    Goal("G7", "memory", "service", "all processes of serve, after some pages", "MB", 130),
    Goal("G7", "start", "service", "from the command to the first answer", "s", 1.2),
    Goal("G7", "start-cpu", "service", "the same, of the processor", "s CPU"),
    Goal("G7", "recovery", "service", "from the kill of its pages to the next answer", "s", 1.0),
    Goal("G7", "installed", "service", "what an installation takes, without bytecode", "MB", 120),
    Goal("G8", "ask-bytes", "readers", "the ask page with all it loads, without script", "kB", 6),
    Goal("G8", "ask-requests", "readers", "the ask page: requests", "requests", 2),
    Goal("G8", "archive-bytes", "readers", "the archive with all it loads, without script", "kB", 10),
    Goal("G9", "expert-statements", "desk", "the page behind an expert's link: what it asks", "statements", 4),
    Goal("G9", "expert-cpu", "desk", "the page behind an expert's link", CPU, None, BARE),
    Goal("G9", "expert-p99", "desk", "its slowest hundredth", "ms", 20),
    Goal("G9", "autosave-cpu", "desk", "a draft that saves itself", CPU, 5, INSERT),
    Goal("G10", "edition-cpu", "desk", "an edition of 30 Q&As, made anew", CPU, 50),
    Goal("G10", "search-p99", "desk", "a search by the desk, and by readers: slowest hundredth", "ms", 50),
    Goal(
        "G11",
        "queue-p99",
        "strain",
        "letters beside 32 readers and mail: slowest hundredth",
        "ms",
        2.0,
        ALONE,
        of_floor=True,
    ),
    Goal("G11", "locked-p99", "strain", "readers' pages while nobody can write: slowest hundredth", "ms", 100),
)
BY_KEY = {goal.key: goal for goal in GOALS}
BY_WHAT = {(goal.number, goal.what): goal for goal in GOALS}

COUNTS = ("statements", "requests", "kB", "MB")  # nearly the same on any machine
EXACT = ("statements", "requests")
MARGIN = 0.2  # by which a ratio may be worse than the committed one, as measured on shared machines


def is_met(goal: Goal, found: Measured) -> bool | None:
    """Return whether the goal is met; None if it has no target, or if its floor was not measured."""
    value = found.ratio if goal.of_floor else found.value
    if goal.target is None or value is None:
        return None
    if found.failed:
        return False
    return value >= goal.target if goal.is_more_better else value <= goal.target


def compared(goal: Goal, found: Measured) -> float | None:
    """Return the value that is comparable between runs: a count or the ratio to the floor, never a time or rate."""
    return found.value if goal.unit in COUNTS else found.ratio


def is_worse(goal: Goal, found: Measured, committed: Measured | None) -> bool:
    """Return whether a figure is worse than the committed one by more than the margin; False if that had failures."""
    if committed is None or committed.failed:
        return False
    now, before = compared(goal, found), compared(goal, committed)
    if now is None or before is None:
        return False
    margin = 0.0 if goal.unit in EXACT else MARGIN
    return now < before * (1 - margin) if goal.is_more_better else now > before * (1 + margin)


def worst(found: dict[str, Measured], goal: Goal) -> Measured:
    """Return the figure with the highest value or ratio, with its name and the failures of all."""
    name = max(found, key=lambda name: (found[name].ratio if goal.of_floor else None) or found[name].value)
    one = found[name]
    return Measured(one.value, one.floor, name, sum(each.failed for each in found.values()))
