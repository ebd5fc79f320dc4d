"""`readers-asked mail ...`: the commands that receive, inspect, file and reprocess incoming mail."""

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
from ..mail.reading import ParserClient
from ..mailroom import imap, pipe, reprocessing, webhook
from ..mailroom.batch import settings_of
from ..mailroom.placing import place_due
from ..mailroom.routing import inspect
from ..mailroom.signing_in import sign_in
from ..web.current import db
from .command_faults import require_settings
from .mail import mail, process_lines

PARSE_TIMEOUT = 10  # seconds for parsing one message
BATCH_SIZE = 20  # mails filed between two steps of a progress bar
LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")

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
        require_settings()
    except click.ClickException as error:
        click.echo(error.message, err=True)
        sys.exit(pipe.Exit.LATER)
    status, message = pipe.receive(db, sys.stdin.buffer, recipient, sender)
    if status:
        click.echo(message, err=True)
    sys.exit(status)


@mail.command("poll")
def poll() -> None:
    """Fetch new mail from each of MAILBOXES, once. Exits with 1 if one of them failed."""
    require_settings()
    has_failed = False
    for number, mailbox in enumerate(current_app.config["MAILBOXES"], 1):
        label = f"mailbox {number} ({mailbox.host})"
        with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

            def progress(done: int, total: int, bar: Any = bar) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            try:
                stored_count = imap.poll(db, mailbox, progress)
            except Exception as error:  # the other mailboxes must still be polled
                fault = imap.error_name(error)
            else:
                fault = ""
        click.echo(f"{label}: {fault or f'{stored_count} stored'}", err=bool(fault))
        has_failed = has_failed or bool(fault)
    sys.exit(1 if has_failed else 0)


@mail.command("lmtp")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8024, show_default=True)
@click.option("--socket", type=click.Path(dir_okay=False), help="Listen on a Unix socket at this path instead.")
def run_lmtp(host: str, port: int, socket: str | None) -> None:
    """Accept mail from a mail server by LMTP, until stopped."""
    from ..mailroom import lmtp  # not at the top, since no other process needs its library

    require_settings()
    db.write(lambda session: None)  # if nothing can be stored, fail now and not at the first message
    if socket is None and host not in LOCAL_HOSTS:
        click.echo("WARNING: LMTP has no passwords: anyone who can reach this address can hand in mail.", err=True)

    def print_addresses(addresses: Any) -> None:
        for address in addresses:  # the path of a Unix socket, or a host and a port
            click.echo(f"LMTP listens at {address if isinstance(address, str) else '{}:{}'.format(*address)}")

    try:
        asyncio.run(lmtp.serve(db, print_addresses, host=host, port=port, socket=socket))
    except OSError as error:  # asyncio's own message would repeat the address
        raise click.ClickException(f"{socket or f'{host}:{port}'}: {os.strerror(error.errno or 0)}") from error


@mail.command("webhook-address")
def webhook_address() -> None:
    """Print the URL that a mail provider posts messages to."""
    with db.read() as session:
        secret = current_app.config["MAIL_WEBHOOK_SECRET"]
        if not secret:
            raise click.ClickException("MAIL_WEBHOOK_SECRET is empty: the webhook is disabled")
        click.echo(absolute_url(session, webhook.path(secret)))


def _open_session(stack: ExitStack) -> Session | None:
    """Return a session that is closed with `stack`, or None if the settings are invalid or there is no database."""
    try:
        session = stack.enter_context(db.read())
        session.scalar(select(Inbound.id).limit(1))  # raises if there is no database
    except (click.ClickException, SQLAlchemyError):
        return None
    return session


@mail.command("inspect")
@click.option("--jsonl", is_flag=True, help="Read lines {id, raw_b64}, and write a line for each.")
def run_inspect(jsonl: bool) -> None:
    """Show as JSON how the message on standard input is read and where it would be filed; store nothing."""
    settings = settings_of(current_app.config)
    with ExitStack() as stack:
        session = _open_session(stack)
        reading = stack.enter_context(ParserClient(PARSE_TIMEOUT))
        if jsonl:
            process_lines(lambda raw: inspect(raw, reading, session, settings))
        else:
            result = inspect(sys.stdin.buffer.read(), reading, session, settings)
            click.echo(json.dumps(result, ensure_ascii=False, indent=2).encode("utf-8", "replace"))


@mail.command("place")
def place() -> None:
    """File every waiting mail, and print how many went where."""
    with db.read() as session:
        waiting_count = inbound.count_by_place(session)["stored"]
    _print_counts(_file_waiting_mails(waiting_count))


@mail.command("reprocess")
@click.argument("public_id", required=False)
@click.option("--all", "all_mails", is_flag=True, help="All mails whose original is still stored.")
def reprocess(public_id: str | None, all_mails: bool) -> None:
    """Read the mail PUBLIC_ID, or all mails, again from the original.

    What was set aside is filed again. A letter that nobody has filed yet gets the text as it is read now; one that was
    filed stays as it is.
    """
    if all_mails == bool(public_id):
        raise click.UsageError("Name one mail, or use --all.")
    with db.read() as session:
        with_original = select(Inbound.id).join(InboundRaw)
        set_aside_query = with_original.where(Inbound.state.in_(SET_ASIDE)).order_by(Inbound.id)
        set_aside_ids = list(session.scalars(set_aside_query))
        unfiled_letter_ids = reprocessing.letters_to_reread(session)
        if public_id:
            requested_id = session.scalar(select(Inbound.id).filter_by(public_id=public_id))
            set_aside_ids = [requested_id] if requested_id in set_aside_ids else []
            unfiled_letter_ids = [requested_id] if requested_id in unfiled_letter_ids else []
    if public_id and not set_aside_ids + unfiled_letter_ids:
        raise click.ClickException("That mail is not set aside and has no unfiled letter, or its original was deleted.")
    settings, changed_count = settings_of(current_app.config), 0
    with (
        ParserClient(PARSE_TIMEOUT) as reading,
        click.progressbar(unfiled_letter_ids, label="Reading letters again", file=sys.stderr) as mail_ids,
    ):
        for mail_id in mail_ids:
            with suppress(MissingPrecondition):  # the original was deleted in the meantime
                changed_count += reprocessing.reread(db, Clock(), reading, settings, mail_id)
    with click.progressbar(set_aside_ids, label="Queueing again", file=sys.stderr) as mail_ids:
        for mail_id in mail_ids:
            with suppress(DomainError):  # the mail was filed, or its original deleted, in the meantime
                db.write(partial(_queue_again, mail_id=mail_id))
    click.echo(f"letters with new text: {changed_count}")
    _print_counts(_file_waiting_mails(len(set_aside_ids)))


def _queue_again(session: Session, mail_id: int) -> None:
    inbound.read_again(session, Clock(), session.get_one(Inbound, mail_id))


def _file_waiting_mails(expected_count: int) -> Counter[str]:
    """File all waiting mails, and return how many went where. `expected_count` is for the progress bar."""
    counts: Counter[str] = Counter()
    settings = settings_of(current_app.config)
    with (
        ParserClient(PARSE_TIMEOUT) as reading,
        click.progressbar(length=expected_count, label="Filing", file=sys.stderr) as bar,
    ):
        while batch_counts := place_due(db, reading, settings, BATCH_SIZE):
            counts += batch_counts
            bar.update(batch_counts.total())
    return counts


def _print_counts(counts: Counter[str]) -> None:
    lines = [f"{place}: {count}" for place, count in sorted(counts.items())]
    click.echo("\n".join(lines) or "no mail is waiting")
