"""`readers-asked doctor`, which checks the installation, and `mail test`, which sends a mail and waits for a reply."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from ..db.session import now
from ..doctor import round_trip
from ..doctor.checks import CHECKS, FAULT, FINE, CheckResult, examine
from ..doctor.machines import MAX_SILENCE
from ..mail import inbound
from ..mail.delivery import deliver_one
from ..mail.mime_message import UnsafeHeader, safe_address
from ..mail.reading import ParserClient
from ..mail.sending import transport
from ..mailroom import imap
from ..mailroom.batch import settings_of
from ..mailroom.placing import place_due
from ..watching import sightings
from ..web.current import db
from .command_faults import require_settings
from .mail import mail

CHECK_INTERVAL = 0.5  # seconds between two checks whether the mail came back
POLL_INTERVAL = 5.0  # seconds between two polls of the mailboxes, if no worker does it
PARSE_TIMEOUT = 10.0  # seconds for parsing one mail


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--nameserver",
    multiple=True,
    help="Query this name server, HOST or HOST#PORT, instead of the machine's own. Can be repeated.",
)
@with_appcontext
def doctor(as_json: bool, nameserver: tuple[str, ...]) -> None:
    """Check the installation: database, keys, worker, outgoing and incoming mail, mail domain, disks, clock, proxy.

    Signs in to the mail server and to each mailbox; sends nothing and changes nothing. Exits with 1 if there is a
    fault.
    """
    require_settings()
    with click.progressbar(length=len(CHECKS), file=sys.stderr, item_show_func=lambda name: name or "") as bar:
        results = examine(
            db, current_app.config, nameservers=nameserver, before_each=lambda name: bar.update(1, current_item=name)
        )
    mail_counts = _count_mails_by_place()
    fault_count = sum(result.state == FAULT for result in results)
    if as_json:
        report = {"faults": fault_count, "mails": mail_counts, "checks": list(map(_serialize_result, results))}
        click.echo(json.dumps(report, indent=2))
    else:
        lines = _format_mail_counts(mail_counts)
        for result in results:
            lines += _format_result(result)
        click.echo("\n".join(lines))
        click.echo("" if fault_count else "No faults found.")
    sys.exit(1 if fault_count else 0)


def _count_mails_by_place() -> dict[str, int]:
    """Return the number of incoming mails by place; empty if the database doesn't answer."""
    try:
        with db.read() as session:
            return dict(inbound.count_by_place(session))
    except SQLAlchemyError:
        return {}  # a check reports it


def _format_mail_counts(mail_counts: dict[str, int]) -> list[str]:
    labels = {"stored": "waiting"}
    lines = [f"  {labels.get(place, place):<10} {count:>8}" for place, count in mail_counts.items()]
    return ["Incoming mails by place:", *lines, f"  {'total':<10} {sum(mail_counts.values()):>8}"]


def _format_result(result: CheckResult) -> list[str]:
    """Return a line for each finding of a check. If there is a fault, a line with the remedy follows."""
    check = result.check
    if not result.findings:
        return [f"{FINE.upper():<9} {check.name}"]
    lines = [f"{finding.state.upper():<9} {check.name}: {finding.message}" for finding in result.findings]
    if result.state == FAULT:
        lines.append(f"{'':<9} -> {check.remedy}")
    return lines


def _serialize_result(result: CheckResult) -> dict[str, Any]:
    check = result.check
    return {
        "name": check.name,
        "looks_at": check.looks_at,
        "state": result.state,
        "found": [{"state": finding.state, "said": finding.message} for finding in result.findings],
        "mend": check.remedy if result.state == FAULT else None,
    }


@mail.command("test")
@click.argument("address")
@click.option("--wait", default=120.0, show_default=True, help="Seconds to wait for an answer or a bounce.")
@with_appcontext
def test(address: str, wait: float) -> None:
    """Send a real mail to ADDRESS, wait for what comes back, and report the route of both.

    Reply to the mail with any word; or use an address that doesn't exist, and wait for the bounce; or the desk's own
    address. What comes back doesn't become a letter. Exits with 1 if nothing came back, or only a bounce.
    """
    try:
        safe_address(address)
    except UnsafeHeader as error:
        raise click.BadParameter(str(error), param_hint="ADDRESS") from None
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    mail_id, reply_to = round_trip.queue_test_mail(db, address)
    if reply_to:
        click.echo(f"Replies go to {reply_to}")
    else:
        click.echo("No newsletter has an address that replies could be sent to")
    deliver_one(db, transport(app), mail_id)
    click.echo(round_trip.describe_delivery(app.config, round_trip.get_trip(db, mail_id)))
    with ExitStack() as stack:
        trip = _wait_for_return(mail_id, wait, _mail_processor(app, stack))
    if trip.back is not None:
        for line in round_trip.describe_return(db, app.config, mail_id, trip.back):
            click.echo(line)
    else:
        click.echo(f"Nothing came back: {round_trip.describe_delivery(app.config, trip)}")
    got_reply = trip.back is not None and not trip.back.is_bounce
    sys.exit(0 if got_reply else 1)


def _wait_for_return(mail_id: int, timeout: float, process_mail: Callable[[], None]) -> round_trip.Trip:
    """Wait until the mail has come back or failed, for up to `timeout` seconds. Return its trip.

    `process_mail` is called before each check, every `CHECK_INTERVAL` seconds.
    """
    started_at = time.monotonic()
    trip = round_trip.get_trip(db, mail_id)
    with click.progressbar(length=max(1, round(timeout)), label="Waiting", file=sys.stderr) as bar:
        while not trip.is_over and (elapsed := time.monotonic() - started_at) < timeout:
            bar.update(int(elapsed) - bar.pos)
            process_mail()
            time.sleep(CHECK_INTERVAL)
            trip = round_trip.get_trip(db, mail_id)
    return trip


def _mail_processor(app: Flask, stack: ExitStack) -> Callable[[], None]:
    """Return a function that polls the mailboxes and files the mails that arrived. If a worker runs, it does nothing.

    When `stack` is closed, the process that parses mails ends.
    """
    with db.read() as session:
        last_round, current_time = sightings.get_last_round(session), now(session)
    if last_round is not None and current_time - last_round < MAX_SILENCE:
        return lambda: None
    click.echo("No worker is running: until one does, this command polls the mailboxes and files what arrives.")
    reading = stack.enter_context(ParserClient(PARSE_TIMEOUT))
    polled_at = float("-inf")

    def process_mail() -> None:
        nonlocal polled_at
        if time.monotonic() - polled_at > POLL_INTERVAL:
            polled_at = time.monotonic()
            for number, mailbox in enumerate(app.config["MAILBOXES"], 1):
                try:
                    imap.poll(db, mailbox)
                except Exception as error:  # the other mailboxes must still be polled
                    click.echo(f"mailbox {number} ({mailbox.host}): {type(error).__name__}", err=True)
        place_due(db, reading, settings_of(app.config))

    return process_mail
