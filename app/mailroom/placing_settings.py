"""Settings of the house that placing needs, read from the configuration."""

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any

from .placing import Settings


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Without settings nobody is proven to be who they say, and nothing is looked up."""
    return Settings(
        authserv_id=config.get("MAIL_AUTHSERV_ID") or None,
        dns=config.get("MAIL_DNS", False),
        return_path=config.get("MAIL_RETURN_PATH", ""),
        house=parseaddr(config.get("MAIL_FROM", ""))[1],
    )
