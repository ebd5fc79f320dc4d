"""The version of the product, as the desk, the commands and the backups say it. CHANGELOG.md tells what is in each."""

VERSION = "0.1.0"
