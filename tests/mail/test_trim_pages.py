"""Pages: what a program's own containers say of quote, attribution and signature."""

import html

import pytest

from app.mail.message import Sender, compose
from app.mailtext.incoming import Mail, TrimContext
from app.mailtext.trim import trim
from tests.support.reply_mails import EDITION

OLD = "".join(f"<p>{html.escape(line)}</p>" for line in EDITION.splitlines() if line)
SAID = "On 2 May 2024, at 10:14, The Steppe Letter &lt;letter@steppe.example&gt; wrote:"
HEADS = "<b>From:</b> The Steppe Letter<br><b>Sent:</b> Thursday<br><b>To:</b> Timur<br><b>Subject:</b> Edition 14<br>"

PAGES = {
    "Gmail": f'<div dir="ltr">Why?</div><div class="gmail_quote"><div class="gmail_attr">{SAID}<br></div><blockquote class="gmail_quote">{OLD}</blockquote></div>',
    "Gmail before 2018": f'<div dir="ltr">Why?</div><div class="gmail_extra"><div class="gmail_quote">{SAID}<br><blockquote class="gmail_quote">{OLD}</blockquote></div><br></div>',
    "Gmail, shown in another program": f'<div>Why?</div><div class="m_-12gmail_quote"><div>{SAID}</div><blockquote>{OLD}</blockquote></div>',
    "Gmail in Outlook": f'<div>Why?</div><div class="x_gmail_quote"><div>{SAID}</div>{OLD}</div>',
    "Apple": f'<div>Why?</div><div><br><blockquote type="cite"><div>{SAID}</div><br class="Apple-interchange-newline"><div>{OLD}</div></blockquote></div>',
    "Thunderbird": f'<p>Why?</p><div class="moz-cite-prefix">Blah blah<br></div><blockquote type="cite" cite="mid:1">{OLD}</blockquote>',
    "Thunderbird, forwarding": f'<p>Why?</p><div class="moz-forward-container"><br>-------- x --------<table class="moz-email-headers-table"><tr><td>y</td></tr></table>{OLD}</div>',
    "Outlook": f'<div class=WordSection1><p class=MsoNormal>Why?</p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p>X: y</p></div></div>{OLD}</div>',
    "Outlook 2003": f'<div><p>Why?</p><div class=MsoNormal align=center><hr size=2 width="100%" align=center tabindex=-1></div><p>{HEADS}</p>{OLD}</div>',
    "Outlook on the web": f'<div>Why?</div><div id="appendonsend"></div><hr tabindex="-1"><div id="divRplyFwdMsg">X: y</div><div>{OLD}</div>',
    "Outlook on a telephone": f'<div>Why?</div><div class="ms-outlook-mobile-signature">Get it</div><div id="mail-editor-reference-message-container">{OLD}</div>',
    "Yahoo": f'<div>Why?</div><div id="ydp12yahoo_quoted_34" class="ydp12yahoo_quoted">{SAID}{OLD}</div>',
    "Proton": f'<div>Why?</div><div class="protonmail_signature_block">Sent with</div><div class="protonmail_quote">Blah:<br><blockquote class="protonmail_quote" type="cite">{OLD}</blockquote></div>',
    "Zimbra": f'<div>Why?<br><br><hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__">x</div><div data-marker="__QUOTED_TEXT__">{OLD}</div></div>',
    "Zoho": f'<div>Why?</div><div class="zmail_extra"><div>---- x ---</div><blockquote>{OLD}</blockquote></div>',
    "GMX": f'<div>Why?<div> \n<div name="quote" style="margin:10px 5px"><div><b>Gesendet:</b> x</div><div name="quoted-content">{OLD}</div></div></div></div>',
    "Yandex": f'<div>Why?</div><div> </div><div>02.05.2024, 10:14, "X" &lt;x@mail.example&gt;:</div><blockquote>{OLD}</blockquote><div>-- <br />Тимур</div>',
    "Mail.ru": f'<p>Why?</p><br>Thu, 2 May 2024 10:14:00 +0400 от X &lt;x@mail.example&gt;:<br><blockquote style="border-left:1px solid #0857A6;">{OLD}</blockquote>',
    "163": f'<div>Why?</div><br>At 2024-05-02 10:14:00, "X" &lt;x@mail.example&gt; wrote:<br><blockquote id="isReplyContent">{OLD}</blockquote>',
    "QQ": f'<div>Why?</div><div>------------------&nbsp;原始邮件&nbsp;------------------</div><div><b>发件人:</b> x<br><b>发送时间:</b> 2024<br><b>主题:</b> y</div>{OLD}',
    "Hotmail": f'<div>Why?<br><hr id="stopSpelling">{HEADS}{OLD}</div>',
    "Entourage": f'<div>Why?</div><span id="OLK_SRC_BODY_SECTION"><div>{HEADS}</div>{OLD}</span>',
    "Roundcube": f'<p>Why?</p><p id="reply-intro">Blah</p><blockquote type="cite">{OLD}</blockquote><div id="_rc_sig">Timur</div>',
    "Spark": f'<div name="messageBodySection">Why?</div><div name="messageSignatureSection">Timur</div><div name="messageReplySection">{SAID}<blockquote>{OLD}</blockquote></div>',
    "Front": f'<div>Why?</div><div class="front-signature">Timur</div><blockquote type="cite" class="front-blockquote">{OLD}</blockquote>',
    "Samsung": f'<div>Why?</div><div id="composer_signature">Gesendet</div><div>-------- Original message --------</div><div>{HEADS}</div>{OLD}',
    "an unknown one, quoting us": f'<div>Why?</div><div class="m_123readers-asked-mail">{OLD}</div>',
    "one that quotes without a mark, headings and all": f"<div>Why?</div><div>{HEADS}</div>{OLD}",
    "a signature with a class": '<div>Why?</div><div class="gmail_signature_prefix">-- </div><div class="gmail_signature">Timur Bek</div>',
}  # fmt: skip


def trim_page(page: str, plain_text: str | None = None, context: TrimContext = TrimContext()) -> str:  # noqa: B008 - frozen
    return " ".join(trim(Mail(html=page, plain=plain_text, body=plain_text or "?"), context).text.split())


@pytest.mark.parametrize("program", PAGES)
def test_the_containers_of_a_program_are_known(program: str) -> None:
    assert trim_page(PAGES[program]) == "Why?"


def test_our_own_mail_is_known_below_an_answer_also_where_the_body_was_taken_out() -> None:
    ours = compose(
        "expert.invitation", Sender("Steppe"), "leyla@mail.example", "Nora", "A question", "Dear Leyla,\n\nWhy?"
    ).html
    inside = (ours or "").partition("<body")[2].partition(">")[2].partition("</body>")[0]
    assert trim_page(f"<div>Because of the wind.</div>{inside}") == "Because of the wind."


ALTERNATING = {
    "Gmail": f'<div class="gmail_quote"><div class="gmail_attr">{SAID}</div><blockquote class="gmail_quote">1. Which?</blockquote><div>The third.</div><blockquote class="gmail_quote">2. Has it?</blockquote><div>Twice.</div></div>',
    "Thunderbird": f'<div class="moz-cite-prefix">{SAID}</div><blockquote type="cite"><p>1. Which?</p></blockquote><p>The third.</p><blockquote type="cite"><p>2. Has it?</p></blockquote><p>Twice.</p>',
    "Apple": f'<blockquote type="cite"><div>{SAID}</div><br>1. Which?</blockquote><div>The third.</div><blockquote type="cite">2. Has it?</blockquote><div>Twice.</div>',
    "Yandex": '<div>02.05.2024, 10:14, "X" &lt;x@mail.example&gt;:</div><blockquote>1. Which?</blockquote><div>The third.</div><blockquote>2. Has it?</blockquote><div>Twice.</div>',
}  # fmt: skip


@pytest.mark.parametrize("program", ALTERNATING)
def test_answers_between_the_quotes_of_a_page_stay(program: str) -> None:
    assert trim_page(ALTERNATING[program]) == "The third. Twice."


def test_a_blockquote_that_a_person_set_stays() -> None:
    quote = '<div>As they say:</div><blockquote class="gmail_quote">To be</blockquote>'
    indented = '<blockquote style="margin-left:40px"><p>Why is it so?</p></blockquote><p>Timur</p>'
    assert trim_page(quote) == "As they say: To be"
    assert trim_page(indented) == "Why is it so? Timur"
    assert trim_page(f"{quote}<div>{SAID}</div><blockquote>{OLD}</blockquote>") == "As they say: To be"


def test_words_typed_into_the_signature_or_all_in_a_quote_are_not_lost() -> None:
    assert (
        trim_page(f'<div id="AppleMailSignature">Why?</div><blockquote type="cite">{SAID}<br>old</blockquote>')
        == "Why?"
    )
    forward = f'<div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>{HEADS}</div><br>The lamps went out.</div>'
    assert trim_page(forward) == "The lamps went out."


def test_the_plain_text_is_taken_where_both_say_the_same_and_the_page_where_only_it_knows() -> None:
    page = f'<div>Why is <b>that</b>?</div><div id="Signature">Timur Bek</div><div id="divRplyFwdMsg">X: y</div>{OLD}'
    plain = f"Why is *that*?\n\nTimur Bek\n\nX: y\n\n{EDITION}"
    assert trim_page(page, plain) == "Why is that?"
    assert trim_page(page, "Why is *that*?\n\n-- \nTimur Bek") == "Why is *that*?"
    assert trim_page('<div class="gmail_quote">Another mail altogether</div><p>More</p>', "Why?") == "Why?"


def test_a_page_is_read_as_it_is_seen() -> None:
    page = "<style>p {}</style><p>One\n two</p><p>three<br>four</p><ul><li>five</li><li>six</li></ul><div style='display: none'>hidden</div><pre>a\n  b</pre>"
    assert trim(Mail(html=page, body="?")).text == "One two\n\nthree\nfour\n\nfive\nsix\n\na\n  b"
    outlook = (
        "<p class=MsoNormal>One</p><p class=MsoNormal>two</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>three</p>"
    )
    assert trim(Mail(html=outlook, body="?")).text == "One\ntwo\n\nthree"
