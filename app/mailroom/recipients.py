"""The routing rules for mails that a person wrote or forwarded: for an assignment, a newsletter, or the holding pen.

A mail only becomes a letter on an assignment if it has a valid token and its verified sender is the expert. Otherwise
it waits in the holding pen, with all reasons, and nothing is sent back.

A forwarded mail only becomes a letter if its verified sender is a member of the newsletter's desk, and if it is certain
who the author is and which text is theirs. Otherwise it waits in the holding pen too.
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

# Reasons that more than one rule gives.
NO_TEXT = "no words"
FROM_EXPERT = "an expert's address"
CLOSED = "newsletter closed"


def forwarded_mail(context: InboundContext) -> Decision | None:
    """Decide about a mail to the address to which the desk forwards letters."""
    newsletter, forward = context.forwarded_to, context.forward
    if newsletter is None or forward is None:
        return None
    forwarder = _find_desk_member(context, newsletter, context.sender)
    verdict = verify_sender(context, context.mail.from_address)
    reasons: list[str] = []
    if not newsletter.is_going:
        reasons.append(CLOSED)
    if forwarder is None:
        reasons.append("forwarded by a stranger")
    if not verdict.ok:
        reasons += verdict.reasons
    reasons += forward.doubts
    if not (forward.text or forward.doubts):
        reasons.append(NO_TEXT)
    assignment_id = None
    if forward.author:
        author_address = forward.author.address.strip().casefold()
        if _is_of_newsroom(context, newsletter, author_address):
            reasons.append("forwarded from the desk")
        if expert := _find_expert(context, author_address):
            reasons.append(FROM_EXPERT)
            held = _hold_for_expert(context, expert)
            assignment_id = held.assignment_id if held and held.newsletter_id == newsletter.id else None
    if reasons:
        return Decision("pen", tuple(dict.fromkeys(reasons)), newsletter.id, assignment_id)
    forwarded_by_id = forwarder.id if forwarder else None
    return Decision("letter", (), newsletter.id, author="forward", forwarded_by_id=forwarded_by_id)


def _find_desk_member(context: InboundContext, newsletter: Newsletter, address: str) -> Person | None:
    """Return the person with this address, if they may take letters at the newsletter's desk."""
    person = context.get_person(address) if address else None
    actor = staff_actor(context.session, person.id, newsletter.id) if person else None
    return person if actor and may(actor, "take letters") else None


def _is_of_newsroom(context: InboundContext, newsletter: Newsletter, address: str) -> bool:
    """Return whether this is the address of a desk member or of any newsletter."""
    if _find_desk_member(context, newsletter, address):
        return True
    return any(is_newsletter_address(address, other) for other in context.newsletters)


def _find_expert(context: InboundContext, address: str) -> Expert | None:
    person = context.get_person(address)
    if person is None:
        return None
    return resolve_merged_expert(context.session, context.session.scalar(select(Expert).filter_by(person_id=person.id)))


def mail_with_token(context: InboundContext) -> Decision | None:
    """Decide about a mail to an address with the token of an assignment, or with an unknown token of the same form."""
    assignment_ids = {link.assignment_id for link in context.reply_links.values()}
    if len(assignment_ids) > 1:
        return Decision("pen", ("several tokens",), context.desk_newsletter_id)
    if not assignment_ids:
        return Decision("pen", ("unknown token",), context.desk_newsletter_id) if context.unknown_tokens else None
    assignment = context.session.get_one(Assignment, assignment_ids.pop())
    reasons = (
        *_token_reasons(context),
        *(["cancelled"] if assignment.is_cancelled else []),
        *_sender_reasons(context, assignment),
        *_text_reasons(context),
        *(["spam filter"] if is_spam(context.mail) else []),
    )
    if reasons:
        return Decision("pen", reasons, assignment.newsletter_id, assignment.id)
    return Decision("letter", (), assignment.newsletter_id, assignment.id, author="expert")


def _token_reasons(context: InboundContext) -> list[str]:
    faults = {token: _get_token_fault(context, link) for token, link in context.reply_links.items()}
    valid_tokens = {token for token, fault in faults.items() if fault is None}
    # One valid token is enough.
    reasons = [] if valid_tokens else [fault for fault in dict.fromkeys(faults.values()) if fault]
    if context.unknown_tokens:
        reasons.append("unknown token")
    if valid_tokens and not valid_tokens & set(context.addressed_tokens):
        reasons.append("token in Cc")
    return reasons


def _get_token_fault(context: InboundContext, link: Link) -> str | None:
    if link.revoked_at:
        return "revoked token"
    return "expired token" if link.ends_at and link.ends_at <= now(context.session) else None


def _sender_reasons(context: InboundContext, assignment: Assignment) -> list[str]:
    """Return why the mail isn't verified as sent from one of the expert's addresses; empty if it is."""
    addresses = addresses_of(context.session, assignment.expert)
    if not addresses:
        return ["no address of the expert"]
    verdicts = [verify_sender(context, address) for address in addresses]
    return [] if any(verdict.ok for verdict in verdicts) else list(verdicts[0].reasons)


def _text_reasons(context: InboundContext) -> list[str]:
    if context.text:
        return []
    return [NO_TEXT, *(fault for fault in ("encrypted", "winmail") if fault in context.mail.faults)]


def reply_without_token(context: InboundContext) -> Decision | None:
    """Hold a reply without a token to our mail to an expert or translator.

    It isn't a reader's letter. Nor does it prove who sent it, since others may know our Message-ID.
    """
    if mail := context.answered_expert_mail:
        return Decision("pen", ("answers our mail without its token",), mail.newsletter_id, mail.assignment_id)
    if mail := context.answered_translator_mail:
        return Decision("pen", ("answers our mail to a translator",), mail.newsletter_id)
    return None


def mail_from_expert(context: InboundContext) -> Decision | None:
    """Hold a mail from the address of an expert who was asked something: the desk decides if the mail is about that."""
    expert = _find_expert(context, context.mail.from_address) if context.sender else None
    return _hold_for_expert(context, expert) if expert else None


def _hold_for_expert(context: InboundContext, expert: Expert) -> Decision | None:
    """Return a decision for the holding pen if this expert was asked something, else None."""
    query = select(Assignment).where(Assignment.expert_id == expert.id, Assignment.is_asked)
    if context.newsletter:  # a mail to one newsletter doesn't concern others
        query = query.where(Assignment.newsletter_id == context.newsletter.id)
    assignments = list(context.session.scalars(query.order_by(Assignment.id)))
    if not assignments:
        return None
    first = assignments[0]
    assignment_id = first.id if len(assignments) == 1 else None  # with several, it is unknown which it is about
    return Decision("pen", (FROM_EXPERT,), first.newsletter_id, assignment_id)


def mail_from_reader(context: InboundContext) -> Decision:
    """Decide about any other mail: a reader's letter if it has text and was sent to a newsletter that is going."""
    text_reasons = _text_reasons(context)
    if not context.has_database:
        return Decision("pen" if text_reasons else "letter", tuple(text_reasons))
    newsletter = context.newsletter
    reasons: list[str] = []
    if newsletter is None:
        reasons.append(inbound.UNADDRESSED)
    elif not newsletter.is_going:
        reasons.append(CLOSED)
    if len(context.mail.senders) > 1:
        reasons.append("two senders")
    reasons += text_reasons
    edition_id = _find_replied_edition_id(context)
    if reasons or newsletter is None:
        return Decision("pen", tuple(reasons), context.desk_newsletter_id, edition_id=edition_id)
    return Decision("letter", (), newsletter.id, edition_id=edition_id, author="reader")


def _find_replied_edition_id(context: InboundContext) -> int | None:
    """Return the id of the edition that a reader replies to, or None.

    It is found by its Message-ID or reply address, or by the text that the reader quotes.
    """
    if context.newsletter is None:
        return None
    edition: Edition | None = context.replied_edition
    if edition is None and context.trimmed.rest:
        recent_editions = context.lookups.recent_editions(context.session, context.newsletter.id)
        edition = received_editions.find_quoted_edition(recent_editions, context.trimmed.rest)
    return edition.id if edition and edition.newsletter_id == context.newsletter.id else None


def may_acknowledge(context: InboundContext, decision: Decision) -> bool:
    """Return whether the sender may get our single acknowledgement.

    It is sent for a reader's letter to a newsletter that acknowledges letters, unless the mail asks for no automatic
    responses. It is only sent to a verified sender: an answer to a forged address would reach somebody who never wrote
    to us. The sender is verified last, because a DNS lookup reveals to a name server who writes to us.
    """
    is_readers_letter = decision.place == "letter" and decision.author == "reader"
    if not is_readers_letter or context.mail.all("X-Auto-Response-Suppress"):
        return False
    if context.newsletter is None or not context.newsletter.acknowledges:
        return False
    if any(is_newsletter_address(context.sender, newsletter) for newsletter in context.newsletters):
        return False
    return verify_sender(context, context.mail.from_address).ok
