"""The checks of `flask doctor`: whether every mail has one place, and whether mail can come in and be believed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from mail_accounts import Mailbox

from ..db import Database
from ..mail import inbound, sign_ins
from ..newsletters.models import Newsletter
from . import imap, integrity

HELD = "no sender can be proven, so every mailed answer of an expert waits in the holding pen"
PROVING = ("MAIL_AUTHSERV_ID", "MAIL_RECEIVED_BY", "MAIL_DNS")
# What is said of the settings that senders are proven by, by whether each of `PROVING` is there.
PROOFS: dict[tuple[bool, ...], str] = {
    (False, False, False): f"MAIL_AUTHSERV_ID and MAIL_RECEIVED_BY are empty and MAIL_DNS is 0: {HELD}",
    (True, False, False): f"MAIL_RECEIVED_BY is empty and MAIL_DNS is 0: {HELD}",
    (False, True, False): f"MAIL_AUTHSERV_ID is empty and MAIL_DNS is 0: {HELD}",
    (True, False, True): "MAIL_RECEIVED_BY is empty: of what your server says of senders nothing is believed",
    (False, True, True): "MAIL_AUTHSERV_ID is empty: of what your server says of senders nothing is believed",
}


@dataclass
class Report:
    """`faults` are wrong and want somebody; `notes` are as they were set, and worth knowing."""

    places: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The report as it is printed."""
        named = {"stored": "waiting"}
        counted = [f"{named.get(place, place):<10} {number:>8}" for place, number in self.places.items()]
        return [
            "Mails by their place:",
            *(f"  {line}" for line in counted),
            (f"  {'together':<10} {sum(self.places.values()):>8}"),
            *(f"NOTE: {note}" for note in self.notes),
            *(f"FAULT: {fault}" for fault in self.faults),
            "" if self.faults else "Nothing is wrong.",
        ]


def examine(database: Database, config: dict[str, Any]) -> Report:
    """Look at everything. Each mailbox is opened once and left as it is, which may take its time limit."""
    report = Report()
    with database.read() as session:
        report.places = dict(inbound.sums(session))
        report.faults = integrity.check(session)
        report.faults += [
            f"mail account {account.user}: {sign_ins.FAULTS[code][1]}"
            for account, code in sign_ins.faults(session, config["MAIL_ACCOUNTS"])
        ]
        newsletters = dict(iter(session.execute(select(Newsletter.slug, Newsletter.inbox)).all()))
    report.faults += _mailbox_faults(database, config["MAILBOXES"], newsletters)
    if not any(newsletters.values()):
        report.notes.append("no newsletter has an address for mails that come in (settings of the newsletter)")
    elif note := PROOFS.get(tuple(bool(config[name]) for name in PROVING)):
        report.notes.append(note)
    return report


def _mailbox_faults(database: Database, mailboxes: Sequence[Mailbox], newsletters: dict[str, str]) -> Iterator[str]:
    for number, mailbox in enumerate(mailboxes, 1):
        if mailbox.newsletter and mailbox.newsletter not in newsletters:
            yield (
                f"mailbox {number} ({mailbox.host}) belongs to {mailbox.newsletter}, which is no newsletter: "
                "nothing is fetched"
            )
        try:
            with imap.opened(database, mailbox):
                pass
        except Exception as error:  # what the server said may hold an address
            yield f"mailbox {number} ({mailbox.host}) can't be opened: {imap.told_of(error)}"
