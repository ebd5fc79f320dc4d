"""The language of the page that is being made, and its words for code: looked up once a text, and no more than that."""

from typing import Any

from flask import g
from flask_babel import Domain

from ..text.translation import interface_language, say


def language() -> str:
    """The language of this page's words: what the door chose, e.g. from the address or the person's settings, or else
    English.
    """
    return interface_language(requested_language())


def requested_language() -> str:
    """Return the language that the door chose for this page, whether or not we speak it: a newsletter's own wordings
    may.
    """
    return str(g.get("language", "en"))


class PageWords(Domain):
    """The catalogue that `gettext` of the extension reads in code. Its own way works out locale and catalogue anew for
    each text, and a list of forty rows has hundreds of them."""

    def gettext(self, string: str, **values: Any) -> str:
        said = say(language()).gettext(string)
        return said % values if values else said

    def ngettext(self, singular: str, plural: str, num: int, **values: Any) -> str:
        return say(language()).ngettext(singular, plural, num) % {"num": num, **values}


WORDS = PageWords()
