"""Names of browsers in the list of sessions of the desk's people. What a browser sends about itself is not kept."""

import re

from ..text.word_tables import word_tables


def family(user_agent: str) -> str:
    """ "Firefox on Linux", or nothing where it can't be told."""
    tables = word_tables(__file__, "browser_names")
    named = [
        next((name for name, sign in tables[table].items() if re.search(sign, user_agent)), "")
        for table in ("browsers", "systems")
    ]
    return " on ".join(named) if all(named) else named[0]
