"""A PostgreSQL server for the tests: the one that is named, one of their own, or one that runs here and lets us in.

One of their own is the fastest, since it need not wait for the disk, and leaves nothing in somebody's server.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from tests.support import clock
from tests.support.waiting import WAIT_TIMEOUT, wait_until

URL_VARIABLE = "TEST_POSTGRES_URL"
USUAL_URLS = ("postgresql+psycopg://postgres@127.0.0.1:5432/postgres", "postgresql+psycopg:///postgres")

MIN_FREE_BYTES = 2 * 2**30  # bytes
# Nothing here has to outlive the tests, so nothing is waited for, and nothing is written twice.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",  # each database lives for a second
    "jit": "off",  # and is too young for statistics: what the planner takes for long is short
}


def psycopg_url(url: str) -> str:
    """The address as psycopg takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def can_create_databases(url: str) -> bool:
    """Whether we may create databases there."""
    with suppress(psycopg.Error), psycopg.connect(psycopg_url(url), connect_timeout=3) as server:
        asked = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        return server.execute(asked).fetchone() == (True,)
    return False


def find_programs() -> Path | None:
    """The folder of the newest installed server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    known = str(found[-1]) if found else shutil.which("initdb")
    return Path(known).parent if known else None


@contextmanager
def server(**settings: str) -> Iterator[str | None]:
    """The server's address, or None where none can be had. One that was started here, with these `settings` beside the usual
    ones, is stopped at the end."""
    named, bin_folder = os.environ.get(URL_VARIABLE), find_programs()
    if bin_folder and not named:
        with _own_server(bin_folder, settings) as url:
            yield url
        return
    yield next((url for url in ((named,) if named else USUAL_URLS) if can_create_databases(url)), None)


def find_memory_folder() -> str | None:
    """A folder that lies in memory, where there is one with room enough: other programs keep disks busy."""
    shared = Path("/dev/shm")  # noqa: S108 - what is made there has a name that nobody can guess
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > MIN_FREE_BYTES else None


@contextmanager
def _own_server(bin_folder: Path, more: dict[str, str]) -> Iterator[str]:
    """A cluster in a temporary folder, reached by a socket there; thrown away at the end, so that it need not wait for the disk.

    The server refuses to run as root. It keeps the machine's time, which nothing asks it for: with libfaketime a wait for a lock
    missed its time limit.
    """
    folder = Path(tempfile.mkdtemp(prefix="readers-asked-", dir=find_memory_folder()))
    account = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if account:
        shutil.chown(folder, "postgres", "postgres")
    data = str(folder / "data")
    initdb = (bin_folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    subprocess.run(
        initdb, check=True, cwd=folder, stdout=subprocess.DEVNULL, env=clock.machine_environment(), **account
    )  # type: ignore[call-overload]
    settings = [
        word
        for name, value in (SETTINGS | more | {"unix_socket_directories": str(folder)}).items()
        for word in ("-c", f"{name}={value}")
    ]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(  # type: ignore[call-overload]
            (bin_folder / "postgres", "-D", data, *settings),
            cwd=folder,
            env=clock.machine_environment(),
            stderr=log,
            stdout=log,
            **account,
        )
    url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
    try:
        wait_until(lambda: can_create_databases(url), "PostgreSQL", pause=0.1)
        yield url
    finally:
        child.send_signal(signal.SIGINT)  # at once, whoever is still connected
        child.wait(WAIT_TIMEOUT)
        shutil.rmtree(folder, ignore_errors=True)
