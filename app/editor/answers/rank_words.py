"""Reasons why somebody is a good one to ask, and against it, in words: no score is ever shown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from ...answers.candidates import ExpertFit, History
from ...web.formatting import day, tongue
from ..frame import editor
from ..questions.question_words import REASONS


@dataclass(frozen=True)
class Why:
    """One reason. `mark` is "good", "wait" for what to know first, or "late" for what speaks against it."""

    mark: str
    text: str
    href: str = ""
    title: str = ""


@editor.app_template_filter("whys")
def whys(candidate: ExpertFit, slug: str) -> list[Why]:
    """List all reasons in the table's order, as in every row: what was said here, what fits, what to know first."""
    facts = sorted(
        (fact for fact in candidate.facts if fact.code in FACTS), key=lambda fact: list(FACTS).index(fact.code)
    )
    return [
        *_prior_outcome(candidate),
        *(FACTS[fact.code](candidate, fact.values, slug) for fact in facts),
        *_unranked_facts(candidate),
    ]


def _prior_outcome(candidate: ExpertFit) -> Iterator[Why]:
    """Yield what has been said to this very question."""
    if candidate.here is None:
        return
    if candidate.here.is_declined:
        said = str(REASONS.get(candidate.here.decline_reason or "", "")).lower()
        later = candidate.here.later_on
        words = _("Said no to this question: %(reason)s", reason=said)
        yield Why("late", words + (_(", free again from %(day)s", day=day(later, "short")) if later else ""))
    else:
        yield Why("late", _("This question was taken back from them"))


def _past_answer(candidate: ExpertFit, values: tuple[Any, ...], slug: str) -> Why:
    key, *words = values
    question = candidate.past[key]
    href = url_for("editor.question", slug=slug, public_id=question.public_id)
    said = _("Has answered:")
    if words:
        said = _("Has answered, with the same words (%(words)s):", words=", ".join(words[:4]))
    return Why("good", said, href, question.short_title)


def _load(candidate: ExpertFit, values: tuple[Any, ...], _slug: str) -> Why:
    have = values[0]
    most = candidate.expert.at_once
    if most is None:
        return Why("wait", ngettext("Has %(num)s question now", "Has %(num)s questions now", have))
    words = ngettext(
        "Has %(num)s question now, and takes %(most)d at once",
        "Has %(num)s questions now, and takes %(most)d at once",
        have,
        most=most,
    )
    return Why("late" if candidate.expert.is_full else "wait", words)


def _recent(_fit: ExpertFit, values: tuple[Any, ...], _slug: str) -> Why:
    days = values[0]
    return Why("wait", ngettext("Asked %(num)s day ago", "Asked %(num)s days ago", days) if days else _("Asked today"))


@editor.app_template_filter("replies")
def replies(history: History) -> str:
    """Return how somebody has replied so far, or nothing where nobody knows."""
    if not history.asked:
        return ""
    said = ngettext(
        "Replied to %(replied)d of %(num)s invitation",
        "Replied to %(replied)d of %(num)s invitations",
        history.asked,
        replied=history.replied,
    )
    days = history.usual_days
    if days is None:
        return said
    return said + ngettext(
        ", with a text usually within %(num)s day", ", with a text usually within %(num)s days", days
    )


FACTS: dict[str, Callable[[ExpertFit, tuple[Any, ...], str], Why]] = {
    "past": _past_answer,
    "topic": lambda _fit, values, _slug: Why("good", _("Names the topic: %(topics)s", topics=", ".join(values[:4]))),
    "language": lambda _fit, values, _slug: Why(
        "good", _("Writes %(language)s", language=tongue(values[0]) or values[0])
    ),
    "replies": lambda fit, _values, _slug: Why("good", replies(fit.history)),
    "silent": lambda fit, _values, _slug: Why("wait", replies(fit.history)),
    "away": lambda _fit, values, _slug: Why("late", _("Away until %(day)s", day=day(values[0], "short"))),
    "load": _load,
    "recent": _recent,
    "new": lambda _fit, _values, _slug: Why("none", _("Has answered nothing here yet")),
}


def _unranked_facts(candidate: ExpertFit) -> Iterator[Why]:
    """Yield what the ranking doesn't weigh and an editor wants to know."""
    codes = {fact.code for fact in candidate.facts}
    if candidate.history.asked and not codes & {"replies", "silent"}:
        yield Why("none", replies(candidate.history))
    if candidate.expert.languages and candidate.language != "und" and "language" not in codes:
        yield Why(
            "wait", _("Not known to write %(language)s", language=tongue(candidate.language) or candidate.language)
        )
    if candidate.expert.ties:
        yield Why("wait", _("Own interest: %(ties)s", ties=candidate.expert.ties[:140]))
    if not candidate.expert.verified_at:
        yield Why("wait", _("Nobody has checked yet who this is"))
    if not candidate.expert.has_address:
        yield Why("wait", _("No address: you ask them yourself"))
