"""Mail servers as newsrooms run them, Dovecot and Postfix, on free ports and with their own settings and mails.

They store mails in folders of other accounts and need root; without root their tests are skipped with a message.
"""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import imapclient
from aiosmtpd.lmtp import LMTP

from app.db.engine import Database
from app.mailroom.lmtp import Intake, LmtpConnection
from tests.support import clock
from tests.support.processes import reserve_port
from tests.support.required_programs import skip_without
from tests.support.waiting import WAIT_TIMEOUT, wait_until

PASSWORD = "öpen-sesame"


@dataclass(frozen=True)
class Dovecot:
    """A running Dovecot: any user name is a mailbox, and all have the same password.

    `imap`, `imaps`, `lmtp` and `sasl` are ports, `tls` is the certificate.
    """

    imap: int
    imaps: int
    lmtp: int
    tls: Path
    folder: Path
    sasl: int = 0

    def mailbox_url(self, user: str, port: int | None = None, **options: str) -> str:
        """Return the URL of a mailbox for the setting MAILBOXES, with these options."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"imap://{user}:%C3%B6pen-sesame@127.0.0.1:{port or self.imap}/INBOX?{query}"

    @contextmanager
    def connect(self, user: str, port: int | None = None) -> Iterator[imapclient.IMAPClient]:
        """Open the inbox of a user with another IMAP library."""
        client = imapclient.IMAPClient("127.0.0.1", port or self.imap, ssl=False, timeout=WAIT_TIMEOUT)
        client.plain_login(user, PASSWORD)
        client.select_folder("INBOX")
        try:
            yield client
        finally:
            with suppress(OSError, imapclient.exceptions.IMAPClientError):
                client.logout()

    def append_mails(self, user: str, *mails: bytes) -> None:
        with self.connect(user) as client:
            for mail in mails:
                client.append("INBOX", mail)

    def count_mails(self, user: str) -> int:
        with self.connect(user) as client:
            return len(client.search("ALL"))

    def reset_uids(self, user: str) -> None:
        """Delete the server's index of a mailbox: its mails get new UIDs and another UIDVALIDITY."""
        old_validity = self.get_uidvalidity(user)

        def try_reset() -> bool:
            for file in (self.folder / "mail" / user / "mail").glob("dovecot*"):
                file.unlink()
            return self.get_uidvalidity(user) != old_validity

        wait_until(try_reset, "another UIDVALIDITY", pause=0.3)  # it is the time in seconds

    def get_uidvalidity(self, user: str) -> int:
        with self.connect(user) as client:
            validity: int = client.folder_status("INBOX", ["UIDVALIDITY"])[b"UIDVALIDITY"]
            return validity


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def readable_folder(name: str) -> Iterator[Path]:
    """Create a folder that the servers' accounts can enter, unlike pytest's own, and delete it when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix=f"readers-asked-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_programs_as_root(*programs: str) -> None:
    if missing := [name for name in programs if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]:
        skip_without(f"{' and no '.join(missing)}")
    if os.geteuid() != 0:
        skip_without("right to start mail servers (run as root)")


DOVECOT_COMMON = """
base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
first_valid_uid = 1
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""

# The settings for Dovecot 2.4 (Debian 13) and 2.3 (Debian 12), which differ in their syntax.
DOVECOT_24 = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
auth_username_format = %{{user | lower}}
ssl = yes
ssl_server_cert_file = {folder}/tls.crt
ssl_server_key_file = {folder}/tls.key
mail_driver = maildir
mail_path = ~/mail
mail_inbox_path = ~/mail
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/mail/%{{user}}
  }}
  allow_all_users = yes
}}
"""

# Dovecot asks the provider whether a token is valid and whose it is; Postfix asks Dovecot (SASL).
DOVECOT_24_TOKENS = """
auth_mechanisms = plain xoauth2 oauthbearer
auth_failure_delay = 0
oauth2 {{
  introspection_mode = post
  introspection_url = {introspection}
  username_attribute = username
  active_attribute = active
  active_value = true
}}
service auth {{
  inet_listener sasl {{
    port = {sasl}
    listen = 127.0.0.1
  }}
}}
"""

DOVECOT_23 = """
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{folder}/tls.crt
ssl_key = <{folder}/tls.key
mail_location = maildir:~/mail
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u allow_all_users=yes
}}
"""


# Dovecot passes only listed variables to its processes.
CLOCK_24 = (
    "import_environment {\n" + "".join(f"  {name} = %{{env:{name}}}\n" for name in clock.FAKETIME_VARIABLES) + "}\n"
)
CLOCK_23 = f"import_environment = PATH {' '.join(clock.FAKETIME_VARIABLES)}\n"


def _create_certificate(folder: Path) -> Path:
    """Create a self-signed certificate for 127.0.0.1, and return its path."""
    subprocess.run(
        ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt"), "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "tls.crt"


@contextmanager
def dovecot(introspection: str = "") -> Iterator[Dovecot]:
    """Run Dovecot until the block ends; with the URL `introspection` of a provider, it accepts tokens as well."""
    require_programs_as_root("dovecot", "doveadm", "openssl")
    with readable_folder("dovecot") as folder:
        server = Dovecot(
            reserve_port(), reserve_port(), reserve_port(), _create_certificate(folder), folder, reserve_port()
        )
        (folder / "mail").mkdir(mode=0o777)
        (folder / "mail").chmod(0o777)
        version = subprocess.run(("dovecot", "--version"), check=True, capture_output=True, text=True).stdout
        is_24 = bool(re.match(r"2\.[4-9]", version))
        if introspection and not is_24:
            skip_without("Dovecot 2.4, whose settings for tokens the tests know")
        # The version of the syntax has to come first.
        template = (DOVECOT_24 if is_24 else DOVECOT_23) + DOVECOT_COMMON + (DOVECOT_24_TOKENS if introspection else "")
        settings = template.format(
            folder=folder, password=PASSWORD, uid=65534, gid=65534, imap=server.imap, imaps=server.imaps,
            lmtp=server.lmtp, introspection=introspection, sasl=server.sasl,
        )  # fmt: skip
        settings += CLOCK_24 if is_24 else CLOCK_23
        (folder / "dovecot.conf").write_text(settings.lstrip())
        child = subprocess.Popen(("dovecot", "-F", "-c", str(folder / "dovecot.conf")))
        try:
            wait_until(
                lambda: child.poll() is not None or (is_listening(server.imap) and is_listening(server.lmtp)), "Dovecot"
            )
            assert child.poll() is None, (folder / "dovecot.log").read_text()
            yield server
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(WAIT_TIMEOUT)


POSTFIX_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""

POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
multi_instance_enable = no
myhostname = mx.newsroom.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
relay_domains = {domains}
transport_maps = inline:{{ {transports} }}
smtpd_recipient_restrictions = permit_mynetworks, reject
recipient_delimiter = +
message_size_limit = 30000000
mailbox_size_limit = 0
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
transport_retry_time = 1s
lmtp_destination_recipient_limit = 50
smtputf8_enable = no
"""

POSTFIX_SASL = """
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{port}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
"""


@contextmanager
def postfix(sasl: int = 0, **transports: int) -> Iterator[int]:
    """Run Postfix until the block ends; yield its SMTP port.

    `transports` are LMTP ports by domain, such as `newsroom_example=8024` for newsroom.example. With `sasl`, the port
    of Dovecot's SASL service, Postfix accepts mail only from users who have signed in.
    """
    require_programs_as_root("postfix", "postconf")
    domains = {name.replace("_", "."): lmtp for name, lmtp in transports.items()}
    with readable_folder("postfix") as folder:
        port, settings = reserve_port(), folder / "etc"
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir(mode=0o755)
        shutil.chown(folder / "data", "postfix")
        transport_map = ", ".join(f"{{{name} = lmtp:inet:127.0.0.1:{lmtp}}}" for name, lmtp in domains.items())
        main = POSTFIX_MAIN.format(folder=folder, domains=", ".join(domains), transports=transport_map)
        (settings / "main.cf").write_text(main + (POSTFIX_SASL.format(port=sasl) if sasl else ""))
        (settings / "master.cf").write_text(POSTFIX_MASTER.format(port=port))
        try:
            for command in ("check", "start"):
                subprocess.run(("postfix", "-c", str(settings), command), check=True, capture_output=True)
            wait_until(lambda: is_listening(port), "Postfix")
            yield port
        finally:
            _stop_postfix(folder)


def _stop_postfix(folder: Path) -> None:
    """Stop the Postfix of this folder by its pid file, and wait for its end."""
    with suppress(OSError, ValueError):
        pid = int((folder / "queue" / "pid" / "master.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end of Postfix")


@contextmanager
def cutting_proxy(
    port: int, cut_after: int | None, before_forwarding: Callable[[bytes], object] = lambda data: None
) -> Iterator[tuple[int, list[object]]]:
    """Run a proxy of `port` that cuts each connection once the server has sent `cut_after` bytes, or never if None.

    Yields its port and a list to which the address of each client is added. `before_forwarding` is called with the
    bytes that a client sends, before the server gets them.
    """
    client_addresses: list[object] = []
    clients: list[socket.socket] = []

    def copy_bytes(source: socket.socket, target: socket.socket, limit: int | None) -> None:
        remaining = limit
        with suppress(OSError):
            while data := source.recv(4096 if remaining is None else min(4096, max(1, remaining))):
                if remaining is not None:
                    remaining -= len(data)
                    if remaining <= 0:
                        break
                if target not in clients:
                    before_forwarding(data)
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, address = listener.accept()
                client_addresses.append(address)
                clients.append(client)
                server = socket.create_connection(("127.0.0.1", port))
                for arguments in ((client, server, None), (server, client, cut_after)):
                    threading.Thread(target=copy_bytes, args=arguments, daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], client_addresses
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


class RefusingHandler:
    """Refuses every recipient."""

    async def handle_RCPT(self, *_: object) -> str:  # noqa: N802 - the library's name
        return "550 5.1.1 nobody of that name lives here"


@contextmanager
def asyncio_server(create_protocol: Callable[[], asyncio.Protocol]) -> Iterator[int]:
    """Run a server in a thread, and yield its port; `create_protocol` is called in its loop for each connection."""
    loop, started, ports = asyncio.new_event_loop(), threading.Event(), []

    async def start_server() -> None:
        server = await loop.create_server(create_protocol, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        started.set()

    def serve() -> None:
        loop.run_until_complete(start_server())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(WAIT_TIMEOUT)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_TIMEOUT)


@contextmanager
def lmtp_server(database: Database) -> Iterator[int]:
    """Run our LMTP server, as `readers-asked mail lmtp` does, and yield its port."""
    intake = Intake(database)
    with asyncio_server(lambda: LmtpConnection(intake)) as port:
        yield port


@contextmanager
def refusing_server() -> Iterator[int]:
    """Run a mail server that refuses every recipient permanently, and yield its LMTP port."""
    with asyncio_server(lambda: LMTP(RefusingHandler(), loop=asyncio.get_running_loop())) as port:
        yield port


@dataclass
class NewsroomServers:
    """The mail servers of a newsroom: Postfix at port `mx`, Dovecot, and our LMTP server for the database `newsroom`.

    Postfix delivers mail for steppe.example to our LMTP server and mail for post.example to Dovecot; mail for
    gone.example is refused.
    """

    dovecot: Dovecot
    mx: int = 0
    newsroom: Database | None = None

    def create_lmtp_connection(self) -> LmtpConnection:
        assert self.newsroom is not None
        return LmtpConnection(Intake(self.newsroom))


@contextmanager
def newsroom_servers() -> Iterator[NewsroomServers]:
    with dovecot() as mailboxes, refusing_server() as refusing_port:
        servers = NewsroomServers(mailboxes)
        with (
            asyncio_server(servers.create_lmtp_connection) as lmtp_port,
            postfix(steppe_example=lmtp_port, post_example=mailboxes.lmtp, gone_example=refusing_port) as servers.mx,
        ):
            yield servers
