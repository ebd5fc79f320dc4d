"""How much work something takes: a bound for what must not grow with the square of what it is fed."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail where what is done inside keeps the processor for so many seconds or longer. The collector rests meanwhile: it
    would look through all that the tests before have left, which takes seconds by itself."""
    gc.disable()
    try:
        begun = time.process_time()
        yield
        took = time.process_time() - begun
    finally:
        gc.enable()
    assert took < seconds
