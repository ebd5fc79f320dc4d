"""The blocks of an edition as a draft that a program for mail opens: the mail, and beside it the same words as text."""

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from ..text.clean import single_line
from .block import Block
from .renderers import to_text
from .whole_mail import mail

# Outlook writes the first into what it keeps unsent, Apple Mail the second: by it a file is opened to be written on,
# and not as a mail that came.
UNSENT = {"X-Unsent": "1", "X-Uniform-Type-Identifier": "com.apple.mail-draft"}


def draft(blocks: Sequence[Block], title: str) -> bytes:
    """Write a message of two parts, by RFC 2046 (section 5.1.4) the plain one first; `title` is its subject.

    It has no sender, no recipients, no date and no number: the program that sends it gives it those. The same blocks
    give the same bytes.
    """
    text, html = "\n".join(map(to_text, blocks)), mail(blocks, title)
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # whatever reads the file, no letter is mistaken
    message["Subject"] = single_line(title)
    for name, value in UNSENT.items():
        message[name] = value
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    for part in message.iter_parts():
        del part["MIME-Version"]  # it belongs at the top alone (RFC 2045, section 4)
    message["Content-Language"] = ", ".join(dict.fromkeys(block.language for block in blocks))  # RFC 3282
    message.set_boundary(sha256((text + html).encode()).hexdigest()[:40])
    return message.as_bytes()
