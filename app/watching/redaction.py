"""Redaction of everything that is written for monitoring: logs, metrics, error reports.

Code must not log readers' text in the first place. As a second defence, this removes whatever looks like an e-mail
address, URL, IP address, receipt, code or token. Of an error, only the type and the frames are kept, never the message,
source lines or values of variables.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
MAX_FRAMES = 20  # the innermost frames of each error
MAX_ERRORS = 5  # errors of a chain of causes

# Patterns, and what replaces the text that matches them.
_PATTERNS = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"[^\s<>()\[\]\"',;:=]+@[^\s<>()\[\]\"',;]+"), "[address]"),
    (re.compile(r"(?<=\S)\?\S+"), "?…"),  # the query of a relative URL
    (re.compile(r"/(a|sign-in|stop|mail/in)/[^\s/\"'<>]+"), r"/\1/[token]"),
    (re.compile(r"(?<!\d)\d{4}(?:[ \u00a0-]?\d{4}){4}(?!\d)"), "[receipt]"),
    (re.compile(r"(?<![\w.])\d{8}(?![\w.])"), "[code]"),  # a code to sign in
    # 22 or more characters of base64url, except names in the code; then the 16 of base32 in a reply address (RFC 4648).
    (re.compile(r"(?<![\w-])(?![a-z]+(?:_[a-z]+)*(?![\w-]))[\w-]{22,}(?![\w-])", re.ASCII), "[token]"),
    (re.compile(r"(?<![A-Za-z0-9])(?:b-)?[a-z2-7]{16}(?![A-Za-z0-9])"), "[token]"),
)
_IP = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)|(?<![\w.:])[0-9a-f]*:[0-9a-f:.]+(?:%\w+)?(?![\w:])", re.IGNORECASE
)


def redact(text: str) -> str:
    """Replace whatever looks as if it could identify a person."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return _IP.sub(lambda match: "[ip]" if _is_ip(match[0].rstrip(".")) else match[0], text)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def clean_values(value: Any) -> Any:
    """Redact all text in a value, however deeply nested. Replace objects that aren't plain values by their type."""
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
    """Return the `type` and the `frames` of an error, followed by the same of its causes."""
    chain: list[dict[str, Any]] = []
    seen_ids: set[int] = set()  # the causes may form a cycle
    current: BaseException | None = error
    while current is not None and id(current) not in seen_ids and len(chain) < MAX_ERRORS:
        seen_ids.add(id(current))
        chain.append({"type": type(current).__name__, "frames": _list_frames(current.__traceback__)})
        implicit_cause = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or implicit_cause
    return chain


def _list_frames(traceback: TracebackType | None) -> list[dict[str, Any]]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append({"file": _shorten_path(code.co_filename), "line": traceback.tb_lineno, "function": code.co_name})
        traceback = traceback.tb_next
    return frames[-MAX_FRAMES:]


def _shorten_path(filename: str) -> str:
    """Return the path of a source file within the repository or library, without the folder of the installation."""
    path = Path(filename)
    if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
        return path.relative_to(ROOT).as_posix()
    return "/".join(path.parts[-2:])
