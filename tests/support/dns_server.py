"""A name server on this machine, over UDP (RFC 1035), that answers with the records it was given and knows of no other name."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

DnsRecords = Mapping[tuple[str, str], list[str]]  # (name, kind): texts of records


class DnsServer(socketserver.ThreadingUDPServer):
    daemon_threads = True

    def __init__(self, records: DnsRecords) -> None:
        super().__init__(("127.0.0.1", 0), DnsHandler)
        self.records = records

    @property
    def address(self) -> str:
        """As `flask doctor --nameserver` takes it."""
        return f"127.0.0.1#{self.server_address[1]}"


class DnsHandler(socketserver.DatagramRequestHandler):
    server: DnsServer

    def handle(self) -> None:
        asked = dns.message.from_wire(self.rfile.read())
        (question,) = asked.question
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        response = dns.message.make_response(asked)
        response.flags |= dns.flags.AA
        if texts := self.server.records.get((name, kind)):
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *texts))
        elif not any(known == name for known, _ in self.server.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        self.wfile.write(response.to_wire())


@contextmanager
def dns_server(records: DnsRecords) -> Iterator[str]:
    """A server of this process until the block ends; gives its address."""
    with DnsServer(records) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.address
        finally:
            server.shutdown()
            thread.join()
