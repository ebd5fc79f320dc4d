"""An edition as a Word file (Office Open XML, ECMA-376), for editors who do the layout in a word processor.

Each kind of paragraph has a style, so that a newsroom can change the look of all answers in one place. Word needs
right-to-left direction twice: on the paragraph (`bidi`, ECMA-376 part 1, 17.3.1.6), for where lines begin, and on the
run (`rtl`, 17.3.2.30), for the order of characters. A run with `rtl` must not contain left-to-right letters, so a Latin
name in a Persian sentence is a run of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING
from unicodedata import bidirectional
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ..text.clean import single_line
from ..text.languages import direction, likely_script, script_subtag
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
LINK_COLOUR = (0xA3, 0x23, 0x1F)
EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the date of all parts, so that they don't reveal when the file was made
# Parts of python-docx's template that describe another machine.
REMOVED_PARTS = ("thumbnail", "extended-properties", "customXml", "stylesWithEffects")
_STRONG_DIRECTIONS = {"L": "ltr", "R": "rtl", "AL": "rtl"}  # the strong types of UAX #9
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_EAST_ASIAN_SCRIPTS = ("Hans", "Hant", "Jpan", "Kore", "Hani")
# The order of elements is fixed. These follow `bidi` in the properties of a paragraph (ECMA-376 part 1, 17.3.1.26; only
# the elements that are used here) and in those of a section.
_AFTER_PARAGRAPH_BIDI = ("w:adjustRightInd", "w:spacing", "w:ind", "w:jc", "w:rPr", "w:sectPr")
_AFTER_SECTION_BIDI = ("w:rtlGutter", "w:docGrid")


def word_file(blocks: Sequence[Block], title: str) -> bytes:
    """Return a .docx file. The same blocks always give the same bytes, without author, program, machine or time."""
    from docx import Document  # not at the top: it takes a tenth of a second and some megabytes

    document = Document()
    language = blocks[0].language if blocks else ""
    _prepare(document, single_line(title), language)
    # Looked up once, as each look-up takes two milliseconds.
    style_ids = {name: document.styles[name].style_id for name in (*STYLES.values(), BULLETS, NUMBERS)}
    for block in blocks:
        _add_block(document, block, style_ids)
    buffer = BytesIO()
    document.save(buffer)
    return _repack(buffer)


def _prepare(document: "Document", title: str, language: str) -> None:
    """Create the styles, and replace the template's metadata."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.shared import RGBColor

    for name in STYLES.values():
        if name.startswith("Heading"):
            continue  # built in
        style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Normal"]
        style.quick_style = True
    # Persian and Chinese letters have no italic.
    has_italics = direction(language) == "ltr" and likely_script(language) not in _EAST_ASIAN_SCRIPTS
    document.styles["Call"].font.italic = has_italics
    link = document.styles.add_style(LINK, WD_STYLE_TYPE.CHARACTER)
    link.font.underline = True
    link.font.color.rgb = RGBColor(*LINK_COLOUR)
    properties_xml = document.part.package.part_related_by(RELATIONSHIP_TYPE.CORE_PROPERTIES).element
    for element in list(properties_xml):  # the template's values
        properties_xml.remove(element)
    document.core_properties.title = title
    document.core_properties.language = language
    for relations in (document.part.package.rels, document.part.rels):
        for key, relation in list(relations.items()):
            if relation.reltype.rpartition("/")[2] in REMOVED_PARTS:
                del relations[key]
    if direction(language) == "rtl":
        _insert_in_order(document.element.body.sectPr, "w:bidi", successors=_AFTER_SECTION_BIDI)


def _add_block(document: "Document", block: Block, style_ids: Mapping[str, str]) -> None:
    from docx.oxml import OxmlElement

    base_direction = direction(block.language)
    section_properties = document.element.body.sectPr  # the last element of a document
    numbering_id = 0  # as long as no numbered list has begun
    for paragraph in block.paragraphs:
        style = _get_style(paragraph)
        element = OxmlElement("w:p")
        section_properties.addprevious(element)  # python-docx would search all paragraphs for the end each time
        element.style = style_ids[style]
        if style != NUMBERS:
            numbering_id = 0
        elif not numbering_id:
            numbering_id = _create_numbering(document, int(paragraph.marker.rstrip(".")))
        if numbering_id:
            element.get_or_add_pPr().get_or_add_numPr().get_or_add_numId().val = numbering_id
        paragraph_direction = text_direction(paragraph.text, base_direction)
        if paragraph_direction == "rtl":
            _insert_in_order(element.get_or_add_pPr(), "w:bidi", successors=_AFTER_PARAGRAPH_BIDI)
        element.extend(_build_runs(document, paragraph, paragraph_direction, block.language))


def _get_style(paragraph: Paragraph) -> str:
    if not paragraph.marker:
        return STYLES[paragraph.role]
    return BULLETS if paragraph.marker == "-" else NUMBERS


def _create_numbering(document: "Document", start: int) -> int:
    """Create the numbering of a new list, and return its ID. Without it, Word would continue the previous list."""
    numbering = document.part.numbering_part.element
    style_numbering_id = document.styles[NUMBERS].element.pPr.numPr.numId.val
    new_list = numbering.add_num(numbering.num_having_numId(style_numbering_id).abstractNumId.val)
    new_list.add_lvlOverride(ilvl=0).add_startOverride(start)
    return int(new_list.numId)


def _build_runs(
    document: "Document", paragraph: Paragraph, base_direction: str, language: str
) -> "Iterator[BaseOxmlElement]":
    """Yield the elements of a paragraph's runs; neighbours with the same URL are one hyperlink."""
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for href, runs in groupby(paragraph.runs, key=lambda run: run.href):
        elements = [
            _build_run(text, run, run_direction, language, is_link=bool(href))
            for run in runs
            for text, run_direction in split_by_direction(run.text, base_direction)
        ]
        if not href:
            yield from elements
            continue
        link = OxmlElement("w:hyperlink")
        link.set(qn("r:id"), document.part.relate_to(href, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
        link.extend(elements)
        yield link


def _build_run(text: str, run: Run, run_direction: str, language: str, is_link: bool) -> "BaseOxmlElement":
    """Build the element of a run. Word has separate elements for complex scripts, such as `bCs`."""
    from docx.oxml import OxmlElement

    element = OxmlElement("w:r")
    properties = element.get_or_add_rPr()
    if is_link:
        properties.style = LINK
    if run.strong:
        properties.extend([OxmlElement("w:b"), OxmlElement("w:bCs")])
    if run.emphasis:
        properties.extend([OxmlElement("w:i"), OxmlElement("w:iCs")])
    if run_direction == "rtl":
        properties.append(OxmlElement("w:rtl"))
    if run_direction == direction(language):  # a Latin name in a Persian text isn't in Persian
        properties.append(_build_language(language))
    element.text = text
    return element


def _build_language(tag: str) -> "BaseOxmlElement":
    """Build the language element of a run: its attribute depends on the script (ECMA-376 part 1, 17.3.2.20)."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    script = script_subtag(tag) or likely_script(tag)
    if direction(tag) == "rtl":
        attribute = "w:bidi"
    elif script in _EAST_ASIAN_SCRIPTS:
        attribute = "w:eastAsia"
    else:
        attribute = "w:val"
    element = OxmlElement("w:lang")
    element.set(qn(attribute), tag)
    return element


def split_by_direction(text: str, base_direction: str) -> list[tuple[str, str]]:
    """Split a text where its direction changes. Return the parts, each with its direction, "ltr" or "rtl".

    Neutral characters take the direction of their neighbours if these agree, else that of the paragraph (UAX #9, rules
    N1 and N2). A closing bracket takes the direction of its opening one (after rule N0).
    """
    directions = [_STRONG_DIRECTIONS.get(bidirectional(char), "") for char in text]
    _resolve_neutrals(directions, base_direction)
    open_brackets: list[int] = []
    for index, char in enumerate(text):
        if char in _BRACKETS:
            open_brackets.append(index)
        elif open_brackets and char == _BRACKETS[text[open_brackets[-1]]]:
            directions[index] = directions[open_brackets.pop()]
    parts = groupby(zip(text, directions, strict=True), key=itemgetter(1))
    return [("".join(char for char, _ in part), part_direction) for part_direction, part in parts]


def _resolve_neutrals(directions: list[str], base_direction: str) -> None:
    """Replace "" by the direction of the characters before and after, or by `base_direction` if these differ."""
    start = 0
    for is_strong, group in groupby(list(directions), key=bool):
        end = start + len(list(group))
        if not is_strong:
            before = directions[start - 1] if start > 0 else base_direction
            after = directions[end] if end < len(directions) else base_direction
            directions[start:end] = [before if before == after else base_direction] * (end - start)
        start = end


def _insert_in_order(parent: "BaseOxmlElement", name: str, successors: tuple[str, ...]) -> None:
    from docx.oxml import OxmlElement

    parent.insert_element_before(OxmlElement(name), *successors)


def _repack(buffer: BytesIO) -> bytes:
    """Repack a ZIP file without the modification times of its parts."""
    packed = BytesIO()
    with ZipFile(buffer) as source, ZipFile(packed, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = ZipInfo(name, EARLIEST_ZIP_DATE)
            part.compress_type = ZIP_DEFLATED
            part.create_system = 0  # the same on every system
            target.writestr(part, source.read(name))
    return packed.getvalue()
