"""The pages for outside translators, opened by the link to the one text that each is asked to translate."""

from .translator_page import translator

__all__ = ["translator"]
