"""Redaction of everything that leaves the installation for monitoring: logs, metrics, error reports.

Our own log lines hold no reader's text; that is a rule for those who write one. What could slip in is removed by its
form: e-mail addresses, URLs, IP addresses, receipts, codes and tokens. Of an error only its type and the frames in the
code are kept, never its message, source lines or values of variables.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
FRAMES = 20  # innermost frames of each error
ERRORS = 5  # errors of a chain of causes

_FORMS = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"[^\s<>()\[\]\"',;:=]+@[^\s<>()\[\]\"',;]+"), "[address]"),
    (re.compile(r"(?<=\S)\?\S+"), "?…"),  # the query of a relative URL
    (re.compile(r"/(a|sign-in|stop|mail/in)/[^\s/\"'<>]+"), r"/\1/[token]"),
    (re.compile(r"(?<!\d)\d{4}(?:[ \u00a0-]?\d{4}){4}(?!\d)"), "[receipt]"),
    (re.compile(r"(?<![\w.])\d{8}(?![\w.])"), "[code]"),  # of a sign-in
    # 22 or more characters of base64url, except names in the code; the 16 of a reply address (RFC 4648).
    (re.compile(r"(?<![\w-])(?![a-z]+(?:_[a-z]+)*(?![\w-]))[\w-]{22,}(?![\w-])", re.ASCII), "[token]"),
    (re.compile(r"(?<![A-Za-z0-9])(?:b-)?[a-z2-7]{16}(?![A-Za-z0-9])"), "[token]"),
)
_IP = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)|(?<![\w.:])[0-9a-f]*:[0-9a-f:.]+(?:%\w+)?(?![\w:])", re.IGNORECASE
)


def redact(text: str) -> str:
    """Replace in a text whatever by its form could identify a person."""
    for form, instead in _FORMS:
        text = form.sub(instead, text)
    return _IP.sub(lambda found: "[ip]" if _is_ip(found[0].rstrip(".")) else found[0], text)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def clean_values(value: Any) -> Any:
    """Redact all text in a value, however deeply nested. Of objects that aren't plain values only the type is kept."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): clean_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean_values(inner) for inner in value]
    return f"[{type(value).__name__}]"


def fault_as_data(error: BaseException) -> list[dict[str, Any]]:
    """Return the type and the frames of an error and then of its causes."""
    chain: list[dict[str, Any]] = []
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen and len(chain) < ERRORS:
        seen.add(id(following))
        chain.append({"type": type(following).__name__, "frames": _list_frames(following.__traceback__)})
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return chain


def _list_frames(traceback: TracebackType | None) -> list[dict[str, Any]]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append({"file": _file(code.co_filename), "line": traceback.tb_lineno, "function": code.co_name})
        traceback = traceback.tb_next
    return frames[-FRAMES:]


def _file(name: str) -> str:
    """Return the path of a file within the repository or library, without where the program is installed."""
    path = Path(name)
    if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
        return path.relative_to(ROOT).as_posix()
    return "/".join(path.parts[-2:])
