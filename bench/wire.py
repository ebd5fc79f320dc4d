"""The bytes transferred for a page with all that it loads, to a browser without a cache and without JavaScript."""

import re
import socket

LOADED = re.compile(r'<link\b[^>]*\brel="(?:stylesheet|icon)"[^>]*>|<img\b[^>]*>')
ADDRESS = re.compile(r'\b(?:href|src)="(/[^"]+)"')


def loaded(port: int, path: str) -> tuple[int, int]:
    """Return the number of bytes, including headers, and of requests."""
    size = len(_asked(port, path))
    # To find out what the page loads, it is requested again without compression.
    page = _asked(port, path, packed=False).decode(errors="replace")
    others = dict.fromkeys(found[1] for tag in LOADED.findall(page) if (found := ADDRESS.search(tag)))
    return size + sum(len(_asked(port, other)) for other in others), 1 + len(others)


def _asked(port: int, path: str, packed: bool = True) -> bytes:
    taking = "Accept-Encoding: gzip\r\n" if packed else ""
    with socket.create_connection(("127.0.0.1", port), 30) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{taking}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65_536), b""))
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"{path} was answered with {answer[:40]!r}")
    return answer
