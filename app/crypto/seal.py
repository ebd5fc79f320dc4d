"""Sealing (authenticated encryption) of personal data, and keyed hashes of secrets that are looked up but never read.

Sealing is AES-256-GCM (NIST SP 800-38D) with the column and row as associated data, so an address copied into another
row can't be opened there. Each purpose has a key of its own, derived from the newsroom's secret by HKDF (RFC 5869).
Plaintexts are padded to a size class, so that the length of a sealed address doesn't help to identify it.
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
)  # bytes: the smallest size class, and the largest up to which each class is twice the one before
LEAST = 128  # bits of estimated entropy that a secret needs; 32 random bytes have about 156
# Prefix of a padded value. Older, unpadded values begin with the number of their key, which is never 0.
PADDED = b"\0\0"


class Unsealable(Exception):
    """Stored bytes can't be opened: another row's, sealed with a missing key, or altered."""


def size_class(length: int) -> int:
    """Return the padded size for so many bytes: a power of two, or above `DOUBLED` a multiple of a sixteenth of the
    next power of two, which adds at most an eighth (after Padmé, Nikitin et al., PETS 2019)."""
    above = 1 << (length - 1).bit_length()
    if above <= DOUBLED:
        return max(SMALLEST, above)
    step = above // 16
    return -(-length // step) * step


def _padded(data: bytes) -> bytes:
    """Pad data to its size class, reversibly (ISO/IEC 7816-4, padding method 2)."""
    return b"".join((data, b"\x80", bytes(size_class(len(data) + 1) - len(data) - 1)))


def is_weak_secret(secret: bytes) -> bool:
    """Return whether a secret is unlikely to be random: all zeros, a pattern, a row of numbers.

    The measure is the Shannon entropy of its bytes and of the differences between them. A long sentence passes.
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
    """The newsroom's secrets by number. The one with the highest number in the settings seals; every one opens.

    `secrets_by_number` maps numbers from 1 to 65535 to at least 32 bytes each. Raises ValueError for anything else.
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
        self.is_whole = False  # whether the older ones stored in the database have been loaded

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self._secrets))

    def only(self, number: int) -> "Keys":
        """Return a `Keys` with this secret alone. Raises KeyError for an unknown number."""
        return Keys({number: self._secrets[number]})

    def secret_of(self, number: int) -> bytes:
        return self._secrets[number]

    def take_in(self, older: Mapping[str, tuple[int, bytes]]) -> None:
        """Add older secrets, by context: number and sealed secret. They are used to open, never to seal.

        Each must be sealed with a secret held already or added before it; those that can't be opened are skipped.
        """
        held = dict(self._secrets)  # a copy, since another thread may be iterating over the original
        for place, (number, sealed) in older.items():
            with suppress(Unsealable):
                held.setdefault(number, Keys(held).open_bytes(place, sealed))
        self._secrets, self.is_whole = held, True

    def seal(self, context: str, text: str) -> bytes:
        """Seal `text` for `context`, which is `table.column.ID` with the public ID of the owning row."""
        return self.seal_bytes(context, text.encode())

    def seal_bytes(self, context: str, data: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        sealed = AESGCM(_derive(self._secrets[self.newest], "seal")).encrypt(nonce, _padded(data), context.encode())
        return PADDED + self.newest.to_bytes(2) + nonce + sealed

    def open(self, context: str, ciphertext: bytes) -> str:
        """Open a text sealed for `context`. Raises `Unsealable`."""
        try:
            return self.open_bytes(context, ciphertext).decode()
        except UnicodeDecodeError as error:
            raise Unsealable(context) from error

    def open_bytes(self, context: str, ciphertext: bytes) -> bytes:
        """Open bytes sealed for `context`. Raises `Unsealable`."""
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
        """Return a keyed hash of `value`, 32 bytes, under secret `number` or else the newest. Raises KeyError."""
        key = _derive(self._secrets[number or self.newest], f"mac {purpose}")
        return hmac.digest(key, value.encode(), hashlib.sha256)

    def macs(self, purpose: str, value: str) -> list[bytes]:
        """Return the hashes of `value` under every secret, for a look-up."""
        return [self.mac(purpose, value, number) for number in self._secrets]

    def receipt(self, nonce: str, number: int) -> str:
        """Derive a receipt of twenty digits from a form's nonce, so that sending a form twice shows the same one.

        The modulo bias is below 2**-180. Raises KeyError if secret `number` is unknown.
        """
        return f"{int.from_bytes(self.mac('receipt digits', nonce, number)) % 10**20:020d}"


def new_token(bits: int = 128) -> str:
    """Return a random URL-safe secret of `bits` bits, for a link."""
    return secrets.token_urlsafe(bits // 8)


def new_code(digits: int = 8) -> str:
    """Return a random code of `digits` digits, to type in from a mail."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"
