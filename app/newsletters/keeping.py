"""Settings for how long a newsletter keeps what people wrote; `workflows.retention` erases it afterwards."""

from typing import Any

from sqlalchemy.orm import Mapped, MappedColumn

from ..text.translation import N_
from .setting_columns import number

KEEPING = "keeping"  # the page of the settings


def _days(label: str, help: str, default: int, low: int = 1, high: int = 3_650) -> MappedColumn[Any]:
    """Return the column of a number of days. Newsletters that exist already get the `default` too."""
    return number(KEEPING, label, help, low, high, default, server_default=str(default))


class Keeping:
    """Days for which texts and personal data are kept. What was printed in an edition stays in the archive."""

    spam_days: Mapped[int] = _days(
        N_("Spam and held letters"),
        N_("Days until the words of a letter that is held, or filed as spam, are erased."),
        30,
        high=365,
    )
    idle_days: Mapped[int] = _days(
        N_("Letters that led to nothing"),
        N_(
            "Days until the words of a letter are erased if nobody has filed it, it has ended, it was a comment or a "
            "tip, or its question was closed."
        ),
        183,
    )
    open_days: Mapped[int] = _days(
        N_("Letters behind open questions"),
        N_(
            "Days until the words of a letter are erased although its question is still open. You are asked 30 days "
            "before. The question goes on if you have put it into your own words."
        ),
        365,
        low=30,
    )
    ran_days: Mapped[int] = _days(
        N_("Letters behind what ran"),
        N_("Days after it ran. Everything said with them goes too, and the sealed name; a printed name stays."),
        365,
    )
    draft_days: Mapped[int] = _days(
        N_("Experts’ words that never ran"),
        N_("Days since somebody last typed in a draft, and since an answer came to nothing or ran in another version."),
        365,
    )
    expert_mail_days: Mapped[int] = _days(
        N_("Mails to and from experts"),
        N_("Days since it was sent or filed. That there was a mail, about what and when, stays."),
        365,
    )
    expert_days: Mapped[int] = _days(
        N_("Experts who were asked"),
        N_(
            "Days since their last question with you ended; then they leave the directory, unless another desk of the "
            "house still asks them. What ran keeps their name."
        ),
        1_826,
        low=30,
        high=7_300,
    )
    staff_days: Mapped[int] = _days(
        N_("Colleagues who left"),
        N_("Days since they last did something here. The trail then says “former colleague” and a number."),
        365,
    )
