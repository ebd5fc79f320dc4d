"""Everybody and everything of the proof: the machine, what its shell is told by the docs, mailboxes, browsers, a clock."""

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
NAME = "mx.example.org"  # of the machine, and of its mail server
MAIL_TIMEOUT = 240.0  # seconds until a mail is there: one of the desk can be undone for a minute


@dataclass(frozen=True)
class DocsBlock:
    """Commands, or settings, of a page: the block of that number under a heading."""

    page: str
    heading: str
    number: int = 0
    kind: str = "sh"

    @property
    def text(self) -> str:
        """The block, word for word. Raises `Failed` where the page has none there any more."""
        kinds = ("", "sh") if self.kind == "sh" else (self.kind,)
        found = list_code_blocks(self.page, self.heading, *kinds)
        if len(found) <= self.number:
            raise StepFailed(f"{self.page} has no block {self.number + 1} of {self.kind} under “{self.heading}”")
        return found[self.number]


@dataclass(frozen=True)
class DocsCommand:
    """A command that stands in a sentence of a page. Raises `Failed` where it stands there no longer."""

    page: str
    words: str

    @property
    def text(self) -> str:
        if f"`{self.words}`" not in (ROOT / self.page).read_text(encoding="utf-8"):
            raise StepFailed(f"{self.page} does not say `{self.words}`")
        return self.words


@dataclass
class StepContext:
    """What steps hand on to each other."""

    stack: ExitStack
    log: BinaryIO
    tell: Callable[[str], None]
    machine: BareDebian = field(init=False)
    nora: UserBrowser = field(init=False)
    _browser: Browser = field(init=False)
    way_in: str = ""
    receipt: str = ""

    def run_docs(self, *commands: DocsBlock | DocsCommand, by: DocsCommand | None = None) -> str:
        """Type what the docs say, and return what was printed. `by` is the command by which root becomes another account,
        who types it all."""
        for one in commands:
            self.tell(f"    {one.page}: {one.text.strip().splitlines()[0]} ...")
        if by is None:
            return "".join(self.machine.run(one.text) for one in commands)
        lines = "\n".join(one.text for one in commands)
        return self.machine.run(f"{by.text} <<'END OF SHELL'\nset -euo pipefail\n{lines}\nEND OF SHELL")

    def append_settings(self, settings: DocsBlock) -> None:
        """Put settings of a page into the settings file."""
        self.tell(f"    {settings.page}: {settings.text.strip()}")
        with (self.machine.root / "etc/readers-asked/environment").open("a") as file:
            file.write(settings.text)

    def launch_browser(self) -> None:
        """A real browser in the machine's network, which knows the name of the site and believes its one certificate."""
        path = find_chromium()
        if path is None:
            raise StepFailed("there is no chromium")
        believed = _fingerprint(self._certificate("etc/letsencrypt/live/ask.example.org/fullchain.pem"))
        args = (
            "--no-sandbox", "--disable-quic", "--host-resolver-rules=MAP ask.example.org 127.0.0.1",
            f"--ignore-certificate-errors-spki-list={believed}",
        )  # fmt: skip
        expect.set_options(timeout=WAIT_TIMEOUT * 1_000)
        self.machine.enter_network()
        playwright = self.stack.enter_context(sync_playwright())
        self._browser = playwright.chromium.launch(executable_path=path, args=args)
        self.stack.callback(self._browser.close)

    def open_browser(self, width: int = 1280) -> UserBrowser:
        """Somebody with a browser that keeps nothing of the others'."""
        return UserBrowser(self._browser.new_context(viewport={"width": width, "height": 900}), SITE, scripts=False)

    def send_mail(self, raw: bytes, sender: str, recipient: str) -> None:
        """Somebody's mail program hands a mail to the mail server."""
        with SMTP("127.0.0.1", 25) as server:
            server.sendmail(sender, [recipient], raw)

    def wait_for_mail(self, address: str, subject: str) -> MailMessage:
        """The newest mail of a mailbox whose subject has these words, read by IMAP; waits until it is there."""
        found: list[MailMessage] = []
        context = ssl.create_default_context(cafile=self._certificate(CERTIFICATE))
        context.check_hostname = False  # its name leads here on the machine only

        def arrived() -> bool:
            with MailBox("127.0.0.1", ssl_context=context).login(address, PASSWORD) as box:
                found.extend(mail for mail in box.fetch(mark_seen=False, reverse=True) if subject in mail.subject)
            return bool(found)

        self.tell(f"    waits for the mail to {address}")
        wait_until(arrived, f"a mail to {address} about “{subject}”", MAIL_TIMEOUT, pause=1)
        return found[0]

    def _certificate(self, path: str) -> Path:
        return (self.machine.root / path.lstrip("/")).resolve()


def _fingerprint(certificate: Path) -> str:
    """Return the hash of its public key, as Chromium takes it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return base64.b64encode(digest).decode()
