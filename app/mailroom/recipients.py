"""The judges of mails that a person wrote or forwarded: for an assignment, a newsletter, or the holding pen.

A mail only becomes a letter on an assignment if it has a valid token and its verified sender is the expert. Otherwise
it waits in the holding pen, with all reasons, and nothing is sent back.

A forwarded mail must be from the newsletter's desk, with a verified sender. If that, the author or the extent of their
text is in doubt, it waits in the holding pen.
"""

from sqlalchemy import select

from ..answers.models import Assignment
from ..core.permissions import may
from ..db.session import now
from ..editions.models import Edition
from ..mail import inbound
from ..newsletters.models import Newsletter
from ..people.directory import addresses_of, resolve_merged_expert, staff_actor
from ..people.models import Expert, Link, Person
from ..workflows.back_issues import received_editions
from .batch import is_newsletter_address
from .inbound_context import Decision, InboundContext, is_spam
from .screening import verify_sender

NO_WORDS = "no words"
AN_EXPERTS = "an expert's address"
ENDED = "newsletter closed"


def by_token(case: InboundContext) -> Decision | None:
    """Judge a mail to an address with the token of an assignment, or with one that looks like it."""
    keys = {link.assignment_id for link in case.reply_links.values()}
    if len(keys) != 1:
        strange = ("several tokens",) if keys else ("unknown token",) if case.strange_tokens else ()
        return Decision("pen", strange, case.any_newsletter_id) if strange else None
    assignment = case.books.get_one(Assignment, keys.pop())
    reasons = [
        *_token_reasons(case),
        *_assignment_reasons(assignment),
        *_sender_reasons(case, assignment),
        *_text_reasons(case),
    ]
    if is_spam(case.mail):
        reasons.append("spam filter")
    place = "pen" if reasons else "letter"
    return Decision(place, tuple(reasons), assignment.newsletter_id, assignment.id, author="" if reasons else "expert")


def _token_reasons(case: InboundContext) -> list[str]:
    live = {token for token, link in case.reply_links.items() if _why_dead(case, link) is None}
    reasons = [] if live else [str(why) for why in {_why_dead(case, link) for link in case.reply_links.values()}]
    if case.strange_tokens:
        reasons.append("unknown token")
    if live and not live & set(case.addressed_tokens):
        reasons.append("token in Cc")
    return reasons


def _why_dead(case: InboundContext, link: Link) -> str | None:
    if link.revoked_at:
        return "revoked token"
    return "expired token" if link.ends_at and link.ends_at <= now(case.books) else None


def _assignment_reasons(assignment: Assignment) -> list[str]:
    return ["cancelled"] if assignment.is_cancelled else []


def _sender_reasons(case: InboundContext, assignment: Assignment) -> list[str]:
    expected = addresses_of(case.books, assignment.expert)
    if not expected:
        return ["no address of the expert"]
    verdicts = [verify_sender(case, address) for address in expected]
    return [] if any(verdict.ok for verdict in verdicts) else list(verdicts[0].reasons)


def _text_reasons(case: InboundContext) -> list[str]:
    return [] if case.words else [NO_WORDS, *(fault for fault in ("encrypted", "winmail") if fault in case.mail.faults)]


def by_reference(case: InboundContext) -> Decision | None:
    """Hold a reply to our mail to an expert or translator that was sent without a token. It is no reader's letter, and
    others may know the Message-ID, so it proves nothing.
    """
    mail = case.answered_expert
    if mail is None:
        to_translator = case.answered_translator
        why = ("answers our mail to a translator",)
        return Decision("pen", why, to_translator.newsletter_id) if to_translator else None
    return Decision("pen", ("answers our mail without its token",), mail.newsletter_id, mail.assignment_id)


def of_an_expert(case: InboundContext) -> Decision | None:
    """Hold a mail whose sender claims to be an expert who was asked something: the desk decides if it is about that."""
    person = case.person(case.mail.from_address) if case.sender else None
    expert = (
        resolve_merged_expert(case.books, case.books.scalar(select(Expert).filter_by(person_id=person.id)))
        if person
        else None
    )
    return of_this_expert(case, expert) if expert else None


def of_this_expert(case: InboundContext, expert: Expert) -> Decision | None:
    """Return a decision for the holding pen if this expert was asked something, else None."""
    query = select(Assignment).where(Assignment.expert_id == expert.id, Assignment.is_asked)
    if case.newsletter:  # a mail to one newsletter doesn't concern others
        query = query.where(Assignment.newsletter_id == case.newsletter.id)
    asked = list(case.books.scalars(query.order_by(Assignment.id)))
    if not asked:
        return None
    about = asked[0].id if len(asked) == 1 else None
    return Decision("pen", (AN_EXPERTS,), asked[0].newsletter_id, about)


def of_a_reader(case: InboundContext) -> Decision:
    """Judge any other mail: a reader's letter if it has text and was sent to a newsletter that is going."""
    if case.session is None:
        return Decision("pen" if _text_reasons(case) else "letter", tuple(_text_reasons(case)))
    newsletter = case.newsletter
    reasons = ([] if newsletter.is_going else [ENDED]) if newsletter else [inbound.UNADDRESSED]
    if len(case.mail.senders) > 1:
        reasons.append("two senders")
    reasons += _text_reasons(case)
    edition = _edition(case)
    if reasons or newsletter is None:
        return Decision("pen", tuple(reasons), case.any_newsletter_id, edition_id=edition)
    return Decision("letter", (), newsletter.id, edition_id=edition, author="reader")


def _edition(case: InboundContext) -> int | None:
    """Return the id of the edition that a reader replies to: by its Message-ID or reply address, or by the text that
    they quote.
    """
    found: Edition | None = case.stated_edition
    if found is None and case.newsletter and case.trimmed.rest:
        found = received_editions.find_quoted_edition(case.house.ran(case.books, case.newsletter.id), case.trimmed.rest)
    return found.id if found and case.newsletter and found.newsletter_id == case.newsletter.id else None


def answerable(case: InboundContext, decision: Decision) -> bool:
    """Return whether the sender may get our single acknowledgement: a reader's letter with a verified sender, to a
    newsletter that sends them. An answer to a forged address would reach somebody who never wrote to us.

    The sender is verified last, as a DNS lookup reveals to a name server who writes to us.
    """
    if decision.place != "letter" or decision.author != "reader" or case.mail.all("X-Auto-Response-Suppress"):
        return False
    wanted = case.newsletter is not None and case.newsletter.acknowledges
    if not wanted or any(is_newsletter_address(case.sender, newsletter) for newsletter in case.newsletters):
        return False
    return verify_sender(case, case.mail.from_address).ok


NOT_THE_DESK, OF_THE_HOUSE = "forwarded by a stranger", "forwarded from the desk"


def forwarded(case: InboundContext) -> Decision | None:
    """Judge a mail to the address to which the desk forwards letters."""
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
        if expert := _find_expert(case, address):
            reasons.append(AN_EXPERTS)
            asked = of_this_expert(case, expert)
            about = asked.assignment_id if asked and asked.newsletter_id == newsletter.id else None
    if reasons:
        return Decision("pen", tuple(dict.fromkeys(reasons)), newsletter.id, about)
    return Decision("letter", (), newsletter.id, author="forward", forwarded_by_id=desk.id if desk else None)


def _of_desk(case: InboundContext, newsletter: Newsletter, address: str) -> Person | None:
    """Return the person with this address, if they may take letters at the newsletter's desk."""
    person = case.person(address) if address else None
    actor = staff_actor(case.books, person.id, newsletter.id) if person else None
    return person if actor and may(actor, "take letters") else None


def _find_expert(case: InboundContext, address: str) -> Expert | None:
    person = case.person(address)
    return (
        resolve_merged_expert(case.books, case.books.scalar(select(Expert).filter_by(person_id=person.id)))
        if person
        else None
    )
