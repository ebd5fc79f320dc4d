"""A mail that is to be placed, with all that its judges (app/mailroom/routing.py) may ask about it, and the values that
they return. Each fact is looked up once."""

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
from ..mail.reading import Reading
from ..mail.reply_address import bounce_tokens_in, is_forward, tokens_in
from ..mail.secret_links import without_secrets
from ..mailtext.incoming import File, Forward, Mail, Mailbox, TrimContext, Trimmed
from ..mailtext.origin import robots
from ..mailtext.origin.authentication import Verdict
from ..mailtext.parsing.parse import MAX_PARSED
from ..newsletters.models import Newsletter
from ..people.models import Link, Person
from ..text.clean import clean, single_line
from ..workflows.back_issues import received_editions
from .batch import House, is_newsletter_address


@dataclass(frozen=True)
class Decision:
    """The place of a mail, with `reasons` as codes. The ids tell what the mail seems to be about, even if unproven."""

    place: str
    reasons: tuple[str, ...] = ()
    newsletter_id: int | None = None
    assignment_id: int | None = None
    edition_id: int | None = None
    outbox_id: int | None = None
    duplicate_of_id: int | None = None
    author: str = ""  # of a letter: "reader" or "expert", or "forward" for a reader's letter that was forwarded
    forwarded_by_id: int | None = None
    said: str | None = None  # the text of a server that permanently failed to deliver our mail

    @property
    def facts(self) -> dict[str, Any]:
        """Return the columns that are stored with the mail."""
        names = ("newsletter_id", "assignment_id", "edition_id", "outbox_id", "duplicate_of_id")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Judged:
    """A claimed mail with its contents and the decision about it, as plain values."""

    claim: leases.Claim
    decision: Decision
    content: str
    reading: inbound.Reading
    message_id: str
    body: str
    answerable: bool

    @property
    def is_duplicate(self) -> bool:
        return self.decision.place == "duplicate"


_YES = re.compile(r"yes\b", re.IGNORECASE)
# SpamAssassin ("Yes, score=5.3 required=5.0"), rspamd ("default: False [1.20 / 15.00]"), and a bare number.
_SCORE = re.compile(
    r"score=(-?\d{1,4}\.?\d{0,3})(?:\s+required=(\d{1,4}\.?\d{0,3}))?"
    r"|\[(-?\d{1,4}\.?\d{0,3}) / (\d{1,4}\.?\d{0,3})\]|^\s*(-?\d{1,4}(?:\.\d{1,3})?)\s*$"
)


def is_spam(mail: Mail) -> bool:
    return any(_YES.match(value.strip()) for name in ("X-Spam-Flag", "X-Spam-Status") for value in mail.all(name))


def spam_score(mail: Mail) -> str:
    """Return the spam filter's score: "5.3", or "5.3 of 6.0" if it states its threshold; "" if there is none."""
    for name in ("X-Spam-Status", "X-Spamd-Result", "X-Spam-Score", "X-Rspamd-Score"):
        for value in mail.all(name):
            if found := _SCORE.search(value):
                number, limit = (found[1] or found[3] or found[5]), (found[2] or found[4])
                return f"{number} of {limit}" if limit else number
    return ""


class FoundContents(NamedTuple):
    """The contents of a mail: its text and what was cut from it, its attached files and whether there are more, and the
    forwarded mail in a mail to the address for those.
    """

    trimmed: Trimmed
    files: tuple[File, ...]
    has_more: bool = False
    forward: Forward | None = None


def uncut(mail: Mail) -> FoundContents:
    """Return the contents of a mail that was not trimmed or examined: all of its body is text."""
    return FoundContents(Trimmed(mail.body), tuple(File(single_line(one.name), one.bytes) for one in mail.attachments))


def find_contents(reading: Reading, raw: bytes, mail: Mail, trim_hints: TrimContext, is_forward: bool) -> FoundContents:
    """Find the text, the files and the forwarded mail, in the parser process. Raises `NotStarted`."""
    found = uncut(mail)._replace(trimmed=reading.trim(mail, trim_hints))
    if (mail.attachments or len(raw) > MAX_PARSED) and (listed := reading.files(raw)):
        files, has_more = listed
        found = found._replace(files=files, has_more=has_more)
    return found._replace(forward=reading.forwarded(raw, trim_hints)) if is_forward else found


REFERRED = 50  # Message-IDs that are looked up per header, of References the last
TEST = "house.test"  # the kind of the operator's test mails
QUOTABLE = 3  # texts of our mails or of editions that the trimmer gets


class InboundContext:
    """A mail as its judges see it. Without a database, `session` is None and only the mail itself is judged.

    `row` is the stored mail. Until it is placed, its newsletter is the one that its mailbox belongs to.
    """

    def __init__(
        self, session: Session | None, raw: bytes, mail: Mail, house: House, row: Inbound | None = None
    ) -> None:
        self.session, self.raw, self.mail, self.house = session, raw, mail, house
        self.row_id = row.id if row else None
        self.mailbox_newsletter_id = row.newsletter_id if row else None
        self.take_in(uncut(mail))
        self.shown: dict[str, Verdict] = {}  # the verdicts of `verify_sender`, by expected address

    @cached_property
    def books(self) -> Session:
        """The session. Raises ValueError if there is none; only the judges in `BY_THE_BOOKS` may use it."""
        if self.session is None:
            raise ValueError("this mail is judged without a database")
        return self.session

    def read(self, reading: Reading) -> None:
        """Find the contents, in the parser process. Raises `NotStarted`."""
        self.take_in(find_contents(reading, self.raw, self.mail, self.known, self.forwarded_to is not None))

    def take_in(self, contents: FoundContents) -> None:
        """Set the contents."""
        self.trimmed, self.files, self.has_more, self.forward = contents

    @cached_property
    def forwarded_to(self) -> Newsletter | None:
        """The newsletter to whose address for forwarded mail it was sent, if any."""
        taking = (one for one in self.newsletters if one.inbox)
        return next((one for one in taking if is_forward(self.recipients, one.inbox)), None)

    def content(self, newsletter_id: int | None) -> str:
        """Return the text by which a second copy of the mail to the same newsletter is recognized."""
        return f"{newsletter_id or 0} {self._canonical}"

    @cached_property
    def _canonical(self) -> str:
        return fingerprint.canonical(self.raw, self.mail)

    def expect(self) -> None:
        """Announce what will be looked up, so that one query fetches it for all mails of the batch."""
        house = self.house
        self.expect_quoted()
        house.links.expect(self.tokens)
        house.returned.expect([*self.tokens, *self._return_tokens])
        house.people.expect([self.mail.from_address] if self.sender else [])
        house.same.expect([self.content(self.any_newsletter_id)])

    def expect_quoted(self) -> None:
        """Announce what `known` will look up."""
        self.house.mails.expect(self._named_ids)
        self.house.editions.expect(self.message_ids)

    @cached_property
    def words(self) -> str:
        """The text that the person wrote, without secret links, which they may quote from our mails."""
        return without_secrets(clean(self.trimmed.text))

    @cached_property
    def sender(self) -> str:
        return self.mail.from_address.strip().casefold()

    @cached_property
    def to(self) -> list[str]:
        return [box.address for box in self.mail.to]

    @cached_property
    def cc(self) -> list[str]:
        return [box.address for box in self.mail.cc]

    @cached_property
    def recipients(self) -> list[str]:
        """All addresses that it was sent to, according to its headers."""
        return [*self.to, *self.mail.delivered_to, *self.cc]

    @cached_property
    def newsletters(self) -> list[Newsletter]:
        return self.house.newsletters(self.session)

    @cached_property
    def patterns(self) -> list[str]:
        return self.house.patterns(self.session)

    @cached_property
    def tokens(self) -> list[str]:
        """The reply tokens in all recipients."""
        return tokens_in(self.recipients, self.patterns)

    @cached_property
    def addressed_tokens(self) -> list[str]:
        """The reply tokens in To, and those in Delivered-To that are not in Cc: a token in Cc was passed around."""
        in_cc = set(tokens_in(self.cc, self.patterns))
        found, delivered = (tokens_in(addresses, self.patterns) for addresses in (self.to, self.mail.delivered_to))
        return found + [token for token in delivered if token not in in_cc and token not in found]

    @cached_property
    def reply_links(self) -> dict[str, Link]:
        """The links of the tokens, including those that have expired or were revoked."""
        return self.house.links.by(self.books, self.tokens)

    @cached_property
    def message_ids(self) -> list[str]:
        """The Message-IDs that the mail replies to, in the form of our own."""
        stated = dict.fromkeys([*self.mail.in_reply_to[:REFERRED], *self.mail.references[-REFERRED:]])
        return [one for one in map(bracketed, stated) if one]

    @cached_property
    def _ours_by_id(self) -> dict[str, OutboxMail]:
        """Our mails that it replies to, and itself if it is one of ours, by Message-ID."""
        return self.house.mails.by(self.books, self._named_ids)

    @cached_property
    def _named_ids(self) -> list[str]:
        return [*self.message_ids, *filter(None, [bracketed(self.mail.message_id)])]

    @cached_property
    def answered(self) -> list[OutboxMail]:
        """Our mails that it replies to, newest first."""
        found = [self._ours_by_id[one] for one in self.message_ids if one in self._ours_by_id]
        return sorted(found, key=lambda mail: -mail.id)

    @cached_property
    def answered_expert(self) -> OutboxMail | None:
        """Our newest mail to an expert that it replies to."""
        return next((mail for mail in self.answered if mail.assignment_id and mail.kind.startswith("expert.")), None)

    @cached_property
    def answered_translator(self) -> OutboxMail | None:
        """Our newest mail to a translator that it replies to."""
        return next((mail for mail in self.answered if mail.kind.startswith("translator.")), None)

    @cached_property
    def returned(self) -> OutboxMail | None:
        """Our mail to whose return path it was sent."""
        return next(iter(self.house.returned.by(self.books, self._return_tokens).values()), None)

    @cached_property
    def _return_tokens(self) -> list[str]:
        return bounce_tokens_in(self.recipients, [*self.patterns, *filter(None, [self.house.settings.return_path])])

    @cached_property
    def tested(self) -> OutboxMail | None:
        """The operator's test mail that it is or replies to, by Message-ID or by the token in a recipient."""
        named = [bracketed(self.mail.message_id), *self.message_ids]
        found = [self._ours_by_id[one] for one in named if one in self._ours_by_id]
        found += self.house.returned.by(self.books, self.tokens).values()
        return next((mail for mail in found if mail.kind == TEST), None)

    @cached_property
    def judgement(self) -> robots.Judgement:
        return robots.judge(self.mail, self._own_identifiers())

    def _own_identifiers(self) -> frozenset[str]:
        """Return the addresses and Message-IDs by which our own mail is recognized."""
        if self.session is None:
            return frozenset()
        own_id = bracketed(self.mail.message_id)
        return frozenset(self.house.own_addresses(self.session) | ({own_id} & self._ours_by_id.keys()))

    def sent_as(self, message_id: str) -> OutboxMail | None:
        """Return our mail with this Message-ID, or None."""
        named = bracketed(message_id)
        return self.house.mails.by(self.books, [named] if named else []).get(named)

    def person(self, address: str) -> Person | None:
        """Return the person with this address, or None."""
        return self.house.people.by(self.books, [address]).get(address)

    def first_with(self, content: str, destination: str) -> Inbound | None:
        """Return the mail with this content that a mail placed in `destination` would repeat, or None. See
        `inbound.find_original`."""
        return inbound.find_original(self.house.same.by(self.books, [content]).get(content, ()), destination)

    @cached_property
    def about(self) -> tuple[int | None, int | None]:
        """The ids of the newsletter and assignment that it seems to be about, by a token or a mail of ours that it
        replies to or returns."""
        for link in self.reply_links.values():
            if assignment := self.books.get(Assignment, link.assignment_id or 0):
                return assignment.newsletter_id, assignment.id
        mail = self.answered_expert or self.returned
        return (mail.newsletter_id, mail.assignment_id) if mail else (None, None)

    @cached_property
    def stated_edition(self) -> Edition | None:
        """The edition that it replies to, by a Message-ID or a reply address."""
        others = [token for token in self.tokens if token not in self.reply_links]
        named = self.house.editions.by(self.books, self.message_ids).values()
        return max(named, key=lambda edition: edition.id, default=None) or received_editions.find_by_reply_tokens(
            self.books, others
        )

    @cached_property
    def strange_tokens(self) -> list[str]:
        """The tokens that look like ours but are unknown."""
        known = {received_editions.reply_token(self.books, self.stated_edition)} if self.stated_edition else set()
        return [token for token in self.tokens if token not in self.reply_links and token not in known]

    @cached_property
    def newsletter(self) -> Newsletter | None:
        """The newsletter that it was sent to: by the recipients according to servers, then those in its headers, then
        the mailbox, or the only newsletter that there is."""
        written, everywhere = self._find_newsletters(self.recipients), self.newsletters
        here = [one for one in everywhere if one.id == self.mailbox_newsletter_id]
        both, only = [one for one in written if one in here], everywhere if len(everywhere) == 1 else []
        choices = (self._find_newsletters(self.mail.delivered_to), both, written, here, only)
        return next((some[0] for some in choices if some), None)

    def _find_newsletters(self, addresses: Sequence[str]) -> list[Newsletter]:
        """Return the newsletters with these addresses, in the order of the addresses."""
        return [
            one
            for address in addresses
            for one in self.newsletters
            if is_newsletter_address(address.strip().casefold(), one)
        ]

    @property
    def any_newsletter_id(self) -> int | None:
        """The id of the newsletter whose desk gets it: the oldest one's if it was sent to none."""
        newsletter = self.newsletter or next(iter(self.newsletters), None)
        return newsletter.id if newsletter else self.mailbox_newsletter_id

    @cached_property
    def known(self) -> TrimContext:
        """The context for the trimmer: our addresses, and the texts that this mail may quote."""
        if self.session is None:
            return TrimContext()
        mails = [mail for mail in self.answered[:QUOTABLE] if outbox.has_contents(self.books, mail)]
        texts = tuple(outbox.read(self.books, mail).text for mail in mails)
        return TrimContext(
            self.house.known_addresses(self.session), texts, () if texts else tuple(self._quotable_editions())
        )

    @property
    def reading(self) -> inbound.Reading:
        """The contents of the mail as the desk sees them."""
        read = inbound.Reading(
            from_name=single_line(self.mail.from_name),
            from_address=self.mail.from_address,
            subject=single_line(self.mail.subject),
            date=self.mail.date.isoformat() if self.mail.date else "",
            language=self.mail.language,
            text=self.words,
            rest=without_secrets(clean(self.trimmed.rest)),
            attachments=self.files,
            has_more=self.has_more,
            spam_score=spam_score(self.mail),
            unread=max(0, len(self.raw) - MAX_PARSED),
        )
        return self._of_forward(read, self.forward) if self.forward else read

    def _of_forward(self, read: inbound.Reading, forward: Forward) -> inbound.Reading:
        """Return the contents of the forwarded mail. Without a known author it has no address, so no reply is sent."""
        author = forward.author or Mailbox(f"{read.from_name} <{read.from_address}>", "")
        named = replace(read, from_name=single_line(author.name), from_address=author.address)
        if not forward.text:
            return named
        return replace(
            named,
            language=forward.language,
            text=without_secrets(clean(forward.text)),
            rest=without_secrets(clean(forward.rest)),
            comment=without_secrets(clean(forward.comment)),
        )

    def _quotable_editions(self) -> Sequence[str]:
        if self.stated_edition:
            return list(received_editions.texts_of(self.books, [self.stated_edition]).values())
        if self.newsletter and (self.message_ids or "\n>" in self.mail.body or self.mail.html):
            return [one.text for one in self.house.ran(self.books, self.newsletter.id)[:QUOTABLE]]
        return []
