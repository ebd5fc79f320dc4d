"""docs/install.md from top to bottom, on a machine of its own whose systemd, nginx, Caddy and PostgreSQL are Debian's.

It has no network: packages are there already, the libraries are those of the tests, and the certificate is its own.
"""

import re
import sys
from collections.abc import Iterator

import pytest

from tests.support.debian_machine import DebianMachine, boot_systemd, debian_machine, wait_for_machine
from tests.support.mail_servers import readable_folder, require_programs_as_root
from tests.support.proxies import CERTIFICATE, CREATE_CERTIFICATE, SERVER_ADDRESS, SITE_NAME, TIMURS_IP, SiteVisitor
from tests.support.source import ROOT

PAGE = (ROOT / "docs" / "install.md").read_text()
FETCHED = "Or as a package"  # its block needs the network; tests/house/test_installed.py installs the wheel without

# Which program a package brings; where it is a server, Debian starts it.
PACKAGES = {
    "git": "git", "make": "make", "python3": "python3", "python3-venv": "python3", "postgresql": "pg_createcluster",
    "nginx-light": "nginx", "caddy": "caddy", "certbot": "openssl",
}  # fmt: skip
SERVERS = {
    "postgresql": "pg_createcluster $(ls /usr/lib/postgresql | tail -1) main --start",
    "nginx-light": "systemctl start nginx",
}

APT_GET = """#!/bin/bash
shift
for name in "${@/-y/}"; do
  case $name in
    ''|update) ;;
CASES
    *) echo "the tests know no package $name"; exit 100 ;;
  esac
done
"""
CERTBOT = f"#!/bin/bash\n[[ $* == *' -d {SITE_NAME}' ]] && [[ -d /var/www/html ]]\n{CREATE_CERTIFICATE}"

# The clone's environment, as `make install` would have fetched it: this Python and its libraries, in places that a unit may read.
LIBRARIES = """
cd /srv/readers-asked
mkdir -p .venv/bin
ln -s /usr/local/python/bin/python3 .venv/bin/python
ln -s /usr/local/libraries/lib .venv/lib
printf 'home = /usr/local/python/bin\\n' > .venv/pyvenv.cfg
printf '#!/bin/sh\\nexec .venv/bin/python -m babel.messages.frontend "$@"\\n' > .venv/bin/pybabel
chmod 755 .venv/bin/pybabel
touch .venv/bin/pip .venv/runtime
"""


def blocks(kind: str) -> dict[str, list[str]]:
    """The blocks of a kind, by the heading that they stand under."""
    parts = re.split(r"(?m)^##+ (.*)\n", PAGE)
    found = {
        heading: re.findall(rf"(?ms)^```{kind}\n(.*?)^```$", text)
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    return {heading: made for heading, made in found.items() if made}


BLOCKS = blocks("sh")


class Shell:
    """Root's one shell on the machine: what a block sets is there in the next."""

    def __init__(self, inside: DebianMachine) -> None:
        self.inside = inside
        self._set = "DATABASE=\n"
        self.typed: list[str] = []

    def types(self, heading: str, number: int = 0, ends: str = "") -> str:
        block = BLOCKS[heading][number]
        said = self.inside.run(f"{self._set}{block.rstrip()}{ends}")
        self.typed.append(block)
        self._set += "".join(f"{line}\n" for line in re.findall(r"(?m)^(?:export )?[A-Z_]+=.*$", block))
        return said


@pytest.fixture(scope="module")
def bare_machine() -> Iterator[DebianMachine]:
    """The machine without the program and its account."""
    require_programs_as_root("git", "make", "pg_createcluster", "nginx", "caddy", "openssl", "runuser")
    with readable_folder("bare") as folder, debian_machine(folder, SSL_CERT_FILE=CERTIFICATE, FROM=str(ROOT)) as inside:
        inside.run("umount /srv/readers-asked; rm -rf /srv/readers-asked /etc/readers-asked; userdel readers-asked")
        inside.run("printf '[safe]\\n  directory = *\\n' > /etc/gitconfig")
        inside.run("rm -rf /etc/nginx/sites-enabled/* /usr/local/bin/readers-asked; mkdir -p /var/www/html")
        inside.run(f"for each in {SERVER_ADDRESS} {TIMURS_IP}; do ip address add $each dev lo; done")
        inside.run(f"echo '127.0.0.1 localhost' > /etc/hosts; echo '{SERVER_ADDRESS} {SITE_NAME}' >> /etc/hosts")
        for name, place in (("python", sys.base_prefix), ("libraries", (ROOT / ".venv").resolve())):
            inside.run(f"mkdir -p /usr/local/{name}; mount --bind {place} /usr/local/{name}")
        inside.run(
            "echo /usr/local/python/lib > /etc/ld.so.conf.d/0-python.conf; ldconfig"
        )  # where this Python is a library
        cases = "".join(
            f"    {name}) command -v {program} > /dev/null && {SERVERS.get(name, ':')} ;;\n"
            for name, program in PACKAGES.items()
        )
        for name, text in (("apt-get", APT_GET.replace("CASES\n", cases)), ("certbot", CERTBOT)):
            inside.run(f"cat > /usr/local/bin/{name}; chmod 755 /usr/local/bin/{name}", text.encode())
        with boot_systemd(inside) as made:
            yield made


def test_from_a_bare_machine_to_the_served_desk(bare_machine: DebianMachine) -> None:
    root = Shell(bare_machine)
    root.types("1. The machine")
    root.types("2. The program")
    bare_machine.run(LIBRARIES)
    root.types("2. The program", 1)
    root.types("3. The database")
    said = root.types("4. The newsletter")
    assert re.findall(r"(?m)^  https://ask\.example\.org/sign-in/\S+$", said)
    assert bare_machine.run("stat -c '%U %G %a' /etc/readers-asked /etc/readers-asked/environment").split("\n")[:2] == [
        "root readers-asked 750",
        "root readers-asked 640",
    ]
    root.types("5. Web and worker")
    wait_for_service(bare_machine, "web", 8000)
    root.types("nginx")
    root.types("nginx", 1)
    wait_for_machine(
        lambda: bare_machine.has_listener(443), "nginx"
    )  # a reload ends before nginx has loaded its settings
    timur = SiteVisitor(bare_machine, TIMURS_IP, bare_machine.run(f"cat {CERTIFICATE}").encode())
    page = timur.request("/letter/")
    assert (page.status, "The Letter" in page.body.decode()) == (200, True)
    wait_for_machine(lambda: timur.request("/readyz").status == 200, "the worker")
    report = root.types("7. Is all well?", ends=" || true")
    assert re.findall(r"(?m)^FAULT +([a-z ]+):", report) == ["mail server"], report  # which comes by another page
    assert bare_machine.run("systemctl is-active readers-asked@web readers-asked@worker").split() == [
        "active",
        "active",
    ]
    check_privileges(bare_machine)
    check_caddy(bare_machine, root)
    assert sorted(root.typed) == sorted(
        block for heading, made in BLOCKS.items() for block in made if heading != FETCHED
    )


def wait_for_service(bare_machine: DebianMachine, unit: str, port: int) -> None:
    try:
        wait_for_machine(lambda: bare_machine.has_listener(port), f"readers-asked@{unit}")
    except AssertionError as vain:
        raise AssertionError(
            f"{vain}\n{bare_machine.run(f'journalctl --no-pager --unit readers-asked@{unit}')}"
        ) from None


def check_privileges(bare_machine: DebianMachine) -> None:
    """What runs may write into its own folder, can't come to more than it has, and sees nobody's home."""
    for unit in ("web", "worker"):
        pid = bare_machine.run(f"systemctl show --value --property=MainPID readers-asked@{unit}").strip()
        status = dict(re.findall(r"(?m)^(\w+):\s+(\S+)", bare_machine.run(f"cat /proc/{pid}/status")))
        assert (status["CapBnd"], status["NoNewPrivs"], status["Seccomp"]) == ("0000000000000000", "1", "2")
        assert status["Uid"] == bare_machine.run("id -u readers-asked").strip()
        group = bare_machine.run(f"ps -o pid= --pid {pid} --ppid {pid}").split()
        assert len(group) >= 1
        # The memory of a process that may not be dumped belongs to root.
        assert {bare_machine.run(f"stat -c %U /proc/{one}/mem").strip() for one in group} == {"root"}
        limits = bare_machine.run(f"cat /proc/{pid}/limits")
        assert re.findall(r"(?m)^Max core file size +(\d+) +(\d+)", limits) == [("0", "0")]
        tried = bare_machine.run(
            f"nsenter --target={pid} --mount setpriv --reuid=readers-asked --regid=readers-asked --clear-groups bash -c '"
            "touch /var/lib/readers-asked/new && echo kept; touch /srv/readers-asked/new; touch /etc/new; ls /root /home' 2>&1 || true"
        )
        denied = ["kept", *["Read-only"] * 2, *["Permission denied"] * 2]
        assert re.findall(r"kept|Read-only|Permission denied", tried) == denied


def check_caddy(bare_machine: DebianMachine, root: Shell) -> None:
    """Caddy in place of nginx: it can't get a certificate here, and leads to where it would have one."""
    bare_machine.run("systemctl stop nginx; systemctl start caddy")
    root.types("Caddy")
    wait_for_machine(lambda: bare_machine.has_listener(443), "Caddy")
    timur = SiteVisitor(bare_machine, TIMURS_IP, bare_machine.run(f"cat {CERTIFICATE}").encode())
    led = timur.request_over_http("/letter/")
    assert (led.status, led.headers["Location"]) == (308, f"https://{SITE_NAME}/letter/")


def test_the_page_names_what_is_there() -> None:
    for place in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE):
        assert (ROOT / "docs" / place).exists(), place
    # What is of nginx is tried by tests/house/test_many_machines.py.
    assert set(re.findall(r"(?m)^```(\w*)$", PAGE)) == {"", "sh", "env", "compose", "nginx"}
