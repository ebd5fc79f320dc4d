"""A reader's mail that an editor forwards to the address for that, "ask+forward@steppe.example": it becomes the
reader's letter, with what the editor wrote above it as a note for the desk.

Whoever forwards must be of that newsletter's desk and shown to be the sender. In any doubt about that, about the author
or about whose words are whose, it waits in the holding pen.
"""

from sqlalchemy import select

from ..core.permissions import may
from ..newsletters.models import Newsletter
from ..people.directory import resolve_merged_expert, staff_actor
from ..people.models import Expert, Person
from .batch import is_newsletter_address
from .decision import Decision
from .evidence import InboundContext
from .recipients import AN_EXPERTS, ENDED, NO_WORDS, of_this_expert
from .screening import verify_sender

NOT_THE_DESK, OF_THE_HOUSE = "forwarded by a stranger", "forwarded from the desk"


def forwarded(case: InboundContext) -> Decision | None:
    """A mail to the address to which the desk forwards."""
    newsletter, forward = case.forwarded_to, case.forward
    if newsletter is None or forward is None:
        return None
    desk = _of_desk(case, newsletter, case.sender)
    reasons = [] if newsletter.is_going else [ENDED]
    reasons += [] if desk else [NOT_THE_DESK]
    reasons += (
        [] if verify_sender(case, case.mail.from_address).ok else verify_sender(case, case.mail.from_address).reasons
    )
    reasons += forward.doubts
    reasons += [] if forward.text or forward.doubts else [NO_WORDS]
    about = None
    if forward.author:
        address = forward.author.address.strip().casefold()
        if _of_desk(case, newsletter, address) or any(is_newsletter_address(address, one) for one in case.newsletters):
            reasons.append(OF_THE_HOUSE)
        if expert := _expert(case, address):
            reasons.append(AN_EXPERTS)
            asked = of_this_expert(case, expert)
            about = asked.assignment_id if asked and asked.newsletter_id == newsletter.id else None
    if reasons:
        return Decision("pen", tuple(dict.fromkeys(reasons)), newsletter.id, about)
    return Decision("letter", (), newsletter.id, author="forward", forwarded_by_id=desk.id if desk else None)


def _of_desk(case: InboundContext, newsletter: Newsletter, address: str) -> Person | None:
    """Return whose address it is, of those who may take letters at a newsletter's desk."""
    person = case.person(address) if address else None
    actor = staff_actor(case.books, person.id, newsletter.id) if person else None
    return person if actor and may(actor, "take letters") else None


def _expert(case: InboundContext, address: str) -> Expert | None:
    person = case.person(address)
    return (
        resolve_merged_expert(case.books, case.books.scalar(select(Expert).filter_by(person_id=person.id)))
        if person
        else None
    )
