"""The keys of the desk's lists, each for one press: what the help says, and what the buttons carry."""

from flask_babel import lazy_gettext as _l

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
# An expert's letter is filed by keys as well; where two mean the same press, one of them is on the page.
OF_EXPERT = {"answer": "q", "fine": "f", "yes": "f", "wrong": "w", "question back": "b", "comment": "c", "spam": "s"}


def key(act: str) -> str:
    return KEYS[act][0]
