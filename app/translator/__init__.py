"""Pages for outside translators. A link opens the one text that its translator was asked to translate."""

from .translator_page import translator

__all__ = ["translator"]
