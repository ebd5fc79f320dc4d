"""The command `mail sign-in`, which signs mail accounts in at their OAuth providers. They then stay signed in."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from app.settings.mail_accounts import OAuthAccount, Provider

from ..mail import sign_ins, token_requests
from ..mail.sending import smtp_connector
from ..mail.token_requests import NotGiven, Tokens
from ..web.current import db
from . import imap

Connector = Callable[[], AbstractContextManager[Any]]

STEP = 1.0  # seconds between two steps of the progress bar


@click.command("sign-in")
@click.argument("name", required=False)
@click.option("--refresh-token", is_flag=True, help="Paste one (or hand it over on standard input) instead of a code.")
@with_appcontext
def sign_in(name: str | None, refresh_token: bool) -> None:
    """Sign in the mail account NAME at its provider (MAIL_OAUTH); without a name, each that is signed out.

    Prints an address and a code: whoever has the account's password opens the one in a browser and types the other.
    Where the provider has no such codes for mail (Google), a refresh token is asked for. Ends with 1 where an account
    could not be signed in, or is not let in by its mail server.
    """
    db.url  # noqa: B018 - asks whether there are settings
    accounts: tuple[OAuthAccount, ...] = current_app.config["MAIL_ACCOUNTS"]
    if not accounts:
        raise click.ClickException(
            "no mail account signs in by token: MAIL_OAUTH, and oauth=1 in MAILBOXES, say which do"
        )
    with db.read() as session:
        signed_out = [account for account, _code in sign_ins.faults(session, accounts)]
    chosen = [account for account in accounts if account.user == name] if name else signed_out
    if name and not chosen:
        raise click.ClickException(f"no such account; there is {', '.join(account.user for account in accounts)}")
    if not chosen:
        click.echo("Every mail account is signed in.")
    for account in chosen:
        _sign_in(account, use_refresh_token=refresh_token)
    refused = [account for account in chosen if _is_refused(account)]
    sys.exit(1 if refused else 0)


def _sign_in(account: OAuthAccount, *, use_refresh_token: bool) -> None:
    has_device_codes = bool(account.provider.device_url)
    try:
        if use_refresh_token or not has_device_codes:
            tokens = _get_tokens_by_refresh_token(account)
        else:
            tokens = _get_tokens_by_code(account)
    except NotGiven as error:
        message = f"{account.user} is not signed in: {account.provider.host}: {error}"
        if error.details:
            message += f"\n{error.details}"
        raise click.ClickException(message) from None
    db.write(lambda session: sign_ins.store_tokens(session, account, tokens))
    click.echo(f"{account.user} is signed in.")


def _get_tokens_by_refresh_token(account: OAuthAccount) -> Tokens:
    """Get tokens for a refresh token that the operator enters. As an argument, it would stay in the shell's history.

    Raises `NotGiven`.
    """
    if sys.stdin.isatty():
        entered = click.prompt(f"Refresh token of {account.user}", hide_input=True)
    else:
        entered = sys.stdin.readline()
    refresh_token = entered.strip()
    if not refresh_token:
        raise click.ClickException("no refresh token was given")
    tokens = token_requests.request_access_token(account.provider, refresh_token)
    return tokens if tokens.refresh else replace(tokens, refresh=refresh_token)


def _get_tokens_by_code(account: OAuthAccount) -> Tokens:
    """Show a device code, and get tokens once the user has signed in with it. Raises `NotGiven`."""
    provider: Provider = account.provider
    device_code = token_requests.request_device_code(provider)
    click.echo(f"Open {device_code.address}\nand type {device_code.user_code}\nas {account.user}.")
    with click.progressbar(length=int(device_code.lifetime), label="Waiting", file=sys.stderr) as bar:
        return token_requests.wait_for_sign_in(provider, device_code, lambda seconds: _wait(seconds, bar))


def _wait(seconds: float, bar: Any) -> None:
    """Wait, and advance the progress bar by a step for each second."""
    ends_at = time.monotonic() + seconds
    while (remaining := ends_at - time.monotonic()) > 0:
        step = min(STEP, remaining)
        time.sleep(step)
        bar.update(round(step))


def _is_refused(account: OAuthAccount) -> bool:
    """Connect to each server that the account is used for, and return whether one refuses it."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    connectors: dict[str, Connector] = {
        f"mailbox {number} ({mailbox.host})": partial(imap.open_mailbox, db, mailbox)
        for number, mailbox in enumerate(app.config["MAILBOXES"], 1)
        if mailbox.account == account
    }
    if app.config["MAIL_SMTP_ACCOUNT"] == account:
        connectors[f"SMTP ({app.config['MAIL_SERVER']})"] = smtp_connector(app)
    can_connect = [_can_connect(label, connect) for label, connect in connectors.items()]
    return not all(can_connect)


def _can_connect(label: str, connect: Connector) -> bool:
    try:
        with connect():
            click.echo(f"{label}: open")
    except Exception as error:  # the other servers are tried too
        click.echo(f"{label}: {imap.error_name(error)}", err=True)
        return False
    return True
