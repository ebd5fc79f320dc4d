"""A backup that is killed (SIGKILL), or runs out of room, at a chosen step of writing its file.

Each line on standard input begins a life: "kill STEP", "full BYTES" or "whole". The parent process, which has loaded everything,
forks it, and prints how it ended.
"""

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from app.backup import atomic_file, making
from app.crypto.seal import Keys
from app.db.engine import Database
from tests.support.app import BASE_URL, SECRETS

STEPS = ("write", "fsync", "read", "link", "replace", "unlink")


def kill_after(name: str, left: Any) -> Any:
    """A function of `os` that is the last one of its process once the steps are over."""
    real = getattr(os, name)

    def step(*words: Any, **more: Any) -> Any:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **more)

    return step


def run_backup(url: str, path: Path, how: str, number: str) -> None:
    database = Database(url, Keys(SECRETS), BASE_URL, pool_size=2)
    if how == "kill":
        left = iter(range(int(number)))
        for name in STEPS:
            setattr(atomic_file.os, name, kill_after(name, left))
    if how == "full":
        written = making.erasure_list.write_list

        def narrow(*words: Any) -> None:  # the first that is written; the database itself has its files open by then
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), int(number)))
            written(*words)

        making.erasure_list.write_list = narrow
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
        print({-signal.SIGKILL: "killed", 0: "whole", 1: "refused"}.get(code, f"failed with {code}"), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
