"""Names of files that strangers sent, as they can be shown and saved: a name, and never a place or an order."""

import re

from ...text.clean import single_line

LONGEST = 120  # characters
_MOST_BYTES = 200  # of the name in UTF-8; file systems take 255, and browsers add a number
_ENDING = re.compile(r"\.[^.\s]{1,12}\Z")
# What turns the direction of what follows, and what isn't seen; the (non-)joiners stay, they are spelling.
_UNSEEN = re.compile(
    r"[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]"
)
_NOT_IN_NAMES = re.compile(r'[<>:"|?*%\x00-\x1f]')  # Windows takes none of them in a name, "%" confuses browsers
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|\Z)", re.IGNORECASE)  # Windows opens these instead


def sanitize_file_name(name: str) -> str:
    """Make a file's name harmless: one line without folders, "" where nothing is left of it.

    It is cut before its ending, so that what a file claims to be stays seen.
    """
    name = single_line(name[: 100 * LONGEST]).replace("\\", "/").rpartition("/")[2]
    name = _NOT_IN_NAMES.sub("_", _UNSEEN.sub("", name))
    name = " ".join(name.split()).strip(". ").lstrip("~-")
    ending = found[0] if (found := _ENDING.search(name)) else ""
    name = _shortened(name.removesuffix(ending), ending) + ending
    return f"_{name}" if _DEVICES.match(name) else name


def _shortened(stem: str, ending: str) -> str:
    stem = stem[: LONGEST - len(ending)]
    most = _MOST_BYTES - len(ending.encode())
    return stem.encode()[:most].decode(errors="ignore").rstrip()
