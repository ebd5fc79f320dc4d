"""The routing rules for mails that no person wrote to us: unreadable mails, tests, our own mails, editions, bounces and
complaints, automatic mails, spam. Also the checks for duplicates and verified senders.

A rule returns its decision about a mail, or None to leave the mail to the next rule.
"""

import re
from typing import Any

from ..mail.models import OutboxMail
from ..mailtext.origin import bounces, senders
from ..newsletters.models import Newsletter
from ..workflows.back_issues import received_editions
from .inbound_context import Decision, InboundContext, is_spam

PARSER_LIMITS = ("bytes", "parts", "depth", "time")  # faults of mails that exceeded a limit of the parser
OPERATOR_TEST = "test mail"
LIST_REASONS = {"list", "precedence"}  # signs of a mailing list, through which a person may reply to us
_MESSAGE_ID = re.compile(r"^message-id:\s{0,20}(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)


def find_duplicate(context: InboundContext, decision: Decision) -> Decision | None:
    """Decide about a mail that repeats an earlier one, even if the earlier one has been withdrawn."""
    original = context.find_original(context.content(decision.newsletter_id), decision.place)
    if original is None or original.id == context.row_id:
        return None
    return Decision("duplicate", ("same content",), original.newsletter_id, duplicate_of_id=original.id)


def verify_sender(context: InboundContext, address: str) -> senders.SenderVerdict:
    """Return the verdict whether a mail is from this address, by our mail server's results or by DNS lookups."""
    verdicts, settings = context.verdicts_by_address, context.lookups.settings
    if address not in verdicts:
        verdicts[address] = senders.check(context.mail, address, settings.server, context.raw, settings.dns)
    return verdicts[address]


def unreadable_mail(context: InboundContext) -> Decision | None:
    """Mark a mail as failed that exceeded a limit of the parser or crashed it. Its bytes are kept."""
    exceeded = tuple(limit for limit in PARSER_LIMITS if limit in context.mail.faults)
    if exceeded == ("bytes",) and context.text:
        return None  # such as a photo below the text, or an endless page; the number of unread bytes is stored
    is_empty = not (context.mail.body or context.mail.attachments or context.mail.report)
    if "broken" in context.mail.faults and is_empty:
        exceeded = (*exceeded, "broken")
    return Decision("failed", exceeded, context.desk_newsletter_id) if exceeded else None


def operator_test(context: InboundContext) -> Decision | None:
    """Recognize the operator's test mail when it comes back. A bounce of it is treated like any other bounce."""
    is_report = context.judgement.kind in ("bounce", "complaint")
    if context.test_mail is None or is_report or context.returned_mail is not None:
        return None
    reasons = verify_sender(context, context.mail.from_address).reasons
    return Decision("automatic", (OPERATOR_TEST, *reasons), context.desk_newsletter_id, outbox_id=context.test_mail.id)


def own_mail(context: InboundContext) -> Decision | None:
    """Recognize our own mail that comes back through a mailing list, a forwarder, or a loop."""
    if context.judgement.kind != "ours":
        return None
    return Decision("automatic", ("ours", *context.judgement.reasons), context.desk_newsletter_id)


def arriving_edition(context: InboundContext) -> Decision | None:
    """Recognize an edition of the newsletter, which arrives if the desk's address is on its list."""
    for newsletter in context.newsletters:
        if _is_from_list(context, newsletter):
            edition = received_editions.find_arriving_edition(context.session, newsletter.id, context.mail.body)
            return Decision("edition", ("our edition",), newsletter.id, edition_id=edition.id) if edition else None
    return None


def _is_from_list(context: InboundContext, newsletter: Newsletter) -> bool:
    """Return whether a mail is from the address that a newsletter's editions are sent from.

    If senders can't be verified, the headers of a mailing list are enough.
    """
    if not newsletter.list_address or context.sender != newsletter.list_address.casefold():
        return False
    if context.lookups.settings.can_verify_senders:
        return verify_sender(context, newsletter.list_address).ok
    return any(context.mail.all(name) for name in ("List-Id", "List-Unsubscribe", "List-Post"))


def delivery_report(context: InboundContext) -> Decision | None:
    """Decide about a bounce of our mail, or about a provider's report that somebody complained about our mail."""
    kind, robot_reasons = context.judgement.kind, context.judgement.reasons
    if kind not in ("bounce", "complaint") and not (context.has_database and context.returned_mail):
        return None
    bounce = bounces.parse_bounce(context.raw, context.mail)
    mail = _find_reported_mail(context, bounce.original_message_id if bounce else _get_reported_id(context))
    related_ids: dict[str, Any] = {
        "newsletter_id": (mail and mail.newsletter_id) or context.desk_newsletter_id,
        "outbox_id": mail.id if mail else None,
        "assignment_id": mail.assignment_id if mail else None,
    }
    if kind == "complaint":
        return Decision("automatic", ("complaint", *robot_reasons), **related_ids)
    if bounce is None and kind != "bounce":
        # Mail to a return path is from a program, or from a person whose mail program replies to the wrong address.
        place = "automatic" if kind == "automatic" else "pen"
        return Decision(place, ("return path", *robot_reasons), **related_ids)
    unknown = () if mail else ("unknown mail",)
    if bounce is None:
        return Decision("bounce", ("unclear", *unknown, *robot_reasons), **related_ids)
    outcome = "permanent" if bounce.permanent else "delayed"
    bounce_reply = _get_permanent_reply(context, bounce) if mail else None
    return Decision("bounce", (outcome, *unknown, *robot_reasons), bounce_reply=bounce_reply, **related_ids)


def _find_reported_mail(context: InboundContext, message_id: str) -> OutboxMail | None:
    """Return our mail that a report is about: by the token of the return path, or by the Message-ID in the report."""
    if not context.has_database:
        return None
    return context.returned_mail or context.find_sent_mail(message_id)


def _get_reported_id(context: InboundContext) -> str:
    """Return the Message-ID of the mail that a complaint is about, or an empty string."""
    for media_type, text in context.mail.report:
        if media_type.lower() != "message/feedback-report" and (match := _MESSAGE_ID.search(text)):
            return match[1]
    return ""


def _get_permanent_reply(context: InboundContext, bounce: bounces.Bounce) -> str | None:
    """Return the server's reply if the bounce is permanent and can be trusted, else None.

    Anybody who knows a Message-ID of ours could forge a bounce, but only servers see the token of a return path. So if
    return paths have tokens, only a bounce with such a token is trusted.
    """
    is_trusted = context.returned_mail or not context.lookups.settings.return_path
    if not (bounce.permanent and is_trusted):
        return None
    return f"{bounce.status} {bounce.reason}".strip() or "bounced"


def automatic_mail(context: InboundContext) -> Decision | None:
    """Decide about a mail that a machine wrote.

    A vacation notice that answers an invitation gets the id of the assignment, on whose question it is shown.
    """
    reasons = context.judgement.reasons
    if context.judgement.kind != "automatic":
        return None
    if set(reasons) <= LIST_REASONS and _refers_to_us(context):
        return None  # a person's reply through a mailing list
    if not context.has_database:
        return Decision("automatic", reasons, context.desk_newsletter_id)
    newsletter_id = context.related_ids.newsletter_id or context.desk_newsletter_id
    outbox_id = context.answered_mails[0].id if context.answered_mails else None
    return Decision("automatic", reasons, newsletter_id, context.related_ids.assignment_id, outbox_id=outbox_id)


def _refers_to_us(context: InboundContext) -> bool:
    """Return whether a mail has a token of ours, or replies to our mail or an edition."""
    return context.has_database and bool(context.reply_links or context.answered_mails or context.replied_edition)


def spam(context: InboundContext) -> Decision | None:
    """Decide about a mail that our server's filter marked as spam, unless it has a reply token."""
    if not is_spam(context.mail) or (context.has_database and context.reply_links):
        return None
    return Decision("spam", ("spam filter",), context.desk_newsletter_id)
