"""The translator's door: the page behind the link to the one text that somebody outside is asked to translate."""

from .translator_page import translator

__all__ = ["translator"]
