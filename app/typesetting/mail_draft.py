"""An edition as a draft (.eml) for mail programs, in HTML with a plain text alternative."""

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from ..text.clean import single_line
from .block import Block
from .renderers import to_text
from .whole_mail import mail

# With these headers, Outlook (by the first) and Apple Mail (by the second) open the file for editing, and not as a
# received mail.
UNSENT_HEADERS = {"X-Unsent": "1", "X-Uniform-Type-Identifier": "com.apple.mail-draft"}


def draft(blocks: Sequence[Block], title: str) -> bytes:
    """Return a multipart/alternative message, the plain text first (RFC 2046, section 5.1.4); `title` is its subject.

    It has no sender, recipients, date or Message-ID, which the sending program adds. The same blocks always give the
    same bytes.
    """
    text = "\n".join(map(to_text, blocks))
    html = mail(blocks, title)
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # ASCII only, so no program can misread it
    message["Subject"] = single_line(title)
    for name, value in UNSENT_HEADERS.items():
        message[name] = value
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    for part in message.iter_parts():
        del part["MIME-Version"]  # it belongs in the main header only (RFC 2045, section 4)
    languages = dict.fromkeys(block.language for block in blocks)  # without duplicates, in order
    message["Content-Language"] = ", ".join(languages)  # RFC 3282
    # The default boundary is random. At most 70 characters are allowed (RFC 2046, section 5.1.1).
    message.set_boundary(sha256((text + html).encode()).hexdigest()[:40])
    return message.as_bytes()
