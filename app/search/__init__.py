"""Search: look-alikes, full text and experts, as functions of plain values, and the two indexes that they query."""

from .models import DESK, PUBLIC

__all__ = ["DESK", "PUBLIC"]
