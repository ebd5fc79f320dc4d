"""Table of the IP addresses that don't belong to the internet, such as those of the newsroom's own network.

The table lists every block of IANA's special-purpose address registries (RFC 6890) as of November 2026, including those
that are globally reachable: they are for services such as AS112 and the nearest port-control server, never for a server
that a newsroom names. Python's `ip_address(...).is_global` is no substitute, because its table is as old as the Python.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

SPECIAL_IPV4_NETWORKS = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private use (RFC 1918)
        "100.64.0.0/10",  # shared by the customers of a provider (RFC 6598)
        "127.0.0.0/8",  # loopback (RFC 1122)
        "169.254.0.0/16",  # link local (RFC 3927)
        "172.16.0.0/12",  # private use (RFC 1918)
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT (RFC 7450)
        "192.88.99.0/24",  # 6to4 relays, deprecated (RFC 7526), and 6a44 relays (RFC 6751)
        "192.168.0.0/16",  # private use (RFC 1918)
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "198.18.0.0/15",  # benchmarking (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 5771)
        "240.0.0.0/4",  # reserved (RFC 1112), and the limited broadcast (RFC 919)
    )
)
# Where IPv6 servers of the internet have their addresses (RFC 4291, section 2.4).
GLOBAL_UNICAST = IPv6Network("2000::/3")
SPECIAL_IPV6_NETWORKS = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # IETF protocol assignments (RFC 2928): Teredo, ORCHID, AMT, drones and others
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4: the gateway reads an IPv4 address from it (RFC 3056)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
# A gateway translates these to the IPv4 address in the last 32 bits (NAT64, RFC 6052). On a network without IPv4, the
# resolver gives such addresses for all servers that have only IPv4 (DNS64, RFC 6147).
NAT64_NETWORK = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Return whether an IP address, with or without a zone, belongs to the internet.

    An address of NAT64 does if its IPv4 address does. Raises ValueError if it is no IP address.
    """
    without_zone = address.partition("%")[0]  # "fe80::1%eth0" is in the zone "eth0"
    ip: IPv4Address | IPv6Address = ip_address(without_zone)
    if ip in NAT64_NETWORK:
        ip = IPv4Address(int(ip) & 0xFFFF_FFFF)  # the last 32 bits
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in SPECIAL_IPV4_NETWORKS)
    return ip in GLOBAL_UNICAST and not any(ip in network for network in SPECIAL_IPV6_NETWORKS)
