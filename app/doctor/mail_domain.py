"""The mail domains in the DNS: what is published there, and what to publish, word for word.

MX (RFC 5321, section 5), SPF (RFC 7208), DKIM (RFC 6376, RFC 8463) and DMARC (RFC 7489). DNS queries need dnspython,
which is an extra.
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
from .findings import PATIENCE, Finding, House, fault, fine, not_checked, note

SHORTEST = 1024  # bits of an RSA key that receivers still accept (RFC 8301)
POLICIES = ("none", "quarantine", "reject")


class _Silent(Exception):
    """Raised if no name server answers."""


def _nameserver(host: str, port: str) -> Any:
    """Return a name server by its name or address. Raises `_Silent` for an unknown name."""
    import dns.nameserver  # an extra

    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise _Silent(f"nobody knows {host}") from error
    return dns.nameserver.Do53Nameserver(str(found[0][4][0]), int(port or 53))


class _Names:
    """DNS queries to the given name servers, or those of the system."""

    def __init__(self, nameservers: Sequence[str]) -> None:
        import dns.resolver  # an extra

        self._resolver = dns.resolver.Resolver(configure=not nameservers)
        self._resolver.lifetime = PATIENCE
        if nameservers:
            self._resolver.nameservers = [_nameserver(*one.partition("#")[::2]) for one in nameservers]

    def ask(self, name: str, kind: str) -> list[Any]:
        """Return the records of a type, none if there are none. Raises `_Silent`."""
        import dns.exception
        import dns.resolver

        try:
            return list(self._resolver.resolve(f"{name}.", kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise _Silent(type(error).__name__) from error

    def texts(self, name: str, start: str) -> list[str]:
        """Return the TXT records of a name that begin with this word."""
        found = (b"".join(one.strings).decode("utf-8", "replace") for one in self.ask(name, "TXT"))
        return [text for text in found if re.match(rf"{re.escape(start)}(?![\w.])", text.strip(), re.IGNORECASE)]


def look(house: House) -> Iterator[Finding]:
    """Check all records that our mail needs."""
    if house.writes_to_folder:
        yield not_checked("mails are written to a folder, so no domain is checked")
        return
    if find_spec("dns") is None:
        yield not_checked("the extra `dns` is not installed; docs/install.md says how to install it")
        return
    with house.read() as session:
        rows = session.execute(select(Newsletter.address, Newsletter.inbox)).all()
    ours, returns = parseaddr(house.config["MAIL_FROM"])[1], house.config["MAIL_RETURN_PATH"]
    writing = _domains([ours, *(address for address, _ in rows)])
    envelope = _domains([returns or ours])
    receiving = _domains([returns or ours, *(inbox for _, inbox in rows)])
    config = house.config
    try:
        names = _Names(house.nameservers)
        for domain in receiving:
            yield from _mx(names, domain, config["MAIL_RECEIVED_BY"])
        for domain in envelope:
            yield from _spf(names, domain, config["MAIL_SERVER"])
        for domain in writing:
            yield from _dkim(names, domain, config["MAIL_DKIM_SELECTORS"])
            yield from _dmarc(names, domain)
    except _Silent as silent:
        yield not_checked(f"no name server answers ({silent})")


def _domains(addresses: Sequence[str]) -> list[str]:
    """Return the distinct domains of these addresses, in ASCII."""
    found = (address.rpartition("@")[2].lower() for address in addresses if "@" in address)
    return list(dict.fromkeys(domain.encode("idna").decode() for domain in found))


def _publish(name: str, record: str) -> str:
    return f"publish: {name}. {record}"


def _mx(names: _Names, domain: str, received_by: Sequence[str]) -> Iterator[Finding]:
    hosts = [
        str(one.exchange).rstrip(".").lower() for one in sorted(names.ask(domain, "MX"), key=lambda mx: mx.preference)
    ]
    record = f"MX 10 {received_by[0] if received_by else f'mail.{domain}'}."
    if not any(hosts):
        yield fault(f"MX: {domain} takes no mail; {_publish(domain, record)}")
        return
    if lost := [host for host in hosts if not (names.ask(host, "A") or names.ask(host, "AAAA"))]:
        yield fault(f"MX: {domain} names {', '.join(lost)}, which has no address; {_publish(domain, record)}")
    elif received_by and not set(hosts) & set(received_by):
        yield note(f"MX: {domain} names {', '.join(hosts)}, and MAIL_RECEIVED_BY is {', '.join(received_by)}")
    else:
        yield fine(f"MX: {domain} is received by {', '.join(hosts)}")


def _spf(names: _Names, domain: str, server: str) -> Iterator[Finding]:
    wanted = _publish(domain, f'TXT "v=spf1 {"mx" if server in LOCAL_HOSTS else f"a:{server}"} ~all"')
    found = names.texts(domain, "v=spf1")
    if len(found) != 1:
        how_many = "no record" if not found else f"{len(found)} records, so receivers ignore all of them"
        yield fault(f"SPF: {domain} has {how_many}; {wanted}")
        return
    terms = found[0].lower().split()
    if {"all", "+all"} & set(terms):
        yield fault(f"SPF: {domain} lets anybody send in its name ({found[0]}); {wanted}")
    elif not any(term in ("-all", "~all") or term.startswith("redirect=") for term in terms):
        yield note(f"SPF: {domain} has no rule for other senders ({found[0]}); end it with ~all")
    else:
        yield fine(f"SPF: {domain}: {found[0]}")


def _dkim(names: _Names, domain: str, selectors: Sequence[str]) -> Iterator[Finding]:
    if not selectors:
        yield not_checked(
            f"DKIM: {domain}: set MAIL_DKIM_SELECTORS to the `s=` in the DKIM-Signature of one of our mails"
        )
    for selector in selectors:
        name = f"{selector}._domainkey.{domain}"
        wanted = _publish(name, 'TXT "v=DKIM1; k=rsa; p=" and the public key that your mail server signs with')
        found = [_tags(b"".join(one.strings).decode("utf-8", "replace")) for one in names.ask(name, "TXT")]
        keys = [tags for tags in found if "p" in tags]
        if len(keys) != 1:
            yield fault(f"DKIM: {name} has {'no key' if not keys else f'{len(keys)} keys'}; {wanted}")
        elif wrong := _wrong_key(keys[0]):
            yield fault(f"DKIM: {name}: {wrong}; {wanted}")
        else:
            yield fine(f"DKIM: {name} has a key")


def _wrong_key(tags: dict[str, str]) -> str:
    """Return what is wrong with the public key of a record, or ""."""
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
    return "" if loaded.key_size >= SHORTEST else f"the key has {loaded.key_size} bits, which receivers reject"


def _dmarc(names: _Names, domain: str) -> Iterator[Finding]:
    """Check the domain and, if it has no record, the domains above it, as receivers do."""
    wanted = _publish(f"_dmarc.{domain}", 'TXT "v=DMARC1; p=quarantine"')
    labels = domain.split(".")
    above = [".".join(labels[at:]) for at in range(max(1, len(labels) - 1))]
    for place in above:
        found = names.texts(f"_dmarc.{place}", "v=DMARC1")
        if not found:
            continue
        tags = _tags(found[0])
        policy = (tags.get("sp") if place != domain else None) or tags.get("p", "")
        if len(found) > 1:
            yield fault(f"DMARC: {place} has {len(found)} records, so receivers ignore all of them; {wanted}")
        elif policy not in POLICIES:
            yield fault(f"DMARC: {place} has no valid policy ({found[0]}); {wanted}")
        elif policy == "none":
            yield note(
                f"DMARC: {place} doesn't ask to reject forgeries ({found[0]}); once all mail is signed, {wanted}"
            )
        else:
            yield fine(f"DMARC: {place}: {found[0]}")
        return
    yield fault(f"DMARC: {domain} has no record; {wanted}")


def _tags(record: str) -> dict[str, str]:
    parts = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, sign, value in parts if sign}
