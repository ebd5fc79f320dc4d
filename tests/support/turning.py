"""The server of the pages by itself, in a thread of the test."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from app.server import page_server


@contextmanager
def turning(app: Callable[..., Iterable[bytes]]) -> Iterator[page_server.Pages]:
    """Answer with a WSGI app until the block ends."""
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            here.poll_once(0.05)

    with page_server.listen("127.0.0.1", 0) as listener:
        here = page_server.pages_of(app, listener)
        thread = threading.Thread(target=poll)
        thread.start()
        yield here
        over.set()
        thread.join()
        here.task_dispatcher.shutdown()
        here.close()
