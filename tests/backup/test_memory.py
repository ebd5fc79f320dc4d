"""However many large mails there are, a backup holds few of them in memory at once."""

import base64
import os
import subprocess
import sys
from pathlib import Path

from app.db.engine import Database
from app.mail import inbound
from tests.support.app import PRODUCTION_SETTINGS, SECRETS
from tests.support.commands import bare_environment
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT

MEGABYTE = 1 << 20
LARGE = 3 * MEGABYTE


def mails_come(database: Database, number: int) -> None:
    for _ in range(number):
        database.write(lambda session: inbound.store(session, os.urandom(LARGE), source="lmtp") and None)


def peak(database: Database, folder: Path) -> int:
    """The most memory, in bytes, that the command had at once."""
    settings = {
        **PRODUCTION_SETTINGS,
        "SECRET_KEYS": "1:" + base64.b64encode(SECRETS[1]).decode(),
        "DATABASE_URL": database.url,
        "ERASURES": str(folder / "erasures"),
    }
    command = (sys.executable, str(ROOT), "backup", "all.backup", "--replace")
    child = subprocess.Popen(command, cwd=folder, env=bare_environment(folder, **settings), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return used.ru_maxrss * 1024


def test_a_backup_of_many_large_mails_takes_no_more_memory_than_one_of_few(
    database: Database, newsroom: Newsroom, tmp_path: Path
) -> None:
    mails_come(database, 6)
    few = peak(database, tmp_path)
    mails_come(database, 18)
    many = peak(database, tmp_path)
    assert (tmp_path / "all.backup").stat().st_size > 24 * LARGE
    assert many - few < 5 * LARGE
