"""The database: engine, sessions, the declarative base, migrations, and what is specific to SQLite or PostgreSQL."""
