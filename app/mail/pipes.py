"""Requests and replies of a process that reads for us, through pipes and with a time by which they are whole."""

import os
import select
import struct
import time

CHUNK = 1 << 20  # bytes that are read at once
REPLY = struct.Struct("!Q")  # the length of what follows


def send(pipe: int, data: bytes, deadline: float) -> None:
    """Write all of it until a monotonic time. Raises `TimeoutError`, and `OSError` where nobody reads any more."""
    left = memoryview(data)
    while left:
        _wait((), (pipe,), deadline)
        left = left[os.write(pipe, left) :]


def receive(pipe: int, deadline: float) -> bytes:
    """Take one reply until a monotonic time. Raises `TimeoutError`, and `OSError` where the process ended before."""
    (length,) = REPLY.unpack(_read_exactly(pipe, REPLY.size, deadline))
    return _read_exactly(pipe, length, deadline)


def _read_exactly(pipe: int, length: int, deadline: float) -> bytes:
    found = bytearray()
    while len(found) < length:
        _wait((pipe,), (), deadline)
        part = os.read(pipe, min(length - len(found), CHUNK))
        if not part:
            raise BrokenPipeError
        found += part
    return bytes(found)


def _wait(readable: tuple[int, ...], writable: tuple[int, ...], deadline: float) -> None:
    if not any(select.select(readable, writable, (), max(0.0, deadline - time.monotonic()))):
        raise TimeoutError
