"""The table of checks, for `readers-asked doctor`, `/readyz` and docs/maintain.md."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ..db.engine import Database
from . import incoming_mail, machines, mail_domain
from .findings import FAULT, FINE, WORST_FIRST, CheckContext, Finding, fault, not_checked

__all__ = ["CHECKS", "FAULT", "FINE", "CheckResult", "DoctorCheck", "examine"]


@dataclass(frozen=True)
class DoctorCheck:
    """One check. `looks_at` and `remedy` tell the operator what it checks and how to fix a fault.

    `run` yields findings; without any, all is well. A `quick` check needs only the database and the machine itself, and
    is part of `/readyz`.
    """

    name: str
    looks_at: str
    remedy: str
    run: Callable[[CheckContext], Iterable[Finding]]
    quick: bool = False


CHECKS = (
    DoctorCheck(
        "database",
        "whether the database answers",
        "Start the database, or correct DATABASE_URL.",
        machines.check_database,
        quick=True,
    ),
    DoctorCheck(
        "migrations",
        "whether the tables match this version",
        "If they are behind, run `readers-asked migrate`; if they are ahead, install the version that migrated them.",
        machines.check_migrations,
        quick=True,
    ),
    DoctorCheck(
        "keys",
        "whether SECRET_KEYS open the newest sealed value of each key and column, and none of them can be guessed",
        "Put the missing key back into SECRET_KEYS under its old number.",
        machines.check_keys,
    ),
    DoctorCheck(
        "newsletter",
        "whether there is a newsletter",
        "Create one with `readers-asked newsletters create`.",
        machines.check_newsletter,
        quick=True,
    ),
    DoctorCheck(
        "worker",
        "whether a worker and each of its parts were active in the last ten minutes, and which of its duties fail",
        "Start `readers-asked worker`; if it is running, its log says what is wrong.",
        machines.check_worker,
        quick=True,
    ),
    DoctorCheck(
        "list of erasures",
        "whether the worker updated the list of erasures (ERASURES) in the last ten minutes; a restore needs it",
        "Start the worker; if it is running, let its account write to ERASURES, and look for the reason in its log.",
        machines.check_erasure_list,
    ),
    DoctorCheck(
        "erasures",
        "whether erased data is gone from the files of the database too",
        "End what has been reading the database for so long, such as a backup or a console that is stuck.",
        machines.check_held_erasures,
        quick=True,
    ),
    DoctorCheck(
        "database owner",
        "whether our role owns the PostgreSQL database: nobody else may wipe the planner’s samples of erased words",
        "Run `ALTER DATABASE … OWNER TO …` with the names of the database and of the role.",
        machines.check_database_owner,
    ),
    DoctorCheck(
        "file key",
        "whether an encrypted database file has the newest of SECRET_KEYS",
        "Stop web and worker, run `readers-asked convert-database`, and start them again; then the older key can be "
        "taken out.",
        machines.check_file_key,
    ),
    DoctorCheck(
        "trail",
        "whether the worker adds events to the chain over the trail within the hour, the newest links verify, and the "
        "chain contains the head in the list of erasures",
        "Start the worker. If you restored an older backup, run `readers-asked audit acknowledge`. Otherwise, if the "
        "chain, a link or an event differs, somebody has changed the database: keep a copy of it as it is, then run "
        "`readers-asked audit verify --head` with the head from a morning’s mail.",
        machines.check_trail,
    ),
    DoctorCheck(
        "outgoing mail",
        "whether a mail has been due for ten minutes, or has failed repeatedly for an hour",
        "Start the worker; if it is running, fix what `mail server` below finds, and look at the desk’s outbox.",
        machines.check_outgoing,
        quick=True,
    ),
    DoctorCheck(
        "mail server",
        "whether the SMTP server accepts our connection, encryption and password; no mail is sent",
        "Correct the setting that the finding names: MAIL_SERVER, MAIL_PORT, MAIL_USE_TLS, MAIL_USE_SSL, "
        "MAIL_USERNAME, MAIL_PASSWORD.",
        machines.check_mail_server,
    ),
    DoctorCheck(
        "other programs",
        "whether a connected program has failed for a day, or was paused because of that",
        "See the desk’s page `Other programs` for the reason; fix that program, or have an admin remove it.",
        machines.check_programs,
    ),
    DoctorCheck(
        "incoming mail",
        "whether a mail has waited for ten minutes to be filed",
        "Start the worker, or run `readers-asked mail place`.",
        incoming_mail.check_waiting,
        quick=True,
    ),
    DoctorCheck(
        "places of mail",
        "whether each incoming mail is filed in exactly one place, and each letter by mail has its mail",
        "Run `readers-asked mail reprocess --all`; if the fault remains, please report it: it is a bug.",
        incoming_mail.check_places,
    ),
    DoctorCheck(
        "mailboxes",
        "whether each IMAP mailbox can be opened, and belongs to a newsletter that exists",
        "Correct its address or password in MAILBOXES.",
        incoming_mail.check_mailboxes,
    ),
    DoctorCheck(
        "mail accounts",
        "whether each mail account of MAIL_OAUTH is signed in",
        "Run `readers-asked mail sign-in`.",
        incoming_mail.check_accounts,
    ),
    DoctorCheck(
        "senders",
        "whether senders can be verified",
        "Set MAIL_AUTHSERV_ID and MAIL_RECEIVED_BY as docs/mail.md describes, or MAIL_DNS=1.",
        incoming_mail.check_senders,
    ),
    DoctorCheck(
        "mail domain",
        "the DNS records of our mail domains: MX, SPF, DKIM, DMARC",
        "Publish the record that the finding shows, at your DNS provider.",
        mail_domain.check_mail_domains,
    ),
    DoctorCheck(
        "disks",
        "whether there is free space for the database, the mail folder and temporary files",
        "Free some space or enlarge the disk.",
        machines.check_disks,
        quick=True,
    ),
    DoctorCheck(
        "clock",
        "whether the clock agrees with stored times, the mail server and the site",
        "Synchronise the machine’s clock: `timedatectl set-ntp true`.",
        machines.check_clock,
    ),
    DoctorCheck(
        "redis",
        "whether Redis answers, and keeps its data in memory only, without persistence",
        'Start Redis, or correct REDIS_URL. Set `save ""` and `appendonly no`, and delete `dump.rdb` and '
        "`appendonlydir`: docs/install.md, Many readers.",
        machines.check_redis,
    ),
    DoctorCheck(
        "proxy",
        "whether requests come through as many proxies as TRUSTED_PROXIES says",
        "Set TRUSTED_PROXIES to the number of proxies in front, and have each of them append to X-Forwarded-For.",
        machines.check_proxy,
    ),
    DoctorCheck(
        "accounts",
        "whether the provider of OIDC_ISSUER answers, and reports the same issuer",
        "Correct OIDC_ISSUER, character for character as the provider writes it, or let this machine reach it; until "
        "then the desk can sign in by mail.",
        machines.check_accounts,
    ),
    DoctorCheck(
        "second factors",
        "whether more than one person can open a desk, and none of them needs a second factor",
        "Set SECOND_FACTOR to `shared`, or take it out of the settings.",
        machines.check_second_factors,
    ),
)


@dataclass(frozen=True)
class CheckResult:
    """A check and its findings."""

    check: DoctorCheck
    findings: tuple[Finding, ...]

    @property
    def state(self) -> str:
        """The worst state of the findings."""
        return min((finding.state for finding in self.findings), key=WORST_FIRST.index, default=FINE)


def examine(
    database: Database,
    config: Mapping[str, Any],
    *,
    quick: bool = False,
    nameservers: Sequence[str] = (),
    before_each: Callable[[str], None] = lambda _name: None,
) -> list[CheckResult]:
    """Run every check, or only the `quick` ones; `before_each` is called with the name of each check before it runs.

    Checks that contact other servers may take five seconds each, a mailbox thirty.
    """
    context = CheckContext(database, config, nameservers)
    results = []
    for check in CHECKS:
        if check.quick or not quick:
            before_each(check.name)
            results.append(CheckResult(check, tuple(_run(check, context))))
    return results


def _run(check: DoctorCheck, context: CheckContext) -> list[Finding]:
    try:
        return list(check.run(context))
    except SQLAlchemyError as error:  # reported by `database` or `migrations`
        return [not_checked(f"the database did not answer: {type(error).__name__}")]
    except Exception as error:  # a failing check must not stop the others
        return [fault(f"the check itself failed: {type(error).__name__}")]
