"""Sentences on back issues: why a file can't be read, what the search is unsure of, and what became of a Q&A."""

from flask_babel import lazy_gettext as _l

from ...back_issues.bundle import MOST_BYTES
from ...back_issues.issue_files import Unreadable

UNREADABLE = {
    "empty": _l("There is nothing in this file."),
    "large": _l("These files are larger than %(mb)d MB together. Choose fewer, or use the command."),
    "pdf": _l("This is a PDF, in which a question can’t be told from its answer safely. Export HTML, text or mail."),
    "archive": _l("This is a packed file. Unpack it and choose the files inside."),
    "office": _l("This is a document of a word processor. Save it as HTML or text."),
    "binary": _l("This is a program, a picture or the like, and no text."),
    "encoding": _l("The letters of this file can’t be read. Save it as UTF-8."),
    "mail": _l("This mail can’t be read."),
}
DOUBTS = {
    "date": _l("Nothing says the day of the edition."),
    "reader": _l("Nothing says that a reader asked this."),
    "question": _l("Nothing marks where the question begins and ends."),
    "expert": _l("Nobody is named as the one who answers."),
    "end": _l("Nothing marks where the answer ends."),
}
FAULTS = {
    "date": _l("Say the day on which this edition ran."),
    "ahead": _l("This day is still to come. What hasn’t run can’t be imported."),
    "own": _l("An edition of this desk has this day already, and stays as it was sent."),
    "words": _l("Write both a question and an answer, or take the tick away."),
}


def unreadable_words(unreadable: Unreadable) -> str:
    return str(UNREADABLE[unreadable.code]) % {"mb": MOST_BYTES // 1024 // 1024}
