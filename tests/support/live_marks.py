"""Looks for payloads that came to life: in a browser's own tree of a page, and in what other parsers make of a text."""

import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from playwright.sync_api import BrowserContext, Page
from selectolax.lexbor import LexborHTMLParser

from tests.support.payloads import LEAK

_HOST = re.escape(LEAK)
_LEADS = re.compile(rf"\s*(?:(?:java|vb)script:|data:text|(?:https?:)?//[^/]*{_HOST})", re.IGNORECASE)
# What an expert may link to in an answer is followed by whoever presses it, and by nothing else.
_LINKS = re.compile(rf"https?://[^/]*{_HOST}")
_LEADING = ("href", "src", "action", "formaction", "xlink:href", "srcset", "poster", "data", "background", "srcdoc")

# The same in a browser's own tree.
LOOK = """([leading, leads, links, leak]) => [...document.querySelectorAll('*')].flatMap(one => [
  ...(one.localName.includes('hit') ? ['<' + one.localName + '>'] : []),
  ...[...one.attributes].filter(given =>
    given.localName === 'hit' || given.name.startsWith('on') ||
    (leading.includes(given.name) && new RegExp('^' + leads, 'i').test(given.value) &&
      !(one.localName === 'a' && new RegExp('^' + links).test(given.value))) ||
    (given.name === 'style' && given.value.includes(leak))
  ).map(given => one.localName + ' ' + given.name + '=' + given.value),
])"""
HOW = [list(_LEADING), _LEADS.pattern, _LINKS.pattern, LEAK]


def in_html(page: str) -> list[str]:
    """What of payloads lives in a page, as Lexbor reads it."""
    found = []
    for one in LexborHTMLParser(page).css("*"):
        tag = one.tag or ""
        found += [f"<{tag}>"] if "hit" in tag else []
        for name, value in one.attributes.items():
            leads = name in _LEADING and _LEADS.match(value or "") and not (tag == "a" and _LINKS.match(value or ""))
            is_live = name == "hit" or name.startswith("on") or leads or (name == "style" and LEAK in (value or ""))
            found += [f"{tag} {name}={value}"] if is_live else []
    return found


def mail_of(raw: bytes) -> EmailMessage:
    """A mail as Python's own parser reads it."""
    return BytesParser(policy=default).parsebytes(raw)  # type: ignore[return-value, arg-type, unused-ignore]


class Watch:
    """Whatever a browser does that no page of ours makes it do."""

    def __init__(self, context: BrowserContext, house: str) -> None:
        self.seen: list[tuple[str, Any]] = []
        self.house = house
        context.on("request", self._asked)
        context.on("dialog", self._spoken)
        context.on("console", lambda said: self.seen.append(("console", said.text)) if said.type == "error" else None)
        context.on("weberror", lambda fault: self.seen.append(("error", str(fault.error))))
        context.on("page", lambda page: self.seen.append(("window", page.url)) if len(context.pages) > 1 else None)
        context.expose_function("violated", lambda what: self.seen.append(("policy", what)))
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation', broken => violated(broken.violatedDirective + ' ' + broken.blockedURI))"
        )

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self.house}/", "data:", "about:", "blob:")):
            self.seen.append(("request", request.url))

    def _spoken(self, dialog: Any) -> None:
        self.seen.append(("dialog", dialog.message))
        dialog.dismiss()

    def look(self, page: Page) -> None:
        """Look at an open page, and at all that it has in frames."""
        for frame in page.frames:
            self.seen += [("alive", (page.url, one)) for one in frame.evaluate(LOOK, HOW)]


def controls(text: str) -> Iterator[str]:
    """Signs that turn the words around them, which no export may carry (Unicode Standard Annex 9)."""
    return (sign for sign in text if sign in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
