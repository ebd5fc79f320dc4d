"""The retention rule that limits how long a reader's words are kept, by the state of the letter and of its question.

No state is without a limit: each table has a row for every state or kind. `retention_preview` derives its rules from
them, and docs/lifecycle.md lists them. An expert's letter has the rule "expert" in any state.
"""

from collections.abc import Mapping

from ...letters.lifecycle import LIMITS_BY_STATE as LIMITS_BY_LETTER_STATE
from ...letters.models import FILED_AS
from ...questions.lifecycle import LIMITS_BY_STATE as LIMITS_BY_QUESTION_STATE

__all__ = ["LIMITS_BY_KIND", "LIMITS_BY_LETTER_STATE", "LIMITS_BY_QUESTION_STATE", "list_limited"]

# By what a letter was filed as. "by question" means that the state of its question decides.
LIMITS_BY_KIND: Mapping[str, str] = dict.fromkeys(FILED_AS, "idle") | {"question": "by question", "spam": "spam"}


def list_limited(limits: Mapping[str, str], rule: str) -> list[str]:
    """Return the states, or the kinds, that a rule limits."""
    return [name for name, limit in limits.items() if limit == rule]
