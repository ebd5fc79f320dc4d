"""Look-alikes of a letter: similar letters and questions, with the reasons."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from flask import url_for
from flask_babel import gettext as _

from ...db.session import get_many
from ...letters import queries
from ...letters.models import Letter
from ...questions import queries as question_queries
from ...questions.models import Question
from ...search import DESK
from ...search.alike import Match, Probe, Reason, find_matches
from ...web.formatting import age
from ..frame import RequestContext
from ..letter_labels import STANDS
from ..question_labels import STATE_LABELS

SHOWN = 6


class Shown(NamedTuple):
    """A look-alike as a page shows it.

    `other` is its current row as "noun.public_id", `pair` what matching found as "noun.id", and `act` what the button
    does with the two, "" if nothing can be done.
    """

    other: str
    pair: str
    text: str
    language: str
    href: str
    why: str
    likely: bool
    act: str
    label: str


def find_look_alikes(desk: RequestContext, letter: Letter) -> list[Match]:
    """Return the matches of a letter, best first."""
    asked = Probe(letter.body or "", noun="letter", noun_id=letter.id, edition_id=letter.about_edition_id)
    return find_matches(desk.session, DESK, desk.newsletter.id, asked, limit=2 * SHOWN)


def list_look_alikes(desk: RequestContext, letter: Letter, question: Question | None) -> list[Shown]:
    """Return the look-alikes for the pane of a letter, without its own question and the other letters of that."""
    if letter.body is None or letter.author != "reader":
        return []
    some = find_look_alikes(desk, letter)
    rows, shown = _rows(desk, some), dict[tuple[str, int], Shown]()
    for each in some:
        row = rows.get(each.key)
        if row is None or row is question or (type(row).__name__, row.id) in shown:
            continue
        if len(shown) == SHOWN:
            break
        act = _act(letter, row)
        label = {"end": _("Send this answer"), "join": _("Join it"), "": ""}[act]
        shown[type(row).__name__, row.id] = build_look_alike(desk, each, row, _place(row), act, label)
    return list(shown.values())


def row_of(desk: RequestContext, key: str) -> Letter | Question | None:
    """Return the row that a look-alike's key "noun.public_id" names, or None."""
    noun, _dot, public_id = key.partition(".")
    load = question_queries.load if noun == "question" else queries.load
    return load(desk.session, desk.actor, public_id)


def _rows(desk: RequestContext, matches: Sequence[Match]) -> Mapping[tuple[str, int], Letter | Question]:
    """Return the rows of the matches by noun and id, in at most three queries. A letter that is filed to a question is
    replaced by that question, and a merged question by the one that it was merged into.
    """
    letters = get_many(desk.session, Letter, [each.noun_id for each in matches if each.noun == "letter"])
    behind = {each.key: each.noun_id for each in matches if each.noun == "question"}
    behind |= {("letter", one.id): one.question_id for one in letters.values() if one.is_filed and one.question_id}
    asked = get_many(desk.session, Question, {*behind.values()})
    merged = {one.merged_into_id for one in asked.values() if one.merged_into_id} - asked.keys()
    known = asked | get_many(desk.session, Question, merged)
    there = {place: asked[key] for place, key in behind.items() if key in asked}
    leads = {place: known[one.merged_into_id] if one.merged_into_id else one for place, one in there.items()}
    return {("letter", key): one for key, one in letters.items()} | leads


def build_look_alike(
    desk: RequestContext, match: Match, row: Letter | Question, location: str, act: str, label: str
) -> Shown:
    """Return a look-alike as pages show it: `row` is what the match is now, `location` a sentence about that."""
    if isinstance(row, Letter):
        text, language, endpoint = row.body or "", row.language, "letter"
    else:
        text, language, endpoint = row.title, row.text.language if row.text else "und", "question"
    href = url_for(f"editor.{endpoint}", slug=desk.newsletter.slug, public_id=row.public_id)
    why = " ".join(filter(None, (location, reasons(match.reasons))))
    pair = f"{match.noun}.{match.noun_id}"
    return Shown(f"{endpoint}.{row.public_id}", pair, text[:220], language, href, why, match.likely, act, label)


def _act(letter: Letter, row: Letter | Question) -> str:
    """Return what can be done with the two, or "" if either can't be moved any more."""
    if not letter.can_be_filed:
        return ""
    if isinstance(row, Letter):
        return "join" if row.can_be_filed and row.author == "reader" else ""
    if row.is_published:
        return "end" if not letter.is_held else ""
    return "join" if row.takes_letters else ""


def _place(row: Letter | Question) -> str:
    """Return the state of a look-alike, and since when."""
    if isinstance(row, Letter):
        return _("%(state)s, %(age)s.", state=STANDS[str(row.state)], age=age(row.received_at))
    if row.published_at is not None:
        return _("It ran %(age)s ago.", age=age(row.published_at))
    return str(STATE_LABELS[str(row.state)].near_letter)


def reasons(match_reasons: Iterable[Reason]) -> str:
    """Return in words why two texts look alike, without a score."""
    words = {
        "words": lambda values: _("Same words: %(words)s.", words=", ".join(values)),
        "edition": lambda _values: _("About the same edition."),
        "topic": lambda values: _("Same topic: %(topics)s.", topics=", ".join(values)),
        "meaning": lambda _values: _("Same sense."),
    }
    return " ".join(words[one.code](one.values) for one in match_reasons if one.code in words)
