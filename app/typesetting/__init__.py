"""The house form: text in, blocks out. Pure functions that know no database and no noun."""
