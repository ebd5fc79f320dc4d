"""The newsletter as the sender of mails, and mails to the people of its desk, in the desk's language."""

from typing import Unpack
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ..db.session import absolute_url, now
from ..mail import outbox
from ..mail.mail_templates import render_mail
from ..mail.mail_values import DeskMail, EditionMail, MorningMail
from ..mail.message import REMOVAL_PATH, Sender
from ..mail.models import OutboxMail
from ..people import directory
from ..people.models import Person
from ..text.translation import desk_language
from .models import Newsletter


def sender(session: Session, newsletter: Newsletter, language: str | None = None) -> Sender:
    """Return the newsletter as the sender of a mail in `language`, by default its own."""
    return Sender(
        newsletter=newsletter.name,
        editor=newsletter.editor,
        address=newsletter.address,
        language=language or newsletter.language,
        zone=newsletter.zone,
        year=now(session).astimezone(ZoneInfo(newsletter.zone)).year,
        removal_link=absolute_url(session, REMOVAL_PATH),
    )


def to_colleague(
    session: Session,
    newsletter: Newsletter,
    person: Person,
    kind: str,
    values: DeskMail | EditionMail | MorningMail,
    **posting: Unpack[outbox.Posting],
) -> OutboxMail | None:
    """Queue a mail to a person of the desk. `posting` are the options of `outbox.put`.

    Return None if the person has no address, or if a mail with the same `posting["once_key"]` was queued before.
    """
    address = directory.email_of(session, person)
    if address is None:
        return None
    from_newsletter = sender(session, newsletter, desk_language(person.language))
    message = render_mail(kind, from_newsletter, address, person.name, values)
    posting.update({"newsletter_id": newsletter.id, "person_id": person.id})
    return outbox.put(session, message, **posting)
