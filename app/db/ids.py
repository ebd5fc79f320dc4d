"""Random public IDs: short, and easy to read aloud."""

import secrets

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O and U, which are easily misread


def random_symbols(length: int) -> str:
    """Return random symbols of Crockford's base 32, of 5 bits each."""
    symbol_of_byte = CROCKFORD.encode() * 8  # maps each of the 256 bytes to one of 32 symbols, all equally likely
    return secrets.token_bytes(length).translate(symbol_of_byte).decode()


def new_public_id() -> str:
    """Return a random ID for URLs, of 60 bits. Knowing it grants no access."""
    return random_symbols(12)
