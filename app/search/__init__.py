"""Search: look-alikes, full text and the ranking of experts, and the two indexes that the first two query."""

from .models import DESK, PUBLIC

__all__ = ["DESK", "PUBLIC"]
