"""A local name server over UDP (RFC 1035) that knows only the given records."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

DnsRecords = Mapping[tuple[str, str], list[str]]  # records as text, by name and type


class DnsServer(socketserver.ThreadingUDPServer):
    daemon_threads = True

    def __init__(self, records: DnsRecords) -> None:
        super().__init__(("127.0.0.1", 0), DnsHandler)
        self.records = records

    @property
    def address(self) -> str:
        """The address in the format of `readers-asked doctor --nameserver`."""
        return f"127.0.0.1#{self.server_address[1]}"


class DnsHandler(socketserver.DatagramRequestHandler):
    server: DnsServer

    def handle(self) -> None:
        query = dns.message.from_wire(self.rfile.read())
        (question,) = query.question
        name, record_type = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if texts := self.server.records.get((name, record_type)):
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", record_type, *texts))
        elif not any(known_name == name for known_name, _ in self.server.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        self.wfile.write(response.to_wire())


@contextmanager
def dns_server(records: DnsRecords) -> Iterator[str]:
    """Run a server in a thread until the block ends, and yield its address."""
    with DnsServer(records) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.address
        finally:
            server.shutdown()
            thread.join()
