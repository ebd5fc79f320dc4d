"""The steps of the operator: from a bare Debian to a running desk with a backup."""

import re
import subprocess

from tests.support.first_edition.bare_debian import bare_debian
from tests.support.first_edition.step_context import NAME, SITE, DocsBlock, DocsCommand, StepContext
from tests.support.mail_machine import CERTIFICATE, DOVECOT_SETTINGS, KEY, POSTFIX_SCRIPT
from tests.support.source import ROOT
from tests.support.waiting import wait_until

INSTALL, MAIL, BACKUP = "docs/install.md", "docs/mail.md", "docs/backup.md"
MACHINE = DocsBlock(INSTALL, "1. The machine")
INSTALL_POSTFIX = DocsCommand(INSTALL, "apt-get install postfix")
CLONE_PROGRAM, INSTALL_PROGRAM = DocsBlock(INSTALL, "2. The program"), DocsBlock(INSTALL, "2. The program", 1)
DATABASE = DocsBlock(INSTALL, "3. The database")
NEWSLETTER = DocsBlock(INSTALL, "4. The newsletter")
SERVICES = DocsBlock(INSTALL, "5. Web and worker")
NGINX, NGINX_SITE = DocsBlock(INSTALL, "nginx"), DocsBlock(INSTALL, "nginx", 1)
MAIL_ROUTING, RETURN_PATH_SETTINGS = (DocsBlock(MAIL, "One address among others", kind=kind) for kind in ("sh", "env"))
SENDER_SETTINGS = DocsBlock(MAIL, "Who says who wrote it", kind="env")
START_LMTP = DocsCommand(MAIL, "systemctl enable --now readers-asked@lmtp")
RESTART_WORKER = DocsCommand(MAIL, "systemctl restart readers-asked@worker")
BECOME_ACCOUNT = DocsCommand(
    BACKUP,
    "runuser -u readers-asked -- env --chdir=/var/lib/readers-asked READERS_ASKED_ENV_FILE=/etc/readers-asked/environment bash",
)
BACKUP_KEYS = DocsBlock(BACKUP, "Once")
NIGHTLY_BACKUP, INSPECT_BACKUP = DocsBlock(BACKUP, "Each night"), DocsBlock(BACKUP, "Each night", 1)
RESTORE = DocsBlock(BACKUP, "Restore")
DOCTOR_AFTER_RESTORE = DocsCommand("docs/upgrade.md", "readers-asked doctor")
DOCTOR = DocsBlock(INSTALL, "7. Is all well?")
START_TIMEOUT = 180.0  # seconds until the program answers, on a busy machine
CLONE_SOURCE = "/opt/readers-asked.git"

# No certificate authority can reach this machine: put a self-signed certificate where certbot would put its own.
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
# Mailboxes at other providers, which this mail server provides as well.
OTHER_MAILBOXES = """
postconf -e "relay_domains = $(postconf -h relay_domains) post.example aral.example"
printf 'post.example lmtp:inet:127.0.0.1:24\\naral.example lmtp:inet:127.0.0.1:24\\n' >> /etc/postfix/transport
postmap /etc/postfix/transport
"""


def create_machine(context: StepContext) -> None:
    context.machine = context.stack.enter_context(bare_debian(context.log, NAME))
    context.machine.write("etc/hosts", f"127.0.0.1 localhost {NAME} ask.example.org\n")


def install_packages(context: StepContext) -> None:
    context.run_docs(MACHINE)


def set_up_mail_server(context: StepContext) -> None:
    """Set up the mail server that the newsroom already has: Postfix, and Dovecot with everybody's mailboxes."""
    context.run_docs(INSTALL_POSTFIX)
    context.machine.run("apt-get install -y dovecot-imapd dovecot-lmtpd openssl")
    context.machine.run(f"{MAIL_CERTIFICATE}\n{POSTFIX_SCRIPT}\n{OTHER_MAILBOXES}")
    context.machine.write("etc/dovecot/dovecot.conf", DOVECOT_SETTINGS.lstrip())
    context.machine.run("mkdir -p /var/vmail; chown 65534 /var/vmail; systemctl restart postfix dovecot")


def install_program(context: StepContext) -> None:
    target = context.machine.root / CLONE_SOURCE.lstrip("/")
    subprocess.run(
        ("git", "clone", "--quiet", "--bare", ROOT, target), check=True, stdout=context.log, stderr=context.log
    )
    context.machine.run(f"FROM={CLONE_SOURCE}")
    context.run_docs(CLONE_PROGRAM, INSTALL_PROGRAM)


def create_database(context: StepContext) -> None:
    context.run_docs(DATABASE)


def create_newsletter(context: StepContext) -> None:
    output = context.run_docs(NEWSLETTER)
    [context.sign_in_link] = re.findall(rf"^ +({SITE}/sign-in/\S+)$", output, re.MULTILINE)


def start_services(context: StepContext) -> None:
    context.run_docs(SERVICES)
    wait_until(lambda: context.machine.has_listener(8000), "the pages at 127.0.0.1:8000", START_TIMEOUT)


def set_up_nginx(context: StepContext) -> None:
    context.machine.write("usr/local/bin/certbot", CERTBOT)
    context.machine.run("chmod 755 /usr/local/bin/certbot")
    context.run_docs(NGINX, NGINX_SITE)


def set_up_incoming_mail(context: StepContext) -> None:
    context.run_docs(MAIL_ROUTING)
    context.append_settings(RETURN_PATH_SETTINGS)
    context.append_settings(SENDER_SETTINGS)
    context.run_docs(START_LMTP, RESTART_WORKER)
    wait_until(lambda: context.machine.has_listener(8024), "the door for Postfix at 127.0.0.1:8024", START_TIMEOUT)


def create_backup(context: StepContext) -> None:
    context.run_docs(BACKUP_KEYS, NIGHTLY_BACKUP, INSPECT_BACKUP, shell=BECOME_ACCOUNT)


def restore_backup(context: StepContext) -> None:
    """Restore the backup into an empty database of the other kind, and check it with the doctor."""
    context.run_docs(RESTORE, DOCTOR_AFTER_RESTORE, shell=BECOME_ACCOUNT)


def run_doctor(context: StepContext) -> None:
    for line in context.run_docs(DOCTOR).splitlines():
        context.print_line(f"    {line}")
