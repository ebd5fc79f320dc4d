"""The distribution of the tests among the workers of `make test`."""

from xdist.scheduler import LoadFileScheduling

# The files and folders that take longest, longest first. The tests of such a file on PostgreSQL may run on another
# worker than the others, since its module fixtures are created once per database anyway.
LONGEST_FILES = (
    "mailroom/test_intake_faults.py", "mailroom/test_mail_recipes.py", "mail/test_delivery_faults.py", "house/test_gates.py", "house/test_concurrency.py",
    "journeys/test_every_page.py", "mail/test_trim_time.py", "reader/test_lost_line.py", "demo/test_year.py",
    "questions/test_merging.py", "demo/test_at_scale.py", "house/test_every_press_twice.py",
    "journeys", "demo", "house", "backup", "desk", "workflows", "mailroom", "reader", "mail", "audit",
)  # fmt: skip


def rank_file(path: str) -> int:
    """Return the position of a file, by its path under `tests`. The longest run first, so that none delays the end."""
    return next((index for index, prefix in enumerate(LONGEST_FILES) if path.startswith(prefix)), len(LONGEST_FILES))


class FileSchedule(LoadFileScheduling):
    """Keeps the tests of a file on one worker, since they share fixtures."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        is_split = file.removeprefix("tests/") in LONGEST_FILES and "postgresql" in test
        return f"{file} on PostgreSQL" if is_split else file
