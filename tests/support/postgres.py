"""A PostgreSQL server for the tests: the one in TEST_POSTGRES_URL, a temporary one, or one that already runs here.

A temporary server is the fastest, since it doesn't wait for the disk, and leaves nothing behind.
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
DEFAULT_URLS = ("postgresql+psycopg://postgres@127.0.0.1:5432/postgres", "postgresql+psycopg:///postgres")

MIN_FREE_BYTES = 2 * 2**30
# The data needn't survive a crash, so the server neither waits for the disk nor writes anything twice.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",  # each database lives for a second
    "jit": "off",  # without statistics the planner overestimates the cost of queries
}


def to_psycopg_url(url: str) -> str:
    """Return an SQLAlchemy URL in the form that psycopg accepts."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def can_create_databases(url: str) -> bool:
    """Return whether the server is reachable and allows us to create databases."""
    with suppress(psycopg.Error), psycopg.connect(to_psycopg_url(url), connect_timeout=3) as connection:
        query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        return connection.execute(query).fetchone() == (True,)
    return False


def find_programs() -> Path | None:
    """Return the folder with the programs of the newest installed server."""
    paths = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    initdb = str(paths[-1]) if paths else shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@contextmanager
def find_or_start_server(**settings: str) -> Iterator[str | None]:
    """Yield the URL of a server, or None if there is none.

    A server that is started for this has `settings` in addition to the default ones, and is stopped at the end.
    """
    configured_url, bin_folder = os.environ.get(URL_VARIABLE), find_programs()
    if bin_folder and not configured_url:
        with _start_server(bin_folder, settings) as url:
            yield url
        return
    urls = (configured_url,) if configured_url else DEFAULT_URLS
    yield next((url for url in urls if can_create_databases(url)), None)


def find_memory_folder() -> str | None:
    """Return a folder in memory, which is faster than a busy disk, if there is one with enough space."""
    folder = Path("/dev/shm")  # noqa: S108 - files there get unpredictable names
    return str(folder) if folder.is_dir() and shutil.disk_usage(folder).free > MIN_FREE_BYTES else None


@contextmanager
def _start_server(bin_folder: Path, extra_settings: dict[str, str]) -> Iterator[str]:
    """Start a server in a temporary folder, with a Unix socket there, and remove it at the end.

    PostgreSQL refuses to run as root. It uses the real clock, which no test reads: under libfaketime, it missed the
    time limit of waiting for a lock.
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
    arguments = [
        argument
        for name, value in (SETTINGS | extra_settings | {"unix_socket_directories": str(folder)}).items()
        for argument in ("-c", f"{name}={value}")
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # type: ignore[call-overload]
            (bin_folder / "postgres", "-D", data, *arguments),
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
        process.send_signal(signal.SIGINT)  # fast shutdown, even with open connections
        process.wait(WAIT_TIMEOUT)
        shutil.rmtree(folder, ignore_errors=True)
