"""The append-only audit trail: who did what to which row, written in the transaction of the change."""

from .models import Event
from .record import collect_events, record, record_in_bulk

__all__ = ["Event", "collect_events", "record", "record_in_bulk"]
