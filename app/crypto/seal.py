"""Sealing of what could name a person, and keyed hashes of secrets that must be found but never read.

AES-256-GCM (NIST SP 800-38D) with the row's place as associated data: a sealed address copied into another row does not
open there. Each purpose has its own key, derived from the newsroom's secret by HKDF (RFC 5869). What is sealed is as
long as its size class, so that the length of an address tells nothing of whose it is.
"""

import hashlib
import hmac
import math
import os
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12  # bytes
SMALLEST, DOUBLED = (
    128,
    4096,
)  # bytes of the smallest size class, and of the last that has twice those of the one before
LEAST = 128  # bits that the bytes of a secret must seem to have; of 32 random ones it is about 156
# Stands before a value that is padded, where one of former days begins with the number of its key, which is never 0.
PADDED = b"\0\0"


class Unsealable(Exception):
    """Raised where stored bytes do not open: wrong row, missing key, or changed bytes."""


def size_class(length: int) -> int:
    """Return how many bytes are sealed for so many: a power of two, and above DOUBLED in steps of a sixteenth of the
    next one, which adds an eighth at most (the thought of Padmé, Nikitin and others, PETS 2019)."""
    above = 1 << (length - 1).bit_length()
    if above <= DOUBLED:
        return max(SMALLEST, above)
    step = above // 16
    return -(-length // step) * step


def _padded(data: bytes) -> bytes:
    """Fill data up to its size class, so that its end can be told (ISO/IEC 7816-4, padding method 2)."""
    return b"".join((data, b"\x80", bytes(size_class(len(data) + 1) - len(data) - 1)))


def is_weak_secret(secret: bytes) -> bool:
    """Return whether a secret can hardly have been drawn at random: all zeros, a pattern, a row of numbers.

    Measured as Shannon's entropy of its bytes, and of the steps between them. A long sentence passes.
    """
    steps = [(after - before) % 256 for before, after in pairwise(secret)]
    return min(_bits(secret), _bits(steps)) < LEAST


def _bits(numbers: Sequence[int]) -> float:
    counts = Counter(numbers).values()
    return -sum(count * math.log2(count / len(numbers)) for count in counts)


@lru_cache(maxsize=64)
def _derive(secret: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)


class Keys:
    """The newsroom's secrets by number; the highest of those that were given seals, all of them open.

    `secrets_by_number` maps 1..65535 to at least 32 bytes each. Raises ValueError for anything else.
    """

    def __init__(self, secrets_by_number: Mapping[int, bytes]) -> None:
        if not secrets_by_number:
            raise ValueError("at least one secret is needed")
        for number, secret in secrets_by_number.items():
            if not 1 <= number <= 65_535 or len(secret) < 32:
                raise ValueError("a secret needs a number from 1 to 65535 and at least 32 bytes")
        self._secrets = dict(secrets_by_number)
        self.newest = max(self._secrets)
        self.given = frozenset(self._secrets)
        self.is_whole = False  # whether older ones that the database keeps were taken in

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self._secrets))

    def only(self, number: int) -> "Keys":
        """A ring of this one key."""
        return Keys({number: self._secrets[number]})

    def secret_of(self, number: int) -> bytes:
        return self._secrets[number]

    def take_in(self, older: Mapping[str, tuple[int, bytes]]) -> None:
        """Take in older secrets, each sealed for its place with one that is held already; they open, and never seal.

        Those that don't open are left: no key of theirs is held.
        """
        held = dict(self._secrets)  # another thread may be looking through the one that is there
        for place, (number, sealed) in older.items():
            with suppress(Unsealable):
                held.setdefault(number, Keys(held).open_bytes(place, sealed))
        self._secrets, self.is_whole = held, True

    def seal(self, context: str, text: str) -> bytes:
        """Seal `text` for `context`, written `table.column.public_id of the owner`."""
        return self.seal_bytes(context, text.encode())

    def seal_bytes(self, context: str, data: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        sealed = AESGCM(_derive(self._secrets[self.newest], "seal")).encrypt(nonce, _padded(data), context.encode())
        return PADDED + self.newest.to_bytes(2) + nonce + sealed

    def open(self, context: str, ciphertext: bytes) -> str:
        """Raises `Unsealable`."""
        try:
            return self.open_bytes(context, ciphertext).decode()
        except UnicodeDecodeError as error:
            raise Unsealable(context) from error

    def open_bytes(self, context: str, ciphertext: bytes) -> bytes:
        """Raises `Unsealable`."""
        at = len(PADDED) if self.is_padded(ciphertext) else 0
        try:
            key = _derive(self._secrets[self.number_of(ciphertext)], "seal")
            data = AESGCM(key).decrypt(
                ciphertext[at + 2 : at + 2 + NONCE], ciphertext[at + 2 + NONCE :], context.encode()
            )
        except (KeyError, InvalidTag, ValueError) as error:
            raise Unsealable(context) from error
        return data[: data.rindex(b"\x80")] if at else data

    @staticmethod
    def is_padded(ciphertext: bytes) -> bool:
        return ciphertext.startswith(PADDED)

    @staticmethod
    def number_of(ciphertext: bytes) -> int:
        return int.from_bytes(ciphertext.removeprefix(PADDED)[:2])

    def mac(self, purpose: str, value: str, number: int | None = None) -> bytes:
        """A keyed hash of `value`, 32 bytes, with the newest key or the one of `number`."""
        key = _derive(self._secrets[number or self.newest], f"mac {purpose}")
        return hmac.digest(key, value.encode(), hashlib.sha256)

    def macs(self, purpose: str, value: str) -> list[bytes]:
        """The hashes of `value` under every key that is still held, for a look-up."""
        return [self.mac(purpose, value, number) for number in self._secrets]

    def receipt(self, nonce: str, number: int) -> str:
        """Twenty digits that follow from the form's nonce, so that a repeated Send shows the same receipt.

        The bias of the remainder is below 2**-180. Raises KeyError when key `number` is no longer held.
        """
        return f"{int.from_bytes(self.mac('receipt digits', nonce, number)) % 10**20:020d}"


def new_token(bits: int = 128) -> str:
    """A secret for an address, in URL-safe symbols."""
    return secrets.token_urlsafe(bits // 8)


def new_code(digits: int = 8) -> str:
    """So many random digits, to type from a mail."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"
