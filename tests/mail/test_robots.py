"""Timur and Aigerim are people, whatever their programs write beside their words; machines are not answered."""

import pytest

from app.mailtext.incoming import Mail, Mailbox
from app.mailtext.origin import robots
from app.mailtext.origin.robots import Judgement, fold_subject, judge
from app.mailtext.parsing.parse import parse
from app.text.word_tables import word_tables
from tests.support.timing import limit_cpu_time

OURS = frozenset({"ask@steppe.example", "hello@steppe.example", "<edition-41@steppe.example>"})


def mail(
    *headers: str, sender: str = "Timur <timur@mail.example>", subject: str = "Re: A school", body: str = "Why?"
) -> bytes:
    return "\n".join(
        (f"From: {sender}", f"Subject: {subject}", "To: ask@steppe.example", *headers, "", body, "")
    ).encode()


def judge_mail(*headers: str, **parts: str) -> Judgement:
    return judge(parse(mail(*headers, **parts)), OURS)


PEOPLE = {
    "Outlook": (
        "X-Auto-Response-Suppress: DR, OOF, AutoReply", "X-MS-Has-Attach:", "X-MS-TNEF-Correlator:", "Thread-Index: AdVx==",
        "X-MS-Exchange-CrossTenant-AuthSource: x.outlook.example", "X-Mailer: Microsoft Outlook 16.0",
    ),
    "Outlook that asks for no notices at all": ("X-Auto-Response-Suppress: All", "Importance: normal"),
    "Gmail": (
        "X-Google-DKIM-Signature: v=1; a=rsa-sha256; d=1e100.net", "X-Gm-Message-State: AOJu0Yx", "X-Google-Smtp-Source: AGHT",
        "X-Received: by 2002:a05:6402:1:: with SMTP id x", "Return-Path: <timur@mail.example>",
    ),
    "Yandex": ("X-Yandex-FolderName: Sent", "X-Yandex-Fwd: 1", "X-Mailer: Yamail [ http://yandex.ru ] 5.0"),
    "Mail.ru": ("X-Mailer: Mail.Ru Mailer 1.0", "X-Priority: 3 (Normal)", "X-7564579A: 646B95376F6C166E"),
    "QQ": ("X-QQ-mid: webmail", "X-QQ-STYLE:", "X-Originating-IP: 192.0.2.9", "X-HAS-ATTACH: no"),
    "Apple": ("X-Mailer: iPhone Mail (20B82)", "Mime-Version: 1.0 (1.0)"),
    "Thunderbird through a relay": ("User-Agent: Mozilla Thunderbird", "Feedback-ID: 1.eu-west-1.abc=:1.eu-west-1.abc=:AmazonSES"),
    "normal precedence": ("Precedence: normal", "Priority: normal"),
    "first class": ("Precedence: first-class",),
    "says that no machine wrote it": ("Auto-Submitted: no",),
    "says so with a comment": ("Auto-Submitted: No (a person)", "X-Autoreply: no"),
    "passed on by a rule of another mailbox": (
        "X-MS-Exchange-Inbox-Rules-Loop: nora@steppe.example", "X-Loop: nora@steppe.example", "X-Forwarded-To: ask@steppe.example",
    ),
    "to a newsroom's group": (
        "List-Id: <ask.steppe.example>", "List-Post: <mailto:ask@steppe.example>", "Precedence: list",
        "List-Unsubscribe: <mailto:ask+unsubscribe@steppe.example>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PEOPLE)
def test_a_person_is_a_person(case: str) -> None:
    assert judge_mail(*PEOPLE[case]) == Judgement("person", ())


def test_a_person_may_quote_a_robot() -> None:
    quoted = (
        "Who pays?\n\n> List-Unsubscribe: <mailto:x@y.example>\n> Precedence: bulk\n> Auto-Submitted: auto-replied\n"
    )
    assert judge_mail(body=quoted) == Judgement("person", ())


@pytest.mark.parametrize(
    "subject",
    [
        "Re: Automatic reply: A school", "Out of office workers in Almaty", "Автоответчик «Казахтелекома»", "Why is he on leave?",
        "Auto replies to the ministry", "Отпуск учителей", "自动回复机是什么", "Who is out of office?", "Abwesende Väter", "",
        "Ooo! Otomatik silahlar", "The president is out of office, and now?",
    ],
)  # fmt: skip
def test_a_person_may_write_about_vacations(subject: str) -> None:
    assert judge_mail(subject=subject) == Judgement("person", ())


@pytest.mark.parametrize(
    "sender",
    ["noreplies@mail.example", "Nora Reply <nora.reply@mail.example>", "anoreply@mail.example", "x7@privaterelay.appleid.example",
     "no@mail.example", "daemon.mailer@mail.example"],
)  # fmt: skip
def test_a_person_may_be_called_so(sender: str) -> None:
    assert judge_mail(sender=sender) == Judgement("person", ())


ROBOTS = {
    "vacation of RFC 3834": (("Auto-Submitted: auto-replied",), "auto-submitted"),
    "with a comment": (("Auto-Submitted: auto-replied (vacation)",), "auto-submitted"),
    "notification": (("auto-submitted: AUTO-NOTIFIED",), "auto-submitted"),
    "bulk": (("Precedence: bulk",), "precedence"),
    "junk": (("Precedence: Junk",), "precedence"),
    "auto_reply": (("Precedence: auto_reply",), "precedence"),
    "old vacation program": (("X-Autoreply: yes",), "vacation"),
    "old answering program": (("X-Autorespond: 1",), "vacation"),
    "vacation in its name": (("X-Mailer: Vacation 1.2",), "vacation"),
    "message class": (("X-POST-MessageClass: 9; Autoresponder",), "vacation"),
    "Exchange": (("X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent",), "vacation"),
    "a rule of his own mailbox": (("X-MS-Exchange-Inbox-Rules-Loop: timur@mail.example",), "mailbox rule"),
    "procmail": (("X-Loop: Timur@mail.example",), "mailbox rule"),
    "mailing list": (("List-Id: Friends <friends.lists.example>",), "list"),
    "newsletter": (("List-Unsubscribe: <https://news.example/u/1>",), "list"),
    "null path": (("Return-Path: <>",), "null return path"),
    "cron": (("X-Cron-Env: <SHELL=/bin/sh>",), "machine"),
    "ticket desk": (("X-RT-Loop-Prevention: desk",), "ticket desk"),
}


@pytest.mark.parametrize("case", ROBOTS)
def test_a_robot_is_recognised_by_what_it_says_of_itself(case: str) -> None:
    headers, reason = ROBOTS[case]
    assert judge_mail(*headers) == Judgement("automatic", (reason,))


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: A school", "Automatic reply", "Out of Office", "OUT OF OFFICE: back on Monday", "Out of Office AutoReply: A",
        "Out of office Re: A school", "[Auto-Reply] A school", "Auto: Out of office".removeprefix("Auto: "), "Автоответ: Школа",
        "Автоматический ответ: Школа", "Automatische Antwort: Schule", "Abwesenheitsnotiz", "Réponse automatique\u00a0: École",
        "自动回复:学校", "自动回复：学校", "【自动回复】学校", "پاسخ خودکار: مدرسه", "رد تلقائي: مدرسة", "Otomatik yanıt: Okul", "OTOMATİK YANIT: Okul",
        "Автоматты жауап: Мектеп", "ئاپتوماتىك جاۋاب: مەكتەپ", "Respuesta automática: Escuela", "Odpowiedź automatyczna: Szkoła",
        "Leyla Bekova is out of the office (returning 12.08.)", "Leyla Bekova is out of the office until 12 August",
    ],
)  # fmt: skip
def test_a_vacation_notice_is_recognised_by_its_subject(subject: str) -> None:
    assert judge_mail(subject=subject) == Judgement("automatic", ("away",))


def test_every_phrase_of_the_table_is_found_in_every_case() -> None:
    phrases = word_tables(robots.__file__, "vacations")["phrases"]
    found = {
        phrase
        for phrase in phrases
        for form in (phrase, phrase.upper())
        if judge_mail(subject=f"{form}: X").kind == "automatic"
    }
    assert found == set(phrases)
    assert len({fold_subject(phrase) for phrase in phrases}) == len(phrases)


@pytest.mark.parametrize(
    "sender",
    ["noreply@bank.example", "Bank <no-reply@bank.example>", "do_not_reply@bank.example", "comments-noreply@docs.example",
     "noreply+x7@bank.example", "DoNotReply@bank.example", "nao-responda@banco.example", "ne-otvechayte@bank.example"],
)  # fmt: skip
def test_an_address_that_takes_no_reply_is_a_robot(sender: str) -> None:
    assert judge_mail(sender=sender) == Judgement("automatic", ("no-reply address",))


def report(kind: str, part: str, fields: str, sender: str = "Mail <mail@server.example>") -> bytes:
    body = f"--cut\nContent-Type: text/plain\n\nWhat happened.\n--cut\nContent-Type: {part}\n\n{fields}\n--cut--"
    return mail(
        f"Content-Type: multipart/report; report-type={kind};\n boundary=cut",
        sender=sender,
        subject="A report",
        body=body,
    )


def test_reports_are_what_they_report() -> None:
    arf = report("feedback-report", "message/feedback-report", "Feedback-Type: abuse\nVersion: 1")
    dsn = report("delivery-status", "message/delivery-status", "Reporting-MTA: dns; x\n\nAction: failed")
    read = report("disposition-notification", "message/disposition-notification", "Disposition: displayed")
    assert judge(parse(arf)) == Judgement("complaint", ("complaint",))
    assert judge(parse(dsn)) == Judgement("bounce", ("delivery report",))
    assert judge(parse(read)) == Judgement("automatic", ("read receipt",))


@pytest.mark.parametrize(
    ("headers", "sender", "subject", "reasons"),
    [
        ((), "MAILER-DAEMON@server.example", "failure notice", ("mail server",)),
        ((), "Mail Delivery Subsystem <mailer-daemon@mail.example>", "Hello", ("mail server",)),
        (("Return-Path: <>",), "postmaster@theirs.example", "Hello", ("mail server", "null return path")),
        ((), "postmaster@theirs.example", "Undeliverable: A question", ("mail server",)),
        ((), "postmaster@theirs.example", "系统退信", ("mail server",)),
        (("X-Failed-Recipients: leyla@kazguu.example",), "Mail <mail@server.example>", "Hello", ("failed recipients",)),
    ],
)  # fmt: skip
def test_a_mail_server_that_gives_up_is_a_bounce(
    headers: tuple[str, ...], sender: str, subject: str, reasons: tuple[str, ...]
) -> None:
    assert judge_mail(*headers, sender=sender, subject=subject) == Judgement("bounce", reasons)


def test_a_postmaster_who_only_writes_is_automatic() -> None:
    assert judge_mail(sender="postmaster@theirs.example", subject="Maintenance") == Judgement(
        "automatic", ("mail server",)
    )


def test_our_own_mail_that_comes_back_is_ours() -> None:
    by_id = judge_mail("Message-ID: <edition-41@steppe.example>", "List-Id: <steppe.example>")
    assert by_id == Judgement("ours", ("own message", "list"))
    assert judge_mail(sender="Steppe <Ask@Steppe.example>") == Judgement("ours", ("own address",))
    assert judge_mail("X-Loop: hello@steppe.example") == Judgement("ours", ("own address",))
    assert judge_mail("Message-ID: <edition-41@steppe.example.evil.example>") == Judgement("person", ())


def test_a_post_through_a_list_gives_all_its_reasons() -> None:
    post = judge_mail(
        "List-Id: <friends.lists.example>", "Precedence: list", "List-Post: <mailto:friends@lists.example>"
    )
    assert post == Judgement("automatic", ("precedence", "list"))


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize(
    "part", ["out of office ", "-noreply", "a.", "no-", "[", " is out of the office", "auto ", "multipart/report "]
)
def test_hostile_mails_take_no_time(part: str) -> None:
    long = part * 50_000
    headers = [(name, long) for name in ("Content-Type", "X-Mailer", "Precedence", "List-Id", "X-Loop")]
    senders = (Mailbox("", f"{long}@x.example"),)
    hostile = Mail(senders=senders, subject=long, headers=(*headers, *[("List-Post", "x")] * 100_000))
    with limit_cpu_time(1):
        assert judge(hostile, OURS).kind == "automatic"
