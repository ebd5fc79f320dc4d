"""Tables of idempotency keys and of drafts of forms."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import table_args
from ..db.declarative import HasPublicId, OfNewsletter, Row


class PressKey(Row, OfNewsletter):
    """One submission of a form of the desk, with its outcome; kept for a day.

    `form_digest` is a digest of the form's idempotency key, `digest` of the key and of all that was sent. Nobody can
    guess from them what was sent, since the key is random and not stored. `outcome_sealed` holds the URL of the next
    page and its messages. Without `settled_at`, the submission is in progress, or its process was killed.
    """

    __tablename__ = "press_keys"
    __table_args__ = table_args(Index(None, "at"))

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    form_digest: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    outcome_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class FormDraft(Row, HasPublicId, OfNewsletter):
    """The draft of a form of the desk: its fields as a browser would send them, sealed.

    `form` is the URL to which the form is sent; it contains the public ID of the row that the form is about. `count`
    grows with each save, so that two windows don't overwrite each other. `changed` holds the names of the changed
    fields, separated by spaces. `form_digest` is as in `PressKey`, for the form in the window that saved the draft.
    """

    __tablename__ = "form_drafts"
    __table_args__ = table_args(Index(None, "form", "saved_at"), Index(None, "saved_at"))

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    form: Mapped[str] = mapped_column(String(200))
    form_digest: Mapped[bytes] = mapped_column(LargeBinary)
    changed: Mapped[str] = mapped_column(String(400), default="")
    count: Mapped[int] = mapped_column(default=1)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_no: Mapped[int | None]
    saved_at: Mapped[datetime]
