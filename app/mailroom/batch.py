"""Database lookups shared by a batch of mails, so that each is done once: the newsletters with their addresses and
recent editions, and the rows that the mails refer to. Also the settings of the mailroom.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session

from ..editions.models import Edition
from ..mail import inbound, outbox
from ..mail.models import Inbound, OutboxMail
from ..mail.reply_address import plain_address
from ..mailtext.origin.senders import Server
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..people import directory, links
from ..people.models import Link, Person
from ..workflows.back_issues import received_editions

Row = TypeVar("Row")


@dataclass(frozen=True)
class Settings:
    """The settings of the mailroom.

    `authserv_id` is the name under which our own mail server reports its checks of senders (RFC 8601), None if it
    checks none; `received_by` are its hosts that receive mail; `dns` allows us to check senders by DNS lookups.
    `return_path` is the pattern of the addresses for bounces, `from_address` the sender of mails that belong to no
    newsletter.
    """

    authserv_id: str | None = None
    received_by: frozenset[str] = frozenset()
    dns: bool = False
    return_path: str = ""
    from_address: str = ""

    @property
    def can_verify_senders(self) -> bool:
        return self.server is not None or self.dns

    @property
    def server(self) -> Server | None:
        """Our own mail server; None if the settings don't say how to recognize its results."""
        return Server(self.authserv_id, self.received_by) if self.authserv_id and self.received_by else None


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Read the settings from the configuration. With the defaults, no sender can be verified and no DNS is queried."""
    return Settings(
        authserv_id=config.get("MAIL_AUTHSERV_ID") or None,
        received_by=frozenset(config.get("MAIL_RECEIVED_BY", ())),
        dns=config.get("MAIL_DNS", False),
        return_path=config.get("MAIL_RETURN_PATH", ""),
        from_address=parseaddr(config.get("MAIL_FROM", ""))[1],
    )


class Lookup(Generic[Row]):
    """A cache of the rows that mails refer to, by key. The first miss fetches all announced keys in one query."""

    def __init__(self, find: Callable[[Session, Collection[str]], Mapping[str, Row]]) -> None:
        self._find = find
        self._announced: set[str] = set()
        self._cache: dict[str, Row | None] = {}  # None: there is no row with this key

    def announce(self, keys: Iterable[str]) -> None:
        self._announced.update(keys)

    def get_many(self, session: Session, keys: Collection[str]) -> dict[str, Row]:
        """Return the rows with these keys, in the order of the keys. Keys without a row are left out."""
        if not self._cache.keys() >= set(keys):
            missing = self._announced.union(keys) - self._cache.keys()
            self._cache.update(dict.fromkeys(missing) | dict(self._find(session, missing)))
        return {key: row for key in keys if (row := self._cache[key]) is not None}


class BatchLookups:
    """The lookups of one batch, cached for the few seconds that placing it takes.

    `session` may be None for a mail that is examined without a database: then there are no newsletters.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent_by_message_id: Lookup[OutboxMail] = Lookup(outbox.find_by_message_ids)
        self.sent_by_return_token: Lookup[OutboxMail] = Lookup(outbox.find_by_return_tokens)
        self.reply_links: Lookup[Link] = Lookup(lambda session, tokens: links.find_all(session, tokens, "reply"))
        self.people: Lookup[Person] = Lookup(directory.by_emails)
        self.editions: Lookup[Edition] = Lookup(received_editions.find_by_message_ids)
        self.placed_by_content: Lookup[list[Inbound]] = Lookup(inbound.find_by_contents)
        self._newsletters: list[Newsletter] | None = None
        self._recent_editions: dict[int, list[received_editions.QuotableEdition]] = {}

    def newsletters(self, session: Session | None) -> list[Newsletter]:
        if self._newsletters is None:
            self._newsletters = all_newsletters(session) if session else []
        return self._newsletters

    def inbox_patterns(self, session: Session | None) -> list[str]:
        return [newsletter.inbox for newsletter in self.newsletters(session) if newsletter.inbox]

    def recent_editions(self, session: Session, newsletter_id: int) -> list[received_editions.QuotableEdition]:
        """Return the newest editions of a newsletter, with the texts that readers may quote."""
        if newsletter_id not in self._recent_editions:
            self._recent_editions[newsletter_id] = received_editions.list_quotable_editions(session, newsletter_id)
        return self._recent_editions[newsletter_id]

    def own_addresses(self, session: Session | None) -> set[str]:
        """Return the addresses from which only our own mail comes; not those from which editions are sent."""
        patterns = [*self.inbox_patterns(session), self.settings.return_path]
        sending = {plain_address(pattern) for pattern in patterns if pattern} | {self.settings.from_address.casefold()}
        lists = {newsletter.list_address.casefold() for newsletter in self.newsletters(session)}
        return {address for address in sending - lists if address}

    def newsletter_addresses(self, session: Session | None) -> frozenset[str]:
        """Return all addresses of the newsletters, by which the trimmer recognizes a quote of our mail."""
        return frozenset(
            address.casefold()
            for newsletter in self.newsletters(session)
            for address in (plain_address(newsletter.inbox), newsletter.address, newsletter.list_address)
            if address
        )


def is_newsletter_address(address: str, newsletter: Newsletter) -> bool:
    """Return whether a lower-case address is one of the newsletter's, with or without a token."""
    if address in (newsletter.address.casefold(), newsletter.list_address.casefold()):
        return True
    inbox_name, at, inbox_domain = newsletter.inbox.partition("@")
    if not at:
        return False
    name, _, domain = address.rpartition("@")
    has_inbox_name = inbox_name == "*" or name == inbox_name or name.startswith(f"{inbox_name}+")
    return domain == inbox_domain and has_inbox_name
