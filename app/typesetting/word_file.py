"""An edition as a Word file (Office Open XML, ECMA-376), for editors who do the layout in a word processor.

Each kind of paragraph has a style, so that a newsroom can change the look of all answers in one place. Word needs
right-to-left direction twice: on the paragraph (`bidi`, ECMA-376 part 1, 17.3.1.6), for where lines begin, and on the
run (`rtl`, 17.3.2.30), for the order of characters. A run with `rtl` must not contain left-to-right letters, so a Latin
name in a Persian sentence is a run of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING
from unicodedata import bidirectional
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ..text.clean import single_line
from ..text.languages import direction, own_script, usual_script
from .block import Block, Paragraph, Run
from .renderers import text_direction

if TYPE_CHECKING:
    from docx.document import Document
    from docx.oxml.xmlchemy import BaseOxmlElement

STYLES = {
    "heading": "Heading 1",
    "question": "Question",
    "lead_in": "Lead-in",
    "answer": "Answer",
    "call": "Call",
    "correction": "Correction",
}
BULLETS, NUMBERS = "List Bullet", "List Number"
LINK = "Hyperlink"
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest date in a ZIP file, so that it reveals nothing
# Parts of python-docx's template that describe another machine.
LEFT_OUT = ("thumbnail", "extended-properties", "customXml", "stylesWithEffects")
_STRONG = {"L": "ltr", "R": "rtl", "AL": "rtl"}  # the strong types of UAX #9
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_EAST_ASIAN = ("Hans", "Hant", "Jpan", "Kore", "Hani")


def word_file(blocks: Sequence[Block], title: str) -> bytes:
    """Return a .docx file. The same blocks always give the same bytes, without author, program, machine or time."""
    from docx import Document  # not at the top: it takes a tenth of a second and some megabytes

    document = Document()
    usual = blocks[0].language if blocks else ""
    _prepare(document, single_line(title), usual)
    # Looked up once, as each look-up takes two milliseconds.
    ids = {name: document.styles[name].style_id for name in (*STYLES.values(), BULLETS, NUMBERS)}
    for block in blocks:
        _add(document, block, ids)
    written = BytesIO()
    document.save(written)
    return _repack(written)


def _prepare(document: "Document", title: str, language: str) -> None:
    """Create the styles, and replace the template's metadata."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.shared import RGBColor

    for name in [style for style in STYLES.values() if not style.startswith("Heading")]:
        style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style, style.quick_style = document.styles["Normal"], True
    # Persian and Chinese letters have no italic.
    document.styles["Call"].font.italic = direction(language) == "ltr" and usual_script(language) not in _EAST_ASIAN
    link = document.styles.add_style(LINK, WD_STYLE_TYPE.CHARACTER)
    link.font.underline, link.font.color.rgb = True, RGBColor(0xA3, 0x23, 0x1F)
    properties = document.core_properties
    about = document.part.package.part_related_by(RELATIONSHIP_TYPE.CORE_PROPERTIES).element
    for element in list(about):
        about.remove(element)
    properties.title, properties.language = title, language
    for part in (document.part.package, document.part):
        for key in [key for key, one in part.rels.items() if one.reltype.rpartition("/")[2] in LEFT_OUT]:
            del part.rels[key]
    if direction(language) == "rtl":
        _insert_in_order(document.element.body.sectPr, "w:bidi", successors=("w:rtlGutter", "w:docGrid"))


def _add(document: "Document", block: Block, ids: Mapping[str, str]) -> None:
    from docx.oxml import OxmlElement

    usual, end = direction(block.language), document.element.body.sectPr
    number = 0
    for paragraph in block.paragraphs:
        style = {"": STYLES[paragraph.role], "-": BULLETS}.get(paragraph.marker, NUMBERS)
        made = OxmlElement("w:p")
        end.addprevious(made)  # python-docx would search all paragraphs for the end each time
        made.style = ids[style]
        number = (number or _numbering(document, int(paragraph.marker.rstrip(".")))) if style == NUMBERS else 0
        if number:
            made.get_or_add_pPr().get_or_add_numPr().get_or_add_numId().val = number
        own = text_direction(paragraph.text, usual)
        if own == "rtl":
            _insert_in_order(made.get_or_add_pPr(), "w:bidi", successors=_AFTER_BIDI)
        for element in _build_runs(document, paragraph, own, block.language):
            made.append(element)


def _numbering(document: "Document", start: int) -> int:
    """Create a numbering for a new list, so that Word doesn't continue the last one; return its ID."""
    numbering = document.part.numbering_part.element
    shared = document.styles[NUMBERS].element.pPr.numPr.numId.val
    one = numbering.add_num(numbering.num_having_numId(shared).abstractNumId.val)
    one.add_lvlOverride(ilvl=0).add_startOverride(start)
    return int(one.numId)


def _build_runs(
    document: "Document", paragraph: Paragraph, base_direction: str, language: str
) -> "Iterator[BaseOxmlElement]":
    """Yield the elements of a paragraph's runs; neighbours with the same URL are one hyperlink."""
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for href, runs in groupby(paragraph.runs, key=lambda run: run.href):
        made = [
            _run(part, run, way, language, bool(href))
            for run in runs
            for part, way in split_by_direction(run.text, base_direction)
        ]
        if not href:
            yield from made
            continue
        link = OxmlElement("w:hyperlink")
        link.set(qn("r:id"), document.part.relate_to(href, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
        link.extend(made)
        yield link


def _run(text: str, run: Run, run_direction: str, language: str, is_link: bool) -> "BaseOxmlElement":
    from docx.oxml import OxmlElement

    element = OxmlElement("w:r")
    looks = element.get_or_add_rPr()
    if is_link:
        looks.style = LINK
    for wanted, names in ((run.strong, ("w:b", "w:bCs")), (run.emphasis, ("w:i", "w:iCs"))):
        for name in names if wanted else ():
            looks.append(OxmlElement(name))
    if run_direction == "rtl":
        looks.append(OxmlElement("w:rtl"))
    if run_direction == direction(language):
        looks.append(_language(language))
    element.text = text
    return element


def _language(tag: str) -> "BaseOxmlElement":
    """Return the language element of a run. It has an attribute per family of scripts (ECMA-376 part 1, 17.3.2.20)."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    script = own_script(tag) or usual_script(tag)
    family = "w:bidi" if direction(tag) == "rtl" else "w:eastAsia" if script in _EAST_ASIAN else "w:val"
    element = OxmlElement("w:lang")
    element.set(qn(family), tag)
    return element


def split_by_direction(text: str, base_direction: str) -> list[tuple[str, str]]:
    """Split a text where its direction changes. Neutral characters take the direction of their neighbours if these
    agree, else that of the paragraph (UAX #9, rules N1 and N2); brackets match in pairs (rule N0).
    """
    ways = [_STRONG.get(bidirectional(char), "") for char in text]
    at = 0
    while at < len(ways):
        end = next((place for place in range(at, len(ways)) if ways[place]), len(ways))
        before, after = ways[at - 1] if at else base_direction, ways[end] if end < len(ways) else base_direction
        ways[at:end] = [before if before == after else base_direction] * (end - at)
        at = end + 1
    opened: list[int] = []
    for place, char in enumerate(text):
        if char in _BRACKETS:
            opened.append(place)
        elif opened and char == _BRACKETS[text[opened[-1]]]:
            ways[place] = ways[opened.pop()]
    pairs = groupby(zip(text, ways, strict=True), key=lambda pair: pair[1])
    return [("".join(char for char, _ in group), way) for way, group in pairs]


# The elements that may follow `bidi` in a paragraph's properties (ECMA-376 part 1, 17.3.1.26), of those used here.
_AFTER_BIDI = ("w:adjustRightInd", "w:spacing", "w:ind", "w:jc", "w:rPr", "w:sectPr")


def _insert_in_order(parent: "BaseOxmlElement", name: str, successors: tuple[str, ...]) -> None:
    from docx.oxml import OxmlElement

    parent.insert_element_before(OxmlElement(name), *successors)


def _repack(buffer: BytesIO) -> bytes:
    """Repack a ZIP file without the modification times of its parts."""
    packed = BytesIO()
    with ZipFile(buffer) as made, ZipFile(packed, "w", ZIP_DEFLATED) as anew:
        for name in made.namelist():
            part = ZipInfo(name, FIRST_DAY)
            part.compress_type, part.create_system = ZIP_DEFLATED, 0
            anew.writestr(part, made.read(name))
    return packed.getvalue()
