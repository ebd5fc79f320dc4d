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

from ..audit import chain, chain_check
from ..audit.models import Event
from ..backup import erasure_list
from ..core.clock import utc_now
from ..crypto import keyring
from ..db.session import now
from ..mail import stalled
from ..mail.delivery import Undelivered
from ..mail.models import Inbound, OutboxMail
from ..newsletters.models import Newsletter
from ..people import oidc
from ..programs.registering import list_failing
from ..server import startup_checks
from ..watching import held_erasures, sightings
from ..watching.each_request import LACKING, UNEXPECTED
from ..watching.models import Sighting
from ..workflows import key_rotation
from .findings import PATIENCE, Finding, House, fault, format_duration, not_checked, note

BEATS = timedelta(minutes=10)  # without a sign of life, after which a worker is missing; it leaves one each minute
OVERDUE = timedelta(minutes=10)  # for which a mail may be due
REFUSED = timedelta(hours=1)  # for which a mail may be retried
FULL, ROOM = 10 << 20, 1 << 30  # free bytes: below the first nothing can be saved, above the second all is well
SHARE = 0.05  # least free share of a disk
POSTGRES = Path("/var/lib/postgresql")  # on Debian
OFF = timedelta(minutes=2)  # error of a clock that does no harm to signed webhooks and TLS
NEWEST = 20  # links of the trail's chain that are checked
LATELY = timedelta(days=1)  # for which a wrong proxy is reported


def database(house: House) -> Iterator[Finding]:
    try:
        with house.read() as session:
            session.execute(select(1))
    except SQLAlchemyError as error:
        yield fault(f"the database does not answer: {type(error).__name__}")


def migrations(house: House) -> Iterator[Finding]:
    yield from map(fault, startup_checks.find_schema_faults(house.database))


def keys(house: House) -> Iterator[Finding]:
    yield from map(fault, keyring.find_weak_keys(house.database.keyring))
    with house.read() as session:
        yield from map(fault, keyring.find_key_faults(session))
        for column, number in key_rotation.find_undecryptable(session):
            yield fault(f"{column} (key {number}) can't be opened")


def newsletter(house: House) -> Iterator[Finding]:
    with house.read() as session:
        if session.scalar(select(Newsletter.id).limit(1)) is None:
            yield fault("there is no newsletter")


def worker(house: House) -> Iterator[Finding]:
    with house.read() as session:
        at, last = now(session), sightings.get_last_round(session)
        parts = sightings.list_by_prefix(session, sightings.PART)
        done, failed = (
            sightings.list_by_prefix(session, sightings.DUTY),
            sightings.list_by_prefix(session, sightings.FAILED),
        )
    if last is None:
        yield fault("no worker has ever been active")
    elif at - last > BEATS:
        yield fault(f"no worker has been active for {format_duration(at - last)}")
    else:
        for part in sightings.PARTS:
            if part in parts and at - parts[part].seen_at > BEATS:
                yield fault(
                    f"the worker's part for {part} has not been active for {format_duration(at - parts[part].seen_at)}"
                )
    for duty, row in sorted(failed.items()):
        if at - row.seen_at < BEATS and (duty not in done or done[duty].seen_at < row.seen_at):
            yield fault(f"the worker fails at: {duty}")


def erasures(house: House) -> Iterator[Finding]:
    """Check until when the list of erasures is complete (docs/backup.md)."""
    path = Path(house.config["ERASURES"])
    try:
        kept = erasure_list.read_list(path, house.database.keyring)
        with house.read() as session:
            at = now(session)
    except OSError as error:
        yield not_checked(f"{path} can't be read: {error.strerror}")
        return
    except erasure_list.NotOurList:
        yield fault(f"{path} is not a list of erasures, or belongs to a newsroom with other keys")
        return
    if kept is None or kept.complete_to == erasure_list.NEVER:
        yield fault(f"{path} was never written")
    elif (age := at - kept.complete_to) > BEATS:
        yield fault(f"{path} was last written {format_duration(age)} ago")


def remains(house: House) -> Iterator[Finding]:
    with house.read() as session:
        at, since = now(session), held_erasures.get_stalled_since(session)
    if since is not None:
        yield fault(f"what was erased in the last {format_duration(at - since)} is still in the files of the database")


def trail(house: House) -> Iterator[Finding]:
    with house.read() as session:
        number, is_late = chain.get_backlog(session)
        newest = chain.get_position(session).number
    if is_late:
        yield fault(f"{number:,} events are not in the chain yet, some for more than an hour")
    wrong: list[chain_check.Fault] = []
    chain_check.check(house.database, wrong.append, start_link=max(0, newest - NEWEST))
    if wrong:
        yield fault(f"{wrong[0]}; {len(wrong):,} differ in the newest {NEWEST} links")


def outgoing(house: House) -> Iterator[Finding]:
    with house.read() as session:
        at, since = now(session), stalled.get_outgoing_since(session)
        tried = select(func.count(), func.min(OutboxMail.state_at)).where(OutboxMail.is_queued, OutboxMail.attempts > 0)
        number, first = session.execute(tried).one()
    if since is not None and at - since > OVERDUE:
        yield fault(f"a mail has been due for {format_duration(at - since)}")
    if first is not None and at - first > REFUSED:
        yield fault(f"{number} mails are waiting for a retry, the oldest for {format_duration(at - first)}")


def other_programs(house: House) -> Iterator[Finding]:
    with house.read() as session:
        for program in list_failing(session):
            slug = session.get_one(Newsletter, program.newsletter_id).slug
            if program.failing_since is not None and program.paused_at is None:
                yield fault(
                    f"a program of {slug} has failed for {format_duration(now(session) - program.failing_since)}"
                )
            else:
                yield note(f"a program of {slug} is no longer notified, because it failed for days or is gone")


def mail_server(house: House) -> Iterator[Finding]:
    if house.writes_to_folder:
        yield not_checked("mails are written to a folder, not sent to a server")
        return
    where, said = f"{house.config['MAIL_SERVER']}:{house.config['MAIL_PORT']}", house.mail_server
    if isinstance(said, Undelivered):
        yield fault(f"{where}: {said.reason}")
    elif said.could_encrypt and house.config["MAIL_SERVER"] not in LOCAL_HOSTS:
        yield note(f"{where} offers STARTTLS, but MAIL_USE_TLS is 0: mails are sent there unencrypted")


def disks(house: House) -> Iterator[Finding]:
    """Check the free space for the database, the mail folder and temporary files."""
    where = {"the temporary files": tempfile.gettempdir()}
    if (place := _folder_of(make_url(house.database.url))) is not None:
        where["the database"] = str(place)
    else:
        yield not_checked("the disk of the database can't be checked from here: monitor it on its own machine")
    if house.writes_to_folder and Path(house.config["MAIL_FOLDER"]).exists():
        where["the mail folder"] = house.config["MAIL_FOLDER"]
    for what, folder in sorted(where.items()):
        disk = os.statvfs(folder)
        free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        if free < FULL or (disk.f_files and not disk.f_favail):
            yield fault(f"the disk with {what} is full")
        elif free < min(ROOM, SHARE * size):
            yield fault(f"the disk with {what} is nearly full: {free >> 20} MB left")


def _folder_of(url: URL) -> Path | None:
    """Return the folder of a database, or None if it is on another machine.

    PostgreSQL tells its data directory only to superusers, so Debian's is assumed.
    """
    if url.get_backend_name() == "sqlite":
        return Path(str(url.database)).parent
    host = str(url.host or url.query.get("host") or "localhost")
    return POSTGRES if (host in LOCAL_HOSTS or host.startswith("/")) and POSTGRES.exists() else None


def clock(house: House) -> Iterator[Finding]:
    """Compare the clock with stored times, and with the dates in responses of other servers."""
    moments = (Event.at, Inbound.stored_at, OutboxMail.created_at, Sighting.seen_at)
    with house.read() as session:
        at = now(session)
        stored = max((one for moment in moments if (one := session.scalar(select(func.max(moment))))), default=None)
    if stored is not None and stored - at > OFF:
        yield fault(f"the clock is {format_duration(stored - at)} behind the newest stored time")
    said = "" if house.writes_to_folder or isinstance(house.mail_server, Undelivered) else house.mail_server.text
    for who, date in (("the mail server", said.rpartition(";")[2]), ("the site", _date_of_site(house))):
        if (theirs := _moment(date)) and abs(theirs - utc_now()) > OFF:
            yield fault(f"{who} says that it is {theirs:%Y-%m-%d %H:%M} UTC: one of the two clocks is wrong")


def proxy(house: House) -> Iterator[Finding]:
    trusted = house.config["TRUSTED_PROXIES"]
    name = LACKING if trusted else UNEXPECTED
    with house.read() as session:
        seen, at = sightings.get_seen_at(session, name), now(session)
    if seen is not None and at - seen < LATELY:
        yield fault(f"{name.removeprefix('proxy: ')} (TRUSTED_PROXIES={trusted})")


def accounts(house: House) -> Iterator[Finding]:
    provider = house.config["OIDC"]
    if provider is not None:
        try:
            oidc.get_provider_metadata(provider, refresh=True)
        except oidc.Away as away:
            yield fault(f"the provider of the newsroom's accounts: {away}")


class _Stays(HTTPRedirectHandler):
    """Follow no redirects."""

    def redirect_request(self, *_: object) -> None:
        return None


def _date_of_site(house: House) -> str:
    """Return the Date header of the site's own response, or "" if it can't be reached from here."""
    try:
        with build_opener(_Stays).open(f"{house.config['BASE_URL']}/healthz", timeout=PATIENCE) as answer:
            return str(answer.headers.get("Date", ""))
    except (OSError, ValueError, HTTPException):
        return ""


def _moment(date: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(date.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
