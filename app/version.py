"""The version of the product, as shown at the desk, by commands and in backups. CHANGELOG.md lists the changes."""

VERSION = "0.1.0"
