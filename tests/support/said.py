"""Every text for people that the code and the pages hold."""

import re
from functools import cache

from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg

from tests.support.source import APP, ROOT

Words = str | tuple[str, ...]


@cache
def said() -> dict[Words, frozenset[str]]:
    """Every text for people, as `make words` finds it, with the files of `app` that say it."""
    makefile = (ROOT / "Makefile").read_text()
    ours = re.search(r"^KEYWORDS := (.+)$", makefile, re.MULTILINE)
    assert ours is not None
    with (ROOT / "babel.cfg").open() as config:
        methods, options = parse_mapping_cfg(config)
    found: dict[Words, frozenset[str]] = {}
    keywords = DEFAULT_KEYWORDS | parse_keywords(ours[1].split())
    for file, _line, words, _comments, _context in extract_from_dir(APP, methods, options, keywords):
        key = words if isinstance(words, str) else tuple(words)
        found[key] = found.get(key, frozenset()) | {file}
    assert len(found) > 1_000
    return found
