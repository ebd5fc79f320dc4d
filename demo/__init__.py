"""The demo newsroom: fictional newsletters, people and letters, stored as TOML so that editors can read them."""
