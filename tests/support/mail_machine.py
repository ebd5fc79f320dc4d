"""A machine with the mail server of a newsroom: Debian's Postfix and Dovecot, with TLS, passwords and tokens.

It has a mailbox for nora, relays mail for branch.example into mailboxes of Dovecot, and accepts mail for gone.example,
which it can't deliver.
"""

import shutil
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from sqlalchemy import select

from app.crypto.seal import Keys
from app.db.engine import Database
from app.mail import inbound
from app.mail.models import Inbound
from tests.support import clock
from tests.support.app import SECRETS
from tests.support.debian_machine import ACCOUNT, SETTINGS, DebianMachine, debian_machine, wait_for_machine
from tests.support.mail_servers import CLOCK_24, readable_folder, require_programs_as_root

PASSWORD = "app password"
NAMES = (
    "mx.example.org", "imap.example.org", "smtp.example.org", "ask.example.org",
    "outlook.office365.com", "smtp.office365.com", "login.microsoftonline.com",
    "imap.gmail.com", "smtp.gmail.com", "oauth2.googleapis.com",
)  # fmt: skip
CERTIFICATE, KEY = "/etc/ssl/newsroom.pem", "/etc/ssl/newsroom.key"
SITE = "https://ask.example.org"

KEPT_VARIABLES = " ".join(clock.FAKETIME_VARIABLES)  # Postfix passes only listed variables to its processes
POSTFIX_SCRIPT = f"""
cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
printf 'postmaster: nora\\n' > /etc/aliases
printf 'branch.example lmtp:inet:127.0.0.1:24\\ngone.example nobody:\\n' > /etc/postfix/transport
useradd --create-home nora
postmap /etc/postfix/transport
postconf -e 'myhostname = mx.example.org' 'mydestination = example.org, mx.example.org, localhost' \\
  'alias_maps = hash:/etc/aliases' 'inet_protocols = ipv4' 'mynetworks = 127.0.0.0/8' 'relay_domains = branch.example' \\
  'transport_maps = hash:/etc/postfix/transport' 'maillog_file = /var/log/postfix.log' \\
  'smtpd_tls_cert_file = {CERTIFICATE}' 'smtpd_tls_key_file = {KEY}' 'smtpd_tls_security_level = may' \\
  'smtpd_sasl_type = dovecot' 'smtpd_sasl_path = private/auth' 'mailbox_size_limit = 0' 'message_size_limit = 30000000' \\
  'import_environment = MAIL_CONFIG LANG=C {KEPT_VARIABLES}' 'export_environment = MAIL_CONFIG LANG {KEPT_VARIABLES}'
postconf -M 'nobody/unix=nobody unix - n n - - pipe user=nobody argv=/bin/false'
postconf -M 'submission/inet=submission inet n - y - - smtpd'
postconf -P submission/inet/smtpd_tls_security_level=encrypt submission/inet/smtpd_sasl_auth_enable=yes \\
  submission/inet/smtpd_tls_auth_only=yes submission/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject \\
  submission/inet/smtpd_recipient_restrictions=permit_sasl_authenticated,reject
newaliases
"""

DOVECOT_SETTINGS = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
log_path = /var/log/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
first_valid_uid = 1
auth_mechanisms = plain xoauth2
auth_allow_cleartext = no
auth_failure_delay = 0
ssl = required
ssl_server_cert_file = /etc/ssl/newsroom.pem
ssl_server_key_file = /etc/ssl/newsroom.key
mail_driver = maildir
mail_path = ~/mail
mail_inbox_path = ~/mail
namespace inbox {
  inbox = yes
  separator = /
}
service lmtp {
  inet_listener lmtp {
    port = 24
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
passdb static {
  password = app password
}
oauth2 {
  introspection_mode = post
  introspection_url = http://127.0.0.1:8090/introspect
  username_attribute = username
  active_attribute = active
  active_value = true
}
userdb static {
  fields {
    uid = 65534
    gid = 65534
    home = /var/vmail/%{user}
  }
  allow_all_users = yes
}
"""

SEND_SCRIPT = """
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 25) as client:
    client.sendmail(sys.argv[1], sys.argv[2:], sys.stdin.buffer.read())
"""


SAVE_SCRIPT = """
cp -a /etc/postfix /etc/before.postfix
cp -a /etc/aliases /etc/aliases.db /etc/before.postfix
"""

# Restore the settings of the mail server, and empty the mailboxes.
RESTORE_SCRIPT = """
postsuper -d ALL
rm -rf /etc/postfix /var/mail/nora /var/vmail/*
cp -a /etc/before.postfix /etc/postfix
cp -a /etc/postfix/aliases /etc/postfix/aliases.db /etc
postfix reload
: > /var/log/postfix.log
"""

MAILBOX_SCRIPT = """
printf 'ask: nora\n' >> /etc/aliases
newaliases
postconf -e 'recipient_delimiter = +'
postconf -e 'transport_maps = inline:{ { ask@example.org = lmtp:inet:127.0.0.1:24 } } hash:/etc/postfix/transport'
postfix reload
"""


class MailMachine:
    """The machine with its mail server; `shared` is a folder shared with the outside, for the database.

    `template` is the SQLite database of a newsroom, of which each test gets a copy.
    """

    def __init__(self, machine: DebianMachine, shared: Path, template: Path) -> None:
        self.machine = machine
        self.shared = shared
        self._template = template
        self._database: Database | None = None

    @property
    def database(self) -> Database:
        assert self._database is not None
        return self._database

    @contextmanager
    def fresh_newsroom(self) -> Iterator[None]:
        """Provide a new newsroom until the block ends, and restore the mail server then."""
        file = Path(shutil.copy(self._template, self.shared / f"{token_hex(4)}.db"))
        self.machine.run(f"chown {ACCOUNT} {file}; rm -f {self.shared}/erasures")
        self._database = Database(f"sqlite:///{file}", Keys(SECRETS), SITE)
        self.write_settings()
        try:
            yield
        finally:
            self.machine.stop_all()
            self.database.close()
            self.machine.run(RESTORE_SCRIPT)

    def create_mailbox(self) -> None:
        """Let the mail server deliver mail for ask@example.org into a mailbox, as a provider does."""
        self.machine.run(MAILBOX_SCRIPT)

    def start_provider(self, user: str) -> str:
        """Start a provider of access tokens for this user, and return a refresh token."""
        self.machine.run("rm -f /run/refresh")  # that of an earlier provider
        self.machine.start(f"{sys.executable} -m tests.support.token_server {user} {CERTIFICATE} {KEY} > /run/refresh")
        wait_for_machine(
            lambda: bool(self.machine.run("cat /run/refresh 2> /dev/null || true").strip()), "the provider"
        )
        return self.machine.run("cat /run/refresh").strip()

    def write_settings(self, *blocks: str) -> None:
        """Write the settings file: the settings that every newsroom needs, and these blocks."""
        required = (
            f"SECRET_KEYS=1:{b64encode(SECRETS[1]).decode()}",
            f"DATABASE_URL={self.database.url}", f"ERASURES={self.shared}/erasures", f"BASE_URL={SITE}", "MAIL_FROM=ask@example.org",
            f"SSL_CERT_FILE={CERTIFICATE}", "PYTHONDONTWRITEBYTECODE=1",
        )  # fmt: skip
        lines = "\n".join([*required, *blocks, ""])
        self.machine.run(f"umask 027; cat > {SETTINGS}; chgrp {ACCOUNT} {SETTINGS}", lines.encode())

    def send_mail(self, raw: bytes, *recipients: str, sender: str = "timur@post.example") -> None:
        """Hand a mail to the mail server by SMTP, as another server does."""
        self.machine.run_python(SEND_SCRIPT, sender, *recipients, stdin=raw)

    def list_inbound_mails(self) -> list[tuple[str, str, bytes]]:
        """Return the source, state and bytes of each incoming mail; those of a bounce are deleted once it is read."""
        with self.database.read() as session:
            rows = list(session.scalars(select(Inbound).order_by(Inbound.id)))
            contents = [inbound.get_raw(session, row) if inbound.has_bytes(session, row.id) else b"" for row in rows]
            return [(row.source, str(row.state), content) for row, content in zip(rows, contents, strict=True)]

    def wait_for_mails(self, count: int) -> None:
        """Wait until the newsroom has received this many mails; fail with the log of the mail server."""
        try:
            wait_for_machine(lambda: len(self.list_inbound_mails()) == count, f"{count} mails")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.read_log()}") from None

    def read_mailbox(self, user: str) -> list[str]:
        """Return the mails in a mailbox of Dovecot."""
        paths = self.machine.run(
            f"find /var/vmail/{user}/mail/new /var/vmail/{user}/mail/cur -type f 2>/dev/null || true"
        )
        return [self.machine.run(f"cat '{path}'") for path in paths.split()]

    def read_noras_mailbox(self) -> str:
        """Return the contents of Nora's local mailbox."""
        return self.machine.run("cat /var/mail/nora 2>/dev/null || true")

    def read_log(self) -> str:
        return self.machine.run("cat /var/log/postfix.log /var/log/dovecot.log 2>/dev/null || true")


@contextmanager
def mail_machine(template: Path) -> Iterator[MailMachine]:
    """Run the machine until the block ends; the database of each of its newsrooms is a copy of `template`."""
    require_programs_as_root("postfix", "postconf", "dovecot", "doveadm", "openssl")
    with readable_folder("machine") as folder, debian_machine(folder, SSL_CERT_FILE=CERTIFICATE) as machine:
        shared = folder / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        machine.run(f"echo '127.0.0.1 localhost {' '.join(NAMES)}' > /etc/hosts; rm -f /var/mail/nora")
        names = ",".join(f"DNS:{name}" for name in NAMES)
        machine.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mx.example.org "
            f"-keyout {KEY} -out {CERTIFICATE} -addext subjectAltName={names}; chmod 644 {KEY}"
        )
        machine.run(POSTFIX_SCRIPT + SAVE_SCRIPT)
        machine.run(
            "cat > /etc/dovecot/dovecot.conf; mkdir -p /var/vmail; chown 65534 /var/vmail",
            f"{DOVECOT_SETTINGS}{CLOCK_24}".encode(),
        )
        machine.run("postfix start; dovecot")
        wait_for_machine(lambda: machine.has_listener(25) and machine.has_listener(143), "the mail server")
        yield MailMachine(machine, shared, template)
