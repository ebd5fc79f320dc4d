"""How a letter or a question ends without an answer of its own: whoever left an address hears it in a kind sentence."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..actors import Staff
from ..answers import closing
from ..letters import filing
from ..letters.ending_sentences import ENDINGS, sentence_of
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
    _tell(session, actor, newsletter, letter, reason, _path(newsletter, answer))


def reopen_letter(session: Session, actor: Staff, letter: Letter, version: int | None = None) -> None:
    """Take an end back, and with it the notice that has not gone out yet. Raises `Stale`, `Illegal`, and `OnItsWay`."""
    filing.reopen(session, actor, letter, version)
    mail = _notice(session, letter)
    if mail and mail.waits:
        outbox.recall(session, actor, mail)


def close_question(
    session: Session,
    actor: Staff,
    question: Question,
    reason: str,
    sentence: str = "",
    answer: Question | None = None,
    looked: str = "",
) -> None:
    """Close a question: its readers hear `reason`, where there is one with the published `answer` that fits; whoever was
    asked hears `sentence`. Raises as `end_letter` does, and `Leaking` (see `firewall`)."""
    _known(reason)
    closing.close(session, actor, question, reason, sentence, looked=looked)
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    for letter in letters_of(session, question):
        _tell(session, actor, newsletter, letter, reason, _path(newsletter, answer))


def reopen_question(session: Session, actor: Staff, question: Question) -> None:
    """Open a closed question again, and take back the notices of its end that have not gone out yet. Raises as
    `reopen_letter` does."""
    closing.reopen(session, actor, question)
    for letter in letters_of(session, question):
        mail = _notice(session, letter)
        if mail and mail.waits:
            outbox.recall(session, actor, mail)


def untell(session: Session, actor: Staff, letter: Letter) -> None:
    """Take back the notice that a letter or its question ended, as part of an undo. Raises `OnItsWay` where it has gone out."""
    mail = _notice(session, letter)
    if mail is None or mail.is_discarded:
        return
    if not mail.waits:
        raise outbox.OnItsWay(mail.public_id)
    outbox.recall(session, actor, mail)


def _notice(session: Session, letter: Letter) -> OutboxMail | None:
    return session.scalar(select(OutboxMail).filter_by(once_key=notices.cause("ended", letter.id)))


def _known(reason: str) -> None:
    if reason not in ENDINGS:
        raise Missing("reason")


def _path(newsletter: Newsletter, answer: Question | None) -> str:
    return f"/{newsletter.slug}/q/{answer.public_id}/-" if answer else ""


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
