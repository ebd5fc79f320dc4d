"""Sealing (authenticated encryption) of personal data, and keyed hashes of secrets that are looked up but never read.

Sealing is AES-256-GCM (NIST SP 800-38D) with the column and row as associated data: an address that is copied into
another row can't be decrypted there. Each purpose has a key of its own, derived from the newsroom's secret by HKDF (RFC
5869). Plaintexts are padded to a size class, so that the length of a sealed address doesn't help to identify it.
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

NONCE_BYTES = 12
KEY_NUMBER_BYTES = 2
SMALLEST_CLASS = 128  # bytes
LARGEST_POWER_CLASS = 4096  # bytes; up to this size, classes are powers of two, larger classes are finer
MIN_ENTROPY_BITS = 128  # estimated; 32 random bytes have about 156
# A sealed value consists of PADDED, the key number, the nonce and the ciphertext. Values from before padding was
# introduced lack PADDED. They begin with the key number, which is never 0.
PADDED = b"\0\0"


class Unsealable(Exception):
    """Stored bytes can't be decrypted: they belong to another row, were altered, or their key is missing."""


def size_class(length: int) -> int:
    """Return the size to which `length` bytes are padded.

    Up to `LARGEST_POWER_CLASS`, it is the next power of two. Above, it is a multiple of a sixteenth of that power, so
    that padding adds at most an eighth (after Padmé, Nikitin et al., PETS 2019).
    """
    power_of_two = 1 << (length - 1).bit_length()
    if power_of_two <= LARGEST_POWER_CLASS:
        return max(SMALLEST_CLASS, power_of_two)
    step = power_of_two // 16
    return math.ceil(length / step) * step


def _pad(data: bytes) -> bytes:
    """Pad data to its size class, reversibly (ISO/IEC 7816-4, padding method 2)."""
    zeros = size_class(len(data) + 1) - (len(data) + 1)
    return b"".join((data, b"\x80", bytes(zeros)))


def _unpad(padded: bytes) -> bytes:
    return padded[: padded.rindex(b"\x80")]


def is_weak_secret(secret: bytes) -> bool:
    """Return whether a secret is obviously not random: all zeros, a pattern, consecutive numbers.

    The measure is the Shannon entropy of its bytes and of the differences between them. A long sentence isn't found.
    """
    differences = [(after - before) % 256 for before, after in pairwise(secret)]
    return min(_entropy_bits(secret), _entropy_bits(differences)) < MIN_ENTROPY_BITS


def _entropy_bits(numbers: Sequence[int]) -> float:
    counts = Counter(numbers).values()
    return -sum(count * math.log2(count / len(numbers)) for count in counts)


@lru_cache(maxsize=64)
def _derive_key(secret: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)


class Keys:
    """The newsroom's secrets by number. The highest number in the settings encrypts; all of them decrypt.

    `secrets_by_number` maps numbers from 1 to 65535 to secrets of at least 32 bytes. Raises ValueError for anything
    else. Secrets that are no longer in the settings are loaded from the database later, by `add_older`.
    """

    def __init__(self, secrets_by_number: Mapping[int, bytes]) -> None:
        if not secrets_by_number:
            raise ValueError("at least one secret is needed")
        for number, secret in secrets_by_number.items():
            if not 1 <= number <= 65_535 or len(secret) < 32:
                raise ValueError("a secret needs a number from 1 to 65535 and at least 32 bytes")
        self._secrets = dict(secrets_by_number)
        self.newest = max(self._secrets)
        self.configured_numbers = frozenset(self._secrets)
        self.has_loaded_older = False

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self._secrets))

    def only(self, number: int) -> "Keys":
        """Return a `Keys` with this secret alone. Raises KeyError for an unknown number."""
        return Keys({number: self._secrets[number]})

    def secret_of(self, number: int) -> bytes:
        return self._secrets[number]

    def add_older(self, sealed_secrets: Mapping[str, tuple[int, bytes]]) -> None:
        """Add older secrets, which decrypt values but never encrypt any.

        `sealed_secrets` maps the context of each to its number and the sealed secret. Each must be sealed with a known
        secret or with an earlier one of them. Secrets that can't be decrypted are skipped.
        """
        known_secrets = dict(self._secrets)  # a copy, since another thread may be iterating over the original
        for context, (number, sealed) in sealed_secrets.items():
            with suppress(Unsealable):
                known_secrets.setdefault(number, Keys(known_secrets).open_bytes(context, sealed))
        self._secrets, self.has_loaded_older = known_secrets, True

    def seal(self, context: str, text: str) -> bytes:
        """Seal `text` for `context`, which is `table.column.ID` with the public ID of the owning row."""
        return self.seal_bytes(context, text.encode())

    def seal_bytes(self, context: str, data: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        key = _derive_key(self._secrets[self.newest], "seal")
        ciphertext = AESGCM(key).encrypt(nonce, _pad(data), context.encode())
        return PADDED + self.newest.to_bytes(KEY_NUMBER_BYTES) + nonce + ciphertext

    def open(self, context: str, sealed: bytes) -> str:
        """Decrypt a text that was sealed for `context`. Raises `Unsealable`."""
        try:
            return self.open_bytes(context, sealed).decode()
        except UnicodeDecodeError as error:
            raise Unsealable(context) from error

    def open_bytes(self, context: str, sealed: bytes) -> bytes:
        """Decrypt bytes that were sealed for `context`. Raises `Unsealable`."""
        prefix_length = len(PADDED) if self.is_padded(sealed) else 0
        nonce_start = prefix_length + KEY_NUMBER_BYTES
        nonce_end = nonce_start + NONCE_BYTES
        try:
            key = _derive_key(self._secrets[self.number_of(sealed)], "seal")
            data = AESGCM(key).decrypt(sealed[nonce_start:nonce_end], sealed[nonce_end:], context.encode())
        except (KeyError, InvalidTag, ValueError) as error:
            raise Unsealable(context) from error
        return _unpad(data) if prefix_length else data

    @staticmethod
    def is_padded(sealed: bytes) -> bool:
        return sealed.startswith(PADDED)

    @staticmethod
    def number_of(sealed: bytes) -> int:
        """Return the number of the secret with which a value was sealed."""
        return int.from_bytes(sealed.removeprefix(PADDED)[:KEY_NUMBER_BYTES])

    def mac(self, purpose: str, value: str, number: int | None = None) -> bytes:
        """Return a keyed hash of `value`, 32 bytes, with the secret `number`, by default the newest.

        Raises KeyError for an unknown number.
        """
        key = _derive_key(self._secrets[number or self.newest], f"mac {purpose}")
        return hmac.digest(key, value.encode(), hashlib.sha256)

    def derive(self, purpose: str, number: int | None = None) -> bytes:
        """Return a key for a purpose other than sealing, 32 bytes, from secret `number`, by default the newest.

        Raises KeyError for an unknown number.
        """
        return _derive_key(self._secrets[number or self.newest], purpose)

    def macs(self, purpose: str, value: str) -> list[bytes]:
        """Return the keyed hashes of `value` with every secret, to look up a hash that was stored with any of them."""
        return [self.mac(purpose, value, number) for number in self._secrets]

    def receipt(self, nonce: str, number: int) -> str:
        """Derive a receipt of twenty digits from a form's nonce: a form that is sent twice gets the same receipt.

        The modulo bias is below 2**-180. Raises KeyError if secret `number` is unknown.
        """
        return f"{int.from_bytes(self.mac('receipt digits', nonce, number)) % 10**20:020d}"


def new_token(bits: int = 128) -> str:
    """Return a random URL-safe secret of `bits` bits, for a link."""
    return secrets.token_urlsafe(bits // 8)


def new_code(digits: int = 8) -> str:
    """Return a random code of `digits` digits, to type in from a mail."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"
