"""Labels for questions, shared by the desk's pages: states, why two can't be merged, and why an expert declined."""

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True)
class StateWords:
    """The labels of a state of questions.

    `listed` is the filter of the list that includes the state, and `label` the filter's label, empty if another state
    has it. `says` is the sentence about the question, and `mark` its tone; if empty, the pages describe its assignments
    instead. `near` and `near_letter` describe it as a look-alike of a question or a letter. `step` is the move of the
    page's primary button, and its label.
    """

    listed: str
    label: str = ""
    says: str = ""
    mark: str = "none"
    near: str = _l("In work.")
    near_letter: str = _l("A question in work.")
    step: tuple[str, str] | None = None


STATE_LABELS = {
    "open": StateWords("open", _l("Open")),
    "seeking": StateWords("seeking", _l("With an expert")),
    "answered": StateWords("answered", _l("Answered")),
    "queued": StateWords(
        "queued", _l("Picked"), _l("It is picked for %(edition)s"), "good", _l("Picked for an edition.")
    ),
    "published": StateWords("published", _l("Ran"), _l("It ran on %(edition)s"), "good"),
    "retracted": StateWords("published", says=_l("It ran on %(edition)s, and its page has been withdrawn since")),
    "shelved": StateWords(
        "shelved",
        _l("Shelf"),
        _l("It lies on the shelf: good, not now"),
        near=_l("On the shelf."),
        near_letter=_l("A question on the shelf."),
        step=("take", _l("Take it from the shelf")),
    ),
    "closed": StateWords(
        "closed",
        _l("Closed"),
        _l("It is closed"),
        near=_l("Closed."),
        near_letter=_l("A question that was closed."),
        step=("reopen", _l("Open it again")),
    ),
    "merged": StateWords(
        "merged",
        _l("Merged"),
        _l("It was merged into another question, and its readers count there"),
        step=("split", _l("Take it out again")),
    ),
}
# Labels of the secondary buttons: moves that need no further input.
STATE_BUTTONS = {"shelve": _l("Put it on the shelf")}


# By the reason of `CannotMerge`. Each follows a colon or completes a sentence.
MERGE_FAULTS = {
    "merge.itself": _l("it can’t be merged into itself"),
    "merge.elsewhere": _l("there is no such question in this newsletter"),
    "merge.into_merged": _l("the other one was merged itself: choose the one that it is in now"),
    "merge.into_closed": _l("the other one is closed"),
    "merge.into_ran": _l("the other one has run: who asks it now is answered with it"),
    "merge.into_this_state": _l("the other one takes nothing in where it stands now"),
    "merge.assigned": _l("an expert is asked about it: merge the other one into this one instead"),
    "merge.answered": _l("it has an answer: merge the other one into this one instead"),
    "merge.picked": _l("it is picked for an edition"),
    "merge.ran": _l("it has run"),
    "merge.closed": _l("it is closed: open it again first"),
    "merge.merged": _l("it is merged already"),
    "merge.in_this_state": _l("it can’t be merged from where it stands now"),
}

DECLINE_LABELS = {
    "no time": _l("No time now"),
    "not my field": _l("Not their field"),
    "conflict of interest": _l("A conflict of interest"),
    "other": _l("Another reason"),
}
