"""Where no server of ours has judged Leyla's mail, its own signature is looked up; by names that a test answers for."""

import base64
import socketserver
import threading
from collections.abc import Callable, Iterator

import dkim
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.mailtext.origin.senders import Lookup, SenderVerdict, Server, check
from app.mailtext.parsing.parse import parse
from tests.support.timing import limit_cpu_time

LEYLA = "leyla@kaz-guu.example"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
RECORD = b"v=DKIM1; k=rsa; p=" + PUBLIC
MAIL = (
    f"From: Leyla <{LEYLA}>\r\nTo: ask@steppe.example\r\nSubject: Re: A question\r\n"
    "Date: Fri, 11 Nov 2022 18:20:03 +0500\r\n\r\nYes, and here is why.\r\n"
).encode()
EVIL = MAIL.replace(b"leyla@kaz-guu", b"leyla@evil")


def sign(raw: bytes = MAIL, by: str = "kaz-guu.example", length: bool = False) -> bytes:
    header = dkim.sign(
        raw, b"s1", by.encode(), PRIVATE, include_headers=[b"from", b"to", b"subject", b"date"], length=length
    )
    return header + raw


def records(policy: str = "", key: bytes = RECORD, of: str = "kaz-guu.example") -> Lookup:
    known = {f"s1._domainkey.{of}": [key], f"_dmarc.{of}": [policy.encode()] if policy else []}
    return lambda name: known.get(name, [])


def verdict(raw: bytes, lookup: Lookup, expected: str = LEYLA) -> SenderVerdict:
    return check(parse(raw), expected, None, raw, dns=True, lookup=lookup)


def never(name: str) -> list[bytes]:
    raise AssertionError(name)


@pytest.fixture
def name_server() -> Iterator[dict[str, list[bytes]]]:
    """A real name server on this host that knows what is put into it, and is asked by everything in this process."""
    known: dict[str, list[bytes]] = {}

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, socket = self.request
            query = dns.message.from_wire(data)
            name = query.question[0].name
            answer = dns.message.make_response(query)
            texts = known.get(name.to_text(omit_final_dot=True))
            if texts is None:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            elif texts:
                quoted = [
                    " ".join(f'"{text[at : at + 200].decode()}"' for at in range(0, len(text), 200)) for text in texts
                ]
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
            socket.sendto(answer.to_wire(), self.client_address)

    with socketserver.UDPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        before, ours = dns.resolver.default_resolver, dns.resolver.Resolver(configure=False)
        ours.nameservers, ours.port = ["127.0.0.1"], server.server_address[1]
        dns.resolver.default_resolver = ours
        yield known
        dns.resolver.default_resolver = before
        server.shutdown()


def test_the_key_and_the_policy_are_asked_of_a_name_server(name_server: dict[str, list[bytes]]) -> None:
    raw = sign()

    def check_signature() -> SenderVerdict:
        return check(parse(raw), LEYLA, None, raw, dns=True)

    assert check_signature() == SenderVerdict(False, ("failed",))
    name_server["s1._domainkey.kaz-guu.example"] = [RECORD]
    assert check_signature() == SenderVerdict(True, ("signature",))
    name_server["_dmarc.kaz-guu.example"] = []
    assert check_signature() == SenderVerdict(True, ("signature",))
    name_server["_dmarc.kaz-guu.example"] = [b"v=spf1 -all", REJECT.encode()]
    assert check_signature() == SenderVerdict(True, ("signature",))
    name_server["s1._domainkey.kaz-guu.example"] = [RECORD.replace(PUBLIC[60:64], b"AAAA")]
    assert check_signature() == SenderVerdict(False, ("failed",))


REJECT = "v=DMARC1; p=reject"


@pytest.mark.parametrize("policy", ["", REJECT, "v=DMARC1; p=none; adkim=s", "v=spf1 -all"])
def test_leyla_is_believed_by_her_domains_signature(policy: str) -> None:
    assert verdict(sign(), records(policy)) == SenderVerdict(True, ("signature",))
    assert verdict(sign().replace(b"\r\n", b"\n"), records(policy)) == SenderVerdict(True, ("signature",))


def test_the_signature_may_be_her_facultys() -> None:
    lookup = records(of="law.kaz-guu.example")
    assert verdict(sign(by="law.kaz-guu.example"), lookup) == SenderVerdict(True, ("signature",))


def test_her_signature_may_stand_below_her_providers() -> None:
    both = b"DKIM-Signature: v=1; a=rsa-sha256; d=provider.example; s=s1; h=from; bh=eA==; b=eA==\r\n" + sign()
    assert verdict(both, records()) == SenderVerdict(True, ("signature",))


def test_a_strict_policy_wants_the_very_domain() -> None:
    known = records(of="law.kaz-guu.example")

    def lookup(name: str) -> list[bytes]:
        return [b"v=DMARC1; p=reject; adkim=s"] if name == "_dmarc.kaz-guu.example" else known(name)

    assert verdict(sign(by="law.kaz-guu.example"), lookup) == SenderVerdict(False, ("failed",))


def swapped(raw: bytes, old: bytes, new: bytes) -> bytes:
    assert raw.count(old) >= 1
    return raw.replace(old, new)


REFUSED: dict[str, tuple[bytes, Lookup, str]] = {
    "other words": (swapped(sign(), b"Yes", b"No"), records(REJECT), "failed"),
    "another subject": (swapped(sign(), b"A question", b"An answer"), records(), "failed"),
    "another key": (sign(), records(key=RECORD.replace(PUBLIC[60:64], b"AAAA")), "failed"),
    "no key": (sign(), records(key=b"v=DKIM1; p="), "failed"),
    "key withdrawn": (sign(), lambda name: [], "failed"),
    "signed by another": (sign(by="evil.example"), records(of="evil.example"), "not aligned"),
    "signed by the top level": (sign(by="example"), records(of="example"), "not aligned"),
    "not signed": (MAIL, never, "not checked"),
    "nonsense": (b"DKIM-Signature: d=kaz-guu.example; nonsense\r\n" + MAIL, records(), "failed"),
    "words added below": (sign(length=True) + b"And no.\r\n", never, "partly signed"),
    "a second From": (b"From: x@evil.example\r\n" + sign(), never, "two senders"),
    "another writer": (sign(EVIL, by="evil.example"), never, "other sender"),
    "a giant key": (sign(), records(key=RECORD + b"A" * 5000), "failed"),
    "a run of spaces": (sign(MAIL + b" \t" * 500_000), never, "could not be looked up"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_signed_by_her_domain_is_not_hers(case: str) -> None:
    raw, lookup, reason = REFUSED[case]
    with limit_cpu_time(1):
        assert verdict(raw, lookup) == SenderVerdict(False, (reason,))


def breaks(error: Exception) -> Callable[[str], list[bytes]]:
    def lookup(name: str) -> list[bytes]:
        raise error

    return lookup


@pytest.mark.parametrize("error", [TimeoutError(), OSError(), ValueError("x"), RecursionError()])
def test_a_name_server_that_fails_is_no_failed_signature(error: Exception) -> None:
    assert verdict(sign(), breaks(error)) == SenderVerdict(False, ("could not be looked up",))


def test_our_own_servers_results_come_first() -> None:
    ours = Server("mx.steppe.example", frozenset({"mx.steppe.example"}))
    said = b"Authentication-Results: mx.steppe.example; dmarc=fail header.from=kaz-guu.example\r\n"
    raw = said + b"Received: from mail.kaz-guu.example by mx.steppe.example\r\n" + sign()
    assert check(parse(raw), LEYLA, ours, raw, dns=True, lookup=never) == SenderVerdict(False, ("failed",))
    foreign = raw.replace(b"mx.steppe", b"mx.evil").replace(b"fail", b"pass")
    assert check(parse(foreign), LEYLA, ours, foreign, dns=True, lookup=records()) == SenderVerdict(
        True, ("signature",)
    )
