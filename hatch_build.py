"""Build hook of the wheel: compiles the translation catalogues, since only their sources are in version control."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Catalogues(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for po_path in Path(self.root, "app", "translations").glob("*/LC_MESSAGES/*.po"):
            with po_path.open("rb") as po_file, po_path.with_suffix(".mo").open("wb") as mo_file:
                write_mo(mo_file, read_po(po_file))
