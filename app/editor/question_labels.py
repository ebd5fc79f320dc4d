"""Labels for questions, shared by the desk's pages: states, why two can't be merged, and why an expert declined."""

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True)
class StateLabels:
    """The labels of a state of questions."""

    filter_name: str  # the filter of the list of questions that shows questions in this state
    filter_label: str = ""  # the label of that filter; of several states with one filter, only one has it
    sentence: str = ""  # about the question; if it is empty, the pages describe the question's assignments instead
    mark: str = "none"  # the tone of the sentence
    beside_question: str = _l("In work.")  # describes the question as a look-alike of another question
    beside_letter: str = _l("A question in work.")  # describes it as a look-alike of a letter
    step: tuple[str, str] | None = None  # the move of the primary button on the question's page, and the button's label


STATE_LABELS = {
    "open": StateLabels("open", _l("Open")),
    "seeking": StateLabels("seeking", _l("With an expert")),
    "answered": StateLabels("answered", _l("Answered")),
    "queued": StateLabels(
        "queued", _l("Picked"), _l("It is picked for %(edition)s"), "good", _l("Picked for an edition.")
    ),
    "published": StateLabels("published", _l("Ran"), _l("It ran on %(edition)s"), "good"),
    "retracted": StateLabels("published", sentence=_l("It ran on %(edition)s, and its page has been withdrawn since")),
    "shelved": StateLabels(
        "shelved",
        _l("Shelf"),
        _l("On the shelf: good, but not now"),
        beside_question=_l("On the shelf."),
        beside_letter=_l("A question on the shelf."),
        step=("take", _l("Take it from the shelf")),
    ),
    "closed": StateLabels(
        "closed",
        _l("Closed"),
        _l("It is closed"),
        beside_question=_l("Closed."),
        beside_letter=_l("A question that was closed."),
        step=("reopen", _l("Open it again")),
    ),
    "merged": StateLabels(
        "merged",
        _l("Merged"),
        _l("It was merged into another question, and its readers count there"),
        step=("split", _l("Take it out again")),
    ),
}
# Labels of the secondary buttons: moves that need no further input.
STATE_BUTTONS = {"shelve": _l("Put it on the shelf")}


# By code of `CannotMerge`: a clause that follows a colon or completes a sentence.
MERGE_FAULTS = {
    "merge.itself": _l("it can’t be merged into itself"),
    "merge.elsewhere": _l("there is no such question in this newsletter"),
    "merge.into_merged": _l("the other one was merged itself: choose the one that it is in now"),
    "merge.into_closed": _l("the other one is closed"),
    "merge.into_ran": _l("the other one has run: who asks it now is answered with it"),
    "merge.into_this_state": _l("nothing can be merged into the other one in its current state"),
    "merge.assigned": _l("an expert is asked about it: merge the other one into this one instead"),
    "merge.answered": _l("it has an answer: merge the other one into this one instead"),
    "merge.picked": _l("it is picked for an edition"),
    "merge.ran": _l("it has run"),
    "merge.closed": _l("it is closed: open it again first"),
    "merge.merged": _l("it is merged already"),
    "merge.in_this_state": _l("it can’t be merged in its current state"),
}

# By the reason of an expert who declined.
DECLINE_LABELS = {
    "no time": _l("No time now"),
    "not my field": _l("Not their field"),
    "conflict of interest": _l("A conflict of interest"),
    "other": _l("Another reason"),
}
