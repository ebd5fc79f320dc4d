"""Timur's reply finds its way by the token in the address, whatever servers on the way make of it."""

from urllib.parse import quote

import pytest

from app.mail.reply_address import (
    address_for,
    bounce_address,
    bounce_tokens_in,
    checked_pattern,
    new_reply_token,
    plain_address,
    tokens_in,
)
from tests.support.timing import limit_cpu_time

PLUS = "ask@steppe.example"
DOMAIN = "*@reply.steppe.example"
TOKEN = "k3vq7mzt2abcdwxy"
OTHER = "a2b3c4d5e6f7ghij"


def test_a_token_has_eighty_bits_in_sixteen_small_letters_and_digits() -> None:
    tokens = {new_reply_token() for _ in range(500)}
    assert len(tokens) == 500
    assert {len(token) for token in tokens} == {16}
    assert set("".join(tokens)) == set("abcdefghijklmnopqrstuvwxyz234567")


def test_an_address_is_the_pattern_with_the_token_in_it() -> None:
    assert address_for(PLUS, TOKEN) == "ask+k3vq7mzt2abcdwxy@steppe.example"
    assert address_for(DOMAIN, TOKEN) == "k3vq7mzt2abcdwxy@reply.steppe.example"
    assert bounce_address(PLUS, TOKEN) == "ask+b-k3vq7mzt2abcdwxy@steppe.example"
    assert bounce_address(DOMAIN, TOKEN) == "b-k3vq7mzt2abcdwxy@reply.steppe.example"
    assert (plain_address(PLUS), plain_address(DOMAIN)) == (PLUS, None)


@pytest.mark.parametrize(
    ("value", "stored_value"),
    [
        (" Ask@Steppe.Example ", "ask@steppe.example"),
        ("*@reply.steppe.example", "*@reply.steppe.example"),
        ("ask@степь.example", "ask@xn--e1auee6c.example"),
        ("a.sk_me-2@steppe.example", "a.sk_me-2@steppe.example"),
    ],
)
def test_a_pattern_is_stored_in_one_form(value: str, stored_value: str) -> None:
    assert checked_pattern(value) == stored_value


@pytest.mark.parametrize(
    "value",
    [
        "", "ask", "@steppe.example", "ask@", "ask@steppe", "ask+1@steppe.example", "a*k@steppe.example", "a b@steppe.example",
        "ask@ste ppe.example", "a..k@steppe.example", ".ask@steppe.example", "ask@steppe..example", "ask@-steppe.example",
        "ask@steppe.example\r\nBcc: x@y.example", "спроси@steppe.example", f"{'a' * 41}@steppe.example", "a@b@steppe.example",
        f"ask@{'a' * 64}.example", f"ask@{'a.' * 120}example",
    ],
)  # fmt: skip
def test_what_no_mail_can_be_sent_to_is_no_pattern(value: str) -> None:
    with pytest.raises(ValueError, match="a reply address is written"):
        checked_pattern(value)


def test_the_longest_pattern_still_makes_an_address_that_servers_take() -> None:
    pattern = checked_pattern(f"{'a' * 40}@steppe.example")
    assert len(bounce_address(pattern, TOKEN).partition("@")[0]) <= 64  # octets; RFC 5321, section 4.5.3.1.1


WRAPPED = {
    "plain": "ask+{token}@steppe.example",
    "upper case": "ASK+{TOKEN}@STEPPE.EXAMPLE",
    "quoted": '"ask+{token}"@steppe.example',
    "Exchange, mailto": "IMCEAMAILTO-ask+2B{token}+40steppe+2Eexample@theirs.example",
    "Exchange, SMTP": "IMCEASMTP-ask+2B{token}+40steppe+2Eexample@theirs.example",
    "Exchange, small": "imceasmtp-ask+2b{token}+40steppe+2eexample@theirs.example",
    "Exchange, directory": "IMCEAEX-_O=THEIRS_OU=FIRST_CN=RECIPIENTS_CN=ask+2B{token}+40steppe+2Eexample@theirs.example",
    "Exchange, twice": "IMCEASMTP-IMCEAMAILTO-ask+2B2B{token}+2B40steppe+2B2Eexample+40theirs+2Eexample@other.example",
    "as in a web address": "ask%2B{token}%40steppe.example",
    "percent": "ask+{token}%steppe.example@relay.example",
    "SRS0": "SRS0=x1Yz=AB=steppe.example=ask+{token}@forwarder.example",
    "SRS1": "SRS1=Ab12=forwarder.example==x1Yz=AB=steppe.example=ask+{token}@second.example",
    "BATV": "prvs=1234abcdef=ask+{token}@steppe.example",
    "VERP": "list-bounces+ask+{token}=steppe.example@lists.example",
    "angle brackets": "<ask+{token}@steppe.example>",
}


@pytest.mark.parametrize("form", WRAPPED)
def test_the_token_is_found_in_what_servers_make_of_the_address(form: str) -> None:
    address = WRAPPED[form].format(token=TOKEN, TOKEN=TOKEN.upper())
    assert tokens_in([address], [DOMAIN, PLUS]) == [TOKEN]


@pytest.mark.parametrize(
    "form",
    [
        "{token}@reply.steppe.example", "{TOKEN}@Reply.Steppe.Example", "prvs=1234abcdef={token}@reply.steppe.example",
        "IMCEASMTP-{token}+40reply+2Esteppe+2Eexample@theirs.example",
        "SRS0=x1Yz=AB=reply.steppe.example={token}@forwarder.example", "{token}%reply.steppe.example@relay.example",
    ],
)  # fmt: skip
def test_so_it_is_where_tokens_have_a_domain_of_their_own(form: str) -> None:
    assert tokens_in([form.format(token=TOKEN, TOKEN=TOKEN.upper())], [PLUS, DOMAIN]) == [TOKEN]


def test_tokens_stand_in_the_order_of_the_recipients_each_once() -> None:
    to = [address_for(PLUS, OTHER), "timur@mail.example", address_for(DOMAIN, TOKEN), address_for(PLUS, OTHER).upper()]
    assert tokens_in(to, [DOMAIN, PLUS]) == [OTHER, TOKEN]


@pytest.mark.parametrize(
    "address",
    [
        "ask@steppe.example", "", "ask+@steppe.example",
        f"ask+{TOKEN}@steppe.example.evil.example",
        f"ask+{TOKEN}@steppe.example-evil.example",
        f"ask+{TOKEN}@evil.example",
        f"bask+{TOKEN}@steppe.example",
        f"b.ask+{TOKEN}@steppe.example",
        f"ask+{TOKEN}a@steppe.example",
        f"ask+{TOKEN[:-1]}@steppe.example",
        f"ask+{TOKEN[:-1]}1@steppe.example",
        f"ask+b-{TOKEN}@steppe.example",
        f"tell+{TOKEN}@steppe.example",
        f"{TOKEN}@steppe.example",
        f"{TOKEN}@other.reply.steppe.example",
        f"x-{TOKEN}@reply.steppe.example",
        f"SRS0=x1Yz=AB=not-steppe.example=ask+{TOKEN}@forwarder.example",
    ],
)  # fmt: skip
def test_what_is_no_address_of_ours_has_no_token(address: str) -> None:
    assert tokens_in([address], [PLUS, DOMAIN]) == []


def test_a_bounce_is_no_reply_and_a_reply_no_bounce() -> None:
    for pattern in (PLUS, DOMAIN):
        reply, bounce = address_for(pattern, TOKEN), bounce_address(pattern, TOKEN)
        assert (tokens_in([reply], [pattern]), bounce_tokens_in([reply], [pattern])) == ([TOKEN], [])
        assert (tokens_in([bounce], [pattern]), bounce_tokens_in([bounce], [pattern])) == ([], [TOKEN])
    srs = f"SRS0=x1Yz=AB=steppe.example=ask+b-{TOKEN}@forwarder.example"
    assert bounce_tokens_in([srs, "prvs=99=" + bounce_address(DOMAIN, OTHER)], [PLUS, DOMAIN]) == [TOKEN, OTHER]


def test_a_token_of_another_newsletter_says_nothing_here() -> None:
    assert tokens_in([address_for("ask@steppe.example", TOKEN)], ["ask@desert.example", "tell@steppe.example"]) == []


@pytest.mark.parametrize(
    "hostile",
    [
        "ask+" * 100_000, "IMCEASMTP-" * 100_000, "+2B" * 300_000, quote("%" * 10_000) * 10, "=" * 1_000_000, "@" * 1_000_000,
        "a2" * 500_000, "steppe.example=" * 60_000,
    ],
)  # fmt: skip
def test_hostile_addresses_take_no_time(hostile: str) -> None:
    with limit_cpu_time(1):
        assert tokens_in([hostile] * 5000, [PLUS, DOMAIN]) == []
