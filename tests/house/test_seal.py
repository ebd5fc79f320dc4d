"""What is sealed opens in its own row with a key that is held, and nowhere else."""

import pytest

from app.seal import Keys, Unsealable

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = "contacts.email.7M2K9Q0XZ4TB"


def test_a_sealed_address_opens_in_its_place_only() -> None:
    keys = Keys({1: OLD})
    sealed = keys.seal(PLACE, "timur@post.example")
    assert keys.open(PLACE, sealed) == "timur@post.example"
    with pytest.raises(Unsealable):
        keys.open("contacts.email.OTHERROW0000", sealed)


def test_the_same_address_never_seals_to_the_same_bytes() -> None:
    keys = Keys({1: OLD})
    assert keys.seal(PLACE, "timur@post.example") != keys.seal(PLACE, "timur@post.example")


def test_a_changed_byte_does_not_open() -> None:
    keys = Keys({1: OLD})
    sealed = bytearray(keys.seal(PLACE, "timur@post.example"))
    for position in range(len(sealed)):
        changed = bytes(sealed[:position]) + bytes([sealed[position] ^ 1]) + bytes(sealed[position + 1 :])
        with pytest.raises(Unsealable):
            keys.open(PLACE, changed)


def test_the_newest_key_seals_and_every_key_opens() -> None:
    before, after = Keys({1: OLD}), Keys({1: OLD, 2: NEW})
    sealed = before.seal(PLACE, "timur@post.example")
    assert after.open(PLACE, sealed) == "timur@post.example"
    assert (Keys.number_of(sealed), Keys.number_of(after.seal(PLACE, "x"))) == (1, 2)
    with pytest.raises(Unsealable):
        Keys({2: NEW}).open(PLACE, sealed)


def test_a_hash_made_with_an_older_key_is_found_again() -> None:
    before, after = Keys({1: OLD}), Keys({1: OLD, 2: NEW})
    assert before.mac("links.token", "secret") in after.macs("links.token", "secret")
    assert before.mac("links.token", "secret") != before.mac("sessions.token", "secret")


def test_a_receipt_follows_from_the_form_and_has_twenty_digits() -> None:
    keys = Keys({1: OLD, 2: NEW})
    receipt = keys.receipt("nonce", 1)
    assert (len(receipt), receipt.isascii() and receipt.isdigit()) == (20, True)
    assert receipt == Keys({1: OLD}).receipt("nonce", 1)
    assert len({keys.receipt(f"nonce {n}", 1) for n in range(1_000)}) == 1_000


@pytest.mark.parametrize("secrets", [{}, {0: OLD}, {1: b"short"}, {70_000: OLD}])
def test_keys_that_cannot_be_used_are_refused(secrets: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Keys(secrets)
