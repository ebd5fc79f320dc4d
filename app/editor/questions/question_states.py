"""The desk's words for each state of a question: one row each, for lists, look-alikes, the page's first line and its
button.
"""

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


WORDS = {
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
BUTTONS = {"shelve": _l("Put it on the shelf")}
