"""Checks of the DNS records of our mail domains. A fault shows the record to publish.

The records are MX (RFC 5321, section 5), SPF (RFC 7208), DKIM (RFC 6376, RFC 8463) and DMARC (RFC 7489). DNS queries
need dnspython, which is an extra.
"""

import base64
import re
import socket
from collections.abc import Iterator, Sequence
from email.utils import parseaddr
from importlib.util import find_spec
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlalchemy import select

from app.settings.mail_accounts import LOCAL_HOSTS

from ..newsletters.models import Newsletter
from .findings import PATIENCE, CheckContext, Finding, fault, fine, not_checked, note

MIN_RSA_BITS = 1024  # receivers reject shorter keys (RFC 8301)
POLICIES = ("none", "quarantine", "reject")


class _NoAnswer(Exception):
    """Raised if no name server answers."""


class _Resolver:
    """DNS queries to the given name servers, or those of the system."""

    def __init__(self, nameservers: Sequence[str]) -> None:
        import dns.resolver  # an extra

        self._resolver = dns.resolver.Resolver(configure=not nameservers)
        self._resolver.lifetime = PATIENCE
        if nameservers:
            self._resolver.nameservers = [_parse_nameserver(address) for address in nameservers]

    def query(self, name: str, record_type: str) -> list[Any]:
        """Return the records of a type, an empty list if there are none. Raises `_NoAnswer`."""
        import dns.exception
        import dns.resolver

        try:
            return list(self._resolver.resolve(f"{name}.", record_type, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise _NoAnswer(type(error).__name__) from error

    def query_txt(self, name: str) -> list[str]:
        """Return the texts of the TXT records of a name. Raises `_NoAnswer`."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self.query(name, "TXT")]

    def query_policies(self, name: str, version: str) -> list[str]:
        """Return those TXT records of a name that begin with a version such as "v=spf1". Raises `_NoAnswer`."""
        begins_with_version = re.compile(rf"{re.escape(version)}(?![\w.])", re.IGNORECASE)
        return [text for text in self.query_txt(name) if begins_with_version.match(text.strip())]


def _parse_nameserver(address: str) -> Any:
    """Return the name server at `host` or `host#port`. Raises `_NoAnswer` for an unknown host."""
    import dns.nameserver  # an extra

    host, _hash, port = address.partition("#")
    try:
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise _NoAnswer(f"nobody knows {host}") from error
    _family, _type, _protocol, _name, socket_address = addresses[0]
    return dns.nameserver.Do53Nameserver(str(socket_address[0]), int(port or 53))


def check_mail_domains(context: CheckContext) -> Iterator[Finding]:
    """Check MX of the receiving domains, SPF of the return path's domain, and DKIM and DMARC of the sending domains."""
    if context.writes_to_folder:
        yield not_checked("mails are written to a folder, so no domain is checked")
        return
    if find_spec("dns") is None:
        yield not_checked("the extra `dns` is not installed; docs/install.md says how to install it")
        return
    config = context.config
    with context.read() as session:
        newsletters = session.execute(select(Newsletter.address, Newsletter.inbox)).all()
    _name, default_sender = parseaddr(config["MAIL_FROM"])
    return_path = config["MAIL_RETURN_PATH"] or default_sender
    try:
        resolver = _Resolver(context.nameservers)
        for domain in _domains([return_path, *(inbox for _address, inbox in newsletters)]):
            yield from _check_mx(resolver, domain, config["MAIL_RECEIVED_BY"])
        for domain in _domains([return_path]):
            yield from _check_spf(resolver, domain, config["MAIL_SERVER"])
        for domain in _domains([default_sender, *(address for address, _inbox in newsletters)]):
            yield from _check_dkim(resolver, domain, config["MAIL_DKIM_SELECTORS"])
            yield from _check_dmarc(resolver, domain)
    except _NoAnswer as error:
        yield not_checked(f"no name server answers ({error})")


def _domains(addresses: Sequence[str]) -> list[str]:
    """Return the distinct domains of these addresses, in ASCII."""
    domains = (address.rpartition("@")[2].lower() for address in addresses if "@" in address)
    return list(dict.fromkeys(domain.encode("idna").decode() for domain in domains))


def _publish(name: str, record: str) -> str:
    return f"publish: {name}. {record}"


def _check_mx(resolver: _Resolver, domain: str, received_by: Sequence[str]) -> Iterator[Finding]:
    records = sorted(resolver.query(domain, "MX"), key=lambda record: record.preference)
    hosts = [str(record.exchange).rstrip(".").lower() for record in records]
    advice = _publish(domain, f"MX 10 {received_by[0] if received_by else f'mail.{domain}'}.")
    if not any(hosts):
        yield fault(f"MX: {domain} takes no mail; {advice}")
        return
    without_address = [host for host in hosts if not (resolver.query(host, "A") or resolver.query(host, "AAAA"))]
    if without_address:
        yield fault(f"MX: {domain} names {', '.join(without_address)}, which has no address; {advice}")
    elif received_by and not set(hosts) & set(received_by):
        yield note(f"MX: {domain} names {', '.join(hosts)}, and MAIL_RECEIVED_BY is {', '.join(received_by)}")
    else:
        yield fine(f"MX: {domain} is received by {', '.join(hosts)}")


def _check_spf(resolver: _Resolver, domain: str, server: str) -> Iterator[Finding]:
    sender = "mx" if server in LOCAL_HOSTS else f"a:{server}"
    advice = _publish(domain, f'TXT "v=spf1 {sender} ~all"')
    records = resolver.query_policies(domain, "v=spf1")
    if len(records) != 1:
        how_many = "no record" if not records else f"{len(records)} records, so receivers ignore all of them"
        yield fault(f"SPF: {domain} has {how_many}; {advice}")
        return
    record = records[0]
    terms = record.lower().split()
    if {"all", "+all"} & set(terms):
        yield fault(f"SPF: {domain} lets anybody send in its name ({record}); {advice}")
    elif not any(term in ("-all", "~all") or term.startswith("redirect=") for term in terms):
        yield note(f"SPF: {domain} has no rule for other senders ({record}); end it with ~all")
    else:
        yield fine(f"SPF: {domain}: {record}")


def _check_dkim(resolver: _Resolver, domain: str, selectors: Sequence[str]) -> Iterator[Finding]:
    if not selectors:
        yield not_checked(
            f"DKIM: {domain}: set MAIL_DKIM_SELECTORS to the `s=` in the DKIM-Signature of one of our mails"
        )
    for selector in selectors:
        name = f"{selector}._domainkey.{domain}"
        advice = _publish(name, 'TXT "v=DKIM1; k=rsa; p=" and the public key that your mail server signs with')
        records = [_parse_tags(text) for text in resolver.query_txt(name)]
        keys = [tags for tags in records if "p" in tags]
        if len(keys) != 1:
            yield fault(f"DKIM: {name} has {'no key' if not keys else f'{len(keys)} keys'}; {advice}")
        elif key_fault := _find_key_fault(keys[0]):
            yield fault(f"DKIM: {name}: {key_fault}; {advice}")
        else:
            yield fine(f"DKIM: {name} has a key")


def _find_key_fault(tags: dict[str, str]) -> str:
    """Return the fault of the public key in a record, or ""."""
    if not tags["p"]:
        return "the key was revoked (p= is empty)"
    try:
        key = base64.b64decode(re.sub(r"\s", "", tags["p"]), validate=True)
        if tags.get("k", "rsa") == "ed25519":
            return "" if len(key) == 32 else "the key can't be read"
        loaded = load_der_public_key(key)
    except (ValueError, UnsupportedAlgorithm):
        return "the key can't be read"
    if not isinstance(loaded, RSAPublicKey):
        return "the key is not of the type in k="
    return "" if loaded.key_size >= MIN_RSA_BITS else f"the key has {loaded.key_size} bits, which receivers reject"


def _check_dmarc(resolver: _Resolver, domain: str) -> Iterator[Finding]:
    """Check the record of the domain or, if it has none, of the nearest parent that has one, as receivers do."""
    advice = _publish(f"_dmarc.{domain}", 'TXT "v=DMARC1; p=quarantine"')
    for owner in _list_domain_and_parents(domain):
        records = resolver.query_policies(f"_dmarc.{owner}", "v=DMARC1")
        if records:
            yield _judge_dmarc(records, owner, advice, is_for_subdomain=owner != domain)
            return
    yield fault(f"DMARC: {domain} has no record; {advice}")


def _list_domain_and_parents(domain: str) -> list[str]:
    """Return the domain and its parents, without the top-level domain."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]


def _judge_dmarc(records: Sequence[str], owner: str, advice: str, *, is_for_subdomain: bool) -> Finding:
    """Return the finding about the DMARC records of `owner`."""
    record = records[0]
    tags = _parse_tags(record)
    policy = tags.get("p", "")
    if is_for_subdomain:
        policy = tags.get("sp") or policy
    if len(records) > 1:
        return fault(f"DMARC: {owner} has {len(records)} records, so receivers ignore all of them; {advice}")
    if policy not in POLICIES:
        return fault(f"DMARC: {owner} has no valid policy ({record}); {advice}")
    if policy == "none":
        return note(f"DMARC: {owner} doesn't ask to reject forgeries ({record}); once all mail is signed, {advice}")
    return fine(f"DMARC: {owner}: {record}")


def _parse_tags(record: str) -> dict[str, str]:
    """Parse a record such as "v=DKIM1; k=rsa; p=..."."""
    parts = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in parts if equals}
