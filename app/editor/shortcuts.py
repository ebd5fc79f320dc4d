"""The keys of the desk's lists, each for one press: what the help says, and what the buttons carry."""

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

# act: (key, what it does). An act without a button on the page is a move in the list, which the script makes.
KEYS = {
    "next": ("j", _l("next one")),
    "previous": ("k", _l("previous one")),
    "open": ("o", _l("open it (Enter does so too)")),
    "tick": ("x", _l("tick it")),
    "question": ("q", _l("make it a question")),
    "merge": ("m", _l("merge the ticked ones, or join it with its first look-alike")),
    "answered": ("a", _l("answer it with its first look-alike that ran")),
    "comment": ("c", _l("file it as a comment")),
    "tip": ("t", _l("file it as a tip")),
    "unsubscribe": ("n", _l("file it as “no more mails”")),
    "spam": ("s", _l("file it as spam")),
    "shelf": ("h", _l("put it on the shelf")),
    "end": ("e", _l("end it kindly: choose the sentence")),
    "release": ("r", _l("it is an honest letter")),
    "undo": ("u", _l("undo, for a minute")),
    "search": ("/", _l("search")),
    "help": ("?", _l("these keys")),
}
# An expert's letter is filed by keys as well. Letters of both lie in one list, so no key means one thing on a reader's
# and another on an expert's; what lets a text run has one key, and one press on a page.
OF_EXPERT = {
    "answer": ("i", _l("it is the answer")),
    "fine": ("f", _l("the text is right")),
    "yes": ("f", _l("yes, it may run")),
    "wrong": ("w", _l("something in the text is wrong")),
    "cannot": ("d", _l("no, they can’t")),
    "later": ("l", _l("they can later, from the day that stands beside it")),
    "question back": ("b", _l("they ask something back")),
    "comment": ("c", _l("it is just a comment")),
    "spam": ("s", _l("it is spam or a robot’s")),
}
IN_EACH_LIST = ("next", "previous", "open", "tick", "undo", "search", "help")


def on_letter_of_expert(kinds: Sequence[str]) -> dict[str, tuple[str, LazyString]]:
    """Return what the help says beside an expert's letter that can be filed as these kinds."""
    return {kind: row for kind, row in OF_EXPERT.items() if kind in kinds} | {act: KEYS[act] for act in IN_EACH_LIST}


def key(act: str) -> str:
    return KEYS[act][0]
