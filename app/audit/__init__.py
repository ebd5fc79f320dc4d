"""The append-only trail: who did what to which row. Written by the function that changes, in the same transaction."""

from .models import Event
from .record import record, together, watched

__all__ = ["Event", "record", "together", "watched"]
