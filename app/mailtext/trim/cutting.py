"""Find the lines that the person wrote, by walking through openings and quotes from top to bottom."""

from bisect import bisect_left
from dataclasses import dataclass

from ..incoming import TrimContext
from .boilerplate import find_boilerplate, is_answer_line
from .grammar import Opening, find_openings
from .lines import Line, LineMark, get_quote_depth, has_words, mark_initialled_lines, parse_line
from .quoted_originals import find_original_lines, has_sentence, mark_originals

Span = tuple[int, int]  # the index of the first line, and of the line after the last
FULL_LINE_LENGTH = 40  # characters of a quoted line that a program may have wrapped
MAX_PROOF_DISTANCE = 3  # lines between a weak opening and the marked quote that confirms it
MAX_INTRODUCTION_LINES = 8  # lines at the beginning of a quote that are searched for its introduction


def find_own_lines(lines: list[Line], context: TrimContext) -> list[bool]:
    """Return for each line whether it is the person's own.

    Signatures outside of quotes count as own, except for those that a mail program marked in the HTML.
    """
    mail_flags = find_original_lines(lines, context.texts)
    edition_flags = find_original_lines(lines, context.editions)
    original_flags = [in_mail or in_edition for in_mail, in_edition in zip(mail_flags, edition_flags, strict=True)]
    boilerplate_flags = original_flags
    marked = lines  # with our own texts marked as quoted
    if any(original_flags):
        boilerplate_flags = find_boilerplate(lines, original_flags)
        marked = mark_originals(lines, original_flags, boilerplate_flags)
    openings = find_openings(marked)
    if openings:
        marked = mark_initialled_lines(marked)
    openings = [opening for opening in openings if not opening.weak or _is_confirmed(opening, marked, context)]
    opening_by_start = {opening.start: opening for opening in openings}
    section_ends = [*(opening.start for opening in openings), len(lines)]  # a section is the lines below an opening
    kept_flags = [False] * len(lines)
    marked_quotes: list[Span] = []  # the quotes with quote marks above the first opening
    has_text = False  # whether the person has written anything above
    has_opening = False  # whether there was an opening above
    index = 0
    while index < len(lines):
        opening = opening_by_start.get(index)
        line = marked[index]
        if opening is not None:
            if not has_opening and _keep_own_citations(marked, kept_flags, marked_quotes, has_opening=True):
                has_text = True
            has_opening = True
            section_end = section_ends[bisect_left(section_ends, opening.end)]
            quote_start = _skip_blank_and_attribution(marked, opening.end)
            if _is_marked_quote(lines, marked, original_flags, quote_start):
                index = _find_quote_end(marked, quote_start)
            elif any(original_flags[opening.end : section_end]):
                is_complete = any(mail_flags[opening.end : section_end])
                originals = _Originals(original_flags, boilerplate_flags, is_complete)
                section = (opening.end, section_end)
                index = _keep_interleaved_answers(marked, originals, section, kept_flags, has_text_above=has_text)
            elif has_text:
                break  # all lines below the opening are the quote
            else:
                index = opening.end
        elif line.quoted:
            end = _find_quote_end(marked, index)
            may_be_indented = line.mark is LineMark.BLOCKQUOTE and not has_opening
            if may_be_indented and _find_program_quote(marked[index:end]) is None:
                kept_flags[index:end] = [True] * (end - index)
                has_text = True
            else:
                marked_quotes.append((index, end))
            index = end
        else:
            kept_flags[index] = line.mark not in (LineMark.SIGNATURE, LineMark.ATTRIBUTION)
            has_text = has_text or (kept_flags[index] and has_words(line.text))
            index += 1
    if not has_opening:
        _keep_own_citations(marked, kept_flags, marked_quotes, has_opening=False)
    return kept_flags


def _is_marked_quote(lines: list[Line], marked: list[Line], original_flags: list[bool], index: int) -> bool:
    """Return whether a quote with quote marks begins at this line. A line that is only marked as ours doesn't count."""
    if index >= len(lines) or not marked[index].quoted:
        return False
    return lines[index].quoted or not original_flags[index]


def _skip_blank_and_attribution(lines: list[Line], index: int) -> int:
    while index < len(lines) and (lines[index].blank or lines[index].mark is LineMark.ATTRIBUTION):
        index += 1
    return index


def _find_quote_end(lines: list[Line], index: int) -> int:
    """Return the end of a run of quoted lines, including blank lines and unmarked remainders of wrapped lines in it."""
    end = index
    while index < len(lines) and (lines[index].quoted or lines[index].blank or _is_wrapped_remainder(lines, index)):
        index += 1
        if lines[index - 1].quoted:
            end = index
    return end


def _is_wrapped_remainder(lines: list[Line], index: int) -> bool:
    """Return whether a line within a quote is the rest of the full line above it, wrapped in mid-sentence."""
    if not 0 < index < len(lines) - 1:
        return False
    above, line, below = lines[index - 1 : index + 2]
    return (
        above.quoted
        and below.quoted
        and line.text[:1].islower()
        and len(above.core) >= FULL_LINE_LENGTH
        and len(line.core) < len(above.core)
        and (above.core[-1].isalnum() or above.core[-1] in ",;-")
    )


def _is_confirmed(opening: Opening, lines: list[Line], context: TrimContext) -> bool:
    """Return whether a weak opening counts, because a marked quote follows or it contains one of our addresses."""
    next_index = _skip_blank_and_attribution(lines, opening.end)
    is_near = next_index - opening.end <= MAX_PROOF_DISTANCE
    if is_near and next_index < len(lines) and lines[next_index].quoted:
        return True
    text = " ".join(line.core for line in lines[opening.start : opening.end])
    return any(address.casefold() in text for address in context.addresses)


@dataclass(frozen=True)
class _Originals:
    """Flags for each line of the mail: whether it is our text, and whether a sending tool added it.

    `is_complete` means that the whole quoted text is known, as our mails are. Of editions we only know our own parts.
    """

    original_flags: list[bool]
    boilerplate_flags: list[bool]
    is_complete: bool


def _keep_interleaved_answers(
    lines: list[Line], originals: _Originals, section: Span, kept_flags: list[bool], *, has_text_above: bool
) -> int:
    """Keep the answers between the lines of our own text, quoted without marks (Outlook); return the end of the quote.

    Lines that a sending tool added are no answers. If the person wrote above a quoted edition, nothing within it is
    kept, because we know only our own parts of an edition. If the person wrote above the quote and not in it, the quote
    extends to the end.
    """
    original_lines = [index for index in range(*section) if originals.original_flags[index]]
    first = original_lines[0]
    last = original_lines[-1]
    may_have_answers = originals.is_complete or not has_text_above
    answers = [
        index
        for index in range(first, last if may_have_answers else first)
        if not originals.original_flags[index]
        and not originals.boilerplate_flags[index]
        and has_sentence(lines[index])
        and is_answer_line(lines, index)
    ]
    for index in answers:
        kept_flags[index] = True
    end = len(lines) if has_text_above and not answers else last + 1
    while end < len(lines) and (lines[end].blank or originals.boilerplate_flags[end]):
        end += 1
    return end


def _keep_own_citations(
    lines: list[Line], kept_flags: list[bool], marked_quotes: list[Span], *, has_opening: bool
) -> bool:
    """Keep lines with quote marks that the person typed; return whether there were any.

    Mail programs introduce what they quote. So a marked line above the first introduction is the person's own. Without
    any introduction, a single quote with text below it was typed by the person; several quotes with text between them
    are an interleaved reply whose introduction was deleted.
    """
    citations: list[Span] = []
    for start, end in marked_quotes:
        offset = _find_program_quote(lines[start:end])
        if offset is None:
            citations.append((start, end))
            continue
        has_opening = True
        if offset > 0:
            citations.append((start, start + offset))
        break
    is_single_citation = len(citations) == 1 and _has_words_below(lines, kept_flags, citations[0][1])
    if not has_opening and not is_single_citation:
        return False
    for start, end in citations:
        for index in range(start, end):
            if lines[index].mark is LineMark.WRITTEN:
                kept_flags[index] = True
    return bool(citations)


def _has_words_below(lines: list[Line], kept_flags: list[bool], end: int) -> bool:
    return any(kept_flags[index] and has_words(lines[index].text) for index in range(end, len(lines)))


def _find_program_quote(quote: list[Line]) -> int | None:
    """Return the offset in a marked quote from which a program certainly made it, or None.

    The offset is the line of the introduction, if it is inside the quote as with Apple Mail. It is 0 if the
    introduction belongs to an older quote one level deeper. Without an introduction, it is 0 if the quote contains our
    text or is in a program's container.
    """
    openings = find_openings([parse_line(line.core) for line in quote[:MAX_INTRODUCTION_LINES]])
    if not openings:
        return 0 if any(line.mark is LineMark.QUOTED for line in quote) else None
    opening = openings[0]
    line_below = next((line for line in quote[opening.end :] if line.core), None)
    is_deeper_below = line_below is not None and get_quote_depth(line_below) > get_quote_depth(quote[opening.start])
    return 0 if is_deeper_below else opening.start
