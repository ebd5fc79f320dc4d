"""Lookups shared by a batch of mails, each done once: the settings, the newsletters with their addresses and quotable
editions, and the rows that the mails refer to."""

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

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """The settings that placing needs.

    `authserv_id` is the name under which our own mail server reports its checks of senders (RFC 8601), None if it does
    none; `received_by` are its hosts that receive mail; `dns` allows lookups of our own. `return_path` is the pattern
    of the addresses for bounces, `house` the sender of mails that belong to no newsletter.
    """

    authserv_id: str | None = None
    received_by: frozenset[str] = frozenset()
    dns: bool = False
    return_path: str = ""
    house: str = ""

    @property
    def checks(self) -> bool:
        """Return whether senders can be verified at all."""
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
        house=parseaddr(config.get("MAIL_FROM", ""))[1],
    )


class Lookup(Generic[T]):
    """A cache of the rows that mails refer to, by key. One query fetches all keys announced by `expect`."""

    def __init__(self, find: Callable[[Session, Collection[str]], Mapping[str, T]]) -> None:
        self._find, self._expected = find, set[str]()
        self._found: dict[str, T | None] = {}

    def expect(self, keys: Iterable[str]) -> None:
        self._expected.update(keys)

    def by(self, session: Session, keys: Collection[str]) -> dict[str, T]:
        """Return the rows with these keys, in the order of the keys. Keys without a row are left out."""
        if not self._found.keys() >= set(keys):
            wanted = self._expected.union(keys) - self._found.keys()
            self._found.update(dict.fromkeys(wanted) | dict(self._find(session, wanted)))
        return {word: row for word in keys if (row := self._found[word]) is not None}


class House:
    """The lookups of one batch, cached for the few seconds that it takes.

    The methods return nothing if `session` is None, which means that there is no database.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.mails: Lookup[OutboxMail] = Lookup(outbox.find_by_message_ids)
        self.returned: Lookup[OutboxMail] = Lookup(outbox.find_by_return_tokens)
        self.links: Lookup[Link] = Lookup(lambda session, tokens: links.find_all(session, tokens, "reply"))
        self.people: Lookup[Person] = Lookup(directory.by_emails)
        self.editions: Lookup[Edition] = Lookup(received_editions.find_by_message_ids)
        self.same: Lookup[list[Inbound]] = Lookup(inbound.find_by_contents)
        self._newsletters: list[Newsletter] | None = None
        self._ran: dict[int, list[received_editions.QuotableEdition]] = {}

    def newsletters(self, session: Session | None) -> list[Newsletter]:
        if self._newsletters is None:
            self._newsletters = all_newsletters(session) if session else []
        return self._newsletters

    def patterns(self, session: Session | None) -> list[str]:
        return [newsletter.inbox for newsletter in self.newsletters(session) if newsletter.inbox]

    def ran(self, session: Session, newsletter_id: int) -> list[received_editions.QuotableEdition]:
        """Return the newest editions of a newsletter, with the texts that readers may quote."""
        if newsletter_id not in self._ran:
            self._ran[newsletter_id] = received_editions.recently_run(session, newsletter_id)
        return self._ran[newsletter_id]

    def own_addresses(self, session: Session | None) -> set[str]:
        """Return the addresses that only our own mail comes from, so not those that editions are mailed from."""
        patterns = [*self.patterns(session), self.settings.return_path]
        own = {plain_address(pattern) for pattern in patterns if pattern} | {self.settings.house.casefold()}
        lists = {newsletter.list_address.casefold() for newsletter in self.newsletters(session)}
        return {address for address in own - lists if address}

    def known_addresses(self, session: Session | None) -> frozenset[str]:
        """Return all addresses of our mail and of the newsletters', by which the trimmer recognizes a quote."""
        return frozenset(
            address.casefold()
            for newsletter in self.newsletters(session)
            for address in (plain_address(newsletter.inbox), newsletter.address, newsletter.list_address)
            if address
        )


def is_newsletter_address(address: str, newsletter: Newsletter) -> bool:
    """Return whether this is one of a newsletter's addresses, with or without a token."""
    if address in (newsletter.address.casefold(), newsletter.list_address.casefold()):
        return True
    local, at, domain = newsletter.inbox.partition("@")
    if not at:
        return False
    name, _, where = address.rpartition("@")
    return where == domain and (local == "*" or name == local or name.startswith(f"{local}+"))
