"""The proof of work as anybody can solve it who reads what it is, without our code and without a browser."""

from hashlib import sha256


def solve(task: str) -> str:
    """Solve the proof of work as a browser does."""
    challenge, parts, bits = task.split(".")
    found: list[int] = []
    number = 0
    while len(found) < int(parts):
        if int.from_bytes(sha256(f"{challenge}{number}".encode()).digest()[:4]) >> (32 - int(bits)) == 0:
            found.append(number)
        number += 1
    return ".".join(map(str, found))
