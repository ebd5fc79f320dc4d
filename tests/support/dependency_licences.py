"""The licences of all packages in the locks, from their metadata; `make licences` writes docs/licences.md.

The product is under the Apache License 2.0, and its dependencies have to be compatible: permissive licences that ask for
a notice, and weak copyleft that covers only its own files or library (MPL-2.0, LGPL-3.0; we ship them unchanged, and
users can get their source).
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
    "encryption",
    "semantic",
    "build",
    "development",
)  # a package is listed under the first lock that pins it
SHIPPED = ("runtime", "dns", "sentry", "oidc", "encryption", "semantic")  # the ones that newsrooms install
PIN = re.compile(r"(?m)^([A-Za-z0-9._-]+)==(\S+)(.*(?:\n[ #].*)*)")  # and its hashes, on lines of their own
COMPATIBLE = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "LGPL-3.0-only", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "ZPL-2.1", "Zlib",
})  # fmt: skip
# Names of licences in package metadata, by their SPDX identifiers.
SPDX = {
    "Apache 2.0": "Apache-2.0", "Apache License, Version 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0", "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause", "BSD-like": "BSD-3-Clause", "MIT License": "MIT", "MIT and MPL-2.0": "MIT AND MPL-2.0", "MPL": "MPL-2.0",
    "MPL 2.0": "MPL-2.0", "MPLv2.0": "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "Python Software Foundation License": "PSF-2.0",
    "ZPL 2.1": "ZPL-2.1",
}  # fmt: skip
# Licences of packages without one in their metadata, or that aren't installed here, from their archive or repository.
KNOWN_LICENCES = {
    "ansicon": "MPL-2.0", "async-timeout": "Apache-2.0", "axe-playwright-python": "MIT", "colorama": "BSD-3-Clause",
    "imapclient": "BSD-3-Clause", "microdata": "CC0-1.0", "pyrage": "MIT", "sqlcipher3": "Zlib AND BSD-3-Clause AND Apache-2.0",
}  # fmt: skip


@dataclass(frozen=True)
class PinnedPackage:
    """A package in a lock; `hashes` is the number of its archives."""

    name: str
    version: str
    lock: str
    hashes: int


def list_pinned(lock: str) -> list[PinnedPackage]:
    """Return the packages of a lock, such as "runtime"."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return [
        PinnedPackage(normalize_name(match[1]), match[2], lock, match[3].count("--hash=sha256:"))
        for match in PIN.finditer(text)
    ]


def find_licence(name: str) -> str:
    """Return the licence of a package as an SPDX expression, or "unknown" if its metadata name none."""
    if name in KNOWN_LICENCES:
        return KNOWN_LICENCES[name]
    try:
        fields = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "unknown"
    licence = fields.get("License-Expression") or ""
    licence_text = str(fields.get("License") or "")
    is_name = len(licence_text) < 50 and "\n" not in licence_text  # some packages put the full text there
    if not licence and is_name:
        licence = licence_text
    if licence:
        return SPDX.get(licence, licence)
    classifiers = [value for value in fields.get_all("Classifier", []) if value.startswith("License ::")]
    licences = [value.rpartition(" :: ")[2] for value in classifiers]
    return " AND ".join(SPDX.get(name, name) for name in licences) or "unknown"


def is_compatible(licence: str) -> bool:
    """Return whether an SPDX expression is compatible: one alternative of OR, with all parts of AND."""
    alternatives = [alternative.split(" AND ") for alternative in licence.split(" OR ")]
    return any(all(part.strip(" ()") in COMPATIBLE for part in parts) for parts in alternatives)


def list_licences() -> dict[str, tuple[str, str]]:
    """Return the licence of each locked package and the first lock that pins it, by package."""
    licences: dict[str, tuple[str, str]] = {}
    for lock in LOCKS:
        for package in list_pinned(lock):
            licences.setdefault(package.name, (find_licence(package.name), lock))
    return dict(sorted(licences.items()))


PAGE_HEAD = """# Licences

The packages in the locks of `requirements/`, each with the licence from its metadata as an SPDX expression, and the
first lock that pins it: `runtime` is always installed; `dns`, `sentry`, `oidc`, `encryption` and `semantic` are extras;
`build` and `development` are for developers. `make licences` writes this page. A test compares it with the locks, and
fails if a package that newsrooms install has a licence that is incompatible with the product's own (Apache-2.0).

| package | licence | lock |
|---|---|---|
"""


def render_page() -> str:
    """Return the contents of docs/licences.md."""
    return PAGE_HEAD + "".join(
        f"| {name} | {licence} | {lock} |\n" for name, (licence, lock) in list_licences().items()
    )


def main(path: Path = PAGE) -> int:
    path.write_text(render_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
