"""Me-too: with one press, a reader joins a question that is shown, and gets a receipt without writing anything."""

from sqlalchemy.orm import Session

from ..core.actors import Reader
from ..core.domain_errors import MissingPrecondition
from ..db.drawn_keys import random_key
from ..db.session import now
from ..letters.blurred_time import next_slot, truncate_to_day
from ..letters.lifecycle import LETTER
from ..letters.models import Letter
from ..letters.receive import AlreadySent, FormToken, find_sent_letter, form_hashes
from ..newsletters.models import Newsletter
from .models import Question
from .queries import select_public_questions


def shown_question(session: Session, newsletter: Newsletter, public_id: str) -> Question | None:
    """Return a question of this newsletter by its public id, if readers can see it now."""
    return session.scalar(select_public_questions(newsletter.id).where(Question.public_id == public_id))


def ask_too(session: Session, actor: Reader, newsletter: Newsletter, public_id: str, form: FormToken) -> Letter:
    """Join a question that the desk shows. The letter holds the desk's wording, with which its reader agreed.

    Raises `AlreadySent`, and `MissingPrecondition` if the question is no longer shown.
    """
    # Locked, so that the question can't end while a reader joins it: nobody would tell them.
    found = select_public_questions(newsletter.id).where(Question.public_id == public_id).with_for_update(of=Question)
    question = session.scalar(found)
    if before := find_sent_letter(session, form):
        raise AlreadySent(
            before,
            is_identical=before.erased_at is not None or (question is not None and question.id == before.question_id),
        )
    if question is None or question.text is None:
        raise MissingPrecondition("question_not_shown")
    moment = now(session)
    letter = Letter(
        id=random_key(session, Letter),
        newsletter_id=newsletter.id,
        channel="web",
        body=question.wording,
        language=question.text.language,
        filed_as="question",
        question_id=question.id,
        received_at=next_slot(session, newsletter.id, moment),
        **form_hashes(session, form),
    )
    LETTER.apply(session, actor, letter, "join", at=truncate_to_day(moment), why={"question": question.id})
    return letter
