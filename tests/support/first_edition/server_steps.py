"""The operator's part: from a bare Debian to a desk that is served, and looked after."""

import re
import subprocess

from tests.support.first_edition.bare_debian import bare_debian
from tests.support.first_edition.stage import NAME, SITE, DocsBlock, DocsCommand, Stage
from tests.support.mail_machine import CERTIFICATE, DOVECOT, KEY, POSTFIX
from tests.support.source import ROOT
from tests.support.waiting import wait_until

INSTALL, MAIL, BACKUP = "docs/install.md", "docs/mail.md", "docs/backup.md"
MACHINE = DocsBlock(INSTALL, "1. The machine")
POSTFIX_ITSELF = DocsCommand(INSTALL, "apt-get install postfix")
CLONE, PROGRAM = DocsBlock(INSTALL, "2. The program"), DocsBlock(INSTALL, "2. The program", 1)
DATABASE = DocsBlock(INSTALL, "3. The database")
NEWSLETTER = DocsBlock(INSTALL, "4. The newsletter")
SERVICES = DocsBlock(INSTALL, "5. Web and worker")
NGINX, SITE_OF_NGINX = DocsBlock(INSTALL, "nginx"), DocsBlock(INSTALL, "nginx", 1)
RECIPE, RETURNS = (DocsBlock(MAIL, "One address among others", kind=kind) for kind in ("sh", "env"))
SENDERS = DocsBlock(MAIL, "Who says who wrote it", kind="env")
DOOR = DocsCommand(MAIL, "systemctl enable --now readers-asked@lmtp")
WORKER_ANEW = DocsCommand(MAIL, "systemctl restart readers-asked@worker")
ACCOUNT = DocsCommand(
    BACKUP,
    "runuser -u readers-asked -- env --chdir=/var/lib/readers-asked READERS_ASKED_ENV_FILE=/etc/readers-asked/environment bash",
)
KEYS = DocsBlock(BACKUP, "Once")
NIGHTLY, LOOK_INTO_IT = DocsBlock(BACKUP, "Each night"), DocsBlock(BACKUP, "Each night", 1)
RESTORE = DocsBlock(BACKUP, "Restore")
DOCTOR_THERE = DocsCommand("docs/upgrade.md", "readers-asked doctor")
DOCTOR = DocsBlock(INSTALL, "7. Is all well?")
START = 180.0  # seconds that the program may take to come up on a machine that has much else to do
CLONED = "/opt/readers-asked.git"

# No authority can look at this machine from outside, so its certificate is signed by itself, where certbot would put it.
CERTBOT = """#!/bin/sh
while [ "$1" != -d ]; do shift; done
mkdir -p "/etc/letsencrypt/live/$2"
cd "/etc/letsencrypt/live/$2"
exec openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$2" -addext "subjectAltName=DNS:$2" -keyout privkey.pem -out fullchain.pem
"""
MAIL_CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 "
    f"-subj /CN={NAME} -addext subjectAltName=DNS:{NAME} -keyout {KEY} -out {CERTIFICATE}"
)
# Mailboxes of people elsewhere, whom this one mail server plays as well.
ELSEWHERE = """
postconf -e "relay_domains = $(postconf -h relay_domains) post.example aral.example"
printf 'post.example lmtp:inet:127.0.0.1:24\\naral.example lmtp:inet:127.0.0.1:24\\n' >> /etc/postfix/transport
postmap /etc/postfix/transport
"""


def a_bare_machine(stage: Stage) -> None:
    stage.machine = stage.stack.enter_context(bare_debian(stage.log, NAME))
    stage.machine.write("etc/hosts", f"127.0.0.1 localhost {NAME} ask.example.org\n")


def what_it_needs(stage: Stage) -> None:
    stage.type(MACHINE)


def the_mail_server(stage: Stage) -> None:
    """What the newsroom had before: Postfix, and Dovecot with the mailboxes of everybody in this play."""
    stage.type(POSTFIX_ITSELF)
    stage.machine.run("apt-get install -y dovecot-imapd dovecot-lmtpd openssl")
    stage.machine.run(f"{MAIL_CERTIFICATE}\n{POSTFIX}\n{ELSEWHERE}")
    stage.machine.write("etc/dovecot/dovecot.conf", DOVECOT.lstrip())
    stage.machine.run("mkdir -p /var/vmail; chown 65534 /var/vmail; systemctl restart postfix dovecot")


def the_program(stage: Stage) -> None:
    there = stage.machine.root / CLONED.lstrip("/")
    subprocess.run(("git", "clone", "--quiet", "--bare", ROOT, there), check=True, stdout=stage.log, stderr=stage.log)
    stage.machine.run(f"FROM={CLONED}")
    stage.type(CLONE, PROGRAM)


def the_database(stage: Stage) -> None:
    stage.type(DATABASE)


def the_newsletter(stage: Stage) -> None:
    said = stage.type(NEWSLETTER)
    [stage.way_in] = re.findall(rf"^ +({SITE}/sign-in/\S+)$", said, re.MULTILINE)


def web_and_worker(stage: Stage) -> None:
    stage.type(SERVICES)
    wait_until(lambda: stage.machine.listens(8000), "the pages at 127.0.0.1:8000", START)


def the_proxy(stage: Stage) -> None:
    stage.machine.write("usr/local/bin/certbot", CERTBOT)
    stage.machine.run("chmod 755 /usr/local/bin/certbot")
    stage.type(NGINX, SITE_OF_NGINX)


def mail_comes_in(stage: Stage) -> None:
    stage.type(RECIPE)
    stage.set(RETURNS)
    stage.set(SENDERS)
    stage.type(DOOR, WORKER_ANEW)
    wait_until(lambda: stage.machine.listens(8024), "the door for Postfix at 127.0.0.1:8024", START)


def a_backup(stage: Stage) -> None:
    stage.type(KEYS, NIGHTLY, LOOK_INTO_IT, by=ACCOUNT)


def restored_elsewhere(stage: Stage) -> None:
    """Into an empty database of the other kind, which the doctor then finds in order."""
    stage.type(RESTORE, DOCTOR_THERE, by=ACCOUNT)


def all_is_well(stage: Stage) -> None:
    for line in stage.type(DOCTOR).splitlines():
        stage.tell(f"    {line}")
