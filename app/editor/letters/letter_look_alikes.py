"""Look-alikes of a letter: similar letters and questions, with the reasons."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from ..letter_labels import LETTER_STATE_LABELS, received_age
from ..question_labels import STATE_LABELS

MAX_LOOK_ALIKES = 6  # shown for a letter
EXCERPT_LENGTH = 220  # characters of a look-alike's text


class LookAlike(NamedTuple):
    """A look-alike of a letter or a question, as a page shows it."""

    other: str  # the look-alike's current row, as "noun.public_id"
    pair: str  # the row that matched, as "noun.id"; it may have been filed or merged into `other` since
    text: str
    language: str
    href: str
    why: str  # its state and the reasons of the match, in sentences
    likely: bool
    choice: str  # what the button does: "join" or "end" for a letter, a `JoinChoice` for a question; "" for no button
    label: str  # of the button


def find_look_alikes(desk: RequestContext, letter: Letter) -> list[Match]:
    """Return the matches of a letter, best first. Some of them may lead to the same question."""
    probe = Probe(letter.body or "", noun="letter", noun_id=letter.id, edition_id=letter.about_edition_id)
    return find_matches(desk.session, DESK, desk.newsletter.id, probe, limit=2 * MAX_LOOK_ALIKES)


def list_look_alikes(desk: RequestContext, letter: Letter, question: Question | None) -> list[LookAlike]:
    """Return the look-alikes for the pane of a letter, except its own `question` and the other letters filed to it."""
    if letter.body is None or letter.author != "reader":
        return []
    matches = find_look_alikes(desk, letter)
    rows = _load_current_rows(desk, matches)
    look_alikes: dict[tuple[str, int], LookAlike] = {}
    for match in matches:
        row = rows.get(match.key)
        if row is None or row is question or (type(row).__name__, row.id) in look_alikes:
            continue
        if len(look_alikes) == MAX_LOOK_ALIKES:
            break
        choice = _get_choice(letter, row)
        label = {"end": _("Send this answer"), "join": _("Join it"), "": ""}[choice]
        look_alikes[type(row).__name__, row.id] = build_look_alike(desk, match, row, _format_status(row), choice, label)
    return list(look_alikes.values())


def load_look_alike(desk: RequestContext, key: str) -> Letter | Question | None:
    """Return the row that the `other` of a look-alike names, or None."""
    noun, _dot, public_id = key.partition(".")
    load = question_queries.load if noun == "question" else queries.load
    return load(desk.session, desk.actor, public_id)


def _load_current_rows(desk: RequestContext, matches: Sequence[Match]) -> Mapping[tuple[str, int], Letter | Question]:
    """Return the rows of the matches, by noun and id of the match, in at most three queries.

    A letter that is filed to a question is replaced by that question, and a merged question by the one into which it
    was merged.
    """
    letters = get_many(desk.session, Letter, [match.noun_id for match in matches if match.noun == "letter"])
    question_ids = {match.key: match.noun_id for match in matches if match.noun == "question"}  # by key of the match
    for letter in letters.values():
        if letter.is_filed and letter.question_id:
            question_ids["letter", letter.id] = letter.question_id
    questions = get_many(desk.session, Question, {*question_ids.values()})
    lead_ids = {question.merged_into_id for question in questions.values() if question.merged_into_id}
    all_questions = questions | get_many(desk.session, Question, lead_ids - questions.keys())
    rows: dict[tuple[str, int], Letter | Question] = {("letter", key): letter for key, letter in letters.items()}
    for match_key, question_id in question_ids.items():
        if question_id in questions:
            question = questions[question_id]
            rows[match_key] = all_questions[question.merged_into_id] if question.merged_into_id else question
    return rows


def build_look_alike(
    desk: RequestContext, match: Match, row: Letter | Question, status: str, choice: str, label: str
) -> LookAlike:
    """Return a look-alike. `row` is what the match has become since, and `status` a sentence about its state."""
    if isinstance(row, Letter):
        noun, text, language = "letter", row.body or "", row.language
    else:
        noun, text, language = "question", row.title, row.text.language if row.text else "und"
    return LookAlike(
        other=f"{noun}.{row.public_id}",
        pair=f"{match.noun}.{match.noun_id}",
        text=text[:EXCERPT_LENGTH],
        language=language,
        href=url_for(f"editor.{noun}", slug=desk.newsletter.slug, public_id=row.public_id),
        why=" ".join(filter(None, (status, _format_reasons(match.reasons)))),
        likely=match.likely,
        choice=choice,
        label=label,
    )


def _get_choice(letter: Letter, row: Letter | Question) -> str:
    """Return what the desk can do with the two: "join" them, "end" the letter with the answer, or ""."""
    if not letter.can_be_filed:
        return ""
    if isinstance(row, Letter):
        return "join" if row.can_be_filed and row.author == "reader" else ""
    if row.is_published:
        return "end" if not letter.is_held else ""
    return "join" if row.takes_letters else ""


def _format_status(row: Letter | Question) -> str:
    """Return the state of a look-alike, and its age."""
    if isinstance(row, Letter):
        return _("%(state)s, %(age)s.", state=LETTER_STATE_LABELS[str(row.state)], age=received_age(row.received_at))
    if row.published_at is not None:
        return _("It ran %(age)s ago.", age=age(row.published_at))
    return str(STATE_LABELS[str(row.state)].beside_letter)


def _format_reasons(reasons: Iterable[Reason]) -> str:
    """Return sentences that say why two texts look alike, without a score."""
    sentences: dict[str, Callable[[Sequence[str]], str]] = {
        "words": lambda values: _("Same words: %(words)s.", words=", ".join(values)),
        "edition": lambda _values: _("About the same edition."),
        "topic": lambda values: _("Same topic: %(topics)s.", topics=", ".join(values)),
        "meaning": lambda _values: _("Same meaning."),
    }
    return " ".join(sentences[reason.code](reason.values) for reason in reasons if reason.code in sentences)
