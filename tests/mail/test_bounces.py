"""A mail to Leyla comes back; what her server says about it is read, whatever program wrote it."""

from base64 import encodebytes

import pytest

from app.mailtext.origin.bounces import Bounce, parse_bounce
from app.mailtext.parsing.parse import parse
from tests.support.timing import limit_cpu_time

SENT = "<invitation-7@steppe.example>"
LEYLA = "leyla.bekova@kazguu.example"
RETURNED = f"From: Nora Lind <nora@steppe.example>\nTo: {LEYLA}\nSubject: A question\nMessage-ID: {SENT}\n"


def parse_text(text: str) -> Bounce | None:
    raw = text.lstrip("\n").encode()
    return parse_bounce(raw, parse(raw))


def report(
    status: str,
    *,
    sender: str = "MAILER-DAEMON@mail.kazguu.example",
    words: str = "Sorry.",
    returned: str = "text/rfc822-headers",
) -> str:
    return f"""
Return-Path: <>
From: Mail Delivery <{sender}>
To: ask+b-k3vq7mzt2abcdwxy@steppe.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <report@mail.kazguu.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: text/plain; charset=utf-8
Content-Description: Notification

{words}
--cut
Content-Description: Delivery report
Content-Type: message/delivery-status

{status}

--cut
Content-Type: {returned}

{RETURNED}
--cut--
"""


POSTFIX = f"""Reporting-MTA: dns; mail.kazguu.example
X-Postfix-Queue-ID: 4F1A2B3C
Arrival-Date: Fri, 11 Nov 2022 14:20:09 +0100 (CET)

Final-Recipient: rfc822; l.bekova@home.example
Original-Recipient: rfc822;{LEYLA}
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.home.example
Diagnostic-Code: smtp; 550 5.1.1 <l.bekova@home.example>: Recipient address
    rejected: user leyla.bekova unknown"""
EXIM = f"""Reporting-MTA: dns; mail.kazguu.example

Action: failed
Final-Recipient: rfc822;{LEYLA}
Status: 5.0.0
Remote-MTA: dns; mx.home.example
Diagnostic-Code: smtp; 552 Mailbox full"""
OFFICE_365 = f"""Reporting-MTA: dns;AM0PR01.prod.outlook.example
Received-From-MTA: dns;mail.steppe.example

Final-Recipient: rfc822;{LEYLA}
Action: failed
Status: 5.7.129
Diagnostic-Code: smtp;550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authenticated
"""
GMAIL = f"""Reporting-MTA: dns; googlemail.example
Received-From-MTA: dns; {LEYLA}

Final-Recipient: rfc822; {LEYLA}
Action: delayed
Status: 4.4.1
Diagnostic-Code: smtp; The recipient server did not accept our requests to connect. [mx.home.example 192.0.2.1: timed out]
Will-Retry-Until: Sun, 13 Nov 2022 06:20:09 -0800 (PST)"""
YANDEX = f"""Reporting-MTA: dns; forward101.mail.yandex.example
X-Yandex-Queue-ID: 9C1E18C0A2

Final-Recipient: rfc822; {LEYLA}
Original-Recipient: rfc822;leyla.bekova+2Bask@kazguu.example
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 Mailbox size limit exceeded"""

REPORTS = {
    "Postfix": (report(POSTFIX), Bounce(True, (LEYLA,), "5.1.1", "550 5.1.1 <…>: Recipient address rejected: user … unknown", SENT)),
    "Exim": (report(EXIM, returned="message/rfc822"), Bounce(True, (LEYLA,), "5.0.0", "552 Mailbox full", SENT)),
    "Office 365": (
        report(OFFICE_365, sender="postmaster@kazguu.example", returned="message/rfc822"),
        Bounce(True, (LEYLA,), "5.7.129", "550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authenticated", SENT),
    ),
    "Gmail, still trying": (
        report(GMAIL, returned="message/rfc822"),
        Bounce(
            False, (LEYLA,), "4.4.1",
            "The recipient server did not accept our requests to connect. [mx.home.example 192.0.2.1: timed out]", SENT,
        ),
    ),
    "Yandex": (
        report(YANDEX),
        Bounce(True, ("leyla.bekova+ask@kazguu.example",), "5.2.2", "552 5.2.2 Mailbox size limit exceeded", SENT),
    ),
    "no action": (
        report(f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; <{LEYLA}>\nStatus: 5.4.4 (no such host)"),
        Bounce(True, (LEYLA,), "5.4.4", "", SENT),
    ),
    "OpenSMTPD": (
        report(f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; {LEYLA}\nAction: error\nStatus: 5.0.0", words=f"{LEYLA}: 550 Invalid recipient"),
        Bounce(True, (LEYLA,), "5.0.0", "…: 550 Invalid recipient", SENT),
    ),
    "international": (
        report("Reporting-MTA: dns; x\n\nFinal-Recipient: utf-8; лейла@kazguu.example\nAction: failed\nStatus: 5.1.1").replace(
            "message/delivery-status", "message/global-delivery-status"
        ),
        Bounce(True, ("лейла@kazguu.example",), "5.1.1", "", SENT),
    ),
    "two recipients, one has it": (
        report(f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; marek@kazguu.example\nAction: relayed\nStatus: 2.1.9\n\n"
               f"Final-Recipient: rfc822; {LEYLA}\nAction: failed\nStatus: 5.1.1"),
        Bounce(True, (LEYLA,), "5.1.1", "", SENT),
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", REPORTS)
def test_a_standard_report_is_read(program: str) -> None:
    text, expected = REPORTS[program]
    assert parse_text(text) == expected


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_that_all_went_well_is_no_bounce(action: str) -> None:
    assert (
        parse_text(
            report(f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; {LEYLA}\nAction: {action}\nStatus: 2.0.0")
        )
        is None
    )


QMAIL = f"""
Return-Path: <>
From: MAILER-DAEMON@mail.kazguu.example
To: ask+b-k3vq7mzt2abcdwxy@steppe.example
Subject: failure notice

Hi. This is the qmail-send program at mail.kazguu.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{LEYLA}>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 No such user leyla.bekova
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.

Return-Path: <nora@steppe.example>
{RETURNED}
Dear Leyla
"""
OLD_EXIM = f"""
Return-Path: <>
X-Failed-Recipients: {LEYLA}
From: Mail Delivery System <Mailer-Daemon@mail.kazguu.example>
To: ask+b-k3vq7mzt2abcdwxy@steppe.example
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {LEYLA}
    SMTP error from remote mail server after RCPT TO:<{LEYLA}>:
    550 No mailbox here

------ This is a copy of the message, including all the headers. ------

{RETURNED}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            QMAIL,
            Bounce(True, (LEYLA,), "5.1.1", "Remote host said: 550 5.1.1 No such user … Giving up on 192.0.2.1.", SENT),
        ),
        (OLD_EXIM, Bounce(True, (LEYLA,), "", "550 No mailbox here", SENT)),
    ],
    ids=["qmail", "Exim"],
)
def test_what_older_programs_write_is_read(text: str, expected: Bounce) -> None:
    assert parse_text(text) == expected


def test_a_person_who_passes_a_bounce_on_is_no_bounce() -> None:
    forwarded = QMAIL.replace(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mail.kazguu.example", "From: Timur <timur@mail.example>"
    )
    assert parse_text(forwarded.replace("failure notice", "Fwd: what is this?")) is None


def test_a_mail_server_that_says_nothing_readable_is_none() -> None:
    assert parse_text("From: MAILER-DAEMON@x.example\nSubject: failure notice\n\nSorry.\n") is None
    assert parse_text("") is None


def test_what_was_said_is_short_and_names_nobody() -> None:
    long = report(f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; {LEYLA}\nAction: failed\nStatus: 5.1.1\n"
                  f"Diagnostic-Code: smtp; 550 {LEYLA} Leyla.Bekova marek@kazguu.example " + "no " * 1000)  # fmt: skip
    bounce = parse_text(long)
    assert bounce is not None
    assert bounce.reason == ("550 … … … " + "no " * 1000)[:300].strip()


@pytest.mark.parametrize(
    "opening",
    ["here is your list of failed recipients", "the Postfix program", "did not reach the following recipient"],
)
@pytest.mark.parametrize("encoding", ["8bit", "base64"])
def test_a_hostile_body_takes_no_time(opening: str, encoding: str) -> None:
    for part in ("<", " <a", "user ", "=41", ";", "\n"):
        words = f"{opening}\n{part * (250_000 // len(part))}".encode()
        body = encodebytes(words)[:200_000].decode() if encoding == "base64" else words.decode()
        raw = (
            "From: MAILER-DAEMON@x.example\nContent-Type: multipart/mixed; boundary=cut\n\n--cut\nContent-Type: text/plain\n"
            f"Content-Description: notification\nContent-Transfer-Encoding: {encoding}\n\n{body}\n--cut--\n"
        ).encode()
        mail = parse(raw)
        with limit_cpu_time(1):
            assert parse_bounce(raw, mail) is None


def test_a_body_in_a_thousand_boxes_takes_no_time() -> None:
    boxes = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(5000))
    raw = f"From: MAILER-DAEMON@x.example\n{boxes}".encode()
    mail = parse(raw)
    with limit_cpu_time(2):
        assert parse_bounce(raw, mail) is None


@pytest.mark.parametrize(
    "part",
    ["<", "a@", "550 ", "5.1.1", "\n", "\nMessage-ID:", " on ", "Hi. This is the\n\n", "<a@b>:\n", "--cut\n", ";"],
)
def test_hostile_reports_take_no_time_and_raise_nothing(part: str) -> None:
    filler = part * (300_000 // len(part))
    for text in (
        QMAIL + filler,
        report(POSTFIX + filler),
        report("Action: failed\nDiagnostic-Code: " + filler),
        filler,
    ):
        raw = text.lstrip("\n").encode()
        mail = parse(raw)
        with limit_cpu_time(1):
            found = parse_bounce(raw, mail)
            assert found is None or len(found.reason) <= 300
