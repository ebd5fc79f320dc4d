"""How the tests are shared out among the workers of a run (`make test`)."""

from xdist.scheduler import LoadFileScheduling

# The files and rooms that take longest, in the order of that. Of a file that is named here the tests on PostgreSQL and the others
# go to whichever worker is free: what such a file makes once it makes once for each database.
LONGEST_FILES = (
    "mailroom/test_intake_faults.py", "mailroom/test_mail_recipes.py", "mail/test_delivery_faults.py", "house/test_gates.py", "house/test_concurrency.py",
    "journeys/test_every_page.py", "mail/test_trim_time.py", "reader/test_lost_line.py", "demo/test_year.py",
    "questions/test_merging.py", "demo/test_at_scale.py", "house/test_every_press_twice.py",
    "journeys", "demo", "house", "backup", "desk", "workflows", "mailroom", "reader", "mail", "audit",
)  # fmt: skip


def rank_file(path: str) -> int:
    """When a file has its turn, by its path under `tests`: those that take longest begin, so that no worker is left with one
    at the end."""
    return next((at for at, begins in enumerate(LONGEST_FILES) if path.startswith(begins)), len(LONGEST_FILES))


class FileSchedule(LoadFileScheduling):
    """Keeps the tests of a file together, since they share what was made for them."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        apart = file.removeprefix("tests/") in LONGEST_FILES and "postgresql" in test
        return f"{file} on PostgreSQL" if apart else file
