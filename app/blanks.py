"""Statements that are built once and asked for each page. What differs each time is a blank in them, like those of a
form: building a statement costs more than asking it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Integer, bindparam

from .db import UTCDateTime

Moment = Callable[[datetime], Any]  # what is written into a blank, by the time at which is asked


class Blanks:
    """The blanks of one statement: a newsletter, whoever asks, one of its questions, and moments."""

    def __init__(self) -> None:
        self.newsletter: BindParameter[int] = bindparam("newsletter", type_=Integer)
        self.person: BindParameter[int] = bindparam("person", type_=Integer)
        self.question: BindParameter[int] = bindparam("question", type_=Integer)
        self._moments: dict[str, Moment] = {}

    @property
    def now(self) -> BindParameter[datetime]:
        return self.moment("now", lambda at: at)

    def moment(self, name: str, of: Moment, kind: Any = UTCDateTime) -> BindParameter[Any]:
        """Return a blank for a moment, such as the last midnight, or for a day where `kind` is a Date."""
        self._moments[name] = of
        return bindparam(name, type_=kind)

    def filled(self, at: datetime, newsletter: int, person: int = 0, question: int = 0) -> dict[str, Any]:
        """Return what is written into them."""
        moments = {name: of(at) for name, of in self._moments.items()}
        return {"newsletter": newsletter, "person": person, "question": question, **moments}
