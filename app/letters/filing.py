"""Filing letters: hold, release, file, end and reopen them, and the closing sentences with which they end."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from ..core.actors import Actor
from ..core.state_machine import check_version
from ..db.session import lock_row
from ..newsletters.models import Newsletter
from ..newsletters.queries import house_text
from ..text.translation import N_, get_catalogue, interface_language
from .lifecycle import LETTER
from .models import VOUCHED, Letter
from .spam_filter import HELD_THAT_DAY

# Columns that these actions may change besides the state. The trail stores their old values, so that `workflows.undo`
# can restore them. `held_reason` isn't one of them: nothing is deleted from the trail (see `get_held_reason`).
FACTS = ("filed_as", "question_id", "assignment_id", "end_reason", "answered_by_id")


def file(
    session: Session,
    actor: Actor,
    letter: Letter,
    kind: str,
    *,
    question_id: int | None = None,
    assignment_id: int | None = None,
    caused_event_ids: Sequence[int] | None = None,
) -> None:
    """File a letter as `kind`, one of `FILED_AS`.

    `caused_event_ids` are the audit events that an expert's letter caused. They are undone together with the filing.
    Raises `InvalidTransition`, `PermissionDenied` and `MissingPrecondition`.
    """
    lock_row(session, letter)
    why: dict[str, Any] = {
        "kind": kind,
        "question": question_id,
        "assignment": assignment_id,
        "was": _current_facts(letter),
    }
    if caused_event_ids is not None:
        why["did"] = list(caused_event_ids)
    LETTER.apply(
        session, actor, letter, "file", why=why, filed_as=kind, question_id=question_id, assignment_id=assignment_id
    )


def hold(session: Session, actor: Actor, letter: Letter, signs: Sequence[str]) -> None:
    """Hold a letter that arrived unheld. `signs` are the codes of its signs of spam, the heaviest first.

    Raises `InvalidTransition` and `PermissionDenied`.
    """
    lock_row(session, letter)
    why = {"was": _current_facts(letter)}
    LETTER.apply(session, actor, letter, "hold", why=why, held_reason=signs[0], signs=[*signs], standing=0)


def release(session: Session, actor: Actor, letter: Letter, version: int | None = None) -> None:
    """Release a held letter that a person has found to be honest.

    Raises `VersionConflict`, `InvalidTransition` and `PermissionDenied`.
    """
    check_version(lock_row(session, letter), version)
    why = {"was": _current_facts(letter)}
    LETTER.apply(session, actor, letter, "release", why=why, held_reason=None, standing=VOUCHED, crowd=0)


def end(session: Session, actor: Actor, letter: Letter, reason: str, answered_by_id: int | None = None) -> None:
    """End a letter with the closing sentence of `reason`, a key of `ENDINGS`.

    `answered_by_id` is the question whose published answer fits, if there is one. Raises `InvalidTransition`,
    `PermissionDenied` and `MissingPrecondition`.
    """
    lock_row(session, letter)
    why = {"reason": reason, "was": _current_facts(letter)}
    LETTER.apply(session, actor, letter, "end", why=why, end_reason=reason, answered_by_id=answered_by_id)


def reopen(session: Session, actor: Actor, letter: Letter, version: int | None = None) -> None:
    """Put a filed or ended letter back among the waiting ones, and take it out of its question.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied` and `MissingPrecondition`.
    """
    check_version(lock_row(session, letter), version)
    emptied = dict.fromkeys(("end_reason", "answered_by_id", "filed_as", "question_id", "held_reason"))
    LETTER.apply(session, actor, letter, "reopen", why={"was": _current_facts(letter)}, **emptied)


def get_held_reason(letter: Letter) -> str:
    """Return the `held_reason` of a letter that is held again, after an undo."""
    return letter.held_reason or next(iter(letter.signs), HELD_THAT_DAY)


def _current_facts(letter: Letter) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in FACTS if getattr(letter, name) is not None}


# Closing sentences by the stored reason. Mails and receipts show them, so they must not reveal what was asked.
ENDINGS = {
    "later": N_("It is a good question, but not one for the coming editions. We keep it in mind."),
    "answered": N_("We have answered this already. You find the answer on our pages."),
    "outside": N_("It is outside what this newsletter can look into well. Thank you for asking all the same."),
    "nobody": N_("We have looked for somebody who can answer this well in writing, and found nobody."),
    "personal": N_("It is about one person’s own case, and we can’t give good advice on that from here."),
    "read": N_("We have read it, and there is nothing more for us to do. Thank you for writing."),
}


class EndingSentence(NamedTuple):
    text: str
    language: str  # of the text


def get_ending_sentence(session: Session, newsletter: Newsletter, reason: str, language: str) -> EndingSentence | None:
    """Return the closing sentence for a reason, or None for an unknown reason.

    It is in `language` if this is one of the newsletter's languages, else in the newsletter's main language. If the
    newsletter has no wording of its own, our sentence is used, in English if it isn't translated.
    """
    if reason not in ENDINGS:
        return None
    if language not in newsletter.languages:
        language = newsletter.language
    if custom_text := house_text(session, newsletter, f"ended.{reason}", language):
        return EndingSentence(custom_text, language)
    return EndingSentence(get_catalogue(language).gettext(ENDINGS[reason]), interface_language(language))
