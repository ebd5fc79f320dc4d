"""Screens a mail by itself, before anybody asks whom it is for: seen before, unreadable, ours, a robot's,
spam."""

import re
from typing import Any

from ..mail.models import OutboxMail
from ..mailtext.origin import bounces, senders
from ..newsletters.models import Newsletter
from ..workflows.back_issues import received_editions
from .inbound_context import Decision, InboundContext, is_spam

UNREADABLE = ("bytes", "parts", "depth", "time")  # what a mail exceeded; the bytes are kept
TESTED = "test mail"  # the operator's
OF_A_LIST = {"list", "precedence"}  # signs of a mailing list, through which a person may answer us
_MESSAGE_ID = re.compile(r"^message-id:\s{0,20}(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)


def duplicate(case: InboundContext, decision: Decision) -> Decision | None:
    """A mail that would only repeat what has its place already, even where that was taken back since."""
    first = case.first_with(case.content(decision.newsletter_id), decision.place)
    if first is None or first.id == case.row_id:
        return None
    return Decision("duplicate", ("same content",), first.newsletter_id, duplicate_of_id=first.id)


def unreadable(case: InboundContext) -> Decision | None:
    """It exceeded a limit, or the process that read it died of it."""
    over = tuple(fault for fault in UNREADABLE if fault in case.mail.faults)
    if over == ("bytes",) and case.words:
        return None  # a photo below the words, or a page without end; what wasn't read is noted
    if "broken" in case.mail.faults and not (case.mail.body or case.mail.attachments or case.mail.report):
        over = (*over, "broken")
    return Decision("failed", over, case.any_newsletter_id) if over else None


def operator_test(case: InboundContext) -> Decision | None:
    """The operator's test comes back: it is never anybody's letter. A bounce of it is one like all others."""
    if case.tested is None or case.judgement.kind in ("bounce", "complaint") or case.returned is not None:
        return None
    shown = verify_sender(case, case.mail.from_address).reasons
    return Decision("automatic", (TESTED, *shown), case.any_newsletter_id, outbox_id=case.tested.id)


def own_mail(case: InboundContext) -> Decision | None:
    """Our own mail comes back: through a list, a forwarder, or a loop."""
    if case.judgement.kind != "ours":
        return None
    return Decision("automatic", ("ours", *case.judgement.reasons), case.any_newsletter_id)


def edition(case: InboundContext) -> Decision | None:
    """The newsletter itself arrives, because the desk's address is on its list."""
    newsletter = next((one for one in case.newsletters if _mails_it(case, one)), None)
    found = received_editions.find_arriving_edition(case.books, newsletter.id, case.mail.body) if newsletter else None
    if newsletter is None or found is None:
        return None
    return Decision("edition", ("our edition",), newsletter.id, edition_id=found.id)


def _mails_it(case: InboundContext, newsletter: Newsletter) -> bool:
    if not newsletter.list_address or case.sender != newsletter.list_address.casefold():
        return False
    if case.house.settings.checks:
        return verify_sender(case, newsletter.list_address).ok
    return any(case.mail.all(name) for name in ("List-Id", "List-Unsubscribe", "List-Post"))


def verify_sender(case: InboundContext, address: str) -> senders.Verdict:
    """Return whether the mail is from this address, as far as our server or a look-up shows it."""
    if address not in case.shown:
        settings = case.house.settings
        case.shown[address] = senders.check(case.mail, address, settings.server, case.raw, settings.dns)
    return case.shown[address]


def report(case: InboundContext) -> Decision | None:
    """A server says that it could not deliver our mail, or a provider that somebody complained."""
    if case.judgement.kind not in ("bounce", "complaint") and not (case.session and case.returned):
        return None
    bounce = bounces.read(case.raw, case.mail)
    mail = _find_reported_mail(case, bounce.original_message_id if bounce else _quoted_id(case))
    facts: dict[str, Any] = {
        "newsletter_id": (mail and mail.newsletter_id) or case.any_newsletter_id,
        "outbox_id": mail.id if mail else None,
        "assignment_id": mail.assignment_id if mail else None,
    }
    if case.judgement.kind == "complaint":
        return Decision("automatic", ("complaint", *case.judgement.reasons), **facts)
    if bounce is None and case.judgement.kind != "bounce":
        # Who answers a return path is a robot, or a person whose program knows no better.
        place = "automatic" if case.judgement.kind == "automatic" else "pen"
        return Decision(place, ("return path", *case.judgement.reasons), **facts)
    kind = "permanent" if bounce and bounce.permanent else "delayed" if bounce else "unclear"
    reasons = (kind, *(() if mail else ("unknown mail",)), *case.judgement.reasons)
    # Who knows one of our Message-IDs could write a bounce of it; the token of its return path only servers have seen.
    sure = bounce and bounce.permanent and mail and (case.returned or not case.house.settings.return_path)
    said = (f"{bounce.status} {bounce.said}".strip() or "bounced") if bounce and sure else None
    return Decision("bounce", reasons, said=said, **facts)


def _find_reported_mail(case: InboundContext, message_id: str) -> OutboxMail | None:
    """Our mail that a report is about: by the return path's token, else by the Message-ID that the report quotes."""
    return None if case.session is None else case.returned or case.sent_as(message_id)


def _quoted_id(case: InboundContext) -> str:
    """The Message-ID of the mail that a complaint holds."""
    found = (_MESSAGE_ID.search(text) for kind, text in case.mail.report if kind.lower() != "message/feedback-report")
    return next((match[1] for match in found if match), "")


def robot(case: InboundContext) -> Decision | None:
    """No person wrote it. A vacation notice for an invitation says which one, so that its question can show it."""
    if case.judgement.kind != "automatic" or (set(case.judgement.reasons) <= OF_A_LIST and answers_us(case)):
        return None
    newsletter_id, assignment_id = case.about if case.session else (None, None)
    newsletter_id, reasons = newsletter_id or case.any_newsletter_id, case.judgement.reasons
    outbox_id = case.answered[0].id if case.session and case.answered else None
    return Decision("automatic", reasons, newsletter_id, assignment_id, outbox_id=outbox_id)


def answers_us(case: InboundContext) -> bool:
    return case.session is not None and bool(case.reply_links or case.answered or case.stated_edition)


def spam(case: InboundContext) -> Decision | None:
    """Our server's filter says so. What has a token of ours goes to the holding pen instead, with that reason."""
    if not is_spam(case.mail) or (case.session is not None and case.reply_links):
        return None
    return Decision("spam", ("spam filter",), case.any_newsletter_id)
