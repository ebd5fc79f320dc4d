"""Files that hung on a mail: opened again from its bytes, each time, and kept nowhere else."""

from collections.abc import Callable
from threading import BoundedSemaphore
from typing import TypeVar

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import must
from ..db.fault_kinds import Busy
from ..mailtext.incoming import File
from .models import Inbound
from .reading import NotStarted, Reading

T = TypeVar("T")
MEMORY = 300 << 20  # bytes that the process may take that opens a file of a mail of 25 MB, or draws a picture anew
CPU = 5.0  # seconds of CPU that it may take
PATIENCE = 20.0  # seconds that one waits who isn't the first

_turn = BoundedSemaphore(1)  # one file at a time, so that mails that were made large can't fill the machine


def _in_turn(ask: Callable[[Reading], T]) -> T:
    """Ask a process that is started for this and ends with it: it has seen strangers' bytes."""
    if not _turn.acquire(timeout=PATIENCE):
        raise Busy("other files are being opened")
    try:
        with Reading(cpu=CPU, memory=MEMORY) as reading:
            return ask(reading)
    except NotStarted as error:
        raise Busy("the process that opens files does not start") from error
    finally:
        _turn.release()


def fetch_file(raw: bytes, number: int) -> tuple[File, bytes] | None:
    """Fetch a file by its place in the list, with its bytes; None where there is none, or it can't be read. Raises
    `Busy`.
    """
    return _in_turn(lambda reading: reading.file(raw, number))


def redraw_picture(raw: bytes, number: int) -> tuple[str, bytes]:
    """Draw a picture anew, as `Reading.picture` does. Raises `Busy`."""
    return _in_turn(lambda reading: reading.picture(raw, number))


def note_taken(session: Session, actor: Staff, row: Inbound, number: int) -> None:
    """Write into the trail who took a file away: of the file no more than its place, for names can tell whose it is."""
    must(actor, "read")
    audit.record(session, actor, "inbound.download", row, facts={"file": number + 1})
