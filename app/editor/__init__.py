"""The desk: this edition, letters, questions, experts, outbox, settings. For staff, by newsletter."""

from . import (  # noqa: F401
    answer,
    answer_by_hand,
    assignment,
    edition,
    editions,
    experts,
    letter_by_hand,
    letters,
    lists,
    mail_edit,
    mail_texts,
    mails_at_once,
    outbox,
    overview,
    pen,
    question,
    questions,
    sentences,
    settings,
)
from .frame import editor

__all__ = ["editor"]
