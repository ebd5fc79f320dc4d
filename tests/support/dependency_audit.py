"""`make audit`: check the packages that the locks of requirements/ pin for known vulnerabilities, by pip-audit.

pip-audit succeeds, and reports no vulnerabilities, if a mirror of PyPI has no advisories. So the advisory server is
first asked about a package with old, known vulnerabilities: if it reports none, there is no advisory data. The exit
status is 0 if no vulnerability is known, 1 if one is, and 3 if packages could not be audited.
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
# Jinja2 2.4.1 has a sandbox escape and other faults (CVE-2016-10745): every advisory database has it.
KNOWN_VULNERABLE = "jinja2==2.4.1"
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@dataclass(frozen=True)
class AuditResult:
    """The report of pip-audit: audited packages with their vulnerabilities, and skipped ones; `fault` is why it failed."""

    packages: tuple[dict[str, Any], ...]
    fault: str = ""

    @property
    def audited(self) -> list[dict[str, Any]]:
        return [package for package in self.packages if "vulns" in package]

    @property
    def skipped(self) -> list[str]:
        return [package["name"] for package in self.packages if "vulns" not in package]

    @property
    def vulnerable(self) -> list[str]:
        """One line for each vulnerability."""
        lines = []
        for package in self.audited:
            for vulnerability in package["vulns"]:
                fix_versions = ", ".join(vulnerability["fix_versions"]) or "no version yet"
                lines.append(f"{package['name']} {package['version']}: {vulnerability['id']}, mended in {fix_versions}")
        return lines


def run_pip_audit(locks: list[Path], osv_url: str | None) -> AuditResult:
    """Audit locks with the advisories of an OSV server, or with those of PyPI. Nothing is installed."""
    if osv_url:
        service = ("--vulnerability-service", "osv", "--osv-url", osv_url)
    else:
        service = ("--vulnerability-service", "pypi")
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        lock_options = [option for lock in locks for option in ("-r", str(lock))]
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
        run = subprocess.run(
            [*command, *service, "--cache-dir", folder, "-f", "json", "-o", str(report), *lock_options],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        text = report.read_text() if report.exists() else ""
    if text:
        return AuditResult(tuple(json.loads(text)["dependencies"]))
    fault = (run.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
    return AuditResult((), fault.partition("(Caused by")[0][:200].strip())


def check_advisory_data(osv_url: str | None) -> AuditResult | None:
    """Return None if the server has advisories about `KNOWN_VULNERABLE`, and the empty result otherwise."""
    with TemporaryDirectory() as folder:
        lock = Path(folder) / "known.txt"
        lock.write_text(f"{KNOWN_VULNERABLE} --hash=sha256:{'0' * 64}\n")
        result = run_pip_audit([lock], osv_url)
    return None if result.vulnerable else result


def audit(osv_url: str | None, advisories_path: Path | None) -> int:
    """Audit all locks, print the result, and return the exit status.

    The advisories are those of a folder or ZIP, or else of an OSV server, or else of PyPI.
    """
    with ExitStack() as stack:
        if advisories_path:
            advisories = dependency_advisories.read_advisories(advisories_path)
            if not advisories:
                print(f"{NO_DATA} ({advisories_path.name} holds no advisory about a package of PyPI)")
                return NOT_AUDITED
            print(_summarize_advisories(advisories))
            osv_url = stack.enter_context(dependency_advisories.osv_server(advisories))
        elif empty_result := check_advisory_data(osv_url):
            reason = empty_result.fault or f"whoever answers knows nothing of {KNOWN_VULNERABLE}, whose faults are old"
            print(f"{NO_DATA} ({reason})")
            return NOT_AUDITED
        result = run_pip_audit(LOCKS, osv_url)
    for line in result.vulnerable:
        print(line)
    if not result.audited:
        print(f"{NO_DATA} ({result.fault})")
        return NOT_AUDITED
    if result.skipped:
        print(f"not audited: {', '.join(result.skipped)}")
    print(f"{len(result.audited)} packages were audited, {len(result.vulnerable)} vulnerabilities are known")
    if result.vulnerable:
        return VULNERABLE
    return NOT_AUDITED if result.skipped else CLEAN


def _summarize_advisories(advisories: dict[str, list[dependency_advisories.Advisory]]) -> str:
    records = [record for package_records in advisories.values() for record in package_records]
    newest_day = max((str(record.get("modified", ""))[:10] for record in records), default="") or "an unknown day"
    return f"{len(records):,} advisories about {len(advisories):,} packages, the newest of {newest_day}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument(
        "--advisories", type=Path, help="a folder or ZIP of advisories as OSV writes them, asked instead of PyPI"
    )
    parser.add_argument("--osv", metavar="URL", help="the address of a server that answers as OSV does")
    options = parser.parse_args()
    if options.advisories and not options.advisories.exists():
        parser.error(f"{options.advisories} isn't there")
    return audit(options.osv, options.advisories)


if __name__ == "__main__":
    sys.exit(main())
