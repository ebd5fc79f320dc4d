"""Version tokens: what somebody was shown of a row before they decided about it.

A form of the desk has one in its field `seen`; an API returns one with a row, and expects it with a change. A token
holds the values on which the decision depends. If one of them has changed since, the change is refused.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from ..core.domain_errors import VersionConflict

Facts = Mapping[str, Any]  # field values by name: texts, numbers, booleans, lists


def encode_token(facts: Facts) -> str:
    return urlsafe_b64encode(json.dumps(dict(facts), ensure_ascii=False).encode()).decode()


def decode_token(token: str) -> dict[str, Any]:
    """Return the facts of a token, or {} if it is missing or unreadable."""
    try:
        facts = json.loads(urlsafe_b64decode(token))
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def require_same_facts(name: str, current: Facts, shown_facts: Facts, keys: Iterable[str]) -> None:
    """Raise `VersionConflict` if one of the facts `keys` of a row isn't as it was shown. `name` is the row's noun."""
    if any(shown_facts.get(key) != current[key] for key in keys):
        raise VersionConflict(f"{name} changed")


def require_same_fields(name: str, current: Facts, shown_facts: Facts, form_data: Facts) -> None:
    """Raise `VersionConflict` if a field is no longer as it was shown, unless the row equals `form_data` already."""
    if form_data != current:
        require_same_facts(name, current, shown_facts, current)
