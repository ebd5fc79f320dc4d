"""The product behind the proxies of deploy/, in a Debian machine, and visitors with IP addresses of their own.

The proxies are Debian's packages; the pages are served by `readers-asked web` with TRUSTED_PROXIES=1. The output of
both is in files under /run.
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
TIMURS_IP, OTHER_IP = "203.0.113.7", "198.51.100.9"  # addresses that no log may contain
CERTIFICATE_FOLDER = f"/etc/letsencrypt/live/{SITE_NAME}"
CERTIFICATE, KEY = f"{CERTIFICATE_FOLDER}/fullchain.pem", f"{CERTIFICATE_FOLDER}/privkey.pem"

CREATE_CERTIFICATE = f"""
mkdir -p {CERTIFICATE_FOLDER}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={SITE_NAME} \\
  -addext subjectAltName=DNS:{SITE_NAME} -keyout {KEY} -out {CERTIFICATE} 2>/dev/null
"""

ADMIN_SOCKET = "/var/lib/caddy/admin.sock"  # by which `caddy reload` and `caddy stop` reach it
# The setup of docs/install.md. Caddy gets a certificate, since it can't request one here.
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
STOP_COMMANDS = {"nginx": "nginx -s stop", "Caddy": "caddy stop --config /etc/caddy/Caddyfile"}


@dataclass(frozen=True)
class SiteResponse:
    status: int
    headers: Message
    body: bytes


class SiteVisitor:
    """A client of the site that connects from its own IP address."""

    def __init__(self, machine: DebianMachine, source_ip: str, certificate: bytes) -> None:
        self._machine, self._source_ip = machine, source_ip
        self._tls_context = ssl.create_default_context(cadata=certificate.decode())

    def connect(self) -> ssl.SSLSocket:
        """Open a TLS connection to the site, without sending a request."""
        return self._tls_context.wrap_socket(
            self._machine.connect(SERVER_ADDRESS, 443, self._source_ip), server_hostname=SITE_NAME
        )

    def request(
        self, path: str, body: bytes | None = None, method: str = "", headers: Mapping[str, str] | None = None
    ) -> SiteResponse:
        """Send a request over HTTPS: by default GET, or POST if it has a body."""
        return self._send(HTTPConnection(SITE_NAME), self.connect(), method, path, body, headers or {})

    def request_over_http(self, path: str) -> SiteResponse:
        return self._send(
            HTTPConnection(SITE_NAME), self._machine.connect(SERVER_ADDRESS, 80, self._source_ip), "", path, None, {}
        )

    @staticmethod
    def _send(
        connection: HTTPConnection, sock: object, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> SiteResponse:
        connection.sock = sock
        with closing(connection):
            connection.request(method or ("GET" if body is None else "POST"), path, body, dict(headers))
            response = connection.getresponse()
            return SiteResponse(response.status, response.headers, response.read())


class ProxiedSite:
    """The machine with the pages. `use_proxy` runs one of the proxies in front of them."""

    def __init__(self, machine: DebianMachine, database: Path) -> None:
        self.machine, self.database = machine, database
        certificate = machine.run(f"cat {CERTIFICATE}").encode()
        self.timur, self.other_visitor = (SiteVisitor(machine, ip, certificate) for ip in (TIMURS_IP, OTHER_IP))

    @contextmanager
    def use_proxy(self, proxy: str) -> Iterator[None]:
        require_programs_as_root({"nginx": "nginx", "Caddy": "caddy"}[proxy])
        self.machine.run(START_COMMANDS[proxy])
        try:
            wait_for_machine(lambda: self.machine.has_listener(443), proxy)
            yield
        finally:
            self.machine.run(STOP_COMMANDS[proxy])
            wait_for_machine(
                lambda: not (self.machine.has_listener(80) or self.machine.has_listener(443)), f"the end of {proxy}"
            )

    def read_logs(self) -> str:
        """Return everything that the proxies and the pages have written to files, except the database."""
        return self.machine.run(
            "cd /; find var/log/nginx var/log/caddy var/lib/nginx var/lib/caddy run/caddy run/web.said run/proxy.said -type f "
            "-exec cat {} + 2>/dev/null || true"
        )


@contextmanager
def run_proxied_site(database_template: Path, *settings: str, with_pages: bool = True) -> Iterator[ProxiedSite]:
    """Run the site until the block ends. `settings` are additional lines for the settings file."""
    require_programs_as_root("openssl")
    with readable_folder("site") as folder, debian_machine(folder, SSL_CERT_FILE=CERTIFICATE) as machine:
        database = folder / "shared" / "newsroom.db"
        database.parent.mkdir(mode=0o777)
        database.write_bytes(database_template.read_bytes())
        machine.run(
            f"chown -R {ACCOUNT} {database.parent}; chmod 600 {database}; ip address add {SERVER_ADDRESS} dev lo"
        )
        machine.run(f"ip address add {TIMURS_IP} dev lo; ip address add {OTHER_IP} dev lo")
        machine.run(
            f"echo '127.0.0.1 localhost' > /etc/hosts; echo '{SERVER_ADDRESS} {SITE_NAME}' >> /etc/hosts; {CREATE_CERTIFICATE}"
        )
        lines = (
            f"BASE_URL=https://{SITE_NAME}", "MAIL_FROM=desk@example.org", f"DATABASE_URL=sqlite:///{database}",
            f"ERASURES={database.parent}/erasures", "TRUSTED_PROXIES=1", "LOG_LEVEL=info", *settings,
        )  # fmt: skip
        machine.run(
            f"umask 027; cat > {SETTINGS}; chgrp {ACCOUNT} /etc/readers-asked {SETTINGS}",
            "".join(f"{line}\n" for line in lines).encode(),
        )
        machine.run("touch /run/web.said; chmod 666 /run/web.said")
        if with_pages:
            machine.start(machine.as_account("exec python -P . web >> /run/web.said 2>&1"))
        try:
            wait_for_machine(lambda: not with_pages or machine.has_listener(8000), "the pages")
            yield ProxiedSite(machine, database)
        finally:
            machine.stop_all()
