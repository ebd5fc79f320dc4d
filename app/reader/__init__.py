"""The readers' door: public, without an account, a cookie or a script."""

from . import archive, ask, feeds, finding, home, joining, receipt, report, stopping  # noqa: F401 - each hangs its views on the door
from .frame import reader

__all__ = ["reader"]
