"""How much work something takes: a bound for what must not grow with the square of what it is fed."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let the collector rest meanwhile: it would look through all that the tests before have left, which takes seconds by
    itself."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail where what is done inside keeps the processor for so many seconds or longer."""
    with undisturbed():
        begun = time.process_time()
        yield
        took = time.process_time() - begun
    assert took < seconds
