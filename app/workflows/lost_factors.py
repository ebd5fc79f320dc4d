"""The way back for a person of the desk who has lost every second factor, given by whoever runs the server."""

from datetime import timedelta

from sqlalchemy.orm import Session

from ..core.actors import Actor
from ..core.permissions import roles_for
from ..db.session import absolute_url
from ..mail.mail_values import DeskMail
from ..newsletters.desk_mails import to_colleague
from ..newsletters.models import Newsletter
from ..people import directory, staff
from ..people.models import Person

LINK_LIFE = timedelta(days=1)


def reset_person(session: Session, actor: Actor, person: Person) -> str:
    """Remove a person's second factors, sessions and open links, and return the path of a new link to sign in.

    The link works once, within `LINK_LIFE`. The trail of each of their desks records it. They and all admins of these
    desks get a mail. Raises `VersionConflict` if they are disabled or work at no desk.
    """
    path, newsletter_ids = staff.reset_person(session, actor, person, LINK_LIFE)
    for newsletter_id in newsletter_ids:
        newsletter = session.get_one(Newsletter, newsletter_id)
        link = absolute_url(session, f"/desk/{newsletter.slug}/people/{person.public_id}")
        values = DeskMail(link=link, who=person.name)
        admins = directory.list_staff(session, newsletter_id, roles_for("people"))
        for recipient in {admin.id: admin for admin in (*admins, person)}.values():
            to_colleague(session, newsletter, recipient, "desk.factors_reset", values)
    return path
