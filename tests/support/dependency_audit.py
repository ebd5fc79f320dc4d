"""`make audit`: known vulnerabilities in what the locks of requirements/ pin, by pip-audit.

pip-audit ends well, and says that nothing is known, where a mirror of PyPI has no advisories. So the server of
advisories is first asked about a package whose faults have been known for years: without an answer to that there is
no advisory data. Ends with 0 where all was looked at and nothing is known, 1 where a vulnerability is known, 3 where
something was not looked at.
"""

import argparse
import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support import dependency_advisories
from tests.support.source import ROOT

CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 3
NO_DATA = "no advisory data: nothing was audited"
# Jinja2 2.4.1 escapes nothing in some loops and leaves its sandbox (CVE-2016-10745 and others): every collection has it.
KNOWN_VULNERABLE = "jinja2==2.4.1"
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@dataclass(frozen=True)
class AuditResult:
    """What pip-audit found: packages with their vulnerabilities, and those that it passed over. `fault` is why it found nothing out."""

    packages: tuple[dict[str, Any], ...]
    fault: str = ""

    @property
    def audited(self) -> list[dict[str, Any]]:
        return [one for one in self.packages if "vulns" in one]

    @property
    def skipped(self) -> list[str]:
        return [one["name"] for one in self.packages if "vulns" not in one]

    @property
    def vulnerable(self) -> list[str]:
        return [
            f"{one['name']} {one['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version yet'}"
            for one in self.audited
            for found in one["vulns"]
        ]


def run_pip_audit(locks: list[Path], osv: str | None) -> AuditResult:
    """Let pip-audit look at locks, by the advisories at an address, or by PyPI's. It installs nothing and asks no index."""
    service = ("--vulnerability-service", "osv", "--osv-url", osv) if osv else ("--vulnerability-service", "pypi")
    with TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        listed = [word for lock in locks for word in ("-r", str(lock))]
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
        run = subprocess.run(
            [*command, *service, "--cache-dir", folder, "-f", "json", "-o", str(found), *listed],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        answered = found.read_text() if found.exists() else ""
    if answered:
        return AuditResult(tuple(json.loads(answered)["dependencies"]))
    fault = (run.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
    return AuditResult((), fault.partition("(Caused by")[0][:200].strip())


def check_advisory_data(osv: str | None) -> AuditResult | None:
    """Return None if whoever answers knows what is known of an old package, and else what came instead."""
    with TemporaryDirectory() as folder:
        lock = Path(folder) / "known.txt"
        lock.write_text(f"{KNOWN_VULNERABLE} --hash=sha256:{'0' * 64}\n")
        answer = run_pip_audit([lock], osv)
    return None if answer.vulnerable else answer


def audit(osv: str | None, place: Path | None) -> int:
    """Print what is known of all that is locked, and return how it ended."""
    with ExitStack() as stack:
        if place:
            found = dependency_advisories.read_advisories(place)
            many = sum(len(records) for records in found.values())
            newest = max(
                (str(one.get("modified", ""))[:10] for records in found.values() for one in records), default=""
            )
            if not found:
                print(f"{NO_DATA} ({place.name} holds no advisory about a package of PyPI)")
                return NOT_AUDITED
            print(f"{many:,} advisories about {len(found):,} packages, the newest of {newest or 'an unknown day'}")
            osv = stack.enter_context(dependency_advisories.osv_server(found))
        elif missing := check_advisory_data(osv):
            print(
                f"{NO_DATA} ({missing.fault or f'whoever answers knows nothing of {KNOWN_VULNERABLE}, whose faults are old'})"
            )
            return NOT_AUDITED
        answer = run_pip_audit(LOCKS, osv)
    print(*answer.vulnerable, sep="\n", end="\n" if answer.vulnerable else "")
    if not answer.audited:
        print(f"{NO_DATA} ({answer.fault})")
        return NOT_AUDITED
    if answer.skipped:
        print(f"not audited: {', '.join(answer.skipped)}")
    print(f"{len(answer.audited)} packages were audited, {len(answer.vulnerable)} vulnerabilities are known")
    return VULNERABLE if answer.vulnerable else NOT_AUDITED if answer.skipped else CLEAN


def main() -> int:
    asked = argparse.ArgumentParser(prog="make audit", description=__doc__)
    asked.add_argument(
        "--advisories", type=Path, help="a folder or ZIP of advisories as OSV writes them, asked instead of PyPI"
    )
    asked.add_argument("--osv", metavar="URL", help="the address of a server that answers as OSV does")
    given = asked.parse_args()
    if given.advisories and not given.advisories.exists():
        asked.error(f"{given.advisories} isn't there")
    return audit(given.osv, given.advisories)


if __name__ == "__main__":
    sys.exit(main())
