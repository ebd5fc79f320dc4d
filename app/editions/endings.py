"""How a letter or a question ends without an answer of its own: whoever left an address hears it in a kind sentence."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..actors import Staff
from ..answers import closing
from ..letters import filing
from ..letters.endings import ENDINGS, sentence_of
from ..letters.models import Letter
from ..lifecycle import Missing
from ..mail import outbox
from ..mail.models import OutboxMail
from ..newsletters.models import Newsletter
from ..questions.models import Question
from ..questions.queries import letters_of
from . import notices


def end_letter(
    session: Session,
    actor: Staff,
    letter: Letter,
    reason: str,
    answer: Question | None = None,
) -> None:
    """End a letter, where there is one with the published `answer` that fits. Raises `Missing` (reason), `Illegal`."""
    _known(reason)
    filing.end(session, actor, letter, reason, answered_by_id=answer.id if answer else None)
    newsletter = session.get_one(Newsletter, letter.newsletter_id)
    path = f"/{newsletter.slug}/q/{answer.public_id}/-" if answer else ""
    _tell(session, actor, newsletter, letter, reason, path)


def reopen_letter(session: Session, actor: Staff, letter: Letter) -> None:
    """Take an end back, and with it the notice that has not gone out yet. Raises `Illegal`, and `OnItsWay`."""
    filing.reopen(session, actor, letter)
    told = select(OutboxMail).where(OutboxMail.letter_id == letter.id, OutboxMail.state.in_(("held", "queued")))
    for mail in session.scalars(told):
        outbox.recall(session, actor, mail)


def close_question(session: Session, actor: Staff, question: Question, reason: str, sentence: str = "") -> None:
    """Close a question: its readers hear `reason`, whoever was asked hears `sentence`. Raises as `end_letter` does."""
    _known(reason)
    closing.close(session, actor, question, reason, sentence)
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    for letter in letters_of(session, question):
        _tell(session, actor, newsletter, letter, reason)


def _known(reason: str) -> None:
    if reason not in ENDINGS:
        raise Missing("reason")


def _tell(
    session: Session,
    actor: Staff,
    newsletter: Newsletter,
    letter: Letter,
    reason: str,
    path: str = "",
) -> None:
    sentence = sentence_of(session, newsletter, reason, letter.language)
    notices.tell_reader(session, actor, newsletter, letter, "ended", sentence=sentence, path=path)
