"""A security key in software (W3C WebAuthn, level 2) for tests that must see, repeat or change what it says."""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

CREDENTIAL_ID = b"the one passkey of this device.."
USER_PRESENT, USER_VERIFIED, HAS_CREDENTIAL = 0x01, 0x04, 0x40  # flags, section 6.1


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class PasskeyDevice:
    """A key with one passkey, which it shows to whatever site is named, as no real key would.

    Like the passkeys that phones synchronize, it doesn't count its signatures: `count` stays 0 unless a test sets it.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.count = 0
        self.flags = USER_PRESENT | USER_VERIFIED
        self.kind = "webauthn.get"  # of what `sign` returns
        self.user_handle: bytes | None = None  # whose passkey it says this is

    def register(self, challenge: str, origin: str, host: str) -> str:
        """Return the JSON that a browser sends for a new passkey. `challenge` is base64url, as in the options."""
        numbers = self._key.public_key().public_numbers()
        public_key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}  # RFC 9053, 7.1.1
        credential = bytes(16) + len(CREDENTIAL_ID).to_bytes(2) + CREDENTIAL_ID + cbor2.dumps(public_key)
        data = self._get_authenticator_data(host, HAS_CREDENTIAL) + credential
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._get_client_data("webauthn.create", challenge, origin)
        return self._dump({"clientDataJSON": _encode(client_data), "attestationObject": _encode(attestation)})

    def sign(self, challenge: str, origin: str, host: str) -> str:
        """Return the JSON that a browser sends to prove that the passkey is there."""
        data = self._get_authenticator_data(host)
        client_data = self._get_client_data(self.kind, challenge, origin)
        signature = self._key.sign(data + sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        return self._dump(
            {
                "clientDataJSON": _encode(client_data),
                "authenticatorData": _encode(data),
                "signature": _encode(signature),
                "userHandle": None if self.user_handle is None else _encode(self.user_handle),
            }
        )

    def _get_authenticator_data(self, host: str, flags: int = 0) -> bytes:
        return sha256(host.encode()).digest() + bytes([flags | self.flags]) + self.count.to_bytes(4)

    @staticmethod
    def _get_client_data(kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()

    @staticmethod
    def _dump(response: dict[str, Any]) -> str:
        credential_id = _encode(CREDENTIAL_ID)
        return json.dumps({"id": credential_id, "rawId": credential_id, "type": "public-key", "response": response})
