"""The progress of a question, as its reader is told: a short way in kind words, and where on it the question
stands."""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ..letters.filing import get_ending_sentence
from ..letters.models import Letter
from ..web.formatting import day
from ..web.setup import language, requested_language
from ..workflows.letters.public_state import PublicState
from .page_frame import ReaderContext


@dataclass(frozen=True)
class ProgressStep:
    """`mark` is "is-done", "is-now" or nothing for what is still to come; `link` leads to the published answer;
    `language` is that of `more` where it isn't the page's.
    """

    words: str
    mark: str = ""
    more: str = ""
    link: str | None = None
    language: str = ""


# How each stretch of the way reads when it is behind, when it is now, and when it is still ahead.
WAY = (
    (_l("It arrived"), _l("It arrived"), _l("It arrives")),
    (_l("%(editor)s has read it"), _l("%(editor)s is going to read it"), _l("%(editor)s reads it")),
    (
        _l("Somebody from the field was asked"),
        _l("We look for somebody who can answer it"),
        _l("If it is one for us, we look for somebody who can answer it"),
    ),
    (
        _l("The answer is here"),
        _l("Somebody from the field is writing an answer"),
        _l("If we find somebody, they answer in writing"),
    ),
    (
        _l("It ran in the newsletter"),
        _l("It waits for its edition"),
        _l("If it is answered, it can appear in the newsletter and on this site"),
    ),
)
BEHIND = {"arrived": 1, "read": 2, "asked": 3, "answered": 4, "coming": 4, "published": 5}
NOW = {
    "arrived": _l("We read every question. No news does not mean no."),
    "read": _l("No news does not mean no. It can take some weeks. For some questions we find nobody who can answer."),
    "asked": _l("They have it in the desk’s words, and never learn who asked."),
    "answered": _l("The desk edits it and has the expert check it once more."),
}
HEAR_BACK = {
    "once": _l("You get one e-mail, then your address is erased here."),
    "while": _l("You get an e-mail, then your address is erased here."),
}


def list_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    if public_state.state in BEHIND:
        return _ongoing_steps(context, letter, public_state)
    return [_arrival(letter), *SHORT[public_state.state](context, letter, public_state)]


def format_arrival_day(letter: Letter) -> str:
    """Return the day on which a letter came. Without an address only that is kept, as midnight UTC, which is another
    day in half of the world.
    """
    moment = letter.received_at
    return day(moment.date() if letter.hear_back == "number" else moment)


def _arrival(letter: Letter) -> ProgressStep:
    return ProgressStep(_("It arrived"), "is-done", format_arrival_day(letter))


def _ongoing_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    behind, editor = BEHIND[public_state.state], {"editor": context.newsletter.editor}
    made = [_arrival(letter)]
    made += [ProgressStep(str(done) % editor, "is-done") for done, _now, _ahead in WAY[1:behind]]
    if public_state.state in NOW and not context.newsletter.is_going:
        ended = _("%(name)s has ended", name=context.newsletter.name)
        return [
            *made,
            ProgressStep(ended, "is-now", _("No answer comes any more. You can still take your question back.")),
        ]
    made += [
        ProgressStep(str(now) % editor, "is-now", _describe_state(public_state))
        for _done, now, _ahead in WAY[behind : behind + 1]
    ]
    made += [ProgressStep(str(ahead) % editor) for _done, _now, ahead in WAY[behind + 1 :]]
    if public_state.is_published:
        stays = _("It stays on this site, for everyone.")
        made[-1] = ProgressStep(_("It ran in the newsletter"), "is-now", stays, public_state.path)
    elif letter.hear_back in HEAR_BACK and letter.contact:
        made.append(ProgressStep(_("You hear back"), "", str(HEAR_BACK[letter.hear_back])))
    return made


def _describe_state(public_state: PublicState) -> str:
    if public_state.state == "coming" and public_state.runs_at:
        return _("It is planned for %(day)s.", day=day(public_state.runs_at))
    return str(NOW.get(public_state.state, ""))


def _kept_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    words = _("%(editor)s has read it and keeps it", editor=context.newsletter.editor)
    return [
        ProgressStep(words, "is-now", _("It isn’t a question to put to somebody, but it helps the desk. Thank you."))
    ]


def _ended_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    reason = public_state.reason or ""
    sentence = get_ending_sentence(context.session, context.newsletter, reason, requested_language())
    more, tongue = sentence or (_("We won’t go on with it."), language())
    return [
        ProgressStep(
            _("It has come to an end"), "is-now", more, public_state.path, tongue if tongue != language() else ""
        )
    ]


def _withdrawn_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    more = _(
        "Your words, and whatever you told us about yourself, are erased here. Copies in backups go some time later."
    )
    if public_state.runs_unnamed:
        more += " " + _("It was fixed for a newsletter already. There it appears in the desk’s words, without a name.")
    return [ProgressStep(_("You took it back"), "is-now", more)]


SHORT: dict[str, Any] = {"kept": _kept_steps, "ended": _ended_steps, "withdrawn": _withdrawn_steps}
