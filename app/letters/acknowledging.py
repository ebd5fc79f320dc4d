"""The one neutral answer to a reader's mail: it has arrived. Off unless the newsletter wants it; once a day to a
sender."""

from datetime import timedelta

from sqlalchemy.orm import Session

from ..db.session import absolute_url as page_address
from ..db.session import now
from ..mail import outbox, usage
from ..mail.mail_templates import write
from ..mail.mail_values import LetterMail
from ..mail.message import Sender
from ..mail.models import OutboxMail
from ..newsletters import mail_texts
from ..newsletters.models import Newsletter
from . import unsubscribing
from .models import Letter


def acknowledge(
    session: Session, newsletter: Newsletter, letter: Letter, address: str, receipt: str
) -> OutboxMail | None:
    """Write to the sender of a mailed letter that it has arrived, with its receipt of 20 digits.

    None where the newsletter doesn't want it, or where this sender had one today, from any newsletter: whatever answers
    our answer gets no second one. Its sending leaves the reader's contact, to which the one e-mail is still owed.
    """
    if not newsletter.acknowledges:
        return None
    today = now(session).date()
    who = f"{address.casefold()} {today}"
    if not usage.spend(session, "acknowledgement", who, today + timedelta(days=1)):
        return None
    language = mail_texts.tongue_of(newsletter, letter.language)
    kind, sender = "reader.acknowledgement", Sender(newsletter.name, language=language)
    page, stop = page_address(session, f"/{newsletter.slug}/receipt"), unsubscribing.stop_link(session, letter)
    about = LetterMail(
        receipt=receipt, link=page, stop=stop, pauses=newsletter.is_paused, goes_on=newsletter.paused_until
    )
    own = mail_texts.get_custom_texts(session, newsletter, kind, language)
    return outbox.put(
        session,
        write(kind, sender, address, "", about, own),
        newsletter_id=newsletter.id,
        letter_id=letter.id,
        once_key=f"acknowledgement:{letter.id}",
        hold=kind in newsletter.held_kinds,
    )
