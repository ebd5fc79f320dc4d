"""`readers-asked mail ...` for incoming mail: receiving, inspecting, filing and reprocessing it."""

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import click
from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ..core.actors import Clock
from ..core.domain_errors import DomainError, MissingPrecondition
from ..db.session import absolute_url
from ..mail import inbound
from ..mail.lifecycle import SET_ASIDE
from ..mail.models import Inbound, InboundRaw
from ..mail.reading import Reading
from ..mailroom import imap, pipe, reprocessing, webhook
from ..mailroom.batch import settings_of
from ..mailroom.placing import place_due
from ..mailroom.routing import inspect
from ..mailroom.signing_in import sign_in
from ..web.setup import db
from .mail import answer_lines, mail

SECONDS = 10  # of wall-clock time for parsing one message
AT_ONCE = 20  # mails filed between two steps of a progress bar
HERE = ("127.0.0.1", "::1", "localhost")

mail.add_command(sign_in)


@mail.command("receive")
@click.option("--recipient", help="The recipient, from the mail server.")
@click.option("--sender", help="The return path, from the mail server; empty for a bounce.")
def receive(recipient: str | None, sender: str | None) -> None:
    """Store the message on standard input.

    Exits with 0 once it is committed, with 75 if the mail server should retry later, and with 65 if the message is
    larger than 25 MB.
    """
    try:
        db.url  # noqa: B018 - asks whether there are settings
    except click.ClickException as unsafe:
        click.echo(unsafe.message, err=True)
        sys.exit(pipe.Exit.LATER)
    status, words = pipe.receive(db, sys.stdin.buffer, recipient, sender)
    if status:
        click.echo(words, err=True)
    sys.exit(status)


@mail.command("poll")
def poll() -> None:
    """Fetch new mail from each of MAILBOXES, once. Exits with 1 if one of them failed."""
    failed = False
    for number, mailbox in enumerate(db.url and current_app.config["MAILBOXES"], 1):
        label = f"mailbox {number} ({mailbox.host})"
        with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

            def step(done: int, total: int, bar: Any = bar) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            try:
                stored = imap.poll(db, mailbox, step)
            except Exception as error:  # the other mailboxes must still be polled
                failed, line = True, f"{label}: {imap.error_name(error)}"
            else:
                line = f"{label}: {stored} stored"
        click.echo(line, err=failed)
    sys.exit(1 if failed else 0)


@mail.command("lmtp")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8024, show_default=True)
@click.option("--socket", type=click.Path(dir_okay=False), help="Listen on a Unix socket at this path instead.")
def run_lmtp(host: str, port: int, socket: str | None) -> None:
    """Accept mail from a mail server by LMTP, until stopped."""
    from ..mailroom import lmtp  # not at the top, since no other process needs its library

    db.write(lambda session: None)  # fail now, not at the first message, if nothing can be stored
    if socket is None and host not in HERE:
        click.echo("WARNING: LMTP has no passwords: anyone who can reach this address can hand in mail.", err=True)

    def listening(places: Any) -> None:
        for place in places:
            click.echo(f"LMTP listens at {place if isinstance(place, str) else '{}:{}'.format(*place)}")

    try:
        asyncio.run(lmtp.serve(db, listening, host=host, port=port, socket=socket))
    except OSError as error:  # asyncio's own message would repeat the address
        raise click.ClickException(f"{socket or f'{host}:{port}'}: {os.strerror(error.errno or 0)}") from error


@mail.command("webhook-address")
def webhook_address() -> None:
    """Print the URL that a mail provider posts messages to."""
    with db.read() as session:
        if not (secret := current_app.config["MAIL_WEBHOOK_SECRET"]):
            raise click.ClickException("MAIL_WEBHOOK_SECRET is empty: the webhook is disabled")
        click.echo(absolute_url(session, webhook.path(secret)))


def _session(stack: ExitStack) -> Session | None:
    """Open a session for look-ups; return None without valid settings or without a database."""
    try:
        session = stack.enter_context(db.read())
        session.scalar(select(Inbound.id).limit(1))
    except (click.ClickException, SQLAlchemyError):
        return None
    return session


@mail.command("inspect")
@click.option("--jsonl", is_flag=True, help="Read lines {id, raw_b64}, and write a line for each.")
def run_inspect(jsonl: bool) -> None:
    """Show as JSON how the message on standard input is read and where it would be filed; store nothing."""
    settings = settings_of(current_app.config)
    with ExitStack() as stack:
        session, reading = _session(stack), stack.enter_context(Reading(SECONDS))
        if jsonl:
            answer_lines(lambda raw: inspect(raw, reading, session, settings))
        else:
            found = inspect(sys.stdin.buffer.read(), reading, session, settings)
            click.echo(json.dumps(found, ensure_ascii=False, indent=2).encode("utf-8", "replace"))


@mail.command("place")
def place() -> None:
    """File every waiting mail, and print how many went where."""
    with db.read() as session:
        waiting = inbound.count_by_place(session)["stored"]
    _print_counts(_place(waiting))


@mail.command("reprocess")
@click.argument("public_id", required=False)
@click.option("--all", "every", is_flag=True, help="All mails whose original is still stored.")
def reprocess(public_id: str | None, every: bool) -> None:
    """Read the mail PUBLIC_ID, or all mails, again from the original.

    What was set aside is filed again. A letter that nobody has filed yet gets the text as it is read now; one that was
    filed stays as it is.
    """
    if every == bool(public_id):
        raise click.UsageError("Name one mail, or use --all.")
    with db.read() as session:
        kept = select(Inbound.id).join(InboundRaw).where(Inbound.state.in_(SET_ASIDE)).order_by(Inbound.id)
        aside, waiting = list(session.scalars(kept)), reprocessing.letters_to_reread(session)
        if public_id:
            one = session.scalar(select(Inbound.id).filter_by(public_id=public_id))
            aside, waiting = [one] if one in aside else [], [one] if one in waiting else []
    if public_id and not aside + waiting:
        raise click.ClickException("That mail is not set aside and has no unfiled letter, or its original was deleted.")
    settings, changed = settings_of(current_app.config), 0
    with (
        Reading(SECONDS) as reading,
        click.progressbar(waiting, label="Reading letters again", file=sys.stderr) as steps,
    ):
        for row_id in steps:
            with suppress(MissingPrecondition):  # its bytes were deleted in the meantime
                changed += reprocessing.reread(db, Clock(), reading, settings, row_id)
    with click.progressbar(aside, label="Queueing again", file=sys.stderr) as steps:
        for row_id in steps:
            with suppress(DomainError):  # it was filed, or its bytes deleted, in the meantime
                db.write(partial(_take_back, row_id=row_id))
    click.echo(f"letters with new text: {changed}")
    _print_counts(_place(len(aside)))


def _take_back(session: Session, row_id: int) -> None:
    inbound.read_again(session, Clock(), session.get_one(Inbound, row_id))


def _place(waiting: int) -> Counter[str]:
    done: Counter[str] = Counter()
    with Reading(SECONDS) as reading, click.progressbar(length=waiting, label="Filing", file=sys.stderr) as bar:
        settings = settings_of(current_app.config)
        while some := place_due(db, reading, settings, AT_ONCE):
            done += some
            bar.update(some.total())
    return done


def _print_counts(counts: Counter[str]) -> None:
    click.echo("\n".join(f"{where}: {number}" for where, number in sorted(counts.items())) or "no mail is waiting")
