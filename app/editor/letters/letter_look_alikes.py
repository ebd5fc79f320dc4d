"""Look-alikes of a letter: other letters and questions, with the reasons."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from ...formatting import age
from ...letters import queries
from ...letters.models import Letter
from ...matching import DESK
from ...matching.alike import Alike, Probe, Reason, alike
from ...questions import queries as question_queries
from ...questions.models import Question
from ...questions.queries import lead_of
from ..frame import Desk
from ..questions.question_states import WORDS

SHOWN = 6


def of(desk: Desk, one: Letter) -> list[Alike]:
    """Return what matching says of a letter, best first."""
    asked = Probe(one.body or "", noun="letter", noun_id=one.id, edition_id=one.about_edition_id)
    return alike(desk.session, DESK, desk.newsletter.id, asked, limit=2 * SHOWN)


def of_letter(desk: Desk, one: Letter, own: Question | None) -> list[dict[str, Any]]:
    """Return what the pane of a letter shows; a question that it stands behind is no look-alike, nor are its fellows
    there.
    """
    if one.body is None or one.author != "reader":
        return []
    some = of(desk, one)
    letters, leads = _rows(desk, some)
    shown: dict[tuple[str, int], dict[str, Any]] = {}
    for each in some:
        question = leads.get((each.noun, each.noun_id))
        letter = letters.get(each.noun_id) if each.noun == "letter" else None
        key = ("question", question.id) if question else ("letter", each.noun_id)
        if key in shown or (question is None and letter is None) or (own and question is own):
            continue
        shown[key] = _shown(desk, one, each, letter, question)
    return list(shown.values())[:SHOWN]


def _rows(desk: Desk, some: Sequence[Alike]) -> tuple[dict[int, Letter], dict[tuple[str, int], Question]]:
    """The letters among the look-alikes, and for each noun and key the question that it counts for now."""
    letters = queries.by_keys(desk.session, [each.noun_id for each in some if each.noun == "letter"]) if some else {}
    behind = {("question", each.noun_id): each.noun_id for each in some if each.noun == "question"}
    behind |= {("letter", one.id): one.question_id for one in letters.values() if one.is_filed and one.question_id}
    rows = question_queries.by_keys(desk.session, list({*behind.values()})) if behind else {}
    return letters, {place: lead_of(desk.session, rows[key]) for place, key in behind.items() if key in rows}


def _shown(desk: Desk, one: Letter, each: Alike, letter: Letter | None, question: Question | None) -> dict[str, Any]:
    """One look-alike: its words, where it stands and why it is shown, and what one press does with the two."""
    slug = desk.newsletter.slug
    if question is not None:
        row: Any = question
        text, language = question.title, question.text.language if question.text else "und"
        href = url_for("editor.question", slug=slug, public_id=question.public_id)
    else:
        row, text, language = letter, (letter.body or "") if letter else "", letter.language if letter else "und"
        href = url_for("editor.letter", slug=slug, public_id=row.public_id)
    act = _act(one, letter, question)
    return {
        "with": f"{'question' if question else 'letter'}.{row.public_id}",
        "pair": f"{each.noun}.{each.noun_id}",
        "text": text[:220],
        "language": language,
        "href": href,
        "why": " ".join(filter(None, (_place(letter, question), reasons(each.reasons)))),
        "likely": each.likely,
        "act": act,
        "label": {"end": _("Send this answer"), "join": _("Join it"), "": ""}[act],
    }


def _act(one: Letter, letter: Letter | None, question: Question | None) -> str:
    """Return what one press does with the two; nothing where the letter, or the other one, can't move any more."""
    if not one.can_be_filed:
        return ""
    if question is not None:
        if question.is_published:
            return "end" if not one.is_held else ""
        return "join" if question.takes_letters else ""
    return "join" if letter is not None and letter.can_be_filed and letter.author == "reader" else ""


def _place(letter: Letter | None, question: Question | None) -> str:
    """Return where the other one stands, and since when."""
    if question is None:
        words = {"received": _("To file"), "held": _("Held"), "filed": _("Filed"), "ended": _("Ended")}
        state = words.get(str(letter.state), "") if letter else ""
        return _("%(state)s, %(age)s.", state=state, age=age(letter.received_at)) if letter else ""
    if question.published_at is not None:
        return _("It ran %(age)s ago.", age=age(question.published_at))
    return str(WORDS[str(question.state)].near_letter)


def reasons(some: Iterable[Reason]) -> str:
    """Return why they look alike, in words: never a score."""
    words = {
        "words": lambda values: _("Same words: %(words)s.", words=", ".join(values)),
        "edition": lambda _values: _("About the same edition."),
        "topic": lambda values: _("Same topic: %(topics)s.", topics=", ".join(values)),
        "meaning": lambda _values: _("Same sense."),
    }
    return " ".join(words[one.code](one.values) for one in some if one.code in words)
