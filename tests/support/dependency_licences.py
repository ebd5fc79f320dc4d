"""The licences of all that the locks pin, as the installed packages name them; `make licences` writes docs/licences.md.

The product is under the Apache License 2.0, and what it runs with has to fit: licences that ask for a notice, and
those that reach no further than their own files or their own library (MPL-2.0, LGPL-3.0: we change neither, and
whoever installs them gets their source).
"""

import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tests.support.dependency_advisories import normalize_name
from tests.support.source import ROOT

PAGE = ROOT / "docs" / "licences.md"
LOCKS = (
    "runtime",
    "dns",
    "sentry",
    "oidc",
    "semantic",
    "build",
    "development",
)  # each package stands at the first that has it
SHIPPED = ("runtime", "dns", "sentry", "oidc", "semantic")  # what a newsroom installs
PIN = re.compile(r"(?m)^([A-Za-z0-9._-]+)==(\S+)(.*(?:\n[ #].*)*)")  # and its hashes, on lines of their own
COMPATIBLE = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "LGPL-3.0-only", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "ZPL-2.1", "Zlib",
})  # fmt: skip
# How packages write what SPDX calls otherwise.
SPDX = {
    "Apache 2.0": "Apache-2.0", "Apache License, Version 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0", "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause", "BSD-like": "BSD-3-Clause", "MIT License": "MIT", "MIT and MPL-2.0": "MIT AND MPL-2.0", "MPL": "MPL-2.0",
    "MPL 2.0": "MPL-2.0", "MPLv2.0": "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "Python Software Foundation License": "PSF-2.0",
    "ZPL 2.1": "ZPL-2.1",
}  # fmt: skip
# Packages whose metadata name none, or that this machine doesn't install, by what lies in their archive or repository.
KNOWN_LICENCES = {
    "ansicon": "MPL-2.0", "async-timeout": "Apache-2.0", "axe-playwright-python": "MIT", "colorama": "BSD-3-Clause",
    "imapclient": "BSD-3-Clause", "microdata": "CC0-1.0", "pyrage": "MIT",
}  # fmt: skip


@dataclass(frozen=True)
class PinnedPackage:
    """A package as a lock pins it: `hashes` is how many archives of it may be installed."""

    name: str
    version: str
    lock: str
    hashes: int


def list_pinned(lock: str) -> list[PinnedPackage]:
    """Return what one lock pins."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return [PinnedPackage(normalize_name(m[1]), m[2], lock, m[3].count("--hash=sha256:")) for m in PIN.finditer(text)]


def find_licence(name: str) -> str:
    """Return the licence of a package in words of SPDX, and "unknown" where neither it nor `KNOWN_LICENCES` names one."""
    if name in KNOWN_LICENCES:
        return KNOWN_LICENCES[name]
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "unknown"
    classified = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier", []) if one.startswith("License ::")]
    said = str(about.get("License") or "")
    named = about.get("License-Expression") or (said if said and len(said) < 50 and "\n" not in said else "")
    return SPDX.get(named, named) or " AND ".join(SPDX.get(one, one) for one in classified) or "unknown"


def is_compatible(licence: str) -> bool:
    """Return whether we may ship with it: of what is joined by OR one has to fit, of what is joined by AND each."""
    return any(
        all(part.strip(" ()") in COMPATIBLE for part in choice.split(" AND ")) for choice in licence.split(" OR ")
    )


def list_licences() -> dict[str, tuple[str, str]]:
    """Return each locked package with its licence and the first lock that has it."""
    found: dict[str, tuple[str, str]] = {}
    for lock in LOCKS:
        for one in list_pinned(lock):
            found.setdefault(one.name, (find_licence(one.name), lock))
    return dict(sorted(found.items()))


PAGE_HEAD = """# Licences

What stands in the locks of `requirements/`, each with its licence as the package itself names it, in the words of SPDX, and the first lock that
has it: `runtime` is always installed, `dns`, `sentry` and `semantic` are extras, `build` and `development` are for whoever works on the program. `make licences` writes this page; a
test compares it, and refuses a package that a newsroom installs and whose licence doesn't fit the product's own (Apache-2.0).

| package | licence | lock |
|---|---|---|
"""


def render_page() -> str:
    """Return docs/licences.md."""
    return PAGE_HEAD + "".join(
        f"| {name} | {licence} | {lock} |\n" for name, (licence, lock) in list_licences().items()
    )


def main(place: Path = PAGE) -> int:
    place.write_text(render_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
