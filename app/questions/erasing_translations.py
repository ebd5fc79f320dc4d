"""Translations go with the words that they are of, and so does what a translator outside was asked for."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ..audit import erasures
from .translation_table import Translation
from .translator_table import Translator


def erase(session: Session, column_name: str, keys: Collection[int]) -> None:
    """Erase what was made of these versions or questions, by the column `column_name` that names them.

    A translator's row takes along their link, their name and address, and what they typed: their page is gone at once.
    """
    column: InstrumentedAttribute[int] = getattr(Translation, column_name)
    session.execute(delete(Translation).where(column.in_(keys)))
    erase_translators(session, getattr(Translator, column_name).in_(keys))


def erase_translators(session: Session, condition: ColumnElement[bool]) -> None:
    """Erase what translators outside were asked for, so that no restored backup opens it by their link again."""
    if gone := session.scalars(select(Translator.public_id).where(condition)).all():
        erasures.note(session, "translator", gone)
        session.execute(delete(Translator).where(condition))
