"""The database: engine, sessions, what every table shares, and what SQLite and PostgreSQL each need."""
