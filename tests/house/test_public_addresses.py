"""Which addresses are the internet's, and that no name server leads our requests into the newsroom's network."""

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from app.core.public_addresses import is_public
from tests.support.debian_machine import debian_machine
from tests.support.mail_servers import require_programs_as_root

# All rows of IANA's special-purpose address registries for IPv4 and IPv6.
REGISTERED = (
    "0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24",
    "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.88.99.2/32", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32",
    "::1/128", "::/128", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:1::1/128",
    "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28",
    "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
)  # fmt: skip
# Networks that other registries reserve: multicast, site local (RFC 3879), IPv4-compatible addresses, space that isn't given out.
RESERVED = ("224.0.0.0/4", "ff00::/8", "fec0::/10", "::/96", "4000::/2", "8000::/1")
ASKED_FOR = ("192.0.0.192", "5f00::1", "3fff::1", "100:0:0:1::1", "::ffff:8.8.8.8")


@pytest.mark.threat("inward requests")
@pytest.mark.parametrize("block", [*REGISTERED, *RESERVED])
def test_no_address_of_a_special_network_is_public(block: str, attempts: Any) -> None:
    network = ip_network(block)
    addresses = [str(network[number]) for number in (0, network.num_addresses // 2, -1)]
    assert [address for address in addresses if is_public(address)] == []
    attempts(len(addresses))


@pytest.mark.threat("inward requests")
@pytest.mark.parametrize(
    "address", [*ASKED_FOR, "64:ff9b::7f00:1", "64:ff9b::c0a8:101", "64:ff9b::c000:c0", "fe80::1%eth0"]
)
def test_addresses_that_were_once_taken_for_public_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.215.14", "100.128.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1", "223.255.255.255", "64:ff9b::808:808", "2606:4700::1111",
     "2001:200::1", "2a00:1450::1", "2003::1"],
)  # fmt: skip
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.threat("inward requests")
def test_neither_a_name_that_changes_its_address_nor_a_redirect_leads_inward(tmp_path: Path, attempts: Any) -> None:
    """DNS rebinding and redirects, with a real name server and real web servers inside and outside."""
    require_programs_as_root("openssl")
    with debian_machine(tmp_path) as machine:
        machine.run(
            "ip address add 93.184.215.14/32 dev lo; rm -f /etc/resolv.conf; echo nameserver 127.0.0.1 > /etc/resolv.conf\n"
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=attack"
            " -addext subjectAltName=DNS:rebinds.example,DNS:rebinds-after-check.example,DNS:redirects.example,IP:127.0.0.1"
            f" -keyout {tmp_path}/key.pem -out {tmp_path}/certificate.pem 2>/dev/null"
        )
        output = machine.run_python(
            "from tests.support.rebinding_attack import main; main()",
            SSL_CERT_FILE=f"{tmp_path}/certificate.pem",
            KEY_FILE=f"{tmp_path}/key.pem",
        )
    inward = "it leads into a network that is not public"
    assert json.loads(output) == {
        "results": ["200", inward, "", inward, "it sends us elsewhere, and nobody follows"],
        "outside": ["rebinds.example", "redirects.example"],
        "inside": [],
        "lookups": [*["rebinds.example"] * 2, *["rebinds-after-check.example"] * 2, "redirects.example"],
    }
    attempts(5)
