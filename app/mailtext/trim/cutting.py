"""Find the lines that the person wrote, by walking through openings and quotes from top to bottom."""

from bisect import bisect_left
from dataclasses import dataclass

from ..incoming import TrimContext
from .boilerplate import find_boilerplate, is_answer_line
from .grammar import Opening, find_openings
from .lines import Line, LineMark, get_quote_depth, has_words, mark_initialled_lines, parse_line
from .quoted_originals import find_original_lines, has_sentence, mark_originals

FULL_LINE = 40  # characters of a quoted line that a program may have wrapped


def find_own_lines(lines: list[Line], context: TrimContext) -> list[bool]:
    """Return for each line whether it is the person's own. Signatures outside of quotes still count as own."""
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
    openings = [opening for opening in openings if not opening.weak or _has_proof(marked, opening, context.addresses)]
    opening_by_start = {opening.start: opening for opening in openings}
    section_ends = [*(opening.start for opening in openings), len(lines)]
    kept_flags = [False] * len(lines)
    quotes: list[tuple[int, int]] = []  # the start and end of quotes with marks, above the first opening
    index = 0
    has_text = False  # whether the person has written anything above
    has_opening = False  # whether there was an opening above
    while index < len(lines):
        opening = opening_by_start.get(index)
        line = marked[index]
        if opening is not None:
            if not has_opening and _keep_own_citations(marked, kept_flags, quotes, has_opening=True):
                has_text = True
            has_opening = True
            section_end = section_ends[bisect_left(section_ends, opening.end)]
            quote_start = _skip_blank_and_intro(marked, opening.end)
            if _is_marked_quote(lines, marked, original_flags, quote_start):
                index = _find_quote_end(marked, quote_start)
            elif any(original_flags[opening.end : section_end]):
                is_complete = any(mail_flags[opening.end : section_end])
                originals = _Originals(original_flags, boilerplate_flags, is_complete)
                span = (opening.end, section_end)
                index = _keep_interleaved_answers(marked, originals, span, kept_flags, has_text)
            elif has_text:
                break  # all lines below the opening are the quote
            else:
                index = opening.end
        elif line.quoted:
            end = _find_quote_end(marked, index)
            if line.mark is LineMark.BLOCKQUOTE and not has_opening and _find_proof(marked[index:end]) is None:
                kept_flags[index:end] = [True] * (end - index)
                has_text = True
            else:
                quotes.append((index, end))
            index = end
        else:
            kept_flags[index] = line.mark not in (LineMark.SIGNATURE, LineMark.ATTRIBUTION)
            has_text = has_text or (kept_flags[index] and has_words(line.text))
            index += 1
    if not has_opening:
        _keep_own_citations(marked, kept_flags, quotes, has_opening=False)
    return kept_flags


def _is_marked_quote(lines: list[Line], marked: list[Line], original_flags: list[bool], index: int) -> bool:
    """Return whether a quote begins here that has quote marks in the mail, and isn't only marked as text of ours."""
    if index >= len(lines) or not marked[index].quoted:
        return False
    return lines[index].quoted or not original_flags[index]


def _skip_blank_and_intro(lines: list[Line], index: int) -> int:
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
        and len(above.core) >= FULL_LINE
        and len(line.core) < len(above.core)
        and (above.core[-1].isalnum() or above.core[-1] in ",;-")
    )


def _has_proof(lines: list[Line], opening: Opening, addresses: frozenset[str]) -> bool:
    """Return whether a weak opening counts, because a marked quote follows or it contains one of our addresses."""
    next_index = _skip_blank_and_intro(lines, opening.end)
    if next_index < len(lines) and lines[next_index].quoted and next_index - opening.end <= 3:
        return True
    text = " ".join(line.core for line in lines[opening.start : opening.end])
    return any(address.casefold() in text for address in addresses)


@dataclass(frozen=True)
class _Originals:
    """Flags for lines of our text and for `boilerplate` that a sending tool added, for all lines of the mail.

    `is_complete` means that the quoted text is known completely, as our mails are; editions are known only in part.
    """

    lines: list[bool]
    boilerplate: list[bool]
    is_complete: bool


def _keep_interleaved_answers(
    lines: list[Line], originals: _Originals, span: tuple[int, int], kept_flags: list[bool], has_text_above: bool
) -> int:
    """Keep the answers between the lines of our own text, quoted without marks (Outlook); return the end of the quote.

    Lines that a sending tool added are no answers; and within an edition, whose text is known only in part, nothing is
    kept if the person wrote above it. If the person wrote above the quote and not in it, the quote extends to the end.
    """
    originals_in_span = [index for index in range(*span) if originals.lines[index]]
    first = originals_in_span[0]
    last = originals_in_span[-1]
    may_have_answers = originals.is_complete or not has_text_above
    answers = [
        index
        for index in range(first, last if may_have_answers else first)
        if not originals.lines[index]
        and not originals.boilerplate[index]
        and has_sentence(lines[index])
        and is_answer_line(lines, index)
    ]
    for index in answers:
        kept_flags[index] = True
    end = len(lines) if has_text_above and not answers else last + 1
    while end < len(lines) and (lines[end].blank or originals.boilerplate[end]):
        end += 1
    return end


def _keep_own_citations(
    lines: list[Line], kept_flags: list[bool], quotes: list[tuple[int, int]], *, has_opening: bool
) -> bool:
    """Keep lines with quote marks that the person typed; return whether there were any.

    Mail programs introduce what they quote. So a marked line above the first introduction is the person's own. Without
    any introduction, a single quote with text below it was typed by the person; several quotes with text between them
    are an interleaved reply whose introduction was deleted.
    """
    citations: list[tuple[int, int]] = []
    for start, end in quotes:
        offset = _find_proof(lines[start:end])
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
            kept_flags[index] = kept_flags[index] or lines[index].mark is LineMark.WRITTEN
    return bool(citations)


def _has_words_below(lines: list[Line], kept_flags: list[bool], end: int) -> bool:
    return any(kept_flags[index] and has_words(lines[index].text) for index in range(end, len(lines)))


def _find_proof(quote: list[Line]) -> int | None:
    """Return the offset in a quote from which a program made it, or None.

    The offset is that of the introduction, if it is inside the quote as with Apple Mail. It is 0, if the quote contains
    our text or if the introduction belongs to an older quote one level deeper.
    """
    openings = find_openings([parse_line(line.core) for line in quote[:8]])
    if not openings:
        return 0 if any(line.mark is LineMark.QUOTED for line in quote) else None
    opening = openings[0]
    line_below = next((line for line in quote[opening.end :] if line.core), None)
    is_deeper_below = line_below is not None and get_quote_depth(line_below) > get_quote_depth(quote[opening.start])
    return 0 if is_deeper_below else opening.start
