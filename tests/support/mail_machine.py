"""A machine with the mail server that a newsroom had before us: Debian's Postfix and Dovecot, TLS, passwords, tokens.

nora reads her mail on it, mails for branch.example go on to a mailbox, and what is taken for gone.example can't be delivered.
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

KEPT_VARIABLES = " ".join(
    clock.FAKETIME_VARIABLES
)  # Postfix hands on nothing of its environment but what it is told to
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

# The mail server as it was, with empty mailboxes.
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
    """The machine with its mail server. `shared` is a folder that is seen from outside as well; the database is there."""

    def __init__(self, inside: DebianMachine, shared: Path, founded: Path) -> None:
        self.inside = inside
        self.shared = shared
        self._founded = founded
        self._database: Database | None = None

    @property
    def database(self) -> Database:
        assert self._database is not None
        return self._database

    @contextmanager
    def fresh_newsroom(self) -> Iterator[None]:
        """The machine as the newsroom had it, and a newsroom in which nothing has happened yet, until the block ends."""
        file = Path(shutil.copy(self._founded, self.shared / f"{token_hex(4)}.db"))
        self.inside.run(f"chown {ACCOUNT} {file}")
        self._database = Database(f"sqlite:///{file}", Keys(SECRETS), SITE)
        self.write_settings()
        try:
            yield
        finally:
            self.inside.stop_all()
            self.database.close()
            self.inside.run(RESTORE_SCRIPT)

    def create_mailbox(self) -> None:
        """ask@example.org is a mailbox somewhere, as at a provider."""
        self.inside.run(MAILBOX_SCRIPT)

    def start_provider(self, user: str) -> str:
        """A provider lets this user in by token, as soon as somebody types the code; gives a refresh token of theirs."""
        self.inside.run("rm -f /run/refresh")  # another provider's, of before
        self.inside.start(f"{sys.executable} -m tests.support.token_server {user} {CERTIFICATE} {KEY} > /run/refresh")
        wait_for_machine(lambda: bool(self.inside.run("cat /run/refresh 2> /dev/null || true").strip()), "the provider")
        return self.inside.run("cat /run/refresh").strip()

    def write_settings(self, *blocks: str) -> None:
        """What stands in the settings file beside what every newsroom needs."""
        usual = (
            f"SECRET_KEYS=1:{b64encode(SECRETS[1]).decode()}",
            f"DATABASE_URL={self.database.url}", f"ERASURES={self.shared}/erasures", f"BASE_URL={SITE}", "MAIL_FROM=ask@example.org",
            f"SSL_CERT_FILE={CERTIFICATE}", "PYTHONDONTWRITEBYTECODE=1",
        )  # fmt: skip
        lines = "\n".join([*usual, *blocks, ""])
        self.inside.run(f"umask 027; cat > {SETTINGS}; chgrp {ACCOUNT} {SETTINGS}", lines.encode())

    def send_mail(self, raw: bytes, *recipients: str, sender: str = "timur@post.example") -> None:
        """Another server brings a mail, by SMTP."""
        self.inside.python(SEND_SCRIPT, sender, *recipients, given=raw)

    def list_inbound_mails(self) -> list[tuple[str, str, bytes]]:
        """How each mail came in, its place, and its bytes, which a bounce has no longer once it has been read."""
        with self.database.read() as session:
            rows = list(session.scalars(select(Inbound).order_by(Inbound.id)))
            raw = [inbound.get_raw(session, row) if inbound.has_bytes(session, row.id) else b"" for row in rows]
            return [(row.source, str(row.state), kept) for row, kept in zip(rows, raw, strict=True)]

    def wait_for_mails(self, number: int) -> None:
        try:
            wait_for_machine(lambda: len(self.list_inbound_mails()) == number, f"{number} mails")
        except AssertionError as vain:
            raise AssertionError(f"{vain}\n{self.read_log()}") from None

    def read_mailbox(self, user: str) -> list[str]:
        """What lies in a mailbox of Dovecot, mail by mail."""
        found = self.inside.run(
            f"find /var/vmail/{user}/mail/new /var/vmail/{user}/mail/cur -type f 2>/dev/null || true"
        )
        return [self.inside.run(f"cat '{path}'") for path in found.split()]

    def read_noras_mailbox(self) -> str:
        """Nora's own mailbox on the machine."""
        return self.inside.run("cat /var/mail/nora 2>/dev/null || true")

    def read_log(self) -> str:
        return self.inside.run("cat /var/log/postfix.log /var/log/dovecot.log 2>/dev/null || true")


@contextmanager
def mail_machine(founded: Path) -> Iterator[MailMachine]:
    """The machine until the block ends; the database of each of its newsrooms is a copy of `founded`."""
    require_programs_as_root("postfix", "postconf", "dovecot", "doveadm", "openssl")
    with readable_folder("machine") as folder, debian_machine(folder, SSL_CERT_FILE=CERTIFICATE) as inside:
        shared = folder / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        inside.run(f"echo '127.0.0.1 localhost {' '.join(NAMES)}' > /etc/hosts; rm -f /var/mail/nora")
        names = ",".join(f"DNS:{name}" for name in NAMES)
        inside.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mx.example.org "
            f"-keyout {KEY} -out {CERTIFICATE} -addext subjectAltName={names}; chmod 644 {KEY}"
        )
        inside.run(POSTFIX_SCRIPT + SAVE_SCRIPT)
        inside.run(
            "cat > /etc/dovecot/dovecot.conf; mkdir -p /var/vmail; chown 65534 /var/vmail",
            f"{DOVECOT_SETTINGS}{CLOCK_24}".encode(),
        )
        inside.run("postfix start; dovecot")
        wait_for_machine(lambda: inside.has_listener(25) and inside.has_listener(143), "the mail server")
        yield MailMachine(inside, shared, founded)
