"""Leyla answers by mail. Whoever only looks like her, or brings results of his own, is not her."""

import time

import pytest

from app.mailtext.origin.senders import SenderVerdict, Server, check
from app.mailtext.parsing.parse import parse

LEYLA = "leyla@kazguu.example"
OURS = "mx.steppe.example"
SERVER = Server(OURS, frozenset({OURS}))
EDGE = "Received: from mail.kazguu.example (mail.kazguu.example [192.0.2.7]) by mx.steppe.example with ESMTPS; Fri"
INNER = "Received: from mx.steppe.example by imap.steppe.example with LMTP; Fri"
FOREIGN = "Received: from evil.example by relay.evil.example with ESMTP; Fri"
FROM = "From: Leyla Bekova <leyla@kazguu.example>"
REST = "To: ask@steppe.example\nSubject: Re: A question\n\nYes, and here is why.\n"
PASS = f"Authentication-Results: {OURS}; dmarc=pass (p=reject) header.from=kazguu.example"
EVIL_SPF = f"Authentication-Results: {OURS}; spf=pass smtp.mailfrom=x@evil.example; dkim=none"


def raw(*lines: str, sender: str = FROM) -> bytes:
    return "\n".join((*lines, sender, REST)).encode()


def verdict(
    *lines: str, sender: str = FROM, expected: str = LEYLA, our_server: Server | None = SERVER
) -> tuple[bool, str]:
    """Of a mail with these headers; our server took it in below them, where they don't say otherwise."""
    taken_in = () if any(line.startswith("Received") for line in lines) else (EDGE,)
    return check_sender(*lines, *taken_in, sender=sender, expected=expected, our_server=our_server)


def check_sender(
    *lines: str, sender: str = FROM, expected: str = LEYLA, our_server: Server | None = SERVER
) -> tuple[bool, str]:
    bytes_ = raw(*lines, sender=sender)
    found = check(parse(bytes_), expected, our_server, bytes_)
    assert len(found.reasons) == 1
    return found.ok, found.reasons[0]


def results(*of: str, by: str = OURS) -> str:
    return f"Authentication-Results: {by}; " + "; ".join(of)


HERSELF = {
    "our results above the hop": ((PASS, EDGE), "dmarc"),
    "with a step inside": ((INNER, PASS, EDGE, FOREIGN), "dmarc"),
    "with a host that has no public name": (("Received: by 2002:a05:6402:1:: with SMTP id x; Fri", PASS, EDGE), "dmarc"),
    "a hop in upper case": ((PASS, EDGE.replace(OURS, OURS.upper() + ".")), "dmarc"),
    "what a sender says below it counts for nothing": ((PASS, EDGE, results("dmarc=fail header.from=kazguu.example")), "dmarc"),
    "with a step without a host": (("Received: (qmail 4711 invoked by uid 89); Fri", PASS, EDGE), "dmarc"),
    "fetched": (("Received: from imap.steppe.example by localhost with IMAP; Fri", PASS, EDGE), "dmarc"),
    "signature of the domain": ((results("dkim=pass header.d=kazguu.example header.s=s1"),), "dkim"),
    "signature by its identity": ((results("dkim=pass header.i=@kazguu.example"),), "dkim"),
    "signature of a sub-domain": ((results("dkim=pass header.d=mail.kazguu.example"),), "dkim"),
    "one broken signature beside hers": (
        (results("dkim=fail header.d=list.example", "dkim=pass header.d=kazguu.example"),), "dkim",
    ),
    "no policy, a signature": ((results("dmarc=none header.from=kazguu.example", "dkim=pass header.d=kazguu.example"),), "dkim"),
    "envelope sender": ((results("spf=pass smtp.mailfrom=leyla@kazguu.example", "dkim=none"),), "spf"),
    "envelope sender's domain": ((results("spf=pass smtp.mailfrom=kazguu.example"),), "spf"),
    "broken envelope, good signature": (
        (results("spf=fail smtp.mailfrom=x@forwarder.example", "dkim=pass header.d=kazguu.example"),), "dkim",
    ),
    "upper case": ((PASS.upper(), EDGE), "dmarc"),
    "folded, with Microsoft's own words": (
        (f"Authentication-Results: {OURS} 1;\n\tdkim=pass (signature was verified)\n header.d=kazguu.example;"
         "dmarc=pass action=none\n\theader.from=kazguu.example;compauth=pass reason=100",), "dmarc",
    ),
    "three headers, the last program's above": (
        (INNER, PASS, results("dkim=none"), results("spf=none smtp.mailfrom=kazguu.example"), EDGE), "dmarc",
    ),
    "three headers of three programs": (
        (results("dmarc=pass header.from=kazguu.example"), results("dkim=pass header.d=kazguu.example"),
         results("spf=none smtp.mailfrom=kazguu.example"), EDGE), "dmarc",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HERSELF)
def test_leyla_is_believed_by_what_our_own_server_found(case: str) -> None:
    lines, method = HERSELF[case]
    assert verdict(*lines) == (True, method)


def test_the_line_ends_of_the_wire_are_as_good() -> None:
    bytes_ = raw("From x Fri Nov 11 18:20:03 2022", PASS, EDGE).replace(b"\n", b"\r\n")
    assert check(parse(bytes_), LEYLA, SERVER, bytes_) == SenderVerdict(True, ("dmarc",))


@pytest.mark.parametrize(
    "sender",
    [
        "From: leyla@kazguu.example", "From: <LEYLA@KazGUU.example>", "from: =?utf-8?b?0JvQtdC50LvQsA==?= <leyla@kazguu.example>",
        'From: "Bekova, Leyla" <leyla@kazguu.example>', "From: Leyla Bekova (KazGUU) <leyla@kazguu.example>",
        "From: leyla@kazguu.example (Leyla Bekova)", "From:\n Leyla\n <leyla@kazguu.example>",
        'From: "leyla@kazguu.example" <leyla@kazguu.example>', FROM + "\nSender: leyla@kazguu.example",
    ],
)  # fmt: skip
def test_leyla_is_herself_however_her_program_writes_her(sender: str) -> None:
    assert verdict(PASS, EDGE, sender=sender) == (True, "dmarc")


def test_a_domain_in_its_own_letters_and_in_ascii_is_one() -> None:
    passes = results("dmarc=pass header.from=xn--e1auee6c.example")
    for sender in ("лейла@степь.example", "ЛЕЙЛА@xn--e1auee6c.example"):
        assert verdict(passes, sender=f"From: {sender}", expected="лейла@СТЕПЬ.example") == (True, "dmarc")


FORGED = {
    "our name below our own hop": ((EDGE, PASS), "forged or foreign results"),
    "below it, with a hop in our name": ((EDGE, PASS, EDGE), "forged or foreign results"),
    "below it, with a step inside": ((INNER, EDGE, PASS), "forged or foreign results"),
    "above a hop of another of our house": ((PASS, INNER), "forged or foreign results"),
    "above a hop in a name like ours": ((PASS, EDGE.replace(OURS, OURS + ".evil.example")), "forged or foreign results"),
    "with our hop in a comment": ((PASS, f"Received: from x (by {OURS}) by mx.evil.example"), "forged or foreign results"),
    "our hop below another house's": ((FOREIGN, PASS, EDGE), "forged or foreign results"),
    "our name below another house's hop": ((EDGE, FOREIGN, PASS), "forged or foreign results"),
    "no hop of ours at all": ((FOREIGN, PASS), "forged or foreign results"),
    "another house's results": ((results("dmarc=pass header.from=kazguu.example", by="mx.evil.example"), EDGE), "forged or foreign results"),
    "a name that begins like ours": ((results("dmarc=pass header.from=kazguu.example", by=OURS + ".evil.example"),), "forged or foreign results"),
    "a name that ends like ours": ((results("dmarc=pass header.from=kazguu.example", by="evil-" + OURS),), "forged or foreign results"),
    "a version that doesn't exist": ((results("dmarc=pass header.from=kazguu.example", by=OURS + " 2"),), "unreadable results"),
    "forged below our hop": ((EVIL_SPF, EDGE, PASS), "not aligned"),
    "forged below it with a hop in our name": ((EVIL_SPF, EDGE, PASS, EDGE), "not aligned"),
    "forged below what he made unreadable": ((results('spf=pass smtp.mailfrom="é"@evil.example'), PASS), "unreadable results"),
    "a failure below": ((PASS, results("dmarc=fail header.from=kazguu.example")), "results disagree"),
    "a failure above": ((results("dmarc=fail header.from=kazguu.example"), PASS), "results disagree"),
    "a broken signature": ((PASS, results("dkim=fail header.d=kazguu.example")), "results disagree"),
    "only failures": ((results("dmarc=fail header.from=kazguu.example", "spf=fail smtp.mailfrom=kazguu.example"),), "failed"),
    "nothing found": ((results("none"),), "failed"),
    "a signature of another domain": ((results("dkim=pass header.d=evil.example"),), "not aligned"),
    "a signature of a sibling": ((results("dkim=pass header.d=kazguu.example.evil.example"),), "not aligned"),
    "a signature with two domains": ((results("dkim=pass header.d=evil.example header.d=kazguu.example"),), "not aligned"),
    "a signature by its domain, not its identity": ((results("dkim=pass header.d=evil.example header.i=@kazguu.example"),), "not aligned"),
    "a signature of the top level": ((results("dkim=pass header.d=example"),), "not aligned"),
    "another's envelope": ((results("spf=pass smtp.mailfrom=leyla@evil.example"),), "not aligned"),
    "a greeting": ((results("spf=pass smtp.helo=kazguu.example"),), "not aligned"),
    "a policy of another domain": ((results("dmarc=pass header.from=evil.example"),), "not aligned"),
    "two policies": ((results("dmarc=pass header.from=kazguu.example", "dmarc=pass header.from=evil.example"),), "not aligned"),
    "best guess": ((results("dmarc=bestguesspass header.from=kazguu.example"),), "failed"),
    "a comment": ((results("spf=softfail (dmarc=pass header.from=kazguu.example) smtp.mailfrom=evil.example"),), "failed"),
    "comments in comments": ((results(r"spf=none (a (\); dmarc=pass header.from=kazguu.example) b) smtp.helo=x"),), "failed"),
    "a quoted reason": ((results('dkim=neutral reason="x; dmarc=pass header.from=kazguu.example" header.d=x.example'),), "failed"),
    "a quoted mailbox": ((results('spf=none smtp.mailfrom="a; dmarc=pass header.from=kazguu.example"@evil.example'),), "failed"),
    "an encoded word": (
        (results("spf=none smtp.mailfrom==?us-ascii?q?x=3B_dmarc=3Dpass_header.from=3Dkazguu.example?=@evil.example"),), "failed",
    ),
    "too long to read": ((results("spf=none (" + "x" * 5000 + ")"), PASS), "unreadable results"),
    "too many": ((*[EVIL_SPF] * 30, PASS), "unreadable results"),
    "a thousand brackets": ((results("spf=none " + "(" * 3000), PASS), "unreadable results"),
}  # fmt: skip


@pytest.mark.threat("forged expert")
@pytest.mark.parametrize("case", FORGED)
def test_a_forger_is_not_leyla(case: str) -> None:
    lines, reason = FORGED[case]
    assert verdict(*lines) == (False, reason)


IMPOSTORS = {
    "two headers": (f"From: x@evil.example\n{FROM}", "two senders"),
    "two headers, hers first": (f"{FROM}\nfrom: x@evil.example", "two senders"),
    "twice herself": (f"{FROM}\n{FROM}", "two senders"),
    "two mailboxes": ("From: leyla@kazguu.example, x@evil.example", "two senders"),
    "a group": ("From: us: leyla@kazguu.example, x@evil.example;", "two senders"),
    "another Sender": (f"{FROM}\nSender: x@evil.example", "two senders"),
    "two Senders": (f"{FROM}\nSender: leyla@kazguu.example\nSender: x@evil.example", "two senders"),
    "her address as a name": ('From: "leyla@kazguu.example" <x@evil.example>', "other sender"),
    "Cyrillic a": ("From: leyla@k\u0430zguu.example", "other sender"),
    "Cyrillic a, in ASCII": ("From: leyla@" + "k\u0430zguu.example".encode("idna").decode(), "other sender"),
    "Cyrillic a before the at": ("From: leyl\u0430@kazguu.example", "other sender"),
    "Kelvin sign": ("From: leyla@\u212aazguu.example", "unreadable sender"),
    "full width": ("From: leyla@\uff4bazguu.example", "unreadable sender"),
    "full-width stop": ("From: leyla@kazguu\uff0eexample", "unreadable sender"),
    "another top level": ("From: leyla@kazguu.example.evil.example", "other sender"),
    "another of her house": ("From: marek@kazguu.example", "other sender"),
    "no address": ("From: Leyla", "unreadable sender"),
    "no From": ("X-From: leyla@kazguu.example", "unreadable sender"),
    "a bare carriage return": (f"From: x@evil.example\nX: y\r{FROM}", "broken headers"),
    "a line that is no header": (f"{FROM}\nnonsense\nX: y", "broken headers"),
    "a space before the colon": ("From : leyla@kazguu.example\nFrom: leyla@kazguu.example", "broken headers"),
    "a line of spaces": (f"{FROM}\n \nX: y", "broken headers"),
    "NUL": (f"{FROM}\nX: \0", "broken headers"),
}


@pytest.mark.threat("forged expert")
@pytest.mark.parametrize("case", IMPOSTORS)
def test_one_writer_with_one_address_which_is_hers(case: str) -> None:
    sender, reason = IMPOSTORS[case]
    assert verdict(PASS, EDGE, sender=sender) == (False, reason)


@pytest.mark.threat("forged expert")
@pytest.mark.parametrize(
    ("source", "expected"),
    [("strasse@kazguu.example", "straße@kazguu.example"), ("mare\u212a@kazguu.example", "marek@kazguu.example"),
     ("leyla@strasse.example", "leyla@straße.example"), ("ley\u200dla@kazguu.example", "leyla@kazguu.example")],
)  # fmt: skip
def test_letters_that_fold_into_others_are_other_people(source: str, expected: str) -> None:
    domain = source.rpartition("@")[2]
    assert verdict(results(f"dmarc=pass header.from={domain}"), sender=f"From: {source}", expected=expected)[0] is False


@pytest.mark.threat("forged expert")
def test_nobody_speaks_for_a_place_where_strangers_have_sub_domains() -> None:
    for parent, child in (("co.uk", "kazguu.co.uk"), ("com.kz", "evil.com.kz"), ("github.io", "evil.github.io")):
        for signed, sender in ((parent, child), (child, parent)):
            lines = results(f"dkim=pass header.d={signed}")
            assert verdict(lines, sender=f"From: leyla@{sender}", expected=f"leyla@{sender}") == (False, "not aligned")


@pytest.mark.threat("forged expert")
def test_results_in_a_mail_that_no_server_of_ours_took_in_prove_nothing() -> None:
    assert check_sender(PASS) == (False, "forged or foreign results")
    assert check_sender() == (False, "not checked")


def test_a_house_with_several_servers_names_them_all() -> None:
    both = Server(OURS, frozenset({OURS, "mx2.steppe.example"}))
    second = EDGE.replace(OURS, "mx2.steppe.example")
    assert (check_sender(PASS, second), check_sender(PASS, second, our_server=both)) == (
        (False, "forged or foreign results"), (True, "dmarc"),
    )  # fmt: skip
    assert check_sender(second, PASS, EDGE, our_server=both) == (False, "forged or foreign results")


def test_without_a_server_of_ours_and_without_look_ups_nothing_is_checked() -> None:
    assert verdict(PASS, EDGE, our_server=None) == (False, "not checked")
    assert verdict(EDGE) == (False, "not checked")


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize(
    "part", ["=?utf-8?q?", "(", '"', "<", "a@", ",", ";", "\n ", "From: ", "Received: by a\n", "x:y\n", " "]
)
def test_hostile_heads_take_no_time_and_raise_nothing(part: str) -> None:
    for line in ("From: ", f"Authentication-Results: {OURS}; spf=", "Sender: ", "", "Received: from "):
        bytes_ = raw(PASS, line + part * 60_000)
        mail = parse(raw(PASS))
        begun = time.process_time()
        assert len(check(mail, LEYLA, SERVER, bytes_).reasons) == 1
        assert time.process_time() - begun < 2
