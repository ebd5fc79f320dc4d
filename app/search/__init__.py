"""Search: look-alikes, full-text search and the ranking of experts. The first two query the indexes in `index`."""

from .models import DESK, PUBLIC

__all__ = ["DESK", "PUBLIC"]
