"""How long something takes: a limit for processor time, and whether answers can be told apart by their time."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from time import perf_counter

# How far the share below may lie from a half by chance: five standard deviations of it for 1,000 answers of each kind, which is
# sqrt((m + n + 1) / (12 m n)) (Mann and Whitney, 1947).
BY_CHANCE = 0.065


def measure_times(tries: Sequence[Callable[[], object]], many: int, seed: int = 1) -> list[list[float]]:
    """Do each of some tries so many times, in an order drawn anew each time, and return the seconds that each took."""
    order, found = Random(seed), [list[float]() for _ in tries]
    for _ in range(many):
        for at in order.sample(range(len(tries)), len(tries)):
            began = perf_counter()
            tries[at]()
            found[at].append(perf_counter() - began)
    return found


def share_longer(one: list[float], other: list[float]) -> float:
    """Return how often an answer of one kind takes longer than one of the other: about 0.5 where nobody could tell which is which."""
    ranked = sorted([(seconds, True) for seconds in one] + [(seconds, False) for seconds in other])
    below = above = 0
    for _seconds, is_one in ranked:
        below, above = (below, above + below) if is_one else (below + 1, above)
    return above / (len(one) * len(other))


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Let the collector rest meanwhile: it would look through all that the tests before have left, which takes seconds by
    itself."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Fail where what is done inside keeps the processor for so many seconds or longer."""
    with without_garbage_collection():
        begun = time.process_time()
        yield
        took = time.process_time() - begun
    assert took < seconds
