"""Measuring time: limits for CPU time, and whether responses can be told apart by their duration."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from time import perf_counter

# How far the result of `get_share_slower` may be from 0.5 by chance: five standard deviations for 1,000 times of each
# kind. One is sqrt((m + n + 1) / (12 m n)) (Mann and Whitney, 1947).
CHANCE_MARGIN = 0.065


def measure_times(functions: Sequence[Callable[[], object]], rounds: int, seed: int = 1) -> list[list[float]]:
    """Call each function once per round, in random order. Return the seconds of the calls of each function."""
    order, times = Random(seed), [list[float]() for _ in functions]
    for _ in range(rounds):
        for index in order.sample(range(len(functions)), len(functions)):
            start = perf_counter()
            functions[index]()
            times[index].append(perf_counter() - start)
    return times


def get_share_slower(times: list[float], other_times: list[float]) -> float:
    """Return the share of pairs in which the first time is longer: about 0.5 if the kinds can't be told apart."""
    ranked = sorted([(seconds, True) for seconds in times] + [(seconds, False) for seconds in other_times])
    shorter_others = pairs = 0
    for _seconds, is_first_kind in ranked:
        if is_first_kind:
            pairs += shorter_others
        else:
            shorter_others += 1
    return pairs / (len(times) * len(other_times))


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Disable garbage collection inside: it would walk everything that earlier tests left, which takes seconds."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def limit_cpu_time(seconds: float) -> Iterator[None]:
    """Fail if the block takes this many seconds of CPU time, or more."""
    with without_garbage_collection():
        start = time.process_time()
        yield
        cpu_time = time.process_time() - start
    assert cpu_time < seconds
