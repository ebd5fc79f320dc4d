"""Reasons why two questions can't become one, in the words of the desk's pages."""

from flask_babel import lazy_gettext as _l

# By the code of `CannotMerge`; each goes on a sentence that begins with "it" or stands after a colon.
MERGE = {
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
