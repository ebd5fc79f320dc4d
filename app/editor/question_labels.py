"""Labels for questions, shared by the desk's pages: their states, why two can't be merged, why an expert declined."""

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True)
class StateWords:
    """The words for a question in a state.

    `listed` is the list that shows it, `label` what that is called; a state with another's list has no label of its
    own. `says` is said of the question itself: empty where its experts' parts say how it stands; then `mark` is their
    tone. `near` and `near_letter` say where it is when it looks like another question or like a letter. `step` is the
    move that the page's first button makes, with its words.
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
# The words of each button beside the first one: moves that take one press and ask for nothing.
STATE_BUTTONS = {"shelve": _l("Put it on the shelf")}


# By the code of `CannotMerge`; each goes on a sentence that begins with "it" or stands after a colon.
MERGE_FAULTS = {
    "itself": _l("it can’t be merged into itself"),
    "elsewhere": _l("there is no such question in this newsletter"),
    "into merged": _l("the other one was merged itself: choose the one that it is in now"),
    "into closed": _l("the other one is closed"),
    "into ran": _l("the other one has run: who asks it now is answered with it"),
    "into such": _l("the other one takes nothing in where it stands now"),
    "assigned": _l("an expert is asked about it: merge the other one into this one instead"),
    "answered": _l("it has an answer: merge the other one into this one instead"),
    "picked": _l("it is picked for an edition"),
    "ran": _l("it has run"),
    "closed": _l("it is closed: open it again first"),
    "merged": _l("it is merged already"),
    "such": _l("it can’t be merged from where it stands now"),
}

DECLINE_LABELS = {
    "no time": _l("No time now"),
    "not my field": _l("Not their field"),
    "conflict of interest": _l("A conflict of interest"),
    "other": _l("Another reason"),
}
