"""The house form: pure functions that turn texts into blocks and blocks into export formats, without a database."""
