"""Random public IDs: short, and easy to read aloud."""

import secrets

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O and U, which are easily misread


def random_symbols(number: int) -> str:
    """Return `number` random Crockford symbols, of 5 bits each."""
    return secrets.token_bytes(number).translate(CROCKFORD.encode() * 8).decode()


def new_public_id() -> str:
    """Return twelve random Crockford symbols (60 bits), for URLs. Knowing an ID grants no access."""
    return random_symbols(12)
