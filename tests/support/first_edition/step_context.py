"""What the steps share: the machine, the commands of the docs, mailboxes and browsers."""

import base64
import hashlib
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from smtplib import SMTP
from typing import BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from imap_tools import MailBox, MailMessage
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.docs import list_code_blocks
from tests.support.first_edition.bare_debian import BareDebian, StepFailed
from tests.support.mail_machine import CERTIFICATE, PASSWORD
from tests.support.required_programs import find_chromium
from tests.support.source import ROOT
from tests.support.user_browsers import UserBrowser
from tests.support.waiting import WAIT_TIMEOUT, wait_until

SITE = "https://ask.example.org"
NAME = "mx.example.org"  # host name of the machine and of its mail server
MAIL_TIMEOUT = 240.0  # seconds; mails of the desk wait a minute, in which they can be undone


@dataclass(frozen=True)
class DocsBlock:
    """A code block of a page with commands or settings: number `number` of its kind under a heading."""

    page: str
    heading: str
    number: int = 0
    kind: str = "sh"

    @property
    def text(self) -> str:
        """The contents of the block. Raises `StepFailed` if the page has no such block."""
        kinds = ("", "sh") if self.kind == "sh" else (self.kind,)
        blocks = list_code_blocks(self.page, self.heading, *kinds)
        if len(blocks) <= self.number:
            raise StepFailed(f"{self.page} has no block {self.number + 1} of {self.kind} under “{self.heading}”")
        return blocks[self.number]


@dataclass(frozen=True)
class DocsCommand:
    """A command that a page mentions inline."""

    page: str
    command: str

    @property
    def text(self) -> str:
        """The command. Raises `StepFailed` if the page doesn't have it."""
        if f"`{self.command}`" not in (ROOT / self.page).read_text(encoding="utf-8"):
            raise StepFailed(f"{self.page} does not say `{self.command}`")
        return self.command


@dataclass
class StepContext:
    """The state that steps pass on to each other."""

    stack: ExitStack
    log: BinaryIO
    print_line: Callable[[str], None]
    machine: BareDebian = field(init=False)
    nora: UserBrowser = field(init=False)
    _browser: Browser = field(init=False)
    way_in: str = ""
    receipt: str = ""

    def run_docs(self, *commands: DocsBlock | DocsCommand, shell: DocsCommand | None = None) -> str:
        """Run commands of the docs, and return their output.

        They run as root, or in a `shell`, a command of the docs that starts one as another account.
        """
        for command in commands:
            self.print_line(f"    {command.page}: {command.text.strip().splitlines()[0]} ...")
        if shell is None:
            return "".join(self.machine.run(command.text) for command in commands)
        lines = "\n".join(command.text for command in commands)
        return self.machine.run(f"{shell.text} <<'END OF SHELL'\nset -euo pipefail\n{lines}\nEND OF SHELL")

    def append_settings(self, settings: DocsBlock) -> None:
        """Append settings of a page to the settings file."""
        self.print_line(f"    {settings.page}: {settings.text.strip()}")
        with (self.machine.root / "etc/readers-asked/environment").open("a") as file:
            file.write(settings.text)

    def launch_browser(self) -> None:
        """Start a real browser in the machine's network, which resolves the site and trusts its certificate."""
        path = find_chromium()
        if path is None:
            raise StepFailed("there is no chromium")
        fingerprint = _get_fingerprint(self._certificate("etc/letsencrypt/live/ask.example.org/fullchain.pem"))
        args = (
            "--no-sandbox", "--disable-quic", "--host-resolver-rules=MAP ask.example.org 127.0.0.1",
            f"--ignore-certificate-errors-spki-list={fingerprint}",
        )  # fmt: skip
        expect.set_options(timeout=WAIT_TIMEOUT * 1_000)
        self.machine.enter_network()
        playwright = self.stack.enter_context(sync_playwright())
        self._browser = playwright.chromium.launch(executable_path=path, args=args)
        self.stack.callback(self._browser.close)

    def open_browser(self, width: int = 1280) -> UserBrowser:
        """Open a browser with cookies of its own."""
        return UserBrowser(self._browser.new_context(viewport={"width": width, "height": 900}), SITE, scripts=False)

    def send_mail(self, raw: bytes, sender: str, recipient: str) -> None:
        """Hand a mail to the mail server, as a mail program does."""
        with SMTP("127.0.0.1", 25) as server:
            server.sendmail(sender, [recipient], raw)

    def wait_for_mail(self, address: str, subject: str) -> MailMessage:
        """Wait for a mail with this text in its subject, and return the newest, read by IMAP."""
        mails: list[MailMessage] = []
        context = ssl.create_default_context(cafile=self._certificate(CERTIFICATE))
        context.check_hostname = False  # the host name of the certificate isn't 127.0.0.1

        def fetch_mails() -> bool:
            with MailBox("127.0.0.1", ssl_context=context).login(address, PASSWORD) as mailbox:
                mails.extend(mail for mail in mailbox.fetch(mark_seen=False, reverse=True) if subject in mail.subject)
            return bool(mails)

        self.print_line(f"    waits for the mail to {address}")
        wait_until(fetch_mails, f"a mail to {address} about “{subject}”", MAIL_TIMEOUT, pause=1)
        return mails[0]

    def _certificate(self, path: str) -> Path:
        return (self.machine.root / path.lstrip("/")).resolve()


def _get_fingerprint(certificate: Path) -> str:
    """Return the hash of a certificate's public key in Chromium's format."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return base64.b64encode(digest).decode()
