"""Similar questions, already answered, which expert: functions of plain values, and the two indexes that they look
into."""

from .models import DESK, PUBLIC

__all__ = ["DESK", "PUBLIC"]
