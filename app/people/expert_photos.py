"""One photo of each expert, with its photographer and licence, and whether it may be shown to readers.

Experts and the desk can add a photo; it is redrawn first (see `mailtext/parsing/pictures.py`). Readers see it only if
the expert says so on their own page: a yes covers this one picture, ends when the picture is replaced or the expert is
described instead of named, and nobody else can give it. Restoring a backup brings neither a picture nor a yes back.
"""

import hashlib
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from .. import audit
from ..audit import erasures
from ..core.actors import Actor, ExpertActor
from ..core.domain_errors import InvalidField, MissingPrecondition, VersionConflict
from ..core.state_machine import must, require_length, require_text
from ..db.constraints import enum_check, table_args
from ..db.declarative import HasPublicId, OfNewsletter, Row
from ..db.session import add_and_flush, lock_row, now
from ..text.clean import for_print, single_line
from ..text.translation import N_
from .models import Expert

MAX_BYTES = 5 << 20  # of an uploaded file
MAX_PHOTOGRAPHER_LENGTH, MAX_TERMS_LENGTH = 200, 200  # characters


class Licence(NamedTuple):
    """A row of the table of licences. `label` is for the form, `printed` for the caption; "" prints only the terms."""

    label: str
    printed: str


LICENCES = {
    "permission": Licence(N_("Printed with the photographer’s permission"), N_("with the photographer’s permission")),
    "own": Licence(
        N_("The person shown holds the rights and permits it"), N_("with the permission of the person shown")
    ),
    "press": Licence(N_("Press photo, free to print"), N_("press photo")),
    "cc-by": Licence("CC BY 4.0", "CC BY 4.0"),
    "cc-by-sa": Licence("CC BY-SA 4.0", "CC BY-SA 4.0"),
    "cc0": Licence(N_("CC0, or in the public domain"), N_("public domain")),
    "other": Licence(N_("Another, in the words below"), ""),
}


class ExpertPhoto(Row, HasPublicId):
    """The photo of an expert: a square JPEG without metadata.

    `terms` are words of the uploader about the licence. `digest` is the SHA-256 of the image.
    """

    __tablename__ = "expert_photos"
    __table_args__ = table_args(
        UniqueConstraint("expert_id"),
        enum_check("licence", tuple(LICENCES)),
        CheckConstraint("photographer <> ''", name="has_photographer"),
        CheckConstraint("licence <> 'other' OR terms <> ''", name="other_has_terms"),
    )

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    image: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[str] = mapped_column(String(64))
    photographer: Mapped[str] = mapped_column(String(MAX_PHOTOGRAPHER_LENGTH))
    licence: Mapped[str] = mapped_column(String(20))
    terms: Mapped[str] = mapped_column(String(MAX_TERMS_LENGTH), default="", server_default="")
    added_at: Mapped[datetime]


class ShownPhoto(Row, HasPublicId, OfNewsletter):
    """An expert's yes to show their photo to the readers of a newsletter, with the caption that readers see.

    It is shown beside answers that ran under `name`. The image is that of `ExpertPhoto` with the same digest.
    """

    __tablename__ = "shown_photos"
    __table_args__ = table_args(UniqueConstraint("expert_id", "newsletter_id"), enum_check("licence", tuple(LICENCES)))

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    name: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))
    photographer: Mapped[str] = mapped_column(String(MAX_PHOTOGRAPHER_LENGTH))
    licence: Mapped[str] = mapped_column(String(20))
    terms: Mapped[str] = mapped_column(String(MAX_TERMS_LENGTH), default="", server_default="")
    said_at: Mapped[datetime]


@dataclass(frozen=True)
class PhotoCredit:
    """The photographer of a photo, and the one of `LICENCES` under which it is printed; `terms` add to that."""

    photographer: str
    licence: str
    terms: str = ""

    def get_clean_credit(self) -> "PhotoCredit":
        """Return the credit as it is stored and printed. Raises `MissingField`, `TooLong` and `InvalidField`."""
        photographer = for_print(single_line(self.photographer))
        terms = for_print(single_line(self.terms))
        require_text("photographer", require_length("photographer", photographer, MAX_PHOTOGRAPHER_LENGTH))
        if self.licence not in LICENCES:
            raise InvalidField("photo_licence_missing", "licence")
        require_length("terms", terms, MAX_TERMS_LENGTH)
        if self.licence == "other":
            require_text("terms", terms)
        return PhotoCredit(photographer, self.licence, terms)


def photo_of(session: Session, expert: Expert) -> ExpertPhoto | None:
    """Return the photo of an expert without its image, which is loaded on access, or None."""
    return session.scalar(select(ExpertPhoto).filter_by(expert_id=expert.id).options(defer(ExpertPhoto.image)))


def has_shown_photo(session: Session, expert: Expert, newsletter_id: int | None = None) -> bool:
    """Return whether the photo is shown to the readers of a newsletter, or of any if `newsletter_id` is None."""
    query = select(ShownPhoto.id).filter_by(expert_id=expert.id)
    if newsletter_id is not None:
        query = query.filter_by(newsletter_id=newsletter_id)
    return session.scalar(query.limit(1)) is not None


def save_photo(
    session: Session, actor: Actor, expert: Expert, photo_id: str, credit: PhotoCredit, image: bytes | None = None
) -> None:
    """Store the photo of an expert with its credit. Without `image`, only the credit of the stored photo changes.

    `photo_id` is the public ID of the photo that the form showed, "" if there was none. A new image ends the yes to
    showing the old one. Nothing happens if this image is stored with this credit. Raises `VersionConflict` if there is
    another photo by now, `MissingPrecondition` if there is none and `image` is None, `PermissionDenied`, and what
    `PhotoCredit.get_clean_credit` raises.
    """
    must(actor, "directory", "own profile")
    credit = credit.get_clean_credit()
    digest = hashlib.sha256(image).hexdigest() if image is not None else ""
    photo = _lock_photo(session, expert)
    if photo is not None and digest == photo.digest and credit == _get_credit(photo):
        return  # a second press
    _check_seen(expert, photo, photo_id)
    if expert.erased_at is not None or expert.merged_into_id is not None:
        raise MissingPrecondition("expert_erased")
    if photo is None and image is None:
        raise MissingPrecondition("photo_missing")
    if image is None and photo is not None:
        photo.photographer, photo.licence, photo.terms = credit.photographer, credit.licence, credit.terms
        for shown in session.scalars(select(ShownPhoto).filter_by(expert_id=expert.id)):
            shown.photographer, shown.licence, shown.terms = credit.photographer, credit.licence, credit.terms
        session.flush()
    elif image is not None:
        _delete(session, expert)
        photo = ExpertPhoto(expert_id=expert.id, image=image, digest=digest, added_at=now(session), **asdict(credit))
        add_and_flush(session, photo)
    audit.record(session, actor, "expert.photo", expert)


def remove_photo(session: Session, actor: Actor, expert: Expert, photo_id: str) -> None:
    """Erase the photo of an expert, if there is one. Raises `VersionConflict` and `PermissionDenied`."""
    must(actor, "directory", "own profile")
    photo = _lock_photo(session, expert)
    if photo is not None:
        _check_seen(expert, photo, photo_id)
        _delete(session, expert)
        audit.record(session, actor, "expert.no_photo", expert)


def show_photo(
    session: Session, actor: ExpertActor, expert: Expert, photo_id: str, newsletter_ids: Collection[int]
) -> None:
    """Say as the expert that the readers of these newsletters may see the photo. `photo_id` is as in `save_photo`.

    Raises `VersionConflict`, `PermissionDenied`, and `MissingPrecondition` if there is no photo, or if the expert is
    described instead of named.
    """
    must(actor, "own profile")
    photo = _lock_photo(session, expert)
    _check_seen(expert, photo, photo_id)
    if has_shown_photo(session, expert):
        return
    if photo is None or expert.described_as:
        raise MissingPrecondition("photo_missing" if photo is None else "expert_described")
    for newsletter_id in newsletter_ids:
        row = ShownPhoto(expert_id=expert.id, newsletter_id=newsletter_id, name=expert.name, said_at=now(session))
        for column in ("digest", "photographer", "licence", "terms"):
            setattr(row, column, getattr(photo, column))
        session.add(row)
    session.flush()
    audit.record(session, actor, "expert.show_photo", expert)


def hide_photo(session: Session, actor: Actor, expert: Expert) -> None:
    """Show the photo of an expert to readers no more, if it was shown. Raises `PermissionDenied`."""
    must(actor, "directory", "own profile", "upkeep")
    lock_row(session, expert)
    if _forget_yes(session, expert):
        audit.record(session, actor, "expert.hide_photo", expert)


def hide_outdated_photo(session: Session, actor: Actor, expert: Expert) -> None:
    """Hide the photo if the expert said yes under another name than the one that is printed now."""
    printed_name = "" if expert.described_as else expert.name  # no yes has an empty name
    outdated = select(ShownPhoto.id).where(ShownPhoto.expert_id == expert.id, ShownPhoto.name != printed_name)
    if session.scalar(outdated.limit(1)) is not None:
        hide_photo(session, actor, expert)


def forget_photo(session: Session, expert: Expert) -> None:
    """Erase the photo of an expert who is erased, without an event of its own."""
    _delete(session, expert)


def move_photo(session: Session, source: Expert, target: Expert) -> None:
    """Give the photo of an expert who is merged into `target` to them if they have none, and erase it otherwise.

    The yes of either ends: it was given for answers of one of them.
    """
    for expert in (source, target):
        _forget_yes(session, expert)
    if photo_of(session, target) is not None:
        _delete(session, source)
    elif (photo := photo_of(session, source)) is not None:
        photo.expert_id = target.id
        session.flush()


def _lock_photo(session: Session, expert: Expert) -> ExpertPhoto | None:
    lock_row(session, expert)
    return photo_of(session, expert)


def _check_seen(expert: Expert, photo: ExpertPhoto | None, photo_id: str) -> None:
    """Raise `VersionConflict` if the photo isn't the one that the form showed."""
    if (photo.public_id if photo else "") != photo_id:
        raise VersionConflict(f"expert {expert.public_id} has another photo")


def _get_credit(photo: ExpertPhoto) -> PhotoCredit:
    return PhotoCredit(photo.photographer, photo.licence, photo.terms)


def _delete(session: Session, expert: Expert) -> None:
    _forget_yes(session, expert)
    photo = photo_of(session, expert)
    if photo is not None:
        session.delete(photo)
        session.flush()
        erasures.note(session, "photo", [photo.public_id])


def _forget_yes(session: Session, expert: Expert) -> bool:
    rows = session.scalars(select(ShownPhoto).filter_by(expert_id=expert.id)).all()
    for row in rows:
        session.delete(row)
    session.flush()
    erasures.note(session, "shown photo", [row.public_id for row in rows])
    return bool(rows)


def get_shown_image(session: Session, newsletter_id: int, digest: str) -> bytes | None:
    """Return the image with a digest if readers of a newsletter may see it, or None."""
    is_same = (ShownPhoto.expert_id == ExpertPhoto.expert_id) & (ShownPhoto.digest == ExpertPhoto.digest)
    query = select(ExpertPhoto.image).join(ShownPhoto, is_same)
    return session.scalar(query.where(ShownPhoto.newsletter_id == newsletter_id, ShownPhoto.digest == digest).limit(1))
