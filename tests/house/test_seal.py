"""What is sealed opens in its own row with a key that is held, and nowhere else."""

import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.crypto import seal
from app.crypto.seal import Keys, Unsealable, size_class

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = "contacts.email.7M2K9Q0XZ4TB"


@pytest.mark.threat("stolen database")
def test_a_sealed_address_opens_in_its_place_only() -> None:
    keys = Keys({1: OLD})
    sealed = keys.seal(PLACE, "timur@post.example")
    assert keys.open(PLACE, sealed) == "timur@post.example"
    with pytest.raises(Unsealable):
        keys.open("contacts.email.OTHERROW0000", sealed)


@pytest.mark.threat("stolen database")
def test_the_same_address_never_seals_to_the_same_bytes() -> None:
    keys = Keys({1: OLD})
    assert keys.seal(PLACE, "timur@post.example") != keys.seal(PLACE, "timur@post.example")


@pytest.mark.threat("stolen database")
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


@pytest.mark.threat("court order")
def test_a_receipt_follows_from_the_form_and_has_twenty_digits() -> None:
    keys = Keys({1: OLD, 2: NEW})
    receipt = keys.receipt("nonce", 1)
    assert (len(receipt), receipt.isascii() and receipt.isdigit()) == (20, True)
    assert receipt == Keys({1: OLD}).receipt("nonce", 1)
    assert len({keys.receipt(f"nonce {n}", 1) for n in range(1_000)}) == 1_000


@pytest.mark.threat("unsafe start")
@pytest.mark.parametrize("secrets", [{}, {0: OLD}, {1: b"short"}, {70_000: OLD}])
def test_keys_that_cannot_be_used_are_refused(secrets: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Keys(secrets)


@pytest.mark.threat("stolen database")
def test_the_length_of_what_is_sealed_tells_nothing_of_an_address_or_a_name() -> None:
    keys, rng = Keys({1: OLD}), random.Random(7)
    addresses = [f"{'x' * rng.randint(1, 40)}@{'y' * rng.randint(1, 40)}.example" for _ in range(100)]
    names = ["Li", "Ana", "Temirlan Begimbetov-Nurmukhamedov", "ئابدۇراخمان", "中国"]
    assert len({len(keys.seal(PLACE, text)) for text in addresses + names}) == 1
    assert [keys.open(PLACE, keys.seal(PLACE, text)) for text in names] == names


def test_larger_texts_fall_into_few_classes_and_none_grows_by_much() -> None:
    lengths = range(1, 50_000)
    assert len({size_class(length) for length in lengths}) == 35
    assert max(size_class(length) / length for length in lengths if length > 4096) < 1.13
    assert all(length <= size_class(length) for length in lengths)


@pytest.mark.parametrize("data", [b"", b"\0", b"\x80", b"\x80\0\0", b"\0" * 127, b"x" * 128, bytes(range(256)) * 40])
def test_every_ending_comes_back_as_it_was(data: bytes) -> None:
    keys = Keys({1: OLD})
    assert keys.open_bytes(PLACE, keys.seal_bytes(PLACE, data)) == data


def test_what_was_sealed_before_there_were_classes_opens() -> None:
    keys, nonce = Keys({1: OLD, 513: NEW}), b"n" * seal.NONCE_BYTES
    for number, secret in ((1, OLD), (513, NEW)):
        data = AESGCM(seal._derive_key(secret, "seal")).encrypt(nonce, b"timur@post.example", PLACE.encode())
        before = number.to_bytes(2) + nonce + data
        assert (keys.open(PLACE, before), Keys.number_of(before), Keys.is_padded(before)) == (
            "timur@post.example", number, False,
        )  # fmt: skip


@pytest.mark.threat("unsafe start")
@pytest.mark.parametrize(
    ("secret", "is_weak"),
    [
        (bytes(32), True), (b"s" * 32, True), (bytes(range(32)), True), (bytes(range(0, 256, 8)), True),
        (b"0123456789abcdef" * 2, True), (b"change-me-change-me-change-me-please", True),
        (random.Random(1).randbytes(32), False), (random.Random(2).randbytes(32).hex().encode(), False),
    ],
)  # fmt: skip
def test_a_secret_that_was_not_drawn_at_random_is_told(secret: bytes, is_weak: bool) -> None:
    assert seal.is_weak_secret(secret) is is_weak


def test_no_secret_of_ten_thousand_drawn_at_random_is_taken_for_a_weak_one() -> None:
    rng = random.Random(3)
    assert [secret for _ in range(10_000) if seal.is_weak_secret(secret := rng.randbytes(32))] == []
