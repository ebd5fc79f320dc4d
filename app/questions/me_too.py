"""Me-too: a reader joins a question that is shown with one press, and gets a receipt without writing anything."""

from sqlalchemy.orm import Session

from ..core.actors import Reader
from ..core.domain_errors import MissingPrecondition
from ..db.drawn_keys import random_key
from ..db.session import now
from ..letters.blurred_time import next_slot, truncate_to_day
from ..letters.lifecycle import LETTER
from ..letters.models import Letter
from ..letters.receive import FormAlreadySent, FormToken, find_sent_letter, form_hashes
from ..newsletters.models import Newsletter
from .models import Question
from .queries import select_public_questions


def shown_question(session: Session, newsletter: Newsletter, public_id: str) -> Question | None:
    """Return a question of this newsletter by its public id, if readers can see it now."""
    return session.scalar(select_public_questions(newsletter.id).where(Question.public_id == public_id))


def ask_too(session: Session, actor: Reader, newsletter: Newsletter, public_id: str, form: FormToken) -> Letter:
    """Store a letter by which a reader joins a question that the desk shows, with the desk's wording as its text.

    Raises `FormAlreadySent`, and `MissingPrecondition` if the question is no longer shown.
    """
    # Locked, so that the question can't end while a reader joins it: that reader would not be notified.
    shown = select_public_questions(newsletter.id).where(Question.public_id == public_id)
    question = session.scalar(shown.with_for_update(of=Question))
    if sent_letter := find_sent_letter(session, form):
        is_same_question = question is not None and question.id == sent_letter.question_id
        raise FormAlreadySent(sent_letter, is_identical=sent_letter.erased_at is not None or is_same_question)
    if question is None or question.text is None:
        raise MissingPrecondition("question_not_shown")
    current_time = now(session)
    letter = Letter(
        id=random_key(session, Letter),
        newsletter_id=newsletter.id,
        channel="web",
        body=question.wording,
        language=question.text.language,
        filed_as="question",
        question_id=question.id,
        received_at=next_slot(session, newsletter.id, current_time),
        **form_hashes(session, form),
    )
    LETTER.apply(session, actor, letter, "join", at=truncate_to_day(current_time), why={"question": question.id})
    return letter
