"""The bytes transferred for a page with all that it loads, to a browser without a cache and without JavaScript."""

import re
import socket

_RESOURCE_TAG = re.compile(r'<link\b[^>]*\brel="(?:stylesheet|icon)"[^>]*>|<img\b[^>]*>')
_RESOURCE_PATH = re.compile(r'\b(?:href|src)="(/[^"]+)"')


def measure_page_weight(port: int, path: str) -> tuple[int, int]:
    """Return the number of bytes, including headers, and of requests."""
    size = len(_fetch(port, path, accept_gzip=True))
    # To find out what the page loads, it is requested again without compression.
    page = _fetch(port, path, accept_gzip=False).decode(errors="replace")
    resources = _list_resources(page)
    size += sum(len(_fetch(port, resource, accept_gzip=True)) for resource in resources)
    return size, 1 + len(resources)


def _list_resources(page: str) -> set[str]:
    matches = (_RESOURCE_PATH.search(tag) for tag in _RESOURCE_TAG.findall(page))
    return {match[1] for match in matches if match}


def _fetch(port: int, path: str, accept_gzip: bool) -> bytes:
    """Return the raw response, with its headers. Raises RuntimeError if its status isn't 200."""
    encoding = "Accept-Encoding: gzip\r\n" if accept_gzip else ""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{encoding}Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(request.encode())
        response = b"".join(iter(lambda: connection.recv(65_536), b""))
    if not response.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"{path} was answered with {response[:40]!r}")
    return response
