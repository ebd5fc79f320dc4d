"""The progress of a question, as its reader is told: a short way in kind words, and where on it the question
stands."""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ..letters.ending_sentences import sentence_of
from ..letters.models import Letter
from ..web.formatting import day
from ..web.setup import language, meant_for
from ..workflows.letters.public_state import Standing
from .page_frame import Place


@dataclass(frozen=True)
class Step:
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


def steps(place: Place, letter: Letter, standing: Standing) -> list[Step]:
    if standing.state in BEHIND:
        return _way(place, letter, standing)
    return [_arrival(letter), *SHORT[standing.state](place, letter, standing)]


def arrived_on(letter: Letter) -> str:
    """Return the day on which a letter came. Without an address only that is kept, as midnight UTC, which is another
    day in half of the world.
    """
    moment = letter.received_at
    return day(moment.date() if letter.hear_back == "number" else moment)


def _arrival(letter: Letter) -> Step:
    return Step(_("It arrived"), "is-done", arrived_on(letter))


def _way(place: Place, letter: Letter, standing: Standing) -> list[Step]:
    behind, editor = BEHIND[standing.state], {"editor": place.newsletter.editor}
    made = [_arrival(letter)]
    made += [Step(str(done) % editor, "is-done") for done, _now, _ahead in WAY[1:behind]]
    if standing.state in NOW and not place.newsletter.is_going:
        ended = _("%(name)s has ended", name=place.newsletter.name)
        return [*made, Step(ended, "is-now", _("No answer comes any more. You can still take your question back."))]
    made += [Step(str(now) % editor, "is-now", _more(standing)) for _done, now, _ahead in WAY[behind : behind + 1]]
    made += [Step(str(ahead) % editor) for _done, _now, ahead in WAY[behind + 1 :]]
    if standing.is_published:
        stays = _("It stays on this site, for everyone.")
        made[-1] = Step(_("It ran in the newsletter"), "is-now", stays, standing.path)
    elif letter.hear_back in HEAR_BACK and letter.contact:
        made.append(Step(_("You hear back"), "", str(HEAR_BACK[letter.hear_back])))
    return made


def _more(standing: Standing) -> str:
    if standing.state == "coming" and standing.runs_at:
        return _("It is planned for %(day)s.", day=day(standing.runs_at))
    return str(NOW.get(standing.state, ""))


def _kept(place: Place, letter: Letter, standing: Standing) -> list[Step]:
    words = _("%(editor)s has read it and keeps it", editor=place.newsletter.editor)
    return [Step(words, "is-now", _("It isn’t a question to put to somebody, but it helps the desk. Thank you."))]


def _ended(place: Place, letter: Letter, standing: Standing) -> list[Step]:
    reason = standing.reason or ""
    sentence = sentence_of(place.session, place.newsletter, reason, meant_for())
    more, tongue = sentence or (_("We won’t go on with it."), language())
    return [Step(_("It has come to an end"), "is-now", more, standing.path, tongue if tongue != language() else "")]


def _withdrawn(place: Place, letter: Letter, standing: Standing) -> list[Step]:
    more = _(
        "Your words, and whatever you told us about yourself, are erased here. Copies in backups go some time later."
    )
    if standing.runs_unnamed:
        more += " " + _("It was fixed for a newsletter already. There it appears in the desk’s words, without a name.")
    return [Step(_("You took it back"), "is-now", more)]


SHORT: dict[str, Any] = {"kept": _kept, "ended": _ended, "withdrawn": _withdrawn}
