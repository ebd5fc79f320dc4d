"""An attack by a name server, to be run inside a machine whose loopback has the public address `OUTSIDE`.

It runs a name server and two web servers, one at `OUTSIDE` and one at 127.0.0.1, sends our requests to them, and prints
as JSON what came of each request, and which of the two servers received one. The certificate is at SSL_CERT_FILE, its
key at KEY_FILE.
"""

import json
import os
import socketserver
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack
from http.server import ThreadingHTTPServer
from typing import Any

import dns.message
import dns.rdatatype
import dns.rrset

from app.core import http_client
from tests.support.fake_servers import CannedResponse, CannedResponseHandler, run_server

OUTSIDE, INSIDE = "93.184.215.14", "127.0.0.1"
# By host name: the addresses that the name server gives, one for each time it is asked; the last one from then on.
ADDRESSES = {
    "rebinds.example": [OUTSIDE, INSIDE],
    "rebinds-after-check.example": [OUTSIDE, INSIDE],
    "redirects.example": [OUTSIDE],
}


class NameServer(socketserver.ThreadingUDPServer):
    """Gives the addresses of `ADDRESSES`; `questions` are the names that it was asked for."""

    def __init__(self) -> None:
        super().__init__((INSIDE, 53), _NameServerHandler)
        self.questions: list[str] = []


class _NameServerHandler(socketserver.BaseRequestHandler):
    server: NameServer

    def handle(self) -> None:
        data, socket = self.request
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        name = query.question[0].name.to_text(omit_final_dot=True)
        if query.question[0].rdtype == dns.rdatatype.A and name in ADDRESSES:
            addresses = ADDRESSES[name]
            address = addresses[min(self.server.questions.count(name), len(addresses) - 1)]
            self.server.questions.append(name)
            answer.answer.append(dns.rrset.from_text(f"{name}.", 0, "IN", "A", address))
        socket.sendto(answer.to_wire(), self.client_address)


class WebServer(ThreadingHTTPServer):
    """Answers 200, or redirects from redirects.example to 127.0.0.1; `hosts` are those of the requests."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__((address, 443), _WebHandler)
        self.hosts: list[str] = []
        self.stop = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["SSL_CERT_FILE"], os.environ["KEY_FILE"])
        self.socket = context.wrap_socket(self.socket, server_side=True)


class _WebHandler(CannedResponseHandler):
    server: WebServer

    def get_response(self) -> CannedResponse:
        host = self.headers["Host"]
        self.server.hosts.append(host)
        if host == "redirects.example":
            return CannedResponse({}, 302, {"Location": f"https://{INSIDE}/"})
        return CannedResponse({})


def main() -> None:
    with ExitStack() as stack:
        name_server = stack.enter_context(run_server(NameServer(), threading.Event()))
        outside, inside = WebServer(OUTSIDE), WebServer(INSIDE)
        for server in (outside, inside):
            stack.enter_context(run_server(server, server.stop))
        results = [
            _describe(lambda: _request("rebinds.example")),
            _describe(lambda: _request("rebinds.example")),
            _describe(lambda: http_client.check_url("https://rebinds-after-check.example/", ())),
            _describe(lambda: _request("rebinds-after-check.example")),
            _describe(lambda: http_client.parse_object(*_request("redirects.example"))),
        ]
    print(
        json.dumps(
            {"results": results, "outside": outside.hosts, "inside": inside.hosts, "lookups": name_server.questions}
        )
    )


def _request(host: str) -> tuple[int, bytes]:
    return http_client.request(f"https://{host}/", own_hosts=())


def _describe(send: Callable[[], Any]) -> str:
    try:
        result = send()
    except (http_client.RequestFailed, http_client.UnreadableResponse) as error:
        return str(error)
    return str(result[0]) if result else ""


if __name__ == "__main__":
    main()
