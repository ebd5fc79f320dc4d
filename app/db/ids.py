"""Public keys: drawn at random, short, and easy to read aloud."""

import secrets

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: easy to read aloud


def random_symbols(number: int) -> str:
    """So many random Crockford symbols, of 5 bits each."""
    return secrets.token_bytes(number).translate(CROCKFORD.encode() * 8).decode()


def new_public_id() -> str:
    """Twelve random Crockford symbols (60 bits): stands in addresses and is no permission."""
    return random_symbols(12)
