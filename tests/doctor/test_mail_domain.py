"""The mail domain: asked of a real name server that has the right records, lacks them, or has wrong ones."""

import base64
import socket

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from sqlalchemy import update

from app.db.engine import Database
from app.doctor import mail_domain
from app.doctor.findings import CheckContext, Finding
from app.newsletters.models import Newsletter
from tests.support.dns_server import DnsRecords, dns_server
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def public(bits: int) -> str:
    key = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


LONG, SHORT = public(2048), public(1024)
HALVES = f'"v=DKIM1; k=rsa; p={LONG[:200]}" "{LONG[200:]}"'  # a text is 255 bytes at the most (RFC 1035, 3.3.14)
RIGHT = {
    ("letters.example", "MX"): ["10 mx.letters.example."],
    ("mx.letters.example", "A"): ["192.0.2.25"],
    ("letters.example", "TXT"): ['"site-verification=1"', '"v=spf1 a:mx.letters.example ~all"'],
    ("s1._domainkey.letters.example", "TXT"): [HALVES],
    ("_dmarc.letters.example", "TXT"): ['"v=DMARC1; p=quarantine"'],
}
SPF = 'publish: letters.example. TXT "v=spf1 a:mx.letters.example ~all"'
DKIM = 'publish: s1._domainkey.letters.example. TXT "v=DKIM1; k=rsa; p=" and the public key that your mail server signs with'
DMARC = 'publish: _dmarc.letters.example. TXT "v=DMARC1; p=quarantine"'
MX = "publish: letters.example. MX 10 mx.letters.example."


@pytest.fixture
def house(app: Flask, database: Database, newsroom: Newsroom) -> Flask:
    """A newsroom that sends and takes all its mail at letters.example."""
    app.config |= {
        "MAIL_TRANSPORT": "smtp", "MAIL_FROM": "desk@letters.example", "MAIL_SERVER": "mx.letters.example",
        "MAIL_DKIM_SELECTORS": ("s1",), "MAIL_RECEIVED_BY": ("mx.letters.example",),
    }  # fmt: skip
    database.write(
        lambda s: (
            s.execute(update(Newsletter).values(address="ask@letters.example", inbox="ask@letters.example")) and None
        )
    )
    return app


def list_findings(house: Flask, records: DnsRecords, **settings: object) -> list[tuple[str, str]]:
    with dns_server(records) as address:
        config = {**house.config, **settings}
        looked = mail_domain.check_mail_domains(CheckContext(house.extensions["database"], config, [address]))
        return [(one.state, one.message) for one in looked]


def test_right_records_are_found_and_told(house: Flask) -> None:
    assert list_findings(house, RIGHT) == [
        ("fine", "MX: letters.example is received by mx.letters.example"),
        ("fine", "SPF: letters.example: v=spf1 a:mx.letters.example ~all"),
        ("fine", "DKIM: s1._domainkey.letters.example has a key"),
        ("fine", "DMARC: letters.example: v=DMARC1; p=quarantine"),
    ]


def test_what_is_missing_is_told_word_for_word_as_it_is_to_be_published(house: Flask) -> None:
    assert list_findings(house, {}) == [
        ("fault", f"MX: letters.example takes no mail; {MX}"),
        ("fault", f"SPF: letters.example has no record; {SPF}"),
        ("fault", f"DKIM: s1._domainkey.letters.example has no key; {DKIM}"),
        ("fault", f"DMARC: letters.example has no record; {DMARC}"),
    ]


@pytest.mark.parametrize(
    ("name", "kind", "records", "state", "message"),
    [
        ("letters.example", "MX", ["0 ."], "fault", f"MX: letters.example takes no mail; {MX}"),
        ("letters.example", "MX", ["10 gone.letters.example."], "fault",
         f"MX: letters.example names gone.letters.example, which has no address; {MX}"),
        ("letters.example", "TXT", ['"v=spf1 mx -all"', '"v=spf1 a -all"'], "fault",
         f"SPF: letters.example has 2 records, so receivers ignore all of them; {SPF}"),
        ("letters.example", "TXT", ['"v=spf1 +all"'], "fault",
         f"SPF: letters.example lets anybody send in its name (v=spf1 +all); {SPF}"),
        ("letters.example", "TXT", ['"v=spf1 mx ?all"'], "note",
         "SPF: letters.example has no rule for other senders (v=spf1 mx ?all); end it with ~all"),
        ("letters.example", "TXT", ['"v=spf10 mx -all"'], "fault", f"SPF: letters.example has no record; {SPF}"),
        ("s1._domainkey.letters.example", "TXT", ['"v=DKIM1; p="'], "fault",
         f"DKIM: s1._domainkey.letters.example: the key was revoked (p= is empty); {DKIM}"),
        ("s1._domainkey.letters.example", "TXT", ['"v=DKIM1; p=bm9uc2Vuc2U="'], "fault",
         f"DKIM: s1._domainkey.letters.example: the key can't be read; {DKIM}"),
        ("s1._domainkey.letters.example", "TXT", [f'"v=DKIM1; k=ed25519; p={base64.b64encode(b"k" * 32).decode()}"'], "fine",
         "DKIM: s1._domainkey.letters.example has a key"),
        ("s1._domainkey.letters.example", "TXT", [f'"p={SHORT}"'], "fine", "DKIM: s1._domainkey.letters.example has a key"),
        ("_dmarc.letters.example", "TXT", ['"v=DMARC1; p=none"'], "note",
         f"DMARC: letters.example doesn't ask to reject forgeries (v=DMARC1; p=none); once all mail is signed, {DMARC}"),
        ("_dmarc.letters.example", "TXT", ['"v=DMARC1; p=refuse"'], "fault",
         f"DMARC: letters.example has no valid policy (v=DMARC1; p=refuse); {DMARC}"),
        ("_dmarc.letters.example", "TXT", ['"v=DMARC1; p=reject"', '"v=DMARC1; p=none"'], "fault",
         f"DMARC: letters.example has 2 records, so receivers ignore all of them; {DMARC}"),
    ],
)  # fmt: skip
def test_a_wrong_record(house: Flask, name: str, kind: str, records: list[str], state: str, message: str) -> None:
    results = list_findings(house, {**RIGHT, (name, kind): records})
    start = message.partition(":")[0]
    assert [one for one in results if one[1].startswith(start)] == [(state, message)]


def test_a_subdomain_has_the_policy_of_the_domain_above_it(house: Flask) -> None:
    records = {**RIGHT, ("_dmarc.letters.example", "TXT"): ['"v=DMARC1; p=none; sp=reject"']}
    results = list_findings(house, records, MAIL_FROM="desk@news.letters.example")
    assert ("fine", "DMARC: letters.example: v=DMARC1; p=none; sp=reject") in results


def test_without_selectors_no_key_is_looked_for(house: Flask) -> None:
    results = list_findings(house, RIGHT, MAIL_DKIM_SELECTORS=())
    assert [one for one in results if one[0] != "fine"] == [
        (
            "not made",
            "DKIM: letters.example: set MAIL_DKIM_SELECTORS to the `s=` in the DKIM-Signature of one of our mails",
        )
    ]


def test_silence_is_no_fault_of_the_domain(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_domain, "PATIENCE", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        asked = CheckContext(house.extensions["database"], house.config, [f"127.0.0.1#{silent.getsockname()[1]}"])
        assert list(mail_domain.check_mail_domains(asked)) == [
            Finding("not made", "no name server answers (LifetimeTimeout)")
        ]


def test_a_name_server_is_named_or_numbered(house: Flask) -> None:
    with dns_server(RIGHT) as address:
        named = address.replace("127.0.0.1", "127.1")  # a form that only the system's own look-up knows
        looked = mail_domain.check_mail_domains(CheckContext(house.extensions["database"], house.config, [named]))
        assert {one.state for one in looked} == {"fine"}
    asked = CheckContext(house.extensions["database"], house.config, ["ns1.invalid"])
    assert list(mail_domain.check_mail_domains(asked)) == [
        Finding("not made", "no name server answers (nobody knows ns1.invalid)")
    ]


def test_without_the_extra_the_check_says_so(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_domain, "find_spec", lambda name: None)
    assert list_findings(house, RIGHT) == [
        ("not made", "the extra `dns` is not installed; docs/install.md says how to install it")
    ]
