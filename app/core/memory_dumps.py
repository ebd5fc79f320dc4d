"""Keeps the memory of our processes, which holds keys and readers' words, out of core dumps and other processes."""

import ctypes
import resource
import sys
from contextlib import suppress

PR_SET_DUMPABLE = 4  # <sys/prctl.h>


def forbid_memory_dumps() -> None:
    """Forbid core dumps of this process and its children, and access to its memory by others of the same account.

    The kernel's `PR_SET_DUMPABLE` (man 2 prctl, only on Linux) also refuses ptrace and /proc/PID/mem to all but root. A
    fork inherits it, but a program that a child starts doesn't, and has to forbid it itself. Both inherit the limit of
    core dumps, which doesn't hold for dumps that the kernel pipes to a program (man 5 core).
    """
    with suppress(OSError, ValueError):  # the service manager filters the call; it has a limit of its own (LimitCORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library without prctl
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
