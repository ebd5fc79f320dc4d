from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import table_args
from ..db.declarative import OfNewsletter, Public, Row


class PressKey(Row, OfNewsletter):
    """One press of the desk, by the key that came with its form, and where it led; kept for a day.

    `digest` is of all that was sent with it, `form_digest` of the form's key alone. Nothing can be guessed from them:
    the key is random and stands nowhere here. `outcome_sealed` is what the next page said and its address; a press
    without `settled_at` is on its way, or its process was ended.
    """

    __tablename__ = "press_keys"
    __table_args__ = table_args(Index(None, "at"))

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    form_digest: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    outcome_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class FormDraft(Row, Public, OfNewsletter):
    """Texts that somebody of the desk typed into a form and has not sent: its fields as a browser sends them, sealed.

    `form` is the address that the form is sent to, which names what it is about; `count` grows with each save, so that
    of two windows neither writes over the other. `changed` are the names of the fields that were typed in,
    `form_digest` is of the key that the form had in the window that saved it, as of a press.
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
