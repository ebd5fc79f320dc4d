"""The table of what an export has: its files, the fields of their records, and the columns that are in no file.

The writer, the reader, the JSON Schema, the CSV tables and docs/exports.md are derived from it. A column that is in
neither `fields` nor `left_out` fails a test, so that no new column leaves the newsroom unnoticed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, select

from ...answers.models import Answer, AnswerText, Assignment, Check
from ...db.declarative import Row
from ...editions.models import Correction, Edition, EditionItem, ItemTranslation
from ...letters.models import Addition, Contact, Credit, Letter, ReceiptNote
from ...newsletters.former_names import FormerName
from ...newsletters.models import SETTINGS, Newsletter, NewsletterText, Topic
from ...people.models import Expert, Person
from ...questions.models import Note, Question, QuestionText, QuestionTopic, Translation


class Reference(NamedTuple):
    """A field that names another record, from the column with its key.

    `target` is the name of a kind. Records of kinds without a public ID are named within their parent, whose key is in
    the column `within`: versions of a text as "en.2", additions by their number.
    """

    column: str
    target: str
    within: str = ""


class Embedded(NamedTuple):
    """Fields from another table, to whose row the attribute `attribute` leads and the column `column` refers."""

    attribute: str
    column: str
    model: type[Row]
    fields: tuple[str, ...]


def _belongs_to_newsletter(model: Any) -> Callable[[int], ColumnElement[bool]]:
    return lambda newsletter_id: model.newsletter_id == newsletter_id


DAY_FIELDS = ("erased_at",)  # exported as days: a reader who takes a question back erases its wordings too


@dataclass(frozen=True, eq=False)
class RecordKind:
    """A kind of records: a file of the export, or a list inside the records of another kind.

    - `fields`: the columns whose values are exported as they are, under their own names;
    - `left_out`: the reason why a column is in no file, for all others;
    - `parent`: the column that refers to the record around this one;
    - `label`: the columns that tell the records inside one parent apart. Without it, their number does;
    - `sealed`: the column with a sealed value and the context that it was sealed for, by field;
    - `actors`: fields that say who acted, such as "staff:KEY";
    - `is_single`: there is at most one such record inside its parent;
    - `is_contact`: only in an export with readers' contacts;
    - `blurs_days`: times are exported to the second, or as their day if no more of them is stored;
    - `csv_current`: a reference whose target, a record inside this one, gives further columns to the CSV file;
    - `csv_joined`: by list inside a record, the field whose values are one column of the CSV file, and what is between.
    """

    name: str
    model: Any
    about: str
    fields: tuple[str, ...]
    references: Mapping[str, Reference] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    children: "tuple[RecordKind, ...]" = ()
    parent: str = ""
    label: tuple[str, ...] = ()
    sealed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    actors: tuple[str, ...] = ()
    embedded: Embedded | None = None
    is_single: bool = False
    is_contact: bool = False
    blurs_days: bool = False
    select_rows: Callable[[int], ColumnElement[bool]] | None = None
    csv_current: tuple[str, str, tuple[str, ...]] | None = None
    csv_joined: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        table: Table = self.model.__table__
        return table

    @property
    def has_id(self) -> bool:
        """True if its records have the field "id", their public ID."""
        return "public_id" in self.table.c

    @property
    def path(self) -> str:
        """The name of its file in the archive."""
        return f"{self.name}.json" if self.name == NEWSLETTER_FILE else f"{self.name}.jsonl"

    def condition(self, newsletter_id: int) -> ColumnElement[bool]:
        """Return the SQL condition for the rows of a newsletter."""
        return (self.select_rows or _belongs_to_newsletter(self.model))(newsletter_id)


NEWSLETTER_FILE = "newsletter"
# Columns that no record has, or that follow from where a record stands.
KEYS = {
    "id": "our own number, without a meaning elsewhere; records are named by their public ID",
    "public_id": "the field `id`",
    "newsletter_id": "the newsletter of the archive",
    "version": "counts changes, for open forms",
    "key_no": "the number of a key of this installation",
}
DERIVED = "derived again by the worker"


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TOPICS = RecordKind("topics", Topic, "topics", _names("slug name"), parent="newsletter_id", label=("slug",))
NEWSLETTER = RecordKind(
    NEWSLETTER_FILE,
    Newsletter,
    "the newsletter with its settings, topics and own sentences",
    (*_names("slug language state state_at paused_until steps_hidden_at"), *SETTINGS),
    children=(
        TOPICS,
        RecordKind(
            "sentences", NewsletterText, "its own sentences", _names("kind language body"), parent="newsletter_id"
        ),
        RecordKind("former_slugs", FormerName, "its former short names", ("slug",), parent="newsletter_id"),
    ),
    select_rows=lambda newsletter_id: Newsletter.id == newsletter_id,
)
EXPERTS = RecordKind(
    "experts",
    Expert,
    "experts whom the newsletter has asked, without their addresses",
    _names(
        "title organisation place credit_line relation described_as bio ties topics languages at_once away_until "
        "verified_at verified_how leaves_at erased_at"
    ),
    {"verified_by": Reference("verified_by_id", "people")},
    {
        "person_id": "the name and language are in the record; the address is taken along with the directory",
        "merged_into_id": "tells of experts who have no work with this newsletter",
        **dict.fromkeys(("folded", "alike", "words"), DERIVED),
    },
    embedded=Embedded("person", "person_id", Person, ("name", "language")),
    select_rows=lambda newsletter_id: Expert.id.in_(
        select(Assignment.expert_id).where(Assignment.newsletter_id == newsletter_id)
    ),
)
EDITIONS = RecordKind(
    "editions",
    Edition,
    "editions",
    _names("rule_date local_at runs_at cutoff_at slots number state state_at locked_at sent_at sha256"),
    left_out=dict.fromkeys(
        ("message_id", "arrived_at", "arrived_text"),
        "the mail as it came to the desk, which may have links of the desk's own subscription",
    ),
)
WORDINGS = RecordKind(
    "wordings",
    QuestionText,
    "versions of the desk's wording",
    _names("language number headline body background slug written_at cleared_at own_words_reason erased_at"),
    {"written_by": Reference("written_by_id", "people"), "cleared_by": Reference("cleared_by_id", "people")},
    parent="question_id",
    label=("language", "number"),
)
QUESTIONS = RecordKind(
    "questions",
    Question,
    "questions with their wordings, topics and notes",
    _names("state state_at position published_at closed_reason shown_at must_run_by opened_at"),
    {
        "edition": Reference("edition_id", "editions"),
        "merged_into": Reference("merged_into_id", "questions"),
        "wording": Reference("text_id", "wordings", "id"),
    },
    dict.fromkeys(("asker_level", "indexed_version"), DERIVED),
    children=(
        WORDINGS,
        RecordKind(
            "topics",
            QuestionTopic,
            "its topics",
            (),
            {"topic": Reference("topic_id", "topics", "newsletter")},
            parent="question_id",
        ),
        RecordKind(
            "notes",
            Note,
            "notes of the desk",
            _names("body written_at"),
            {"written_by": Reference("person_id", "people")},
            parent="question_id",
        ),
    ),
    csv_current=("wording", "wordings", _names("language headline body background")),
    csv_joined={"topics": ("topic", ", ")},
)
ASSIGNMENTS = RecordKind(
    "assignments",
    Assignment,
    "whom the desk asked what, until when",
    _names(
        "state state_at brief words credit_line relation reply_by due_at invited_at received_at decline_reason "
        "later_on step_at"
    ),
    {
        "question": Reference("question_id", "questions"),
        "expert": Reference("expert_id", "experts"),
        "for_edition": Reference("for_edition_id", "editions"),
        "after": Reference("after_id", "assignments"),
    },
    {"suggestion_sealed": "what an expert said about a colleague, in confidence"},
)
VERSIONS = RecordKind(
    "versions",
    AnswerText,
    "versions of the text",
    _names("language number kind body words ties own_words channel given_on by written_at"),
    parent="answer_id",
    label=("language", "number"),
    actors=("by",),
)
ANSWERS = RecordKind(
    "answers",
    Answer,
    "answers with all versions of their text, and the quote checks",
    _names("state state_at credit checklist override_reason run_position"),
    {
        "question": Reference("question_id", "questions"),
        "assignment": Reference("assignment_id", "assignments"),
        "expert": Reference("expert_id", "experts"),
        "version": Reference("text_id", "versions", "id"),
        "approved_version": Reference("approved_text_id", "versions", "id"),
        "approved_by": Reference("approved_by_id", "people"),
    },
    children=(
        VERSIONS,
        RecordKind(
            "checks",
            Check,
            "quote checks",
            _names("policy asked_at due_at outcome ended_at reply_text settled_at"),
            {"version": Reference("text_id", "versions", "answer_id")},
            parent="answer_id",
        ),
    ),
    csv_current=("version", "versions", _names("language body words ties channel given_on")),
)
TRANSLATIONS = RecordKind(
    "translations",
    Translation,
    "translations of wordings and answers",
    _names(
        "language headline body name credit_line relation ties translator is_credited state state_at written_at "
        "checked_at unread_reason"
    ),
    {
        "question": Reference("question_id", "questions"),
        "answer": Reference("answer_id", "answers"),
        "of_wording": Reference("of_question_text_id", "wordings", "question_id"),
        "of_version": Reference("of_answer_text_id", "versions", "answer_id"),
        "written_by": Reference("written_by_id", "people"),
        "approved_by": Reference("approved_by_id", "people"),
    },
)
EDITION_ITEMS = RecordKind(
    "edition_items",
    EditionItem,
    "Q&As as they were locked and ran, with their translations",
    _names("position input output sha256 found_sha256 credits mended mended_at erased_at"),
    {"edition": Reference("edition_id", "editions"), "question": Reference("question_id", "questions")},
    children=(
        RecordKind(
            "translations",
            ItemTranslation,
            "the Q&A in other languages, as it ran",
            _names("language number input output sha256"),
            parent="item_id",
            label=("language", "number"),
        ),
    ),
    select_rows=lambda newsletter_id: EditionItem.edition_id.in_(
        select(Edition.id).where(Edition.newsletter_id == newsletter_id)
    ),
)
CORRECTIONS = RecordKind(
    "corrections",
    Correction,
    "corrections of what ran",
    _names("wrong right made_at runs erased_at"),
    {
        "question": Reference("question_id", "questions"),
        "made_by": Reference("made_by_id", "people"),
        "edition": Reference("edition_id", "editions"),
    },
)
ADDITIONS = RecordKind(
    "additions", Addition, "what the reader added later", _names("body added_at"), parent="letter_id", blurs_days=True
)
LETTERS = RecordKind(
    "letters",
    Letter,
    "letters of readers, and mails of experts that were filed as letters",
    _names(
        "state state_at author channel hear_back filed_as body background desk_note verbatim language held_reason "
        "signs end_reason received_at erase_on erased_at"
    ),
    {
        "forwarded_by": Reference("forwarded_by_id", "people"),
        "about_edition": Reference("about_edition_id", "editions"),
        "question": Reference("question_id", "questions"),
        "assignment": Reference("assignment_id", "assignments"),
        "answered_by": Reference("answered_by_id", "questions"),
    },
    {
        **dict.fromkeys(("standing", "crowd", "alike", "indexed_version"), DERIVED),
        **dict.fromkeys(("form_mac", "receipt_mac", "receipt_mailed"), "receipts hold in this installation only"),
    },
    children=(
        ADDITIONS,
        RecordKind(
            "notes",
            ReceiptNote,
            "notes of the desk at the receipt",
            _names("body left_at"),
            {
                "left_by": Reference("left_by_id", "people"),
                "answered_in": Reference("addition_id", "additions", "letter_id"),
            },
            parent="letter_id",
            blurs_days=True,
        ),
        RecordKind(
            "contact",
            Contact,
            "the reader's address, and when it is erased at the latest",
            ("erase_on",),
            {},
            {"email_sealed": "the field `email`", "hear_back": "a field of the letter"},
            parent="letter_id",
            sealed={"email": ("email_sealed", "contacts.email")},
            is_single=True,
            is_contact=True,
        ),
        RecordKind(
            "credit",
            Credit,
            "the name that the reader gave for print, and the sentence that they agreed to",
            _names("choice consent_text consented_at verified_at verified_how"),
            {"verified_by": Reference("verified_by_id", "people")},
            {"name_sealed": "the field `name`", "place_sealed": "the field `place`"},
            parent="letter_id",
            sealed={"name": ("name_sealed", "credits.name"), "place": ("place_sealed", "credits.place")},
            is_single=True,
            is_contact=True,
            blurs_days=True,
        ),
    ),
    blurs_days=True,
    csv_joined={"additions": ("body", "\n\n")},
)
PEOPLE = RecordKind(
    "people",
    Person,
    "names of colleagues whom other records name",
    ("name",),
    {},
    {
        "language": "a colleague's own setting",
        **dict.fromkeys(("email_sealed", "email_mac", "address_no"), "addresses of colleagues stay here"),
        **dict.fromkeys(("disabled_at", "erased_at"), "they get no access elsewhere"),
    },
)
# In the order of the import: a record comes after those that it names, except those in `LATER_FIELDS`. The names of
# people are written last, when it is known who is named, and read first.
KINDS = (
    NEWSLETTER,
    EXPERTS,
    EDITIONS,
    QUESTIONS,
    ASSIGNMENTS,
    ANSWERS,
    TRANSLATIONS,
    EDITION_ITEMS,
    CORRECTIONS,
    LETTERS,
    PEOPLE,
)
# The import stores these fields once all records are there, as they may name a record that comes later. Until then they
# are empty, and the state is one that needs none of them.
LATER_FIELDS: Mapping[str, tuple[str, ...]] = {
    "questions": ("state", "edition", "position", "merged_into", "wording"),
    "assignments": ("after", "step_at"),
    "answers": ("state", "version", "approved_version"),
}
FIRST_STATES = {"questions": "open", "answers": "draft"}
# Tables of which an export has nothing, and why.
LEFT_OUT_TABLES = {
    **dict.fromkeys(
        ("memberships", "sessions", "sign_ins", "factors", "identities", "api_tokens"),
        "who may sign in, which each house decides",
    ),
    **dict.fromkeys(("links", "sealing_keys", "mail_sign_ins"), "keys and secret links"),
    **dict.fromkeys(("programs", "program_deliveries", "sending_tools", "handed_drafts"), "programs with their keys"),
    **dict.fromkeys(("outbox", "outbox_contents", "inbound", "inbound_raw", "spent"), "mails, which have addresses"),
    **dict.fromkeys(("translators", "translator_drafts", "drafts", "form_drafts"), "unsent words, open invitations"),
    **dict.fromkeys(("audit", "chain_links", "erasures"), "the trail, which has a file of its own"),
    **dict.fromkeys(("expert_topics", "namesakes", "uploads"), "of the directory, which has a file of its own"),
    "expert_pages": "an expert's consent, which each house asks for itself",
    "shown_photos": "an expert's consent, which each house asks for itself",
    "expert_photos": "of the directory, and printed by a right that another house may not have",
    **dict.fromkeys(("machine_translations", "sweeps", "press_keys", "sightings"), "of hours or days"),
    **dict.fromkeys(
        ("desk_docs", "desk_terms", "public_docs", "public_terms", "vectors", "counted_weeks", "public_versions"),
        DERIVED,
    ),
    "verdicts": "what the desk thinks of look-alikes, by our own numbers",
}


def iter_kinds() -> Iterator[tuple[str, RecordKind]]:
    """Yield every kind with its path, such as "questions.wordings"."""
    for kind in KINDS:
        yield kind.name, kind
        for child in kind.children:
            yield f"{kind.name}.{child.name}", child


KINDS_BY_NAME = {kind.name: kind for kind in (*KINDS, TOPICS, WORDINGS, VERSIONS, ADDITIONS)}
