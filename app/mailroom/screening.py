"""The judges of mails that no person wrote to us: unreadable mails, tests, our own mails, editions, bounces and
complaints, automatic mails, spam. Also the checks for duplicates and verified senders."""

import re
from typing import Any

from ..mail.models import OutboxMail
from ..mailtext.origin import bounces, senders
from ..newsletters.models import Newsletter
from ..workflows.back_issues import received_editions
from .inbound_context import Decision, InboundContext, is_spam

UNREADABLE = ("bytes", "parts", "depth", "time")  # the limits that a mail exceeded; its bytes are kept
TESTED = "test mail"  # the operator's
OF_A_LIST = {"list", "precedence"}  # signs of a mailing list, through which a person may reply to us
_MESSAGE_ID = re.compile(r"^message-id:\s{0,20}(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)


def duplicate(case: InboundContext, decision: Decision) -> Decision | None:
    """Return a decision for a mail that repeats one placed before, even if that was withdrawn since, else None."""
    first = case.first_with(case.content(decision.newsletter_id), decision.place)
    if first is None or first.id == case.row_id:
        return None
    return Decision("duplicate", ("same content",), first.newsletter_id, duplicate_of_id=first.id)


def unreadable(case: InboundContext) -> Decision | None:
    """Judge a mail that exceeded a limit of the parser or crashed it: it has failed."""
    over = tuple(fault for fault in UNREADABLE if fault in case.mail.faults)
    if over == ("bytes",) and case.words:
        return None  # a photo below the text, or an endless page; the number of unread bytes is stored
    if "broken" in case.mail.faults and not (case.mail.body or case.mail.attachments or case.mail.report):
        over = (*over, "broken")
    return Decision("failed", over, case.any_newsletter_id) if over else None


def operator_test(case: InboundContext) -> Decision | None:
    """Judge the operator's test mail when it comes back. A bounce of it is judged like any other bounce."""
    if case.tested is None or case.judgement.kind in ("bounce", "complaint") or case.returned is not None:
        return None
    shown = verify_sender(case, case.mail.from_address).reasons
    return Decision("automatic", (TESTED, *shown), case.any_newsletter_id, outbox_id=case.tested.id)


def own_mail(case: InboundContext) -> Decision | None:
    """Judge our own mail that comes back through a mailing list, a forwarder, or a loop."""
    if case.judgement.kind != "ours":
        return None
    return Decision("automatic", ("ours", *case.judgement.reasons), case.any_newsletter_id)


def edition(case: InboundContext) -> Decision | None:
    """Judge an edition of the newsletter, which arrives if the desk's address is on its list."""
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
    """Return the verdict whether a mail is from this address, by our server's results or by DNS lookups."""
    if address not in case.shown:
        settings = case.house.settings
        case.shown[address] = senders.check(case.mail, address, settings.server, case.raw, settings.dns)
    return case.shown[address]


def report(case: InboundContext) -> Decision | None:
    """Judge a bounce of our mail, or a provider's report of a complaint about it."""
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
        # Mail to a return path is from a program, or from a person whose mail program replies to the wrong address.
        place = "automatic" if case.judgement.kind == "automatic" else "pen"
        return Decision(place, ("return path", *case.judgement.reasons), **facts)
    kind = "permanent" if bounce and bounce.permanent else "delayed" if bounce else "unclear"
    reasons = (kind, *(() if mail else ("unknown mail",)), *case.judgement.reasons)
    # Anybody who knows a Message-ID of ours could forge a bounce; only servers see the token of the return path.
    sure = bounce and bounce.permanent and mail and (case.returned or not case.house.settings.return_path)
    said = (f"{bounce.status} {bounce.said}".strip() or "bounced") if bounce and sure else None
    return Decision("bounce", reasons, said=said, **facts)


def _find_reported_mail(case: InboundContext, message_id: str) -> OutboxMail | None:
    """Return our mail that a report is about: by the token of the return path, or by the Message-ID in the report."""
    return None if case.session is None else case.returned or case.sent_as(message_id)


def _quoted_id(case: InboundContext) -> str:
    """Return the Message-ID of the mail in a complaint, or an empty string."""
    found = (_MESSAGE_ID.search(text) for kind, text in case.mail.report if kind.lower() != "message/feedback-report")
    return next((match[1] for match in found if match), "")


def robot(case: InboundContext) -> Decision | None:
    """Judge an automatic mail. A vacation notice for an invitation names its assignment, whose question shows it."""
    if case.judgement.kind != "automatic" or (set(case.judgement.reasons) <= OF_A_LIST and answers_us(case)):
        return None
    newsletter_id, assignment_id = case.about if case.session else (None, None)
    newsletter_id, reasons = newsletter_id or case.any_newsletter_id, case.judgement.reasons
    outbox_id = case.answered[0].id if case.session and case.answered else None
    return Decision("automatic", reasons, newsletter_id, assignment_id, outbox_id=outbox_id)


def answers_us(case: InboundContext) -> bool:
    return case.session is not None and bool(case.reply_links or case.answered or case.stated_edition)


def spam(case: InboundContext) -> Decision | None:
    """Judge a mail that our server's filter marked as spam. One with a reply token is left to `by_token`."""
    if not is_spam(case.mail) or (case.session is not None and case.reply_links):
        return None
    return Decision("spam", ("spam filter",), case.any_newsletter_id)
