"""The append-only audit trail: who did what to which row, written in the transaction of the change."""

from .models import Event
from .record import record, together, watched

__all__ = ["Event", "record", "together", "watched"]
