"""Replies as mail programs write them: programs, crossed with the languages of tests/support/reply_languages.py.

Each has the plain text and the page that the program would send, and the words that must come out. Everything is invented.
"""

import html
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from app.mailtext.incoming import Mail, TrimContext

from .reply_languages import REPLY_LANGUAGES, ReplyLanguage

NEWSLETTER_NAME, NEWSLETTER_ADDRESS = "The Steppe Letter", "letter@steppe.example"

EDITION: Final = """\
The Steppe Letter, edition 14

Good morning. The spring floods came early to the lower valley this year, and with them a dispute about who owns the new
embankment. In this edition: a rail depot without rails, and what three mayors told us about their neighbours' power lines.

A depot without rails

For six years the depot at Tastak has had a roof, a clock and forty-two employees. Freight traffic begins next autumn, the
ministry wrote to us last week. It wrote the same sentence the year before.

> "We sweep the platform every morning," says the stationmaster, "so that it is ready."

Readers asked: "Who pays for the lights on the empty road to Sarybulak?"

To find out more, I asked Leyla Nazarova, who studies municipal budgets:

"The road is lit by the district, which is paid by the province, which is owed the money by the district."

Do you have a question? Reply to this e-mail, and I will find somebody who can answer it.

You get this letter because you asked for it. Unsubscribe: https://steppe.example/leave/abc
"""

INVITATION: Final = """\
Dear Leyla Nazarova,

A reader of The Steppe Letter asks something that is in your field, and I would be glad to print your answer.

The question: Who pays for the lights on the empty road to Sarybulak?

1. Which office signs the contract for the lamps?
2. Has the province ever refused to pay?

About 150 words by Tuesday 14 May would be perfect. You can write them here, below, by simply answering this e-mail.

With best regards,
Nora Lind
"""

# What was sent is more than what we know of it: the newsletter's program adds links, buttons, captions and a foot.
IN_PART: Final = EDITION.partition("Do you have a question?")[0] + "The Steppe Letter is written in Tastak.\n"
AS_SENT: Final = (
    IN_PART.replace("edition 14\n", "edition 14\n\nView in browser <https://steppe.example/14>\n", 1)
    .replace("A depot without rails\n", "Photo: the depot at Tastak\n\nA depot without rails\n", 1)
    .replace("year before.\n", "year before.\n\nRead more <https://steppe.example/depot>\n\nShare | Tweet | Forward\n")
    .replace('ready."\n', 'ready."\n\n[ Continue reading » ]\n')
    .replace('Sarybulak?"\n', 'Sarybulak?"\n\nAsk your question\n')
    .replace(
        "The Steppe Letter is",
        "You are receiving this because you signed up at steppe.example.\n12 Abay Street, Tastak\n"
        "Unsubscribe: https://steppe.example/leave/abc\n\nThe Steppe Letter is",
    )
)

QUOTED = {"edition": EDITION, "invitation": INVITATION, "edition as it was sent": AS_SENT}
KNOWN_TEXTS = {**QUOTED, "edition as it was sent": IN_PART}


@dataclass(frozen=True)
class Reply:
    """What a program sent, and the words in it that the person wrote."""

    name: str
    mail: Mail
    words: str
    quoted: str

    @property
    def known(self) -> TrimContext:
        return TrimContext(addresses=frozenset({NEWSLETTER_ADDRESS}), texts=(KNOWN_TEXTS[self.quoted],))


def quote_lines(text: str, width: int = 70) -> str:
    wrapped = [part for line in text.splitlines() for part in (textwrap.wrap(line, width) or [""])]
    return "\n".join(f"> {line}".rstrip() for line in wrapped)


def paragraphs(text: str, tag: str = "div") -> str:
    return "".join(f"<{tag}>{html.escape(line) or '<br>'}</{tag}>" for line in text.splitlines())


def heading_lines(tongue: ReplyLanguage, mark: str = "") -> str:
    values = (f"{NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>", tongue.sent, "Timur <timur@mail.example>", "Edition 14")
    return "\n".join(f"{mark}{label}:{mark} {value}" for label, value in zip(tongue.heads, values, strict=True))


def html_headings(tongue: ReplyLanguage) -> str:
    values = (f"{NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>", tongue.sent, "Timur <timur@mail.example>", "Edition 14")
    return "<br>".join(
        f"<b>{label}:</b> {html.escape(value)}" for label, value in zip(tongue.heads, values, strict=True)
    )


def fill_attribution(line: str) -> str:
    return line.format(name=NEWSLETTER_NAME, mail=NEWSLETTER_ADDRESS)


ReplyBody = tuple[str | None, str | None]


def gmail(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    line = fill_attribution(tongue.gmail)
    page = (
        f'<div dir="ltr">{paragraphs(words)}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
        f'{html.escape(line)}<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204)">'
        f"{paragraphs(old)}</blockquote></div>"
    )
    return f"{words}\n\n{textwrap.fill(line, 78)}\n\n{quote_lines(old)}\n", page


def gmail_page_only(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    return None, gmail(words, tongue, old)[1]


def gmail_below(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    return f"{fill_attribution(tongue.gmail)}\n\n{quote_lines(old)}\n\n{words}\n", None


def apple(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    line = fill_attribution(tongue.apple)
    page = (
        f'<html><body style="overflow-wrap: break-word;">{paragraphs(words)}<div><br><blockquote type="cite"><div>{html.escape(line)}</div>'
        f'<br class="Apple-interchange-newline"><div>{paragraphs(old)}</div></blockquote></div><br></body></html>'
    )
    return f"{words}\n\n> {line}\n> \n{quote_lines(old)}\n", page


def telephone(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    line = fill_attribution(tongue.apple)
    page = (
        f'<html><body dir="auto">{paragraphs(words)}<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">{tongue.phone}</div><div dir="ltr"><br>'
        f'<blockquote type="cite">{html.escape(line)}<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">{paragraphs(old)}</div></blockquote></body></html>'
    )
    return f"{words}\n\n{tongue.phone}\n\n> {line}\n> \n{quote_lines(old)}\n", page


def outlook(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    page = (
        f'<html><body><div class="WordSection1">{paragraphs(words, "p class=MsoNormal")}<p class="MsoNormal"><o:p>&nbsp;</o:p></p>'
        f'<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">{html_headings(tongue)}</p></div></div>'
        f"{paragraphs(old, 'p class=MsoNormal')}</div></body></html>"
    ).replace("</p class=MsoNormal>", "</p>")
    return f"{words}\n\n \n{heading_lines(tongue)}\n\n{old}\n", page


def outlook_plain(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    return outlook(words, tongue, old)[0], None


def outlook_web(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    page = (
        f'<html><body dir="ltr"><div class="elementToProof">{paragraphs(words)}</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri">{html_headings(tongue)}</font><div>&nbsp;</div></div><div>{paragraphs(old)}</div></body></html>'
    )
    return f"{words}\n\n{'_' * 32}\n{heading_lines(tongue)}\n\n{old}\n", page


def bold_heads(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    return f"{words}\n\n\n ------------------------------\n\n{heading_lines(tongue, '*')}\n\n\n{old}\n", None


def samsung(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    page = (
        f"<html><body>{paragraphs(words)}<div><br></div><div>-------- {tongue.original} --------</div><div>{html_headings(tongue)}</div><div><br></div>"
        f"{paragraphs(old)}</body></html>"
    )
    return f"{words}\n\n-------- {tongue.original} --------\n{heading_lines(tongue)}\n\n{old}\n", page


def separator_alone(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    return f"{words}\n\n-----{tongue.original}-----\n{old}\n", None


def unmarked(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    """Yahoo and some web mails put no sign before what they quote."""
    page = (
        f'<div class="ydp123yahoo-style-wrap">{paragraphs(words)}</div><div id="yahoo_quoted_42" class="yahoo_quoted"><div><div>{html.escape(fill_attribution(tongue.gmail))}</div>'
        f"<div><br></div>{paragraphs(old)}</div></div>"
    )
    plain = "\n".join(f"    {line}".rstrip() for line in f"{fill_attribution(tongue.gmail)}  \n\n{old}".splitlines())
    return f" {words}\n\n{plain}\n", page


def unmarked_plain(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    return unmarked(words, tongue, old)[0], None


def forwarded(words: str, tongue: ReplyLanguage, old: str) -> ReplyBody:
    page = (
        f'<div dir="ltr">{paragraphs(words)}<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">---------- {tongue.forward} ---------<br>{html_headings(tongue)}<br></div>'
        f"<br><br>{paragraphs(old)}</div></div>"
    )
    return f"{words}\n\n---------- {tongue.forward} ---------\n{heading_lines(tongue)}\n\n\n{old}\n", page


Program = Callable[[str, ReplyLanguage, str], ReplyBody]
REPLY_PROGRAMS: tuple[Program, ...] = (
    gmail, gmail_page_only, gmail_below, apple, telephone, outlook, outlook_plain, outlook_web, bold_heads, samsung, separator_alone, unmarked,
    unmarked_plain, forwarded,
)  # fmt: skip


def list_replies() -> Iterator[Reply]:
    for code in REPLY_LANGUAGES:
        for number, program in enumerate(REPLY_PROGRAMS):
            yield build_reply(program, code, ("edition", "invitation")[(number + len(code)) % 2])


def list_partly_known_replies() -> Iterator[Reply]:
    for code in REPLY_LANGUAGES:
        for program in REPLY_PROGRAMS:
            yield build_reply(program, code, "edition as it was sent")


def build_reply(program: Program, code: str, quoted: str) -> Reply:
    tongue = REPLY_LANGUAGES[code]
    plain, page = program(tongue.words, tongue, QUOTED[quoted])
    mail = Mail(plain=plain, html=page, body=plain or page or "")
    return Reply(f"{program.__name__}-{code}", mail, tongue.words, quoted)
