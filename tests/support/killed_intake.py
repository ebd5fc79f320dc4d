"""A worker that fetches and places mail until it is killed, forked for each line on standard input.

The parent process imports Python and the app once, so that starting a worker takes milliseconds and a test can kill 200.
A line is "here", to parse the mails in the worker itself, or "apart", in a process of its own as in production. The
worker prints its pid when it starts, and the parent prints "gone" when it has ended.
"""

import os
import sys
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from sqlalchemy.orm import configure_mappers

from app.crypto.seal import Keys
from app.db.engine import Database
from app.mail.reading import ParserClient
from app.mailroom import imap
from app.mailroom.placing import Settings, place_due
from app.mailtext.parsing.parse import parse
from app.mailtext.trim import trim
from app.settings.mail_accounts import ImapMailbox, parse_mailboxes
from app.text.languages import guess_language
from tests.support.app import BASE_URL, SECRETS

LEASE = timedelta(seconds=0.4)  # on the mails of a killed worker; five minutes in production
BATCH_SIZE = 4  # mails per transaction: larger batches would rarely end before the worker is killed


def run_worker(url: str, mailbox: ImapMailbox, parser: str) -> None:
    """Fetch and place mail until the process is killed; `parser` is "here" or "apart"."""
    database = Database(url, Keys(SECRETS), BASE_URL)
    inline_client = cast(ParserClient, SimpleNamespace(parse=parse, trim=trim))
    client = inline_client if parser == "here" else ParserClient(10)
    print(os.getpid(), flush=True)
    while True:
        imap.poll(database, mailbox)
        place_due(database, client, Settings(), BATCH_SIZE, lease=LEASE)


def main(url: str, mailbox_url: str) -> None:
    (mailbox,) = parse_mailboxes(mailbox_url)
    configure_mappers()
    guess_language("Why is the salt rising?")  # load the language profiles before forking
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            run_worker(url, mailbox, line.strip())
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
