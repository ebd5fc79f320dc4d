"""All tables of the main job.

A question points at its newest text and each text at its question, and so with answers. SQLite takes such keys in CREATE TABLE;
PostgreSQL needs both tables first, so there they come last (`use_alter`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "newsletters",
    "people",
    "editions",
    "experts",
    "memberships",
    "newsletter_texts",
    "sessions",
    "sign_ins",
    "topics",
    "questions",
    "assignments",
    "audit",
    "edition_items",
    "notes",
    "question_texts",
    "question_topics",
    "answers",
    "drafts",
    "letters",
    "additions",
    "answer_texts",
    "contacts",
    "credits",
    "links",
    "outbox",
    "checks",
    "outbox_contents",
)
MUTUAL = (
    ("fk_questions_text_id_id", "questions", "question_texts", ["text_id", "id"], ["id", "question_id"]),
    ("fk_answers_approved_text_id", "answers", "answer_texts", ["approved_text_id"], ["id"]),
    ("fk_answers_text_id_id", "answers", "answer_texts", ["text_id", "id"], ["id", "answer_id"]),
)


def upgrade() -> None:
    op.create_table(
        "newsletters",
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("publisher", sa.String(length=200), nullable=False),
        sa.Column("editor", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("dek", sa.String(length=400), nullable=False),
        sa.Column("imprint", sa.String(length=400), nullable=False),
        sa.Column("section", sa.String(length=200), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("rule_start", sa.Date(), nullable=False),
        sa.Column("at", sa.String(length=5), nullable=False),
        sa.Column("skips", sa.JSON(), nullable=False),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("cutoff_minutes", sa.Integer(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("marks", sa.String(length=20), nullable=False),
        sa.Column("check_policy", sa.String(length=20), nullable=False),
        sa.Column("check_hours", sa.Integer(), nullable=False),
        sa.Column("keep_days", sa.Integer(), nullable=False),
        sa.Column("names_readers", sa.Boolean(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("public_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "check_policy IN ('off', 'facts', 'approve')", name=op.f("ck_newsletters_check_policy_known")
        ),
        sa.CheckConstraint("marks IN ('straight', 'typographic')", name=op.f("ck_newsletters_marks_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletters")),
        sa.UniqueConstraint("public_id", name=op.f("uq_newsletters_public_id")),
        sa.UniqueConstraint("slug", name=op.f("uq_newsletters_slug")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "people",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("email_mac", sa.LargeBinary(), nullable=True),
        sa.Column("key_no", sa.Integer(), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.CheckConstraint("(email_mac IS NULL) = (email_sealed IS NULL)", name=op.f("ck_people_email_whole")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("email_mac", name=op.f("uq_people_email_mac")),
        sa.UniqueConstraint("public_id", name=op.f("uq_people_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "editions",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("rule_date", sa.Date(), nullable=False),
        sa.Column("local_at", sa.String(length=16), nullable=False),
        sa.Column("runs_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cutoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message_id", sa.String(length=998), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'sent'), TRUE) OR COALESCE(sent_at IS NOT NULL, FALSE)",
            name=op.f("ck_editions_sent_says_when"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state IN ('locked', 'sent')), TRUE) OR COALESCE(locked_at IS NOT NULL, FALSE)",
            name=op.f("ck_editions_locked_says_when"),
        ),
        sa.CheckConstraint("state IN ('planned', 'locked', 'sent', 'skipped')", name=op.f("ck_editions_state_known")),
        sa.CheckConstraint("runs_at >= cutoff_at", name=op.f("ck_editions_cutoff_before_run")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_editions_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_editions")),
        sa.UniqueConstraint("id", "newsletter_id", name=op.f("uq_editions_id_newsletter_id")),
        sa.UniqueConstraint("newsletter_id", "rule_date", name=op.f("uq_editions_newsletter_id_rule_date")),
        sa.UniqueConstraint("public_id", name=op.f("uq_editions_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_editions_newsletter_id_state_runs_at_id"), "editions", ["newsletter_id", "state", "runs_at", "id"]
    )

    op.create_table(
        "experts",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("organisation", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("credit_line", sa.String(length=400), nullable=False),
        sa.Column("relation", sa.String(length=400), nullable=False),
        sa.Column("described_as", sa.String(length=400), nullable=False),
        sa.Column("bio", sa.Text(), nullable=False),
        sa.Column("ties", sa.Text(), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("on_public_page", sa.Boolean(), nullable=False),
        sa.Column("away_until", sa.Date(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by_id", sa.Integer(), nullable=True),
        sa.Column("verified_how", sa.String(length=400), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(verified_at IS NULL) = (verified_by_id IS NULL) AND (verified_at IS NULL) = (verified_how IS NULL)",
            name=op.f("ck_experts_verification_whole"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_experts_person_id")),
        sa.ForeignKeyConstraint(["verified_by_id"], ["people.id"], name=op.f("fk_experts_verified_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experts")),
        sa.UniqueConstraint("person_id", name=op.f("uq_experts_person_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_experts_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "memberships",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint("role IN ('admin', 'editor', 'assistant')", name=op.f("ck_memberships_role_known")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_memberships_newsletter_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_memberships_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("person_id", "newsletter_id", name=op.f("uq_memberships_person_id_newsletter_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_memberships_newsletter_id"), "memberships", ["newsletter_id"])

    op.create_table(
        "newsletter_texts",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_newsletter_texts_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletter_texts")),
        sa.UniqueConstraint(
            "newsletter_id", "kind", "language", name=op.f("uq_newsletter_texts_newsletter_id_kind_language")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        sa.Column("token_mac", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("door", sa.String(length=20), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint("door IN ('desk', 'expert')", name=op.f("ck_sessions_door_known")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sessions_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_mac", name=op.f("uq_sessions_token_mac")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_sessions_person_id"), "sessions", ["person_id"])

    op.create_table(
        "sign_ins",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("door", sa.String(length=20), nullable=False),
        sa.Column("link_mac", sa.LargeBinary(), nullable=False),
        sa.Column("code_mac", sa.LargeBinary(), nullable=True),
        sa.Column("browser_mac", sa.LargeBinary(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint("door IN ('desk', 'expert')", name=op.f("ck_sign_ins_door_known")),
        sa.CheckConstraint(
            "COALESCE(NOT (code_mac IS NOT NULL), TRUE) OR COALESCE(browser_mac IS NOT NULL, FALSE)",
            name=op.f("ck_sign_ins_code_needs_browser"),
        ),
        sa.CheckConstraint("tries <= 10", name=op.f("ck_sign_ins_tries_limited")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sign_ins_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("link_mac", name=op.f("uq_sign_ins_link_mac")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_sign_ins_browser_mac"), "sign_ins", ["browser_mac"])
    op.create_index(op.f("ix_sign_ins_ends_at"), "sign_ins", ["ends_at"])
    op.create_index(op.f("ix_sign_ins_person_id"), "sign_ins", ["person_id"])

    op.create_table(
        "topics",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_topics_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topics")),
        sa.UniqueConstraint("newsletter_id", "slug", name=op.f("uq_topics_newsletter_id_slug")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "questions",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text_id", sa.Integer(), nullable=True),
        sa.Column("edition_id", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_reason", sa.String(length=40), nullable=True),
        sa.Column("merged_into_id", sa.Integer(), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("must_run_by", sa.Date(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "COALESCE(NOT (edition_id IS NOT NULL), TRUE) OR COALESCE(state IN ('queued', 'published', 'retracted'), FALSE)",
            name=op.f("ck_questions_slot_is_queued"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'closed'), TRUE) OR COALESCE(closed_reason IS NOT NULL, FALSE)",
            name=op.f("ck_questions_closed_says_why"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'merged'), TRUE) OR COALESCE(merged_into_id IS NOT NULL AND merged_into_id <> id, FALSE)",
            name=op.f("ck_questions_merged_says_into"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state IN ('published', 'retracted')), TRUE) OR COALESCE(published_at IS NOT NULL, FALSE)",
            name=op.f("ck_questions_published_says_when"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state IN ('queued', 'published')), TRUE) OR COALESCE(edition_id IS NOT NULL, FALSE)",
            name=op.f("ck_questions_queued_has_slot"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'seeking', 'answered', 'queued', 'published', 'retracted', 'shelved', 'closed', 'merged')",
            name=op.f("ck_questions_state_known"),
        ),
        sa.CheckConstraint("(edition_id IS NULL) = (position IS NULL)", name=op.f("ck_questions_slot_whole")),
        sa.ForeignKeyConstraint(
            ["edition_id", "newsletter_id"],
            ["editions.id", "editions.newsletter_id"],
            name=op.f("fk_questions_edition_id_newsletter_id"),
        ),
        sa.ForeignKeyConstraint(["merged_into_id"], ["questions.id"], name=op.f("fk_questions_merged_into_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_questions_newsletter_id")),
        sa.ForeignKeyConstraint(
            ["text_id", "id"],
            ["question_texts.id", "question_texts.question_id"],
            name=op.f("fk_questions_text_id_id"),
            use_alter=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
        sa.UniqueConstraint("edition_id", "position", name=op.f("uq_questions_edition_id_position")),
        sa.UniqueConstraint("id", "newsletter_id", name=op.f("uq_questions_id_newsletter_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_questions_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_questions_archive"), "questions", ["newsletter_id", "published_at", "id"])
    op.create_index(op.f("ix_questions_merged_into_id"), "questions", ["merged_into_id"])
    op.create_index(op.f("ix_questions_newsletter_id_state_id"), "questions", ["newsletter_id", "state", "id"])

    op.create_table(
        "assignments",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("for_edition_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("brief", sa.Text(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("credit_line", sa.String(length=400), nullable=False),
        sa.Column("relation", sa.String(length=400), nullable=False),
        sa.Column("reply_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decline_reason", sa.String(length=40), nullable=True),
        sa.Column("later_on", sa.Date(), nullable=True),
        sa.Column("suggestion_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("key_no", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "COALESCE(NOT (later_on IS NOT NULL), TRUE) OR COALESCE(decline_reason = 'no time', FALSE)",
            name=op.f("ck_assignments_later_has_date"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'declined'), TRUE) OR COALESCE(decline_reason IS NOT NULL, FALSE)",
            name=op.f("ck_assignments_declined_says_why"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'returned'), TRUE) OR COALESCE(due_at IS NOT NULL, FALSE)",
            name=op.f("ck_assignments_returned_has_date"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state IN ('invited', 'accepted')), TRUE) OR COALESCE(invited_at IS NOT NULL AND reply_by IS NOT NULL AND due_at IS NOT NULL, FALSE)",
            name=op.f("ck_assignments_asked_has_dates"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state IN ('received', 'done')), TRUE) OR COALESCE(received_at IS NOT NULL, FALSE)",
            name=op.f("ck_assignments_received_says_when"),
        ),
        sa.CheckConstraint(
            "decline_reason IN ('no time', 'not my field', 'conflict of interest', 'other')",
            name=op.f("ck_assignments_decline_reason_known"),
        ),
        sa.CheckConstraint(
            "state IN ('drafted', 'invited', 'accepted', 'declined', 'received', 'returned', 'done', 'cancelled')",
            name=op.f("ck_assignments_state_known"),
        ),
        sa.CheckConstraint("words BETWEEN 20 AND 2000", name=op.f("ck_assignments_words_sane")),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_assignments_expert_id")),
        sa.ForeignKeyConstraint(["for_edition_id"], ["editions.id"], name=op.f("fk_assignments_for_edition_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_assignments_newsletter_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_assignments_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
        sa.UniqueConstraint("public_id", name=op.f("uq_assignments_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_assignments_expert_id_due_at_id"), "assignments", ["expert_id", "due_at", "id"])
    op.create_index(op.f("ix_assignments_question_id_id"), "assignments", ["question_id", "id"])
    op.create_index(
        op.f("ix_assignments_newsletter_id_state_due_at_id"), "assignments", ["newsletter_id", "state", "due_at", "id"]
    )
    op.create_index(
        op.f("ix_assignments_newsletter_id_state_reply_by_id"),
        "assignments",
        ["newsletter_id", "state", "reply_by", "id"],
    )
    op.create_index(
        op.f("uq_assignments_live"),
        "assignments",
        ["question_id", "expert_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('drafted', 'invited', 'accepted', 'received', 'returned', 'done')"),
        postgresql_where=sa.text("state IN ('drafted', 'invited', 'accepted', 'received', 'returned', 'done')"),
    )

    op.create_table(
        "audit",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("noun", sa.String(length=40), nullable=False),
        sa.Column("noun_id", sa.Integer(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=True),
        sa.Column("question_id", sa.Integer(), nullable=True),
        sa.Column("old", sa.String(length=40), nullable=True),
        sa.Column("new", sa.String(length=40), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_audit_newsletter_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_audit_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_noun_noun_id_id"), "audit", ["noun", "noun_id", "id"])
    op.create_index(op.f("ix_audit_question_id_id"), "audit", ["question_id", "id"])

    op.create_table(
        "edition_items",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("input", sa.JSON(), nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("credits", sa.JSON(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name=op.f("fk_edition_items_edition_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_edition_items_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition_items")),
        sa.UniqueConstraint("edition_id", "position", name=op.f("uq_edition_items_edition_id_position")),
        sa.UniqueConstraint("question_id", name=op.f("uq_edition_items_question_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "notes",
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_notes_person_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_notes_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_notes_question_id_id"), "notes", ["question_id", "id"])

    op.create_table(
        "question_texts",
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("headline", sa.String(length=300), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("background", sa.Text(), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_by_id", sa.Integer(), nullable=True),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleared_by_id", sa.Integer(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "(cleared_at IS NULL) = (cleared_by_id IS NULL)", name=op.f("ck_question_texts_clearance_whole")
        ),
        sa.CheckConstraint(
            "(erased_at IS NULL) = (body IS NOT NULL)", name=op.f("ck_question_texts_erased_has_no_words")
        ),
        sa.ForeignKeyConstraint(["cleared_by_id"], ["people.id"], name=op.f("fk_question_texts_cleared_by_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_question_texts_question_id")),
        sa.ForeignKeyConstraint(["written_by_id"], ["people.id"], name=op.f("fk_question_texts_written_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_texts")),
        sa.UniqueConstraint("id", "question_id", name=op.f("uq_question_texts_id_question_id")),
        sa.UniqueConstraint(
            "question_id", "language", "number", name=op.f("uq_question_texts_question_id_language_number")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "question_topics",
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_question_topics_question_id")),
        sa.ForeignKeyConstraint(["topic_id"], ["topics.id"], name=op.f("fk_question_topics_topic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_topics")),
        sa.UniqueConstraint("question_id", "topic_id", name=op.f("uq_question_topics_question_id_topic_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_question_topics_topic_id_question_id"), "question_topics", ["topic_id", "question_id"])

    op.create_table(
        "answers",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text_id", sa.Integer(), nullable=True),
        sa.Column("approved_text_id", sa.Integer(), nullable=True),
        sa.Column("approved_by_id", sa.Integer(), nullable=True),
        sa.Column("credit", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("checklist", sa.JSON(), nullable=False),
        sa.Column("override_reason", sa.String(length=400), nullable=True),
        sa.Column("run_position", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'approved'), TRUE) OR COALESCE(approved_text_id = text_id AND approved_by_id IS NOT NULL AND credit IS NOT NULL, FALSE)",
            name=op.f("ck_answers_approved_is_whole"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state NOT IN ('draft', 'withdrawn')), TRUE) OR COALESCE(text_id IS NOT NULL, FALSE)",
            name=op.f("ck_answers_sent_has_text"),
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'edited', 'checking', 'approved', 'withdrawn')",
            name=op.f("ck_answers_state_known"),
        ),
        sa.ForeignKeyConstraint(["approved_by_id"], ["people.id"], name=op.f("fk_answers_approved_by_id")),
        sa.ForeignKeyConstraint(
            ["approved_text_id"], ["answer_texts.id"], name=op.f("fk_answers_approved_text_id"), use_alter=True
        ),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name=op.f("fk_answers_assignment_id")),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_answers_expert_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_answers_newsletter_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_answers_question_id")),
        sa.ForeignKeyConstraint(
            ["text_id", "id"],
            ["answer_texts.id", "answer_texts.answer_id"],
            name=op.f("fk_answers_text_id_id"),
            use_alter=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answers")),
        sa.UniqueConstraint("assignment_id", name=op.f("uq_answers_assignment_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_answers_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_answers_expert_id"), "answers", ["expert_id"])
    op.create_index(
        op.f("ix_answers_newsletter_id_state_state_at_id"), "answers", ["newsletter_id", "state", "state_at", "id"]
    )
    op.create_index(op.f("ix_answers_question_id"), "answers", ["question_id"])

    op.create_table(
        "drafts",
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("tab", sa.String(length=40), nullable=False),
        sa.Column("part", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("ties", sa.Text(), nullable=False),
        sa.Column("credit_line", sa.String(length=400), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint("part IN ('answer', 'reply')", name=op.f("ck_drafts_part_known")),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_drafts_assignment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
        sa.UniqueConstraint("assignment_id", "tab", name=op.f("uq_drafts_assignment_id_tab")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "letters",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("hear_back", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filed_as", sa.String(length=20), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("background", sa.Text(), nullable=True),
        sa.Column("verbatim", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("about_edition_id", sa.Integer(), nullable=True),
        sa.Column("question_id", sa.Integer(), nullable=True),
        sa.Column("assignment_id", sa.Integer(), nullable=True),
        sa.Column("answered_by_id", sa.Integer(), nullable=True),
        sa.Column("held_reason", sa.String(length=40), nullable=True),
        sa.Column("end_reason", sa.String(length=40), nullable=True),
        sa.Column("form_mac", sa.LargeBinary(), nullable=True),
        sa.Column("receipt_mac", sa.LargeBinary(), nullable=True),
        sa.Column("receipt_mailed", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erase_on", sa.Date(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "COALESCE(NOT (assignment_id IS NOT NULL), TRUE) OR COALESCE(author = 'expert', FALSE)",
            name=op.f("ck_letters_assignment_is_of_expert"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'ended'), TRUE) OR COALESCE(end_reason IS NOT NULL, FALSE)",
            name=op.f("ck_letters_ended_says_why"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'filed' AND filed_as = 'question'), TRUE) OR COALESCE(question_id IS NOT NULL, FALSE)",
            name=op.f("ck_letters_filed_question_has_one"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'filed' AND filed_as IN ('answer', 'cannot', 'later', 'question back')), TRUE) OR COALESCE(assignment_id IS NOT NULL, FALSE)",
            name=op.f("ck_letters_filed_expert_has_assignment"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'filed'), TRUE) OR COALESCE(filed_as IS NOT NULL, FALSE)",
            name=op.f("ck_letters_filed_says_as_what"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'held'), TRUE) OR COALESCE(held_reason IS NOT NULL, FALSE)",
            name=op.f("ck_letters_held_says_why"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'withdrawn'), TRUE) OR COALESCE(erased_at IS NOT NULL, FALSE)",
            name=op.f("ck_letters_withdrawn_is_erased"),
        ),
        sa.CheckConstraint("author IN ('reader', 'expert')", name=op.f("ck_letters_author_known")),
        sa.CheckConstraint(
            "channel IN ('web', 'mail', 'api', 'event', 'phone', 'messenger', 'paper')",
            name=op.f("ck_letters_channel_known"),
        ),
        sa.CheckConstraint(
            "filed_as IN ('question', 'comment', 'tip', 'unsubscribe', 'spam', 'answer', 'cannot', 'later', 'question back')",
            name=op.f("ck_letters_filed_as_known"),
        ),
        sa.CheckConstraint("hear_back IN ('number', 'once', 'while')", name=op.f("ck_letters_hear_back_known")),
        sa.CheckConstraint(
            "state IN ('received', 'held', 'filed', 'ended', 'withdrawn')", name=op.f("ck_letters_state_known")
        ),
        sa.CheckConstraint(
            "(erased_at IS NULL) = (body IS NOT NULL) AND (erased_at IS NULL OR background IS NULL)",
            name=op.f("ck_letters_erased_has_no_words"),
        ),
        sa.ForeignKeyConstraint(["about_edition_id"], ["editions.id"], name=op.f("fk_letters_about_edition_id")),
        sa.ForeignKeyConstraint(["answered_by_id"], ["questions.id"], name=op.f("fk_letters_answered_by_id")),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name=op.f("fk_letters_assignment_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_letters_newsletter_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_letters_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
        sa.UniqueConstraint("form_mac", name=op.f("uq_letters_form_mac")),
        sa.UniqueConstraint("id", "hear_back", name=op.f("uq_letters_id_hear_back")),
        sa.UniqueConstraint("public_id", name=op.f("uq_letters_public_id")),
        sa.UniqueConstraint("receipt_mac", name=op.f("uq_letters_receipt_mac")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_letters_erase_on_id"), "letters", ["erase_on", "id"])
    op.create_index(op.f("ix_letters_newsletter_id_state_id"), "letters", ["newsletter_id", "state", "id"])
    op.create_index(op.f("ix_letters_question_id_id"), "letters", ["question_id", "id"])

    op.create_table(
        "additions",
        sa.Column("letter_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_additions_letter_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_additions")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_additions_letter_id_id"), "additions", ["letter_id", "id"])

    op.create_table(
        "answer_texts",
        sa.Column("answer_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("ties", sa.Text(), nullable=False),
        sa.Column("own_words", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=True),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "COALESCE(NOT (channel <> 'page'), TRUE) OR COALESCE(given_on IS NOT NULL, FALSE)",
            name=op.f("ck_answer_texts_by_hand_says_when"),
        ),
        sa.CheckConstraint("kind IN ('submitted', 'edited')", name=op.f("ck_answer_texts_kind_known")),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_answer_texts_answer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_texts")),
        sa.UniqueConstraint("answer_id", "language", "number", name=op.f("uq_answer_texts_answer_id_language_number")),
        sa.UniqueConstraint("id", "answer_id", name=op.f("uq_answer_texts_id_answer_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contacts",
        sa.Column("letter_id", sa.Integer(), nullable=False),
        sa.Column("hear_back", sa.String(length=20), nullable=False),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_no", sa.Integer(), nullable=False),
        sa.Column("erase_on", sa.Date(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint("hear_back IN ('once', 'while')", name=op.f("ck_contacts_hears_back")),
        sa.ForeignKeyConstraint(
            ["letter_id", "hear_back"],
            ["letters.id", "letters.hear_back"],
            name=op.f("fk_contacts_letter_id_hear_back"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("letter_id", name=op.f("uq_contacts_letter_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_contacts_erase_on_id"), "contacts", ["erase_on", "id"])

    op.create_table(
        "credits",
        sa.Column("letter_id", sa.Integer(), nullable=False),
        sa.Column("choice", sa.String(length=20), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("place_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("key_no", sa.Integer(), nullable=True),
        sa.Column("consent_text", sa.Text(), nullable=True),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by_id", sa.Integer(), nullable=True),
        sa.Column("verified_how", sa.String(length=400), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "COALESCE(NOT (choice <> 'none'), TRUE) OR COALESCE(name_sealed IS NOT NULL, FALSE)",
            name=op.f("ck_credits_named_has_name"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (choice = 'none'), TRUE) OR COALESCE(name_sealed IS NULL AND place_sealed IS NULL, FALSE)",
            name=op.f("ck_credits_unnamed_has_no_name"),
        ),
        sa.CheckConstraint("choice IN ('none', 'first', 'full')", name=op.f("ck_credits_choice_known")),
        sa.CheckConstraint("(consent_text IS NULL) = (consented_at IS NULL)", name=op.f("ck_credits_consent_whole")),
        sa.CheckConstraint(
            "(verified_at IS NULL) = (verified_by_id IS NULL) AND (verified_at IS NULL) = (verified_how IS NULL)",
            name=op.f("ck_credits_verification_whole"),
        ),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_credits_letter_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["verified_by_id"], ["people.id"], name=op.f("fk_credits_verified_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credits")),
        sa.UniqueConstraint("letter_id", name=op.f("uq_credits_letter_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "links",
        sa.Column("token_mac", sa.LargeBinary(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=True),
        sa.Column("letter_id", sa.Integer(), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint("(assignment_id IS NULL) <> (letter_id IS NULL)", name=op.f("ck_links_opens_one")),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_links_assignment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_links_letter_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint("token_mac", name=op.f("uq_links_token_mac")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_links_assignment_id"), "links", ["assignment_id"])

    op.create_table(
        "outbox",
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=True),
        sa.Column("question_id", sa.Integer(), nullable=True),
        sa.Column("assignment_id", sa.Integer(), nullable=True),
        sa.Column("letter_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("edition_id", sa.Integer(), nullable=True),
        sa.Column("once_key", sa.String(length=120), nullable=True),
        sa.Column("message_id", sa.String(length=250), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("said", sa.String(length=400), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_outbox_sent_says_when")),
        sa.CheckConstraint(
            "(state IN ('sent', 'failed', 'discarded', 'expired')) = (ended_at IS NOT NULL)",
            name=op.f("ck_outbox_ended_says_when"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (leased_until IS NOT NULL), TRUE) OR COALESCE(state = 'queued', FALSE)",
            name=op.f("ck_outbox_lease_is_queued"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'failed'), TRUE) OR COALESCE(said IS NOT NULL, FALSE)",
            name=op.f("ck_outbox_failed_says_why"),
        ),
        sa.CheckConstraint("channel IN ('mail')", name=op.f("ck_outbox_channel_known")),
        sa.CheckConstraint(
            "state IN ('held', 'queued', 'sent', 'failed', 'discarded', 'expired')", name=op.f("ck_outbox_state_known")
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outbox_attempts_counted")),
        sa.CheckConstraint("lane BETWEEN 0 AND 2", name=op.f("ck_outbox_lane_known")),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name=op.f("fk_outbox_assignment_id")),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name=op.f("fk_outbox_edition_id")),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_outbox_letter_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_outbox_newsletter_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_outbox_person_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_outbox_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("message_id", name=op.f("uq_outbox_message_id")),
        sa.UniqueConstraint("once_key", name=op.f("uq_outbox_once_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_outbox_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_outbox_ended_at_id"), "outbox", ["ended_at", "id"])
    op.create_index(
        op.f("ix_outbox_expiring"),
        "outbox",
        ["expires_at"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(op.f("ix_outbox_letter_id_id"), "outbox", ["letter_id", "id"])
    op.create_index(op.f("ix_outbox_newsletter_id_state_id"), "outbox", ["newsletter_id", "state", "id"])
    op.create_index(op.f("ix_outbox_question_id_id"), "outbox", ["question_id", "id"])
    op.create_index(
        op.f("ix_outbox_queued"),
        "outbox",
        ["lane", "due_at", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )

    op.create_table(
        "checks",
        sa.Column("answer_id", sa.Integer(), nullable=False),
        sa.Column("text_id", sa.Integer(), nullable=False),
        sa.Column("policy", sa.String(length=20), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reply_text", sa.Text(), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "COALESCE(NOT (outcome = 'wrong'), TRUE) OR COALESCE(reply_text IS NOT NULL, FALSE)",
            name=op.f("ck_checks_wrong_says_what"),
        ),
        sa.CheckConstraint(
            "outcome IN ('fine', 'wrong', 'approved', 'silent', 'recalled')", name=op.f("ck_checks_outcome_known")
        ),
        sa.CheckConstraint("policy IN ('facts', 'approve')", name=op.f("ck_checks_policy_known")),
        sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name=op.f("ck_checks_end_whole")),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_checks_answer_id")),
        sa.ForeignKeyConstraint(["text_id"], ["answer_texts.id"], name=op.f("fk_checks_text_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checks")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_checks_answer_id"), "checks", ["answer_id"])
    op.create_index(
        op.f("ix_checks_open"),
        "checks",
        ["due_at", "id"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        op.f("uq_checks_open"),
        "checks",
        ["answer_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )

    op.create_table(
        "outbox_contents",
        sa.Column("outbox_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_no", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["outbox_id"], ["outbox.id"], name=op.f("fk_outbox_contents_outbox_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox_contents")),
    )
    if op.get_bind().dialect.name == "postgresql":
        for name, table, target, columns, keys in MUTUAL:
            op.create_foreign_key(op.f(name), table, target, columns, keys)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name, table, *_ in MUTUAL:
            op.drop_constraint(op.f(name), table, type_="foreignkey")
    for table in reversed(TABLES):
        op.drop_table(table)
