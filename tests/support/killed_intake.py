"""A worker that fetches and places mail and can be killed at any moment: a process that forks one each time it is told to.

Python and the app are loaded once, so that a life costs milliseconds and 200 of them fit into a test. Each line on standard
input begins a life: "here" reads the mails in the worker itself, "apart" in a process of its own as the product does. It
prints its number as it begins to work, and its parent prints "gone" once it has ended, however it did.
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

LEASE = timedelta(seconds=0.4)  # of what a killed worker held; five minutes in the product
BATCH_SIZE = 4  # mails placed in one transaction: more would seldom be done before the worker is killed


def run_worker(url: str, mailbox: ImapMailbox, reading: str) -> None:
    """Fetch and place, again and again."""
    database = Database(url, Keys(SECRETS), BASE_URL, pool_size=2)
    here = cast(ParserClient, SimpleNamespace(parse=parse, trim=trim))
    reader = here if reading == "here" else ParserClient(10)
    print(os.getpid(), flush=True)
    while True:
        imap.poll(database, mailbox)
        place_due(database, reader, Settings(), BATCH_SIZE, lease=LEASE)


def main(url: str, address: str) -> None:
    (mailbox,) = parse_mailboxes(address)
    configure_mappers()
    guess_language("Why is the salt rising?")  # it learns its languages once, as a worker that goes on has
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            run_worker(url, mailbox, line.strip())
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
