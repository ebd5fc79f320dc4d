"""The context in which the routing rules (routing.py) decide about a mail: its contents, and what the database knows
about it, each looked up once. Also the values that result from a decision.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from ..answers.models import Assignment
from ..editions.models import Edition
from ..mail import fingerprint, inbound, leases, outbox
from ..mail.identifiers import bracketed
from ..mail.models import Inbound, OutboxMail
from ..mail.reading import ParserClient
from ..mail.reply_address import bounce_tokens_in, is_forward, tokens_in
from ..mail.secret_links import without_secrets
from ..mailtext.incoming import AttachedFile, Forward, Mail, Mailbox, TrimContext, Trimmed
from ..mailtext.origin import robots
from ..mailtext.origin.authentication import SenderVerdict
from ..mailtext.parsing.parse import MAX_PARSED
from ..newsletters.models import Newsletter
from ..people.models import Link, Person
from ..text.clean import clean, single_line
from ..workflows.back_issues import received_editions
from .batch import BatchLookups, is_newsletter_address

MAX_REFERENCES = 50  # Message-IDs that are looked up per header; of References the last ones
MAX_QUOTABLE = 3  # texts of our mails, or of editions, that the trimmer gets
TEST_KIND = "house.test"  # the kind of the operator's test mails


@dataclass(frozen=True)
class Decision:
    """The place of a mail (a state of `Inbound`) and the reasons, as codes.

    The ids name what the mail seems to be about, even if that is unproven.
    """

    place: str
    reasons: tuple[str, ...] = ()
    newsletter_id: int | None = None
    assignment_id: int | None = None
    edition_id: int | None = None
    outbox_id: int | None = None
    duplicate_of_id: int | None = None
    author: str = ""  # of a letter: "reader" or "expert", or "forward" for a reader's letter that was forwarded
    forwarded_by_id: int | None = None
    bounce_reply: str | None = None  # the reply of a server that permanently failed to deliver our mail

    @property
    def columns(self) -> dict[str, Any]:
        """The columns that are stored with the mail."""
        names = ("newsletter_id", "assignment_id", "edition_id", "outbox_id", "duplicate_of_id")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class DecidedMail:
    """A claimed mail with the decision about it, and what is needed to carry out the decision, as plain values."""

    claim: leases.LeasedInbound
    decision: Decision
    content: str  # canonical, see `InboundContext.content`
    reading: inbound.MailContent
    message_id: str
    body: str
    may_acknowledge: bool

    @property
    def is_duplicate(self) -> bool:
        return self.decision.place == "duplicate"


_YES = re.compile(r"yes\b", re.IGNORECASE)
# SpamAssassin ("Yes, score=5.3 required=5.0"), rspamd ("default: False [1.20 / 15.00]"), and a bare number.
_SPAM_SCORE = re.compile(
    r"score=(-?\d{1,4}\.?\d{0,3})(?:\s+required=(\d{1,4}\.?\d{0,3}))?"
    r"|\[(-?\d{1,4}\.?\d{0,3}) / (\d{1,4}\.?\d{0,3})\]|^\s*(-?\d{1,4}(?:\.\d{1,3})?)\s*$"
)


def is_spam(mail: Mail) -> bool:
    return any(_YES.match(value.strip()) for name in ("X-Spam-Flag", "X-Spam-Status") for value in mail.all(name))


def spam_score(mail: Mail) -> str:
    """Return the spam filter's score: "5.3", or "5.3 of 6.0" if it states its threshold; "" if there is none."""
    for name in ("X-Spam-Status", "X-Spamd-Result", "X-Spam-Score", "X-Rspamd-Score"):
        for value in mail.all(name):
            if match := _SPAM_SCORE.search(value):
                score = match[1] or match[3] or match[5]
                threshold = match[2] or match[4]
                return f"{score} of {threshold}" if threshold else score
    return ""


class MailContents(NamedTuple):
    """The contents of a mail as the parser process finds them.

    `has_more` means that more files are attached than are listed. `forward` is the forwarded mail, in a mail to the
    address to which the desk forwards letters.
    """

    trimmed: Trimmed
    files: tuple[AttachedFile, ...]
    has_more: bool = False
    forward: Forward | None = None


def get_untrimmed_contents(mail: Mail) -> MailContents:
    """Return the contents of a mail that the parser process has not examined: its whole body counts as text."""
    files = tuple(AttachedFile(single_line(attachment.name), attachment.bytes) for attachment in mail.attachments)
    return MailContents(Trimmed(mail.body), files)


def find_contents(
    parser: ParserClient, raw: bytes, mail: Mail, trim_context: TrimContext, *, is_forward: bool
) -> MailContents:
    """Find the text, the files and the forwarded mail, in the parser process. Raises `NotStarted`."""
    contents = get_untrimmed_contents(mail)._replace(trimmed=parser.trim(mail, trim_context))
    if (mail.attachments or len(raw) > MAX_PARSED) and (listed := parser.files(raw)):
        files, has_more = listed
        contents = contents._replace(files=files, has_more=has_more)
    if is_forward:
        contents = contents._replace(forward=parser.forwarded(raw, trim_context))
    return contents


class RelatedIds(NamedTuple):
    newsletter_id: int | None = None
    assignment_id: int | None = None


class InboundContext:
    """A mail and what the routing rules may ask about it.

    Without a `session` there is no database, and only the mail itself is examined. `row` is the stored mail; until it
    is placed, its newsletter is the owner of the mailbox from which it was fetched.
    """

    def __init__(
        self, session: Session | None, raw: bytes, mail: Mail, lookups: BatchLookups, row: Inbound | None = None
    ) -> None:
        self._session = session
        self.raw = raw
        self.mail = mail
        self.lookups = lookups
        self.row_id = row.id if row else None
        self.mailbox_newsletter_id = row.newsletter_id if row else None
        self.set_contents(get_untrimmed_contents(mail))
        self.verdicts_by_address: dict[str, SenderVerdict] = {}  # the cache of `screening.verify_sender`

    @property
    def has_database(self) -> bool:
        return self._session is not None

    @property
    def session(self) -> Session:
        """The session. Raises ValueError without a database: rules that use it belong in `RULES_WITH_DATABASE`."""
        if self._session is None:
            raise ValueError("this mail is judged without a database")
        return self._session

    def load_contents(self, parser: ParserClient) -> None:
        """Find the contents, in the parser process. Raises `NotStarted`."""
        is_forward = self.forwarded_to is not None
        self.set_contents(find_contents(parser, self.raw, self.mail, self.trim_context, is_forward=is_forward))

    def set_contents(self, contents: MailContents) -> None:
        self.trimmed, self.files, self.has_more, self.forward = contents

    def announce_lookups(self) -> None:
        """Announce what the rules will look up, so that one query fetches it for all mails of the batch."""
        self.announce_quotable()
        self.lookups.reply_links.announce(self.tokens)
        self.lookups.sent_by_return_token.announce([*self.tokens, *self._return_tokens])
        self.lookups.people.announce([self.mail.from_address] if self.sender else [])
        self.lookups.placed_by_content.announce([self.content(self.desk_newsletter_id)])

    def announce_quotable(self) -> None:
        """Announce what `trim_context` will look up."""
        self.lookups.sent_by_message_id.announce(self._own_and_referenced_ids)
        self.lookups.editions.announce(self.referenced_ids)

    @cached_property
    def text(self) -> str:
        """The text that the person wrote, without secret links, which they may quote from our mails."""
        return without_secrets(clean(self.trimmed.text))

    def content(self, newsletter_id: int | None) -> str:
        """Return the canonical content, by which a second copy of the mail to the same newsletter is recognized."""
        return f"{newsletter_id or 0} {self._fingerprint}"

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint.canonical(self.raw, self.mail)

    @property
    def reading(self) -> inbound.MailContent:
        """The contents as the desk sees them."""
        reading = inbound.MailContent(
            from_name=single_line(self.mail.from_name),
            from_address=self.mail.from_address,
            subject=single_line(self.mail.subject),
            date=self.mail.date.isoformat() if self.mail.date else "",
            language=self.mail.language,
            text=self.text,
            rest=without_secrets(clean(self.trimmed.rest)),
            attachments=self.files,
            has_more=self.has_more,
            spam_score=spam_score(self.mail),
            unread=max(0, len(self.raw) - MAX_PARSED),
        )
        return _show_forward(reading, self.forward) if self.forward else reading

    @cached_property
    def sender(self) -> str:
        """The address in From, for comparison."""
        return self.mail.from_address.strip().casefold()

    @cached_property
    def to(self) -> list[str]:
        return [box.address for box in self.mail.to]

    @cached_property
    def cc(self) -> list[str]:
        return [box.address for box in self.mail.cc]

    @cached_property
    def recipients(self) -> list[str]:
        """All addresses that the mail was sent to, according to its headers."""
        return [*self.to, *self.mail.delivered_to, *self.cc]

    @cached_property
    def judgement(self) -> robots.Judgement:
        """The judgement whether a person or a machine sent the mail."""
        return robots.judge(self.mail, self._own_identifiers())

    def _own_identifiers(self) -> frozenset[str]:
        """Return the addresses and Message-IDs by which our own mail is recognized."""
        if not self.has_database:
            return frozenset()
        own_id = bracketed(self.mail.message_id)
        return frozenset(self.lookups.own_addresses(self.session) | ({own_id} & self._sent_by_id.keys()))

    def get_person(self, address: str) -> Person | None:
        return self.lookups.people.get_many(self.session, [address]).get(address)

    @cached_property
    def newsletters(self) -> list[Newsletter]:
        """All newsletters of this installation."""
        return self.lookups.newsletters(self._session)

    @cached_property
    def newsletter(self) -> Newsletter | None:
        """The newsletter that the mail was sent to, or None.

        The recipients according to mail servers decide, then those in To and Cc, then the mailbox. If several
        newsletters are in To and Cc, the owner of the mailbox comes first. If none of these names a newsletter, the
        only newsletter of this installation gets the mail.
        """
        delivered = self._find_newsletters(self.mail.delivered_to)
        addressed = self._find_newsletters(self.recipients)
        of_mailbox = [newsletter for newsletter in self.newsletters if newsletter.id == self.mailbox_newsletter_id]
        addressed_of_mailbox = [newsletter for newsletter in addressed if newsletter in of_mailbox]
        only = self.newsletters if len(self.newsletters) == 1 else []
        for candidates in (delivered, addressed_of_mailbox, addressed, of_mailbox, only):
            if candidates:
                return candidates[0]
        return None

    def _find_newsletters(self, addresses: Sequence[str]) -> list[Newsletter]:
        """Return the newsletters with these addresses, in the order of the addresses."""
        return [
            newsletter
            for address in addresses
            for newsletter in self.newsletters
            if is_newsletter_address(address.strip().casefold(), newsletter)
        ]

    @property
    def desk_newsletter_id(self) -> int | None:
        """The id of the newsletter whose desk gets the mail: the oldest newsletter if the mail was sent to none."""
        newsletter = self.newsletter or next(iter(self.newsletters), None)
        return newsletter.id if newsletter else self.mailbox_newsletter_id

    @cached_property
    def forwarded_to(self) -> Newsletter | None:
        """The newsletter to whose address for forwarded mail this mail was sent, or None."""
        for newsletter in self.newsletters:
            if newsletter.inbox and is_forward(self.recipients, newsletter.inbox):
                return newsletter
        return None

    @cached_property
    def _inbox_patterns(self) -> list[str]:
        return self.lookups.inbox_patterns(self._session)

    @cached_property
    def tokens(self) -> list[str]:
        """The reply tokens in all recipients."""
        return tokens_in(self.recipients, self._inbox_patterns)

    @cached_property
    def addressed_tokens(self) -> list[str]:
        """The reply tokens in To, and those in Delivered-To that are not in Cc: others have seen a token in Cc."""
        in_to = tokens_in(self.to, self._inbox_patterns)
        in_cc = tokens_in(self.cc, self._inbox_patterns)
        delivered = tokens_in(self.mail.delivered_to, self._inbox_patterns)
        return in_to + [token for token in delivered if token not in in_cc and token not in in_to]

    @cached_property
    def reply_links(self) -> dict[str, Link]:
        """The links of the reply tokens, including those that have expired or were revoked."""
        return self.lookups.reply_links.get_many(self.session, self.tokens)

    @cached_property
    def unknown_tokens(self) -> list[str]:
        """The tokens that look like ours but belong neither to a link nor to the edition that the mail replies to."""
        edition_token = (
            received_editions.reply_token(self.session, self.replied_edition) if self.replied_edition else None
        )
        return [token for token in self.tokens if token not in self.reply_links and token != edition_token]

    @cached_property
    def _return_tokens(self) -> list[str]:
        return_path = self.lookups.settings.return_path
        patterns = [*self._inbox_patterns, return_path] if return_path else self._inbox_patterns
        return bounce_tokens_in(self.recipients, patterns)

    @cached_property
    def referenced_ids(self) -> list[str]:
        """The Message-IDs that the mail replies to, in angle brackets as we store our own."""
        stated = dict.fromkeys([*self.mail.in_reply_to[:MAX_REFERENCES], *self.mail.references[-MAX_REFERENCES:]])
        return [message_id for message_id in map(bracketed, stated) if message_id]

    @cached_property
    def _own_and_referenced_ids(self) -> list[str]:
        own_id = bracketed(self.mail.message_id)
        return [*self.referenced_ids, own_id] if own_id else self.referenced_ids

    @cached_property
    def _sent_by_id(self) -> dict[str, OutboxMail]:
        """Our mails that the mail replies to, and the mail itself if it is one of ours, by Message-ID."""
        return self.lookups.sent_by_message_id.get_many(self.session, self._own_and_referenced_ids)

    def find_sent_mail(self, message_id: str) -> OutboxMail | None:
        """Return our mail with this Message-ID, or None."""
        key = bracketed(message_id)
        return self.lookups.sent_by_message_id.get_many(self.session, [key]).get(key) if key else None

    @cached_property
    def answered_mails(self) -> list[OutboxMail]:
        """Our mails that the mail replies to, newest first."""
        answered = [self._sent_by_id[key] for key in self.referenced_ids if key in self._sent_by_id]
        return sorted(answered, key=lambda mail: -mail.id)

    @cached_property
    def answered_expert_mail(self) -> OutboxMail | None:
        """Our newest mail to an expert that the mail replies to."""
        to_experts = (mail for mail in self.answered_mails if mail.assignment_id and mail.kind.startswith("expert."))
        return next(to_experts, None)

    @cached_property
    def answered_translator_mail(self) -> OutboxMail | None:
        """Our newest mail to a translator that the mail replies to."""
        return next((mail for mail in self.answered_mails if mail.kind.startswith("translator.")), None)

    @cached_property
    def returned_mail(self) -> OutboxMail | None:
        """Our mail to whose return path this mail was sent."""
        returned = self.lookups.sent_by_return_token.get_many(self.session, self._return_tokens)
        return next(iter(returned.values()), None)

    @cached_property
    def test_mail(self) -> OutboxMail | None:
        """The operator's test mail that the mail is or replies to, by Message-ID or by the token in a recipient."""
        message_ids = [bracketed(self.mail.message_id), *self.referenced_ids]
        by_id = [self._sent_by_id[key] for key in message_ids if key in self._sent_by_id]
        by_token = self.lookups.sent_by_return_token.get_many(self.session, self.tokens).values()
        return next((mail for mail in [*by_id, *by_token] if mail.kind == TEST_KIND), None)

    @cached_property
    def replied_edition(self) -> Edition | None:
        """The edition that the mail replies to, by a Message-ID (the newest of several) or a reply address."""
        editions = self.lookups.editions.get_many(self.session, self.referenced_ids).values()
        if editions:
            return max(editions, key=lambda edition: edition.id)
        other_tokens = [token for token in self.tokens if token not in self.reply_links]
        return received_editions.find_by_reply_tokens(self.session, other_tokens)

    @cached_property
    def related_ids(self) -> RelatedIds:
        """The newsletter and the assignment that the mail seems to be about.

        Found by a reply token, or by our mail that the mail replies to or returns.
        """
        for link in self.reply_links.values():
            if assignment := self.session.get(Assignment, link.assignment_id or 0):
                return RelatedIds(assignment.newsletter_id, assignment.id)
        mail = self.answered_expert_mail or self.returned_mail
        return RelatedIds(mail.newsletter_id, mail.assignment_id) if mail else RelatedIds()

    def find_original(self, content: str, destination: str) -> Inbound | None:
        """Return the earlier mail that a mail with this content would repeat in the place `destination`, or None.

        See `inbound.find_original`.
        """
        placed = self.lookups.placed_by_content.get_many(self.session, [content]).get(content, ())
        return inbound.find_original(placed, destination)

    @cached_property
    def trim_context(self) -> TrimContext:
        """The newsletters' addresses, and the texts of our mails, or else of editions, that the mail may quote."""
        if not self.has_database:
            return TrimContext()
        addresses = self.lookups.newsletter_addresses(self.session)
        answered = [mail for mail in self.answered_mails[:MAX_QUOTABLE] if outbox.has_contents(self.session, mail)]
        texts = tuple(outbox.read(self.session, mail).text for mail in answered)
        editions = () if texts else tuple(self._quotable_editions())
        return TrimContext(addresses, texts, editions)

    def _quotable_editions(self) -> Sequence[str]:
        if self.replied_edition:
            return list(received_editions.get_quotable_texts(self.session, [self.replied_edition]).values())
        may_quote = self.referenced_ids or "\n>" in self.mail.body or self.mail.html
        if self.newsletter and may_quote:
            recent = self.lookups.recent_editions(self.session, self.newsletter.id)
            return [edition.text for edition in recent[:MAX_QUOTABLE]]
        return []


def _show_forward(reading: inbound.MailContent, forward: Forward) -> inbound.MailContent:
    """Return the contents of the forwarded mail. Without a known author it has no address, so no reply is sent."""
    author = forward.author or Mailbox(f"{reading.from_name} <{reading.from_address}>", "")
    authored = replace(reading, from_name=single_line(author.name), from_address=author.address)
    if not forward.text:
        return authored
    return replace(
        authored,
        language=forward.language,
        text=without_secrets(clean(forward.text)),
        rest=without_secrets(clean(forward.rest)),
        comment=without_secrets(clean(forward.comment)),
    )
