"""The list of questions as its address says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, or_, select

from ...answers.merging_questions import with_expert
from ...editions.models import Edition
from ...newsletters.models import Topic
from ...newsletters.queries import topics_of
from ...people.models import Expert
from ...questions.lifecycle import STATES
from ...questions.queries import about_topic, in_edition
from ..frame import Desk, unknown
from ..letters.letter_filters import named
from .question_states import WORDS

RECENT = 15  # editions that the form offers, the coming ones first
# state in the address: (label, states of questions)
FILTERS = {
    "going": (_l("In work"), STATES.which("is_going")),
    **{
        words.listed: (words.label, tuple(state for state, other in WORDS.items() if other.listed == words.listed))
        for words in WORDS.values()
        if words.label
    },
    "all": (_l("All"), STATES.which("is_listed")),
}
NAMES = ("state", "topic", "edition", "expert", "q")


@dataclass(frozen=True)
class Chosen:
    """A list as it was asked for. `among` are the keys that the filters leave; None where there is no filter."""

    slug: str
    values: Mapping[str, str]
    among: Select[int] | None
    topics: list[Topic]
    editions: Mapping[int, Edition]
    expert: Expert | None

    @property
    def state(self) -> str:
        return self.values.get("state") or ("all" if self.values else "going")

    @property
    def states(self) -> tuple[str, ...]:
        return FILTERS[self.state][1]

    @property
    def search(self) -> str:
        return self.values.get("q", "")

    def address(self, **other: Any) -> str:
        return url_for("editor.questions", slug=self.slug, **{**self.values, **other})

    @property
    def words(self) -> str:
        """The filters besides the state, as the page says them."""
        said = []
        if topic := next((one for one in self.topics if one.slug == self.values.get("topic")), None):
            said.append(_("on %(topic)s", topic=topic.name))
        if edition := next(
            (one for one in self.editions.values() if one.public_id == self.values.get("edition")), None
        ):
            said.append(_("in the edition of %(day)s", day=named(edition)))
        if self.expert:
            said.append(_("with %(name)s", name=self.expert.name))
        return ", ".join(said)


def chosen(desk: Desk, args: Mapping[str, str]) -> Chosen:
    """Read an address. One that says what there isn't gets a page that says so."""
    values = {name: args[name].strip() for name in NAMES if args.get(name, "").strip()}
    for name in args:
        if name not in (*NAMES, "before", "above", "tick"):
            unknown(desk, name, "editor.questions")
    if values.get("state", "going") not in FILTERS:
        unknown(desk, "state", "editor.questions")
    topics, editions = list(topics_of(desk.session, desk.newsletter.id)), _editions(desk, values.get("edition"))
    about: dict[str, Any] = {
        "topic": next((one for one in topics if one.slug == values.get("topic")), None),
        "edition": next((one for one in editions.values() if one.public_id == values.get("edition")), None),
        "expert": desk.session.scalar(select(Expert).filter_by(public_id=values["expert"]))
        if "expert" in values
        else None,
    }
    for name, row in about.items():
        if name in values and row is None:
            unknown(desk, name, "editor.questions")
    keys = {"topic": about_topic, "edition": in_edition, "expert": with_expert}
    narrowed = [keys[name](row.id) for name, row in about.items() if row is not None]
    among = narrowed[0] if narrowed else None
    for more in narrowed[1:]:
        among = among.where(among.selected_columns[0].in_(more)) if among is not None else more
    return Chosen(desk.newsletter.slug, values, among, topics, editions, about["expert"])


def _editions(desk: Desk, public_id: str | None) -> dict[int, Edition]:
    mine = Edition.newsletter_id == desk.newsletter.id
    newest = select(Edition.id).where(mine).order_by(Edition.runs_at.desc()).limit(RECENT)
    query = select(Edition).where(mine, or_(Edition.id.in_(newest), Edition.public_id == (public_id or "")))
    return {one.id: one for one in desk.session.scalars(query.order_by(Edition.runs_at.desc()))}
