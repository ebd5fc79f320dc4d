"""Replies as mail programs write them, in each language of tests/support/reply_languages.py.

Each has the plain text and the HTML that the program would send, and the person's own text, which must be extracted.
Everything is invented.
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

# The sent edition is longer than the part that we know: the mailing tool adds links, buttons, captions and a footer.
KNOWN_PART: Final = EDITION.partition("Do you have a question?")[0] + "The Steppe Letter is written in Tastak.\n"
SENT_EDITION: Final = (
    KNOWN_PART.replace("edition 14\n", "edition 14\n\nView in browser <https://steppe.example/14>\n", 1)
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

QUOTED_TEXTS = {"edition": EDITION, "invitation": INVITATION, "edition as it was sent": SENT_EDITION}
KNOWN_TEXTS = {**QUOTED_TEXTS, "edition as it was sent": KNOWN_PART}


@dataclass(frozen=True)
class Reply:
    """A reply, with the text in it that the person wrote. `quoted_name` is the key of the quoted text in `QUOTED_TEXTS`."""

    name: str
    mail: Mail
    own_text: str
    quoted_name: str

    @property
    def trim_context(self) -> TrimContext:
        return TrimContext(addresses=frozenset({NEWSLETTER_ADDRESS}), texts=(KNOWN_TEXTS[self.quoted_name],))


def quote_lines(text: str, width: int = 70) -> str:
    wrapped = [part for line in text.splitlines() for part in (textwrap.wrap(line, width) or [""])]
    return "\n".join(f"> {line}".rstrip() for line in wrapped)


def format_paragraphs(text: str, tag: str = "div") -> str:
    return "".join(f"<{tag}>{html.escape(line) or '<br>'}</{tag}>" for line in text.splitlines())


def format_headers(language: ReplyLanguage, mark: str = "") -> str:
    values = (
        f"{NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>",
        language.sent_date,
        "Timur <timur@mail.example>",
        "Edition 14",
    )
    return "\n".join(
        f"{mark}{label}:{mark} {value}" for label, value in zip(language.header_labels, values, strict=True)
    )


def format_html_headers(language: ReplyLanguage) -> str:
    values = (
        f"{NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>",
        language.sent_date,
        "Timur <timur@mail.example>",
        "Edition 14",
    )
    return "<br>".join(
        f"<b>{label}:</b> {html.escape(value)}" for label, value in zip(language.header_labels, values, strict=True)
    )


def fill_attribution(line: str) -> str:
    return line.format(name=NEWSLETTER_NAME, mail=NEWSLETTER_ADDRESS)


ReplyBody = tuple[str | None, str | None]  # plain text, HTML


def gmail(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    line = fill_attribution(language.gmail_attribution)
    html_body = (
        f'<div dir="ltr">{format_paragraphs(text)}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
        f'{html.escape(line)}<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204)">'
        f"{format_paragraphs(quoted_text)}</blockquote></div>"
    )
    return f"{text}\n\n{textwrap.fill(line, 78)}\n\n{quote_lines(quoted_text)}\n", html_body


def gmail_html_only(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    return None, gmail(text, language, quoted_text)[1]


def gmail_below(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    return f"{fill_attribution(language.gmail_attribution)}\n\n{quote_lines(quoted_text)}\n\n{text}\n", None


def apple(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    line = fill_attribution(language.apple_attribution)
    html_body = (
        f'<html><body style="overflow-wrap: break-word;">{format_paragraphs(text)}<div><br><blockquote type="cite"><div>{html.escape(line)}</div>'
        f'<br class="Apple-interchange-newline"><div>{format_paragraphs(quoted_text)}</div></blockquote></div><br></body></html>'
    )
    return f"{text}\n\n> {line}\n> \n{quote_lines(quoted_text)}\n", html_body


def iphone(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    line = fill_attribution(language.apple_attribution)
    html_body = (
        f'<html><body dir="auto">{format_paragraphs(text)}<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">{language.phone_signature}</div><div dir="ltr"><br>'
        f'<blockquote type="cite">{html.escape(line)}<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">{format_paragraphs(quoted_text)}</div></blockquote></body></html>'
    )
    return f"{text}\n\n{language.phone_signature}\n\n> {line}\n> \n{quote_lines(quoted_text)}\n", html_body


def outlook(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    html_body = (
        f'<html><body><div class="WordSection1">{format_paragraphs(text, "p class=MsoNormal")}<p class="MsoNormal"><o:p>&nbsp;</o:p></p>'
        f'<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">{format_html_headers(language)}</p></div></div>'
        f"{format_paragraphs(quoted_text, 'p class=MsoNormal')}</div></body></html>"
    ).replace("</p class=MsoNormal>", "</p>")
    return f"{text}\n\n \n{format_headers(language)}\n\n{quoted_text}\n", html_body


def outlook_plain(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    return outlook(text, language, quoted_text)[0], None


def outlook_web(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    html_body = (
        f'<html><body dir="ltr"><div class="elementToProof">{format_paragraphs(text)}</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri">{format_html_headers(language)}</font><div>&nbsp;</div></div><div>{format_paragraphs(quoted_text)}</div></body></html>'
    )
    return f"{text}\n\n{'_' * 32}\n{format_headers(language)}\n\n{quoted_text}\n", html_body


def bold_headers(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    return f"{text}\n\n\n ------------------------------\n\n{format_headers(language, '*')}\n\n\n{quoted_text}\n", None


def samsung(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    html_body = (
        f"<html><body>{format_paragraphs(text)}<div><br></div><div>-------- {language.original_label} --------</div><div>{format_html_headers(language)}</div><div><br></div>"
        f"{format_paragraphs(quoted_text)}</body></html>"
    )
    return (
        f"{text}\n\n-------- {language.original_label} --------\n{format_headers(language)}\n\n{quoted_text}\n",
        html_body,
    )


def separator_only(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    return f"{text}\n\n-----{language.original_label}-----\n{quoted_text}\n", None


def yahoo(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    """Yahoo and some other webmails put no mark before quoted lines."""
    html_body = (
        f'<div class="ydp123yahoo-style-wrap">{format_paragraphs(text)}</div><div id="yahoo_quoted_42" class="yahoo_quoted"><div><div>{html.escape(fill_attribution(language.gmail_attribution))}</div>'
        f"<div><br></div>{format_paragraphs(quoted_text)}</div></div>"
    )
    plain = "\n".join(
        f"    {line}".rstrip()
        for line in f"{fill_attribution(language.gmail_attribution)}  \n\n{quoted_text}".splitlines()
    )
    return f" {text}\n\n{plain}\n", html_body


def yahoo_plain(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    return yahoo(text, language, quoted_text)[0], None


def gmail_forward(text: str, language: ReplyLanguage, quoted_text: str) -> ReplyBody:
    html_body = (
        f'<div dir="ltr">{format_paragraphs(text)}<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">---------- {language.forward_label} ---------<br>{format_html_headers(language)}<br></div>'
        f"<br><br>{format_paragraphs(quoted_text)}</div></div>"
    )
    return (
        f"{text}\n\n---------- {language.forward_label} ---------\n{format_headers(language)}\n\n\n{quoted_text}\n",
        html_body,
    )


Program = Callable[[str, ReplyLanguage, str], ReplyBody]
REPLY_PROGRAMS: tuple[Program, ...] = (
    gmail, gmail_html_only, gmail_below, apple, iphone, outlook, outlook_plain, outlook_web, bold_headers, samsung, separator_only, yahoo,
    yahoo_plain, gmail_forward,
)  # fmt: skip


def list_replies() -> Iterator[Reply]:
    for code in REPLY_LANGUAGES:
        for number, program in enumerate(REPLY_PROGRAMS):
            # Both texts occur with programs and languages of every kind.
            quoted_name = "edition" if (number + len(code)) % 2 == 0 else "invitation"
            yield build_reply(program, code, quoted_name)


def list_partly_known_replies() -> Iterator[Reply]:
    for code in REPLY_LANGUAGES:
        for program in REPLY_PROGRAMS:
            yield build_reply(program, code, "edition as it was sent")


def build_reply(program: Program, code: str, quoted_name: str) -> Reply:
    language = REPLY_LANGUAGES[code]
    plain, html_body = program(language.text, language, QUOTED_TEXTS[quoted_name])
    mail = Mail(plain=plain, html=html_body, body=plain or html_body or "")
    return Reply(f"{program.__name__}-{code}", mail, language.text, quoted_name)
