"""Files attached to an inbound mail, extracted from its bytes on each request and stored nowhere else."""

from collections.abc import Callable
from threading import BoundedSemaphore
from typing import TypeVar

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import must
from ..db.fault_kinds import Busy
from ..mailtext.incoming import AttachedFile
from .models import Inbound
from .reading import NotStarted, ParserClient

T = TypeVar("T")
MEMORY = 300 << 20  # bytes for the process that opens a file of a mail of up to 25 MB, or redraws a picture
CPU = 5.0  # seconds of CPU for that process
SEMAPHORE_TIMEOUT = 20.0  # seconds

_semaphore = BoundedSemaphore(1)  # one file at a time, so that maliciously large mails can't exhaust the memory


def _run_in_process(request: Callable[[ParserClient], T]) -> T:
    """Send `request` to a fresh process, which has seen no other mail, and end the process. Raises `Busy`."""
    if not _semaphore.acquire(timeout=SEMAPHORE_TIMEOUT):
        raise Busy("other files are being opened")
    try:
        with ParserClient(cpu=CPU, memory=MEMORY) as parser:
            return request(parser)
    except NotStarted as error:
        raise Busy("the process that opens files does not start") from error
    finally:
        _semaphore.release()


def fetch_file(raw: bytes, number: int) -> tuple[AttachedFile, bytes] | None:
    """Return the file with the index `number` among the files of a mail, with its bytes; None if it can't be read.

    Raises `Busy`.
    """
    return _run_in_process(lambda parser: parser.file(raw, number))


def redraw_picture(raw: bytes, number: int) -> tuple[str, bytes]:
    """Redraw the picture with the index `number`, as `ParserClient.picture` does. Raises `Busy`."""
    return _run_in_process(lambda parser: parser.picture(raw, number))


def draw_portrait(data: bytes) -> tuple[bytes, str]:
    """Redraw an uploaded photo of a person, as `ParserClient.portrait` does. Raises `Busy`."""
    return _run_in_process(lambda parser: parser.portrait(data))


def read_document(raw: bytes, number: int) -> tuple[str, str]:
    """Return the text of the document with the index `number`, as `ParserClient.document` does. Raises `Busy`."""
    return _run_in_process(lambda parser: parser.document(raw, number))


def record_download(session: Session, actor: Staff, row: Inbound, number: int) -> None:
    """Record a download in the trail, with the position of the file only: its name could identify somebody.

    Raises `PermissionDenied`.
    """
    must(actor, "read")
    audit.record(session, actor, "inbound.download", row, facts={"file": number + 1})
