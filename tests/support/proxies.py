"""The product behind the proxies of deploy/, on a machine of its own, and visitors who have addresses of their own there.

The proxies are Debian's; the pages are `readers-asked web` with TRUSTED_PROXIES=1. What both say is kept in files under /run.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path

from tests.support.debian_machine import ACCOUNT, SETTINGS, DebianMachine, debian_machine, wait_for_machine
from tests.support.mail_servers import readable_folder, require_programs_as_root
from tests.support.source import ROOT

SITE_NAME, SERVER_ADDRESS = "ask.example.org", "192.0.2.1"
TIMURS_IP, OTHER_IP = "203.0.113.7", "198.51.100.9"  # addresses that nobody may find written anywhere
CERTIFICATE_FOLDER = f"/etc/letsencrypt/live/{SITE_NAME}"
CERTIFICATE, KEY = f"{CERTIFICATE_FOLDER}/fullchain.pem", f"{CERTIFICATE_FOLDER}/privkey.pem"

CERTIFY = f"""
mkdir -p {CERTIFICATE_FOLDER}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={SITE_NAME} \\
  -addext subjectAltName=DNS:{SITE_NAME} -keyout {KEY} -out {CERTIFICATE} 2>/dev/null
"""

# Each proxy as docs/install.md sets it up; Caddy is given a certificate, since it can't get one here.
START_COMMANDS = {
    "nginx": f"""
cp {ROOT}/deploy/nginx.conf /etc/nginx/sites-enabled/readers-asked
rm -f /etc/nginx/sites-enabled/default
nginx 2> /run/proxy.said || (cat /run/proxy.said; exit 1)
""",
    "Caddy": f"""
sed 's|# tls .*|tls {CERTIFICATE} {KEY}|' {ROOT}/deploy/Caddyfile > /etc/caddy/Caddyfile
XDG_DATA_HOME=/run/caddy XDG_CONFIG_HOME=/run/caddy caddy start --config /etc/caddy/Caddyfile > /run/proxy.said 2>&1
""",
}
STOP_COMMANDS = {"nginx": "nginx -s stop", "Caddy": "caddy stop"}


@dataclass(frozen=True)
class ProxyAnswer:
    status: int
    headers: Message
    body: bytes


class Visitor:
    """Somebody with a browser, by the address that their questions come from."""

    def __init__(self, inside: DebianMachine, address: str, certificate: bytes) -> None:
        self._inside, self._address = inside, address
        self._trusting = ssl.create_default_context(cadata=certificate.decode())

    def connection(self) -> ssl.SSLSocket:
        """A connection to the site on which nothing has been said yet."""
        return self._trusting.wrap_socket(
            self._inside.connect(SERVER_ADDRESS, 443, self._address), server_hostname=SITE_NAME
        )

    def asks(
        self, path: str, body: bytes | None = None, method: str = "", headers: Mapping[str, str] | None = None
    ) -> ProxyAnswer:
        """What the site answers by https."""
        return self._asked(HTTPConnection(SITE_NAME), self.connection(), method, path, body, headers or {})

    def asks_in_clear(self, path: str) -> ProxyAnswer:
        return self._asked(
            HTTPConnection(SITE_NAME), self._inside.connect(SERVER_ADDRESS, 80, self._address), "", path, None, {}
        )

    @staticmethod
    def _asked(
        way: HTTPConnection, sock: object, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> ProxyAnswer:
        way.sock = sock
        with closing(way):
            way.request(method or ("GET" if body is None else "POST"), path, body, dict(headers))
            answer = way.getresponse()
            return ProxyAnswer(answer.status, answer.headers, answer.read())


class ProxiedSite:
    """The machine with the pages, and one proxy after the other in front of them."""

    def __init__(self, inside: DebianMachine, database: Path) -> None:
        self.inside, self.database = inside, database
        certificate = inside.run(f"cat {CERTIFICATE}").encode()
        self.timur, self.elsewhere = (Visitor(inside, address, certificate) for address in (TIMURS_IP, OTHER_IP))

    @contextmanager
    def behind(self, proxy: str) -> Iterator[None]:
        require_programs_as_root({"nginx": "nginx", "Caddy": "caddy"}[proxy])
        self.inside.run(START_COMMANDS[proxy])
        try:
            wait_for_machine(lambda: self.inside.has_listener(443), proxy)
            yield
        finally:
            self.inside.run(STOP_COMMANDS[proxy])
            wait_for_machine(
                lambda: not (self.inside.has_listener(80) or self.inside.has_listener(443)), f"the end of {proxy}"
            )

    def written(self) -> str:
        """All that the proxies and the pages have written, but for the database."""
        return self.inside.run(
            "cd /; find var/log/nginx var/log/caddy var/lib/nginx var/lib/caddy run/caddy run/web.said run/proxy.said -type f "
            "-exec cat {} + 2>/dev/null || true"
        )


@contextmanager
def run_proxied_site(founded: Path, *settings: str, with_pages: bool = True) -> Iterator[ProxiedSite]:
    """The site until the block ends. `settings` are lines of the settings file beside what every newsroom needs."""
    require_programs_as_root("openssl")
    with readable_folder("site") as folder, debian_machine(folder, SSL_CERT_FILE=CERTIFICATE) as inside:
        database = folder / "shared" / "newsroom.db"
        database.parent.mkdir(mode=0o777)
        database.write_bytes(founded.read_bytes())
        inside.run(
            f"chown -R {ACCOUNT} {database.parent}; chmod 600 {database}; ip address add {SERVER_ADDRESS} dev lo"
        )
        inside.run(f"ip address add {TIMURS_IP} dev lo; ip address add {OTHER_IP} dev lo")
        inside.run(
            f"echo '127.0.0.1 localhost' > /etc/hosts; echo '{SERVER_ADDRESS} {SITE_NAME}' >> /etc/hosts; {CERTIFY}"
        )
        lines = (
            f"BASE_URL=https://{SITE_NAME}", "MAIL_FROM=desk@example.org", f"DATABASE_URL=sqlite:///{database}",
            f"ERASURES={database.parent}/erasures", "TRUSTED_PROXIES=1", "LOG_LEVEL=info", *settings,
        )  # fmt: skip
        inside.run(
            f"umask 027; cat > {SETTINGS}; chgrp {ACCOUNT} /etc/readers-asked {SETTINGS}",
            "".join(f"{line}\n" for line in lines).encode(),
        )
        inside.run("touch /run/web.said; chmod 666 /run/web.said")
        if with_pages:
            inside.start(inside.as_account("exec python -P . web >> /run/web.said 2>&1"))
        try:
            wait_for_machine(lambda: not with_pages or inside.has_listener(8000), "the pages")
            yield ProxiedSite(inside, database)
        finally:
            inside.stop_all()
