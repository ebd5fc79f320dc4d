"""The scenarios of The Long Road's questions: the steps that each has taken, and how frequent they are."""

from dataclasses import dataclass

from .bulk_writer import WeightedChoice

SUBMITTED = ("clear", "draft", "invite", "accept", "submit")
APPROVED = (*SUBMITTED, "edit", "check", "settle", "approve")
PUBLISHED = (*APPROVED, "pick", "publish")


@dataclass(frozen=True)
class Scenario:
    """The steps of a question after it is opened, keys of `steps.STEPS`.

    The weights say how frequent the scenario is among old questions and among those of the last weeks.
    """

    steps: tuple[str, ...]
    old_weight: float
    recent_weight: float


SCENARIOS = {
    "open": Scenario((), 14, 30),
    "cleared": Scenario(("clear",), 4, 8),
    "drafted": Scenario(("clear", "draft"), 0.1, 3),
    "invited": Scenario(("clear", "draft", "invite"), 0.1, 9),
    "declined": Scenario(("clear", "draft", "invite", "decline"), 3, 4),
    "accepted": Scenario(("clear", "draft", "invite", "accept", "save"), 0.2, 8),
    "submitted": Scenario(SUBMITTED, 0.2, 5),
    "returned": Scenario((*SUBMITTED, "return"), 0.1, 2),
    "edited": Scenario((*SUBMITTED, "edit"), 0.2, 4),
    "checking": Scenario((*SUBMITTED, "edit", "check"), 0.02, 4),
    "objected": Scenario((*SUBMITTED, "edit", "check", "object"), 0.1, 1),
    "answered": Scenario(APPROVED, 1.5, 5),
    "unchanged": Scenario((*SUBMITTED, "approve"), 0.5, 2),
    "taken back": Scenario((*SUBMITTED, "withdraw"), 0.4, 0.5),
    "kept": Scenario((*APPROVED, "shelve"), 2, 0.5),
    "shelved": Scenario(("shelve",), 22, 5),
    "closed": Scenario(("close",), 33, 5),
    "called off": Scenario(("clear", "draft", "invite", "close"), 3, 1),
    "merged": Scenario(("merge",), 12, 3),
    "published": Scenario(PUBLISHED, 0, 0),  # as many as the editions have slots
    "retracted": Scenario((*PUBLISHED, "retract"), 0, 0),
}
RETRACTED_SHARE = 0.03  # the share of published questions that are retracted
# The scenarios of questions that another one can be merged into.
MERGE_TARGETS = ("open", "cleared", "declined", "answered", "unchanged", "shelved", "kept", "published")
OLD_SCENARIOS = WeightedChoice({name: scenario.old_weight for name, scenario in SCENARIOS.items()})
RECENT_SCENARIOS = WeightedChoice({name: scenario.recent_weight for name, scenario in SCENARIOS.items()})
