"""`readers-asked doctor`, which runs every check of the table, and `mail test`, which waits for a mail to come back."""

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
from ..mail.reading import Reading
from ..mail.sending import transport
from ..mailroom import imap
from ..mailroom.batch import settings_of
from ..mailroom.placing import place_due
from ..watching import sightings
from ..web.current import db
from .mail import mail

BETWEEN = 0.5  # seconds between two checks whether the mail came back
READ = 10.0  # seconds that parsing one mail may take
POLLS = 5.0  # seconds between two polls of the mailboxes, if no worker does it


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
    database, config = db, current_app.config
    database.url  # noqa: B018 - says what to set, where there are no settings
    with click.progressbar(length=len(CHECKS), file=sys.stderr, item_show_func=lambda name: name or "") as bar:
        looked = examine(
            database, config, nameservers=nameserver, before_each=lambda name: bar.update(1, current_item=name)
        )
    places = _places()
    faults = sum(one.state == FAULT for one in looked)
    if as_json:
        click.echo(
            json.dumps({"faults": faults, "mails": places, "checks": list(map(_serialize_result, looked))}, indent=2)
        )
    else:
        click.echo("\n".join([*_sums(places), *(line for one in looked for line in _format_result(one))]))
        click.echo("" if faults else "No faults found.")
    sys.exit(1 if faults else 0)


def _places() -> dict[str, int]:
    try:
        with db.read() as session:
            return dict(inbound.count_by_place(session))
    except SQLAlchemyError:
        return {}  # the checks report it


def _sums(places: dict[str, int]) -> list[str]:
    named = {"stored": "waiting"}
    counted = [f"  {named.get(place, place):<10} {number:>8}" for place, number in places.items()]
    return ["Incoming mails by place:", *counted, f"  {'total':<10} {sum(places.values()):>8}"]


def _format_result(result: CheckResult) -> list[str]:
    """Return the lines for a check: one for each finding, and for a fault another with its remedy."""
    if not result.findings:
        return [f"{FINE.upper():<9} {result.check.name}"]
    lines = [f"{one.state.upper():<9} {result.check.name}: {one.message}" for one in result.findings]
    return [*lines, f"{'':<9} -> {result.check.remedy}"] if result.state == FAULT else lines


def _serialize_result(result: CheckResult) -> dict[str, Any]:
    check = result.check
    return {
        "name": check.name,
        "looks_at": check.looks_at,
        "state": result.state,
        "found": [{"state": one.state, "said": one.message} for one in result.findings],
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
    except UnsafeHeader as unsafe:
        raise click.BadParameter(str(unsafe), param_hint="ADDRESS") from None
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    mail_id, back_to = round_trip.queue_test_mail(db, address)
    click.echo(f"Replies go to {back_to}" if back_to else "No newsletter has an address that replies could be sent to")
    deliver_one(db, transport(app), mail_id)
    click.echo(round_trip.describe_delivery(app.config, round_trip.get_trip(db, mail_id)))
    with ExitStack() as stack:
        trip = _wait_for_trip(mail_id, wait, _errands(app, stack))
    if trip.back is not None:
        for line in round_trip.describe_return(db, app.config, mail_id, trip.back):
            click.echo(line)
    else:
        click.echo(f"Nothing came back: {round_trip.describe_delivery(app.config, trip)}")
    sys.exit(0 if trip.back is not None and not trip.back.is_bounce else 1)


def _wait_for_trip(mail_id: int, seconds: float, errand: Callable[[], None]) -> round_trip.Trip:
    """Wait until the mail's trip is over, for up to `seconds`, calling `errand` in between; return the trip."""
    began = time.monotonic()
    trip = round_trip.get_trip(db, mail_id)
    with click.progressbar(length=max(1, round(seconds)), label="Waiting", file=sys.stderr) as bar:
        while not trip.is_over and (passed := time.monotonic() - began) < seconds:
            bar.update(int(passed) - bar.pos)
            errand()
            time.sleep(BETWEEN)
            trip = round_trip.get_trip(db, mail_id)
    return trip


def _errands(app: Flask, stack: ExitStack) -> Callable[[], None]:
    """Return a function that polls the mailboxes and files mail; if a worker runs, it does nothing."""
    with db.read() as session:
        last, at = sightings.get_last_round(session), now(session)
    if last is not None and at - last < MAX_SILENCE:
        return lambda: None
    click.echo("No worker is running: until one does, this command polls the mailboxes and files what arrives.")
    reading = stack.enter_context(Reading(READ))
    looked = float("-inf")

    def errand() -> None:
        nonlocal looked
        if time.monotonic() - looked > POLLS:
            looked = time.monotonic()
            for number, mailbox in enumerate(app.config["MAILBOXES"], 1):
                try:
                    imap.poll(db, mailbox)
                except Exception as error:  # the other mailboxes must still be polled
                    click.echo(f"mailbox {number} ({mailbox.host}): {type(error).__name__}", err=True)
        place_due(db, reading, settings_of(app.config))

    return errand
