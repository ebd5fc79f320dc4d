"""The table of checks: what each checks, and a sentence that says how to fix it.

`flask doctor`, `/readyz` and docs/maintain.md use it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ..db.engine import Database
from . import incoming_mail, machines, mail_domain
from .findings import FAULT, FINE, ORDER, Finding, House, fault, not_checked

__all__ = ["CHECKS", "FAULT", "FINE", "Check", "Looked", "examine"]


@dataclass(frozen=True)
class Check:
    """A row: `looks_at` and `mend` are for the operator; `look` yields findings, or nothing if all is well.

    A `quick` check needs only the database and the machine itself, and is part of `/readyz`.
    """

    name: str
    looks_at: str
    mend: str
    look: Callable[[House], Iterable[Finding]]
    quick: bool = False


CHECKS = (
    Check(
        "database",
        "whether the database answers",
        "Start the database, or correct DATABASE_URL.",
        machines.database,
        quick=True,
    ),
    Check(
        "migrations",
        "whether the tables are those of this version",
        "Behind: run `flask migrate`; ahead: install the version that changed them.",
        machines.migrations,
        quick=True,
    ),
    Check(
        "keys",
        "whether what is sealed opens with SECRET_KEYS, the newest row of each key and column, and none can be guessed",
        "Put the missing key back into SECRET_KEYS under its old number.",
        machines.keys,
    ),
    Check(
        "newsletter",
        "whether there is a newsletter",
        "Make the first one with `flask newsletters create`.",
        machines.newsletter,
        quick=True,
    ),
    Check(
        "worker",
        "whether a worker and each of its parts was at work in the last ten minutes, and which of its duties fail",
        "Start `flask worker`; if it runs, read in its log what holds it up.",
        machines.worker,
        quick=True,
    ),
    Check(
        "list of erasures",
        "whether the worker has written the list of erasures, ERASURES, in the last ten minutes; a restore needs it",
        "Start the worker; if it runs, let its account write to ERASURES, and see in its log what keeps it from that.",
        machines.erasures,
    ),
    Check(
        "erasures",
        "whether what was erased has left the files of the database too",
        "End what has read the database for so long, or is stuck in it: a backup, a console.",
        machines.remains,
        quick=True,
    ),
    Check(
        "trail",
        "whether the worker takes events into the chain over the trail within the hour, and its newest links hold",
        "Start the worker. Where a link or an event differs, somebody has changed the database: keep a copy of it as "
        "it is, then run `flask audit verify --head` with the head of a morning’s mail.",
        machines.trail,
    ),
    Check(
        "outgoing mail",
        "whether a mail has been due for ten minutes, or was refused again and again for an hour",
        "Start the worker; if it runs, mend what `mail server` below finds, and see the outbox of the desk.",
        machines.outgoing,
        quick=True,
    ),
    Check(
        "mail server",
        "whether the SMTP server takes our connection, encryption and password; no mail is sent",
        "Correct the setting that the finding speaks of: MAIL_SERVER, MAIL_PORT, MAIL_USE_TLS, MAIL_USE_SSL, "
        "MAIL_USERNAME, MAIL_PASSWORD.",
        machines.mail_server,
    ),
    Check(
        "other programs",
        "whether a program that hears what happens here has failed for a day, or was paused for it",
        "See what the desk’s page `Other programs` says of it; mend it there, or let an admin remove it.",
        machines.other_programs,
    ),
    Check(
        "incoming mail",
        "whether a mail has waited for its place for ten minutes",
        "Start the worker, or run `flask mail place`.",
        incoming_mail.waiting,
        quick=True,
    ),
    Check(
        "places of mail",
        "whether each mail that came has one place, and each letter by mail its mail",
        "Run `flask mail reprocess --all`; if it stays, report it, as it is a flaw of the program.",
        incoming_mail.places,
    ),
    Check(
        "mailboxes",
        "whether each IMAP mailbox opens, and belongs to a newsletter that exists",
        "Correct its address or password in MAILBOXES.",
        incoming_mail.mailboxes,
    ),
    Check(
        "mail accounts",
        "whether each mail account of MAIL_OAUTH is signed in",
        "Run `flask mail sign-in`.",
        incoming_mail.accounts,
    ),
    Check(
        "senders",
        "whether it can be shown who wrote a mail",
        "Set MAIL_AUTHSERV_ID and MAIL_RECEIVED_BY as docs/mail.md says, or MAIL_DNS=1.",
        incoming_mail.senders,
    ),
    Check(
        "mail domain",
        "what the DNS says of our mail domains: MX, SPF, DKIM, DMARC",
        "Publish what the finding says, where your domain is kept.",
        mail_domain.look,
    ),
    Check(
        "disks",
        "whether there is room where the database, the mail folder and temporary files lie",
        "Make room, or give it a larger disk.",
        machines.disks,
        quick=True,
    ),
    Check(
        "clock",
        "whether the clock agrees with what is stored, with the mail server and with the site",
        "Let the machine set its clock by itself: `timedatectl set-ntp true`.",
        machines.clock,
    ),
    Check(
        "proxy",
        "whether requests come through as many proxies as TRUSTED_PROXIES says",
        "Set TRUSTED_PROXIES to the number of proxies in front, and let each of them add to X-Forwarded-For.",
        machines.proxy,
    ),
    Check(
        "accounts",
        "whether the provider of OIDC_ISSUER answers, and calls itself so",
        "Correct OIDC_ISSUER, sign for sign as the provider writes it, or let this machine reach it; till then the "
        "mail lets the desk in.",
        machines.accounts,
    ),
)


@dataclass(frozen=True)
class Looked:
    """A check and its findings."""

    check: Check
    found: tuple[Finding, ...]

    @property
    def state(self) -> str:
        """The worst state of the findings."""
        return min((one.state for one in self.found), key=ORDER.index, default=FINE)


def examine(
    database: Database,
    config: Mapping[str, Any],
    *,
    quick: bool = False,
    nameservers: Sequence[str] = (),
    step: Callable[[str], None] | None = None,
) -> list[Looked]:
    """Run every check, or only the `quick` ones; `step` is called with the name of each before it runs.

    Checks that contact other servers may take five seconds each, a mailbox thirty.
    """
    house, looked = House(database, config, nameservers), []
    for check in CHECKS:
        if quick and not check.quick:
            continue
        if step is not None:
            step(check.name)
        looked.append(Looked(check, tuple(_look(check, house))))
    return looked


def _look(check: Check, house: House) -> list[Finding]:
    try:
        return list(check.look(house))
    except SQLAlchemyError as error:  # reported by `database` or `migrations`
        return [not_checked(f"the database did not answer: {type(error).__name__}")]
    except Exception as error:  # a failing check must not stop the others
        return [fault(f"the check itself failed: {type(error).__name__}")]
