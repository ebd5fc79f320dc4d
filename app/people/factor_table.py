from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import enum_check, implies_check, table_args
from ..db.declarative import Public, Row

KINDS = ("passkey", "app", "recovery")


class Factor(Row, Public):
    """A second proof of somebody of the desk, beside their mail: a passkey, an app that makes codes, a recovery code.

    `last_step` is the step of time of the last code that was taken of an app: none is taken twice.
    """

    __tablename__ = "factors"
    __table_args__ = table_args(
        enum_check("kind", KINDS),
        implies_check("passkey_whole", "kind = 'passkey'", "credential IS NOT NULL AND public_key IS NOT NULL"),
        implies_check("recovery_whole", "kind = 'recovery'", "code_mac IS NOT NULL"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    credential: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sign_count: Mapped[int | None] = mapped_column(BigInteger)
    secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_no: Mapped[int | None]
    last_step: Mapped[int | None]
    code_mac: Mapped[bytes | None] = mapped_column(LargeBinary)
