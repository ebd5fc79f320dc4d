"""The demo newsroom: invented newsletters, people and letters, kept as TOML so that an editor can read them."""
