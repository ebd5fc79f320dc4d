"""Names of browsers in the list of sessions of the desk's people. What a browser sends about itself is not kept."""

import re

# The first that fits: each browser also names those that it wants to be taken for.
BROWSERS = (
    (r"Edg(?:e|A|iOS)?/", "Edge"),
    (r"OPR/|Opera", "Opera"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"Chrome/|CriOS/|Chromium/", "Chrome"),
    (r"Safari/", "Safari"),
)
SYSTEMS = (
    (r"Android", "Android"),
    (r"iPhone|iPod", "iPhone"),
    (r"iPad", "iPad"),
    (r"Windows", "Windows"),
    (r"Mac OS X|Macintosh", "Mac"),
    (r"CrOS", "ChromeOS"),
    (r"Linux|X11", "Linux"),
)


def family(user_agent: str) -> str:
    """ "Firefox on Linux", or nothing where it can't be told."""
    named = [next((name for sign, name in known if re.search(sign, user_agent)), "") for known in (BROWSERS, SYSTEMS)]
    return " on ".join(named) if all(named) else named[0]
