"""A mail to be placed, with all that can be known of it, each thing looked up once, and the decision about it."""

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
    """The place of a mail, and why. `reasons` are codes. What a mail seems to be about is set also where it proves
    nothing."""

    place: str
    reasons: tuple[str, ...] = ()
    newsletter_id: int | None = None
    assignment_id: int | None = None
    edition_id: int | None = None
    outbox_id: int | None = None
    duplicate_of_id: int | None = None
    author: str = ""  # of a letter: "reader" or "expert", or "forward" for a reader's that somebody forwarded
    forwarded_by_id: int | None = None
    said: str | None = None  # by a server that could not deliver our mail, for good

    @property
    def facts(self) -> dict[str, Any]:
        """Return what is noted on the mail itself."""
        names = ("newsletter_id", "assignment_id", "edition_id", "outbox_id", "duplicate_of_id")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Judged:
    """A claimed mail with what was read in it and decided about it, as plain values."""

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
    """The filter's number: "5.3", or "5.3 of 6.0" where it says from where on it is spam; "" where it says nothing."""
    for name in ("X-Spam-Status", "X-Spamd-Result", "X-Spam-Score", "X-Rspamd-Score"):
        for value in mail.all(name):
            if found := _SCORE.search(value):
                number, limit = (found[1] or found[3] or found[5]), (found[2] or found[4])
                return f"{number} of {limit}" if limit else number
    return ""


class FoundContents(NamedTuple):
    """The words of a mail and what was cut, the files that hung on it and whether there are more of them, and of one
    that somebody of the desk forwarded the mail in it.
    """

    trimmed: Trimmed
    files: tuple[File, ...]
    has_more: bool = False
    forward: Forward | None = None


def uncut(mail: Mail) -> FoundContents:
    """Return what is known of a mail in which nothing was looked for: all of it is words."""
    return FoundContents(Trimmed(mail.body), tuple(File(single_line(one.name), one.bytes) for one in mail.attachments))


def find_contents(reading: Reading, raw: bytes, mail: Mail, trim_hints: TrimContext, is_forward: bool) -> FoundContents:
    """Let the words, the files and what was forwarded be found, in a process of their own. Raises `NotStarted`."""
    found = uncut(mail)._replace(trimmed=reading.trim(mail, trim_hints))
    if (mail.attachments or len(raw) > MAX_PARSED) and (listed := reading.files(raw)):
        files, has_more = listed
        found = found._replace(files=files, has_more=has_more)
    return found._replace(forward=reading.forwarded(raw, trim_hints)) if is_forward else found


REFERRED = 50  # Message-IDs that are looked up, the newest of a long thread
TEST = "house.test"  # the kind of the operator's test mails
QUOTABLE = 3  # of our mails, or of a newsletter's editions, whose texts the trimmer is given


class InboundContext:
    """A mail before its judges. `session` is None where there is no database: then only the mail itself is judged.

    `row` is what is stored of it; before it has a place its newsletter is the one that its mailbox belongs to.
    """

    def __init__(
        self, session: Session | None, raw: bytes, mail: Mail, house: House, row: Inbound | None = None
    ) -> None:
        self.session, self.raw, self.mail, self.house = session, raw, mail, house
        self.row_id = row.id if row else None
        self.mailbox_newsletter_id = row.newsletter_id if row else None
        self.take_in(uncut(mail))
        self.shown: dict[str, Verdict] = {}  # whether it is from an address, as far as that was asked

    @cached_property
    def books(self) -> Session:
        """The session of a case that has one: only judges of `BY_THE_BOOKS` ask."""
        if self.session is None:
            raise ValueError("this mail is judged without a database")
        return self.session

    def read(self, reading: Reading) -> None:
        """Let the words and the files be found, in a process of their own. Raises `NotStarted`."""
        self.take_in(find_contents(reading, self.raw, self.mail, self.known, self.forwarded_to is not None))

    def take_in(self, contents: FoundContents) -> None:
        """Put in what was found in it."""
        self.trimmed, self.files, self.has_more, self.forward = contents

    @cached_property
    def forwarded_to(self) -> Newsletter | None:
        """The newsletter to whose address for forwarded mails it was sent."""
        taking = (one for one in self.newsletters if one.inbox)
        return next((one for one in taking if is_forward(self.recipients, one.inbox)), None)

    def content(self, newsletter_id: int | None) -> str:
        """Return what makes it the same mail when it comes again, to the same newsletter."""
        return f"{newsletter_id or 0} {self._canonical}"

    @cached_property
    def _canonical(self) -> str:
        return fingerprint.canonical(self.raw, self.mail)

    def expect(self) -> None:
        """Say what will be looked up of it, before others of its batch are judged: one query fetches it for all."""
        house = self.house
        self.expect_quoted()
        house.links.expect(self.tokens)
        house.returned.expect([*self.tokens, *self._return_tokens])
        house.people.expect([self.mail.from_address] if self.sender else [])
        house.same.expect([self.content(self.any_newsletter_id)])

    def expect_quoted(self) -> None:
        """Say the same of what may be quoted in it, for `known`."""
        self.house.mails.expect(self._named_ids)
        self.house.editions.expect(self.message_ids)

    @cached_property
    def words(self) -> str:
        """Return what the person wrote. Who answers one of our mails quotes what opens something for them alone."""
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
        """Every address that it went to, as far as its headers tell."""
        return [*self.to, *self.mail.delivered_to, *self.cc]

    @cached_property
    def newsletters(self) -> list[Newsletter]:
        return self.house.newsletters(self.session)

    @cached_property
    def patterns(self) -> list[str]:
        return self.house.patterns(self.session)

    @cached_property
    def tokens(self) -> list[str]:
        """Every reply token in any recipient."""
        return tokens_in(self.recipients, self.patterns)

    @cached_property
    def addressed_tokens(self) -> list[str]:
        """Those that the mail was written to; a token that also stands in Cc was passed around."""
        in_cc = set(tokens_in(self.cc, self.patterns))
        found, delivered = (tokens_in(addresses, self.patterns) for addresses in (self.to, self.mail.delivered_to))
        return found + [token for token in delivered if token not in in_cc and token not in found]

    @cached_property
    def reply_links(self) -> dict[str, Link]:
        """The links behind the tokens, also those that ended or were revoked."""
        return self.house.links.by(self.books, self.tokens)

    @cached_property
    def message_ids(self) -> list[str]:
        """Return what the mail says that it answers, in the form that ours have."""
        stated = dict.fromkeys([*self.mail.in_reply_to[:REFERRED], *self.mail.references[-REFERRED:]])
        return [one for one in map(bracketed, stated) if one]

    @cached_property
    def _ours_by_id(self) -> dict[str, OutboxMail]:
        """Those of our mails that it names: as what it answers, or as itself."""
        return self.house.mails.by(self.books, self._named_ids)

    @cached_property
    def _named_ids(self) -> list[str]:
        return [*self.message_ids, *filter(None, [bracketed(self.mail.message_id)])]

    @cached_property
    def answered(self) -> list[OutboxMail]:
        """Our mails that it answers, the newest first."""
        found = [self._ours_by_id[one] for one in self.message_ids if one in self._ours_by_id]
        return sorted(found, key=lambda mail: -mail.id)

    @cached_property
    def answered_expert(self) -> OutboxMail | None:
        """Our newest mail to an expert that it answers."""
        return next((mail for mail in self.answered if mail.assignment_id and mail.kind.startswith("expert.")), None)

    @cached_property
    def answered_translator(self) -> OutboxMail | None:
        """Our newest mail to a translator that it answers."""
        return next((mail for mail in self.answered if mail.kind.startswith("translator.")), None)

    @cached_property
    def returned(self) -> OutboxMail | None:
        """Our mail whose return path it came to."""
        return next(iter(self.house.returned.by(self.books, self._return_tokens).values()), None)

    @cached_property
    def _return_tokens(self) -> list[str]:
        return bounce_tokens_in(self.recipients, [*self.patterns, *filter(None, [self.house.settings.return_path])])

    @cached_property
    def tested(self) -> OutboxMail | None:
        """The operator's test mail that it answers, or that it is: by its Message-ID or the token of its address."""
        named = [bracketed(self.mail.message_id), *self.message_ids]
        found = [self._ours_by_id[one] for one in named if one in self._ours_by_id]
        found += self.house.returned.by(self.books, self.tokens).values()
        return next((mail for mail in found if mail.kind == TEST), None)

    @cached_property
    def judgement(self) -> robots.Judgement:
        return robots.judge(self.mail, self._own_identifiers())

    def _own_identifiers(self) -> frozenset[str]:
        """Addresses and Message-IDs by which we know our own mail."""
        if self.session is None:
            return frozenset()
        own_id = bracketed(self.mail.message_id)
        return frozenset(self.house.own_addresses(self.session) | ({own_id} & self._ours_by_id.keys()))

    def sent_as(self, message_id: str) -> OutboxMail | None:
        """Our mail with this Message-ID."""
        named = bracketed(message_id)
        return self.house.mails.by(self.books, [named] if named else []).get(named)

    def person(self, address: str) -> Person | None:
        """Whoever has this address."""
        return self.house.people.by(self.books, [address]).get(address)

    def first_with(self, content: str, destination: str) -> Inbound | None:
        """The mail of this content that one which would go `destination` only repeats (`inbound.find_original`)."""
        return inbound.find_original(self.house.same.by(self.books, [content]).get(content, ()), destination)

    @cached_property
    def about(self) -> tuple[int | None, int | None]:
        """The newsletter and the assignment that it seems to be about, by a token or by our mail that it answers."""
        for link in self.reply_links.values():
            if assignment := self.books.get(Assignment, link.assignment_id or 0):
                return assignment.newsletter_id, assignment.id
        mail = self.answered_expert or self.returned
        return (mail.newsletter_id, mail.assignment_id) if mail else (None, None)

    @cached_property
    def stated_edition(self) -> Edition | None:
        """The edition that it answers by a Message-ID or a reply address."""
        others = [token for token in self.tokens if token not in self.reply_links]
        named = self.house.editions.by(self.books, self.message_ids).values()
        return max(named, key=lambda edition: edition.id, default=None) or received_editions.find_by_reply_tokens(
            self.books, others
        )

    @cached_property
    def strange_tokens(self) -> list[str]:
        """Tokens of our form that open nothing of ours."""
        known = {received_editions.reply_token(self.books, self.stated_edition)} if self.stated_edition else set()
        return [token for token in self.tokens if token not in self.reply_links and token not in known]

    @cached_property
    def newsletter(self) -> Newsletter | None:
        """The newsletter that it was written to: where servers say that it went, by its address, by its mailbox."""
        written, everywhere = self._find_newsletters(self.recipients), self.newsletters
        here = [one for one in everywhere if one.id == self.mailbox_newsletter_id]
        both, only = [one for one in written if one in here], everywhere if len(everywhere) == 1 else []
        choices = (self._find_newsletters(self.mail.delivered_to), both, written, here, only)
        return next((some[0] for some in choices if some), None)

    def _find_newsletters(self, addresses: Sequence[str]) -> list[Newsletter]:
        """The newsletters that these addresses are of, in their order."""
        return [
            one
            for address in addresses
            for one in self.newsletters
            if is_newsletter_address(address.strip().casefold(), one)
        ]

    @property
    def any_newsletter_id(self) -> int | None:
        """Return whose desk sees it where it is nobody's: the oldest newsletter's."""
        newsletter = self.newsletter or next(iter(self.newsletters), None)
        return newsletter.id if newsletter else self.mailbox_newsletter_id

    @cached_property
    def known(self) -> TrimContext:
        """Return what the trimmer may know: our addresses, and what may be quoted in this mail."""
        if self.session is None:
            return TrimContext()
        mails = [mail for mail in self.answered[:QUOTABLE] if outbox.has_contents(self.books, mail)]
        texts = tuple(outbox.read(self.books, mail).text for mail in mails)
        return TrimContext(
            self.house.known_addresses(self.session), texts, () if texts else tuple(self._quotable_editions())
        )

    @property
    def reading(self) -> inbound.Reading:
        """Return what the desk may see of it."""
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
        """Return the mail in the mail; without an author there is no address that a reader could be written to."""
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
