"""A reader would like to know what others ask already: one press, a receipt, and no words of their own."""

from sqlalchemy.orm import Session

from ..core.actors import Reader
from ..core.domain_errors import MissingPrecondition
from ..db.drawn_keys import random_key
from ..db.session import now
from ..letters.blurred_time import next_slot, truncate_to_day
from ..letters.lifecycle import LETTER
from ..letters.models import Letter
from ..letters.receive import AlreadySent, FormToken, already_sent, hashes
from ..newsletters.models import Newsletter
from .models import Question
from .queries import select_public_questions


def shown_question(session: Session, newsletter: Newsletter, public_id: str) -> Question | None:
    """A question of this newsletter, if readers can see it now."""
    return session.scalar(select_public_questions(newsletter.id).where(Question.public_id == public_id))


def ask_too(session: Session, actor: Reader, newsletter: Newsletter, public_id: str, form: FormToken) -> Letter:
    """Join a question that the desk shows. The letter holds the desk's wording, which is what its reader agreed with.

    Raises `AlreadySent` and, when the question is not shown any more, `MissingPrecondition`.
    """
    # Locked, so that it doesn't end while somebody joins it, who would hear of nothing.
    found = select_public_questions(newsletter.id).where(Question.public_id == public_id).with_for_update(of=Question)
    question = session.scalar(found)
    if before := already_sent(session, form):
        raise AlreadySent(
            before,
            is_identical=before.erased_at is not None or (question is not None and question.id == before.question_id),
        )
    if question is None or question.text is None:
        raise MissingPrecondition("question shown")
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
        **hashes(session, form),
    )
    LETTER.apply(session, actor, letter, "join", at=truncate_to_day(moment), why={"question": question.id})
    return letter
