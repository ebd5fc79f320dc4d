"""An edition as a mail to one person of the desk, who sees in their own mail program what readers will get."""

from dataclasses import replace

from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..core.domain_errors import MissingPrecondition
from ..core.state_machine import must
from ..mail import outbox
from ..mail.mail_templates import render_mail
from ..mail.mail_values import EditionCopy
from ..newsletters.desk_mails import sender
from ..newsletters.models import Newsletter
from ..people import directory
from ..people.models import Person
from ..text.translation import desk_language
from ..typesetting import whole_mail
from ..typesetting.exports import EXPORTS
from .handoff import get_exportable
from .models import Edition


def mail_to_actor(session: Session, actor: Staff, edition: Edition, language: str = "") -> None:
    """Queue a mail with an edition to the actor alone, in a language or each Q&A in its own.

    Raises `PermissionDenied`, and `MissingPrecondition` if the actor has no address, or in the cases of
    `get_exportable`.
    """
    must(actor, "edition")
    person = session.get_one(Person, actor.person_id)
    address = directory.email_of(session, person)
    if address is None:
        raise MissingPrecondition("no_email_address")
    preview = get_exportable(session, edition, language)
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    title = preview.subject.line
    values = EditionCopy(title=title, text=EXPORTS["text"].write(preview.blocks, title).decode())
    from_newsletter = sender(session, newsletter, desk_language(person.language))
    message = render_mail("desk.edition_copy", from_newsletter, address, person.name, values)
    html = whole_mail.mail(preview.blocks, title)
    message = replace(message, html=html, language=preview.language or newsletter.language)
    outbox.put(session, message, newsletter_id=newsletter.id, person_id=person.id, edition_id=edition.id)
