"""Facts for each line of the checklist, so that a person looks at the right places. Nothing is decided here."""

import re

from flask_babel import gettext as _
from flask_babel import ngettext

from ...answers.models import AnswerText
from ...questions.recognise import marks
from ...questions.source_protection import find_leaks
from ..frame import RequestContext
from .dossier import Part, QuestionDetail

MOST = 12  # names, dates and numbers that are listed
CHECKED = ("name", "place", "date", "number")
_LINK = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)


def evidence(desk: RequestContext, detail: QuestionDetail, contribution: Part) -> dict[str, str]:
    """Sentences by line of the checklist."""
    text = contribution.texts[-1]
    return {
        "facts": _facts(text),
        "sources": _sources(text),
        "ties": _("Said: %(ties)s", ties=text.ties) if text.ties else _("The expert has said nothing of ties."),
        "consent": _consent(detail),
        "recognisability": _recognisable(desk, detail, text),
    }


def _facts(text: AnswerText) -> str:
    marked = (mark for mark in marks(text.body, text.language) if mark.kind in CHECKED)
    found = list(dict.fromkeys(text.body[mark.start : mark.end] for mark in marked))
    if not found:
        return _("No name, date or number is found in it.")
    listed, rest = "; ".join(found[:MOST]), len(found) - MOST
    if rest <= 0:
        return listed
    return ngettext("%(listed)s; and one more", "%(listed)s; and %(num)d more", rest, listed=listed)


def _sources(text: AnswerText) -> str:
    number = len(_LINK.findall(text.body))
    if not number:
        return _("No link stands in it.")
    return ngettext("One link stands in it.", "%(num)d links stand in it.", number)


def _consent(detail: QuestionDetail) -> str:
    names = [one.name for one in detail.originals if one.name and one.credit and one.credit.consent_text]
    if not names:
        return _("No reader wants to be named.")
    return _("Readers who agreed to be named: %(names)s", names="; ".join(names))


def _recognisable(desk: RequestContext, detail: QuestionDetail, text: AnswerText) -> str:
    found = [leak.text for leak in find_leaks(desk.session, detail.question, text.body, detail.letters)]
    if found:
        return _("Readers’ words or names stand in it: %(words)s", words="; ".join(f"“{one}”" for one in found))
    if not detail.question.is_cleared:
        return _("The newest wording of the question isn’t confirmed yet.")
    return _("The wording is confirmed, and no reader’s words are found in the answer.")
