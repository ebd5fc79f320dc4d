"""A Redis of a test's own, on a free port."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limits.storage import RedisStorage

from tests.support import clock
from tests.support.processes import reserve_port
from tests.support.required_programs import skip_without
from tests.support.waiting import wait_until


@contextmanager
def start_redis(folder: Path, *options: str) -> Iterator[str]:
    """Start Redis, and yield its URL. By default it writes nothing to the disk; `options` come last."""
    if shutil.which("redis-server") is None:
        skip_without("redis-server")
    port = reserve_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    memory_only = ("--save", "", "--appendonly", "no")
    environment = clock.machine_environment()  # Redis hangs at its start with libfaketime (ADR 30)
    with subprocess.Popen([*command, *memory_only, *options], stdout=subprocess.DEVNULL, env=environment) as process:
        try:
            url = f"redis://127.0.0.1:{port}/0"
            wait_until(lambda: RedisStorage(url).check(), "Redis")
            yield url
        finally:
            process.kill()
