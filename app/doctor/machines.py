"""Checks of the machines and what runs on them: database, keys, worker, outgoing mail, disks, clock, proxy, sign-in."""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from urllib.request import HTTPRedirectHandler, build_opener

from sqlalchemy import URL, func, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from app.settings.mail_accounts import LOCAL_HOSTS
from app.settings.sign_in_rules import SignInRules

from ..audit import chain, chain_check
from ..audit.known_head import NO_HEAD, find_fault
from ..audit.models import Event
from ..backup import erasure_list
from ..core.clock import utc_now
from ..crypto import keyring
from ..db import postgresql
from ..db.session import now
from ..mail import stalled
from ..mail.delivery import Undelivered
from ..mail.models import Inbound, OutboxMail
from ..newsletters.models import Newsletter
from ..people import oidc, sessions
from ..programs.registering import list_failing
from ..server import startup_checks
from ..watching import held_erasures, sightings
from ..watching.each_request import TOO_FEW_HOPS, UNEXPECTED_HEADER
from ..watching.models import Sighting
from ..web.daily_salt import open_redis
from ..workflows import key_rotation
from .findings import PATIENCE, CheckContext, Finding, fault, format_duration, not_checked, note

MAX_SILENCE = timedelta(minutes=10)  # of the worker, which leaves a sign of life each minute
MAX_OVERDUE = timedelta(minutes=10)  # a mail that has been due for longer is a fault
MAX_RETRYING = timedelta(hours=1)  # a mail that has been retried for longer is a fault
FULL = 10 << 20  # free bytes below which nothing can be saved
ENOUGH_FREE = 1 << 30  # free bytes with which no disk is nearly full, whatever its size
MIN_FREE_SHARE = 0.05  # the free share of a smaller disk below which it is nearly full
POSTGRES = Path("/var/lib/postgresql")  # the folder of the databases on Debian
MAX_CLOCK_ERROR = timedelta(minutes=2)  # a smaller error is harmless for signed webhooks and TLS
LINKS_CHECKED = 20  # the newest links of the trail's chain that are verified
PROXY_WARNING_AGE = timedelta(days=1)  # a wrong number of proxies is reported for this long


def check_database(context: CheckContext) -> Iterator[Finding]:
    try:
        with context.read() as session:
            session.execute(select(1))
    except SQLAlchemyError as error:
        yield fault(f"the database does not answer: {type(error).__name__}")


def check_database_owner(context: CheckContext) -> Iterator[Finding]:
    """Check that the samples of erased words can be wiped, for which PostgreSQL asks for the database's owner."""
    if not context.database.is_sqlite:
        with context.read() as session:
            role, is_owner = session.execute(postgresql.DATABASE_OWNERSHIP).one()
        if not is_owner:
            yield fault(f"the role {role} does not own the database: PostgreSQL keeps samples of erased words")


def check_file_key(context: CheckContext) -> Iterator[Finding]:
    if context.database.has_older_file_key:
        yield note("the database file is still encrypted with an older key of SECRET_KEYS")


def check_migrations(context: CheckContext) -> Iterator[Finding]:
    yield from map(fault, startup_checks.find_schema_faults(context.database))


def check_keys(context: CheckContext) -> Iterator[Finding]:
    yield from map(fault, keyring.find_weak_keys(context.database.keyring))
    with context.read() as session:
        yield from map(fault, keyring.find_key_faults(session))
        for column, number in key_rotation.find_undecryptable(session):
            yield fault(f"{column} (key {number}) can't be opened")


def check_newsletter(context: CheckContext) -> Iterator[Finding]:
    with context.read() as session:
        if session.scalar(select(Newsletter.id).limit(1)) is None:
            yield fault("there is no newsletter")


def check_worker(context: CheckContext) -> Iterator[Finding]:
    with context.read() as session:
        current_time, last_round = now(session), sightings.get_last_round(session)
        parts = sightings.list_by_prefix(session, sightings.PART)
        done_duties = sightings.list_by_prefix(session, sightings.DUTY)
        failed_duties = sightings.list_by_prefix(session, sightings.FAILED)
    if last_round is None:
        yield fault("no worker has ever been active")
    elif current_time - last_round > MAX_SILENCE:
        yield fault(f"no worker has been active for {format_duration(current_time - last_round)}")
    else:
        for part in sightings.PARTS:
            silence = current_time - parts[part].seen_at if part in parts else timedelta(0)
            if silence > MAX_SILENCE:
                yield fault(f"the worker's part for {part} has not been active for {format_duration(silence)}")
    for duty, failure in sorted(failed_duties.items()):
        has_failed_lately = current_time - failure.seen_at < MAX_SILENCE
        has_succeeded_since = duty in done_duties and done_duties[duty].seen_at >= failure.seen_at
        if has_failed_lately and not has_succeeded_since:
            yield fault(f"the worker fails at: {duty}")


def check_erasure_list(context: CheckContext) -> Iterator[Finding]:
    """Check that the list of erasures is up to date (docs/backup.md)."""
    path = Path(context.config["ERASURES"])
    try:
        stored_list = erasure_list.read_list(path, context.database.keyring)
        with context.read() as session:
            current_time = now(session)
    except OSError as error:
        yield not_checked(f"{path} can't be read: {error.strerror}")
        return
    except erasure_list.NotOurList:
        yield fault(f"{path} is not a list of erasures, or belongs to a newsroom with other keys")
        return
    if stored_list is None or stored_list.complete_to == erasure_list.NEVER:
        yield fault(f"{path} was never written")
        return
    age = current_time - stored_list.complete_to
    if age > MAX_SILENCE:
        yield fault(f"{path} was last written {format_duration(age)} ago")


def check_held_erasures(context: CheckContext) -> Iterator[Finding]:
    """Check that erased data is removed from the files of the database."""
    with context.read() as session:
        current_time, stalled_since = now(session), held_erasures.get_stalled_since(session)
    if stalled_since is not None:
        duration = format_duration(current_time - stalled_since)
        yield fault(f"what was erased in the last {duration} is still in the files of the database")


def check_trail(context: CheckContext) -> Iterator[Finding]:
    try:
        known_head = erasure_list.read_head(Path(context.config["ERASURES"]), context.database.keyring)
    except (OSError, erasure_list.NotOurList):
        known_head = NO_HEAD
        yield not_checked("the list of erasures can't be read, so the chain isn't compared with the head noted there")
    with context.read() as session:
        broken = find_fault(session, known_head)
        backlog = chain.get_backlog(session)
        newest_link = chain.get_position(session).number
        missing_count = newest_link - chain_check.count_links(session)
    if broken:
        yield fault(broken)
    if missing_count:
        yield fault(f"{missing_count:,} links of the chain are missing")
    if backlog.is_overdue:
        yield fault(f"{backlog.events:,} events are not in the chain yet, some for more than an hour")
    differences: list[chain_check.ChainFault] = []
    chain_check.check(context.database, differences.append, start_link=max(0, newest_link - LINKS_CHECKED))
    if differences:
        yield fault(f"{differences[0]}; {len(differences):,} differ in the newest {LINKS_CHECKED} links")


def check_redis(context: CheckContext) -> Iterator[Finding]:
    """Check that Redis writes nothing to a disk: it holds hashes of addresses, and the salt of the day beside them."""
    if not context.config["REDIS_URL"]:
        return
    storage = open_redis(context.config["REDIS_URL"])
    client, redis = storage.storage, storage.dependency
    try:
        writes_log = client.info("persistence").get("aof_enabled") == 1
        try:
            saves = client.config_get("save").get("save", "")
        except redis.ResponseError:  # managed services may refuse it
            saves = None
    except redis.RedisError as error:
        yield fault(f"Redis does not answer: {type(error).__name__}")
        return
    finally:
        client.close()
    if writes_log:
        yield fault("Redis writes each change to its disk (appendonly yes)")
    if saves:
        yield fault(f"Redis writes snapshots to its disk (save {saves})")
    elif saves is None:
        yield not_checked("Redis refuses CONFIG GET save: ask whoever runs it whether it writes snapshots to a disk")


def check_outgoing(context: CheckContext) -> Iterator[Finding]:
    is_retried = (OutboxMail.is_queued, OutboxMail.attempts > 0)
    with context.read() as session:
        current_time, due_since = now(session), stalled.get_outgoing_since(session)
        query = select(func.count(), func.min(OutboxMail.state_at)).where(*is_retried)
        retried_count, retried_since = session.execute(query).one()
    if due_since is not None and current_time - due_since > MAX_OVERDUE:
        yield fault(f"a mail has been due for {format_duration(current_time - due_since)}")
    if retried_since is not None and current_time - retried_since > MAX_RETRYING:
        duration = format_duration(current_time - retried_since)
        yield fault(f"{retried_count} mails are waiting for a retry, the oldest for {duration}")


def check_programs(context: CheckContext) -> Iterator[Finding]:
    with context.read() as session:
        for program in list_failing(session):
            slug = session.get_one(Newsletter, program.newsletter_id).slug
            if program.failing_since is not None and program.paused_at is None:
                duration = format_duration(now(session) - program.failing_since)
                yield fault(f"a program of {slug} has failed for {duration}")
            else:
                yield note(f"a program of {slug} is no longer notified, because it failed for days or is gone")


def check_mail_server(context: CheckContext) -> Iterator[Finding]:
    if context.writes_to_folder:
        yield not_checked("mails are written to a folder, not sent to a server")
        return
    host, greeting = context.config["MAIL_SERVER"], context.mail_server
    address = f"{host}:{context.config['MAIL_PORT']}"
    if isinstance(greeting, Undelivered):
        yield fault(f"{address}: {greeting.reason}")
    elif greeting.could_encrypt and host not in LOCAL_HOSTS:
        yield note(f"{address} offers STARTTLS, but MAIL_USE_TLS is 0: mails are sent there unencrypted")


def check_disks(context: CheckContext) -> Iterator[Finding]:
    """Check the free space for the database, the mail folder and temporary files."""
    folders = {"the temporary files": tempfile.gettempdir()}
    database_folder = _get_database_folder(make_url(context.database.url))
    if database_folder is not None:
        folders["the database"] = str(database_folder)
    else:
        yield not_checked("the disk of the database can't be checked from here: monitor it on its own machine")
    if context.writes_to_folder and Path(context.config["MAIL_FOLDER"]).exists():
        folders["the mail folder"] = context.config["MAIL_FOLDER"]
    for content, folder in sorted(folders.items()):
        disk = os.statvfs(folder)
        free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        has_no_inodes = disk.f_files and not disk.f_favail
        if free < FULL or has_no_inodes:
            yield fault(f"the disk with {content} is full")
        elif free < min(ENOUGH_FREE, MIN_FREE_SHARE * size):
            yield fault(f"the disk with {content} is nearly full: {free >> 20} MB left")


def _get_database_folder(url: URL) -> Path | None:
    """Return the folder of a database, or None if it is on another machine.

    PostgreSQL tells only superusers where its data directory is, so Debian's is assumed.
    """
    if url.get_backend_name() == "sqlite":
        return Path(str(url.database)).parent
    host = str(url.host or url.query.get("host") or "localhost")
    is_local = host in LOCAL_HOSTS or host.startswith("/")  # the path of a Unix socket
    return POSTGRES if is_local and POSTGRES.exists() else None


def check_clock(context: CheckContext) -> Iterator[Finding]:
    """Compare the clock with stored times, and with the dates in responses of other servers."""
    columns = (Event.at, Inbound.stored_at, OutboxMail.created_at, Sighting.seen_at)
    with context.read() as session:
        current_time = now(session)
        latest_times = [session.scalar(select(func.max(column))) for column in columns]
    newest_stored = max((time for time in latest_times if time is not None), default=None)
    if newest_stored is not None and newest_stored - current_time > MAX_CLOCK_ERROR:
        yield fault(f"the clock is {format_duration(newest_stored - current_time)} behind the newest stored time")
    for server, date in (("the mail server", _date_of_mail_server(context)), ("the site", _date_of_site(context))):
        server_time = _parse_date(date)
        if server_time is not None and abs(server_time - utc_now()) > MAX_CLOCK_ERROR:
            yield fault(f"{server} says that it is {server_time:%Y-%m-%d %H:%M} UTC: one of the two clocks is wrong")


def _date_of_mail_server(context: CheckContext) -> str:
    """Return the date in the mail server's greeting, or "" if there is none."""
    if context.writes_to_folder or isinstance(context.mail_server, Undelivered):
        return ""
    return context.mail_server.text.rpartition(";")[2]


def _date_of_site(context: CheckContext) -> str:
    """Return the Date header of the site's own response, or "" if it can't be reached from here."""
    try:
        with build_opener(_NoRedirects).open(f"{context.config['BASE_URL']}/healthz", timeout=PATIENCE) as response:
            return str(response.headers.get("Date", ""))
    except (OSError, ValueError, HTTPException):
        return ""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _parse_date(date: str) -> datetime | None:
    """Parse a date as in a mail or an HTTP header; None if it isn't one."""
    try:
        parsed = parsedate_to_datetime(date.strip())
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def check_proxy(context: CheckContext) -> Iterator[Finding]:
    trusted_proxies = context.config["TRUSTED_PROXIES"]
    warning = TOO_FEW_HOPS if trusted_proxies else UNEXPECTED_HEADER
    with context.read() as session:
        seen_at, current_time = sightings.get_seen_at(session, warning), now(session)
    if seen_at is not None and current_time - seen_at < PROXY_WARNING_AGE:
        yield fault(f"{warning.removeprefix('proxy: ')} (TRUSTED_PROXIES={trusted_proxies})")


def check_second_factors(context: CheckContext) -> Iterator[Finding]:
    rules = SignInRules(*context.config["SIGN_IN_RULES"])
    if rules.second_factor_if_shared or rules.second_factor_roles:
        return
    with context.database.read() as session:
        if sessions.has_shared_desk(session):
            yield note("SECOND_FACTOR is nobody: a colleague's mailbox is enough to read every letter of a desk")


def check_accounts(context: CheckContext) -> Iterator[Finding]:
    provider = context.config["OIDC"]
    if provider is not None:
        try:
            oidc.get_provider_metadata(provider, refresh=True)
        except oidc.ProviderUnavailable as error:
            yield fault(f"the provider of the newsroom's accounts: {error}")
