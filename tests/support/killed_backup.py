"""A backup that is killed (SIGKILL), or runs out of disk space, while it writes its file.

Each line on standard input starts a backup: "kill STEPS", "full BYTES" or "whole 0". The parent process, which has
imported everything, forks it, and prints how it ended.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.backup import atomic_file, making
from app.crypto.seal import Keys
from app.db.engine import Database
from tests.support.app import BASE_URL, SECRETS

SYSTEM_CALLS = ("write", "fsync", "read", "link", "replace", "unlink")


def count_down(name: str, remaining_steps: Iterator[int]) -> Callable[..., Any]:
    """Return a function of `os` that kills the process when no steps remain."""
    original = getattr(os, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if next(remaining_steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    return call


def run_backup(url: str, path: Path, fault: str, number: str) -> None:
    """Make a backup with a fault: "kill" after `number` steps, "full" after `number` bytes, or "whole" for none."""
    database = Database(url, Keys(SECRETS), BASE_URL)
    if fault == "kill":
        remaining_steps = iter(range(int(number)))
        for name in SYSTEM_CALLS:
            setattr(atomic_file.os, name, count_down(name, remaining_steps))
    if fault == "full":
        write_list = making.erasure_list.write_list

        # The list is the first file that a backup writes; by then the database has opened its own files.
        def write_limited_list(*args: Any) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), int(number)))
            write_list(*args)

        making.erasure_list.write_list = write_limited_list
    making.create_backup(database, path, [], None, replace=True, progress=lambda *_: None)


def main(url: str, path: str) -> None:
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            try:
                run_backup(url, Path(path), *line.split())
            except OSError as error:
                print(f"OSError {error.errno}", flush=True)
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        results = {-signal.SIGKILL: "killed", 0: "whole", 1: "refused"}
        print(results.get(code, f"failed with {code}"), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
