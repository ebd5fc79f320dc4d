"""Signatures of our calls: Standard Webhooks 1.0.0 (github.com/standard-webhooks), as for incoming mail."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from datetime import datetime

SECRET_BYTES = 32  # the specification requires 24 to 64


def new_secret() -> str:
    return f"whsec_{base64.b64encode(os.urandom(SECRET_BYTES)).decode()}"


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Return one signature of a call, as in the header `webhook-signature`."""
    mac = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac).decode()}"


def signature_headers(message_id: str, sent_at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of a call, signed with each key: a receiver may still have only the former secret."""
    timestamp = str(int(sent_at.timestamp()))
    signatures = " ".join(signature(key, message_id, timestamp, body) for key in keys)
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signatures}
