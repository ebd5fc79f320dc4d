"""Find the lines that the person wrote, by walking through openings and quotes from top to bottom."""

from bisect import bisect_left
from dataclasses import dataclass

from ..incoming import TrimContext
from .boilerplate import boilerplate, is_answer_line
from .grammar import Opening, openings
from .lines import Line, Mark, depth, has_words, read, with_initials
from .quoted_originals import find_original_lines, mark_originals, sentence

FULL_LINE = 40  # characters of a quoted line that a program may have wrapped


def find_own_lines(lines: list[Line], context: TrimContext) -> list[bool]:
    """Return for each line whether it is the person's own. Signatures outside of quotes still count as own."""
    whole, parts = find_original_lines(lines, context.texts), find_original_lines(lines, context.editions)
    ours = [one or other for one, other in zip(whole, parts, strict=True)]
    added = boilerplate(lines, ours) if any(ours) else ours
    seen = mark_originals(lines, ours, added) if any(ours) else lines
    found = openings(seen)
    if found:
        seen = with_initials(seen)
    found = [one for one in found if not one.weak or _backed(seen, one, context.addresses)]
    starts = {one.start: one for one in found}
    stops = [*(one.start for one in found), len(lines)]
    keep = [False] * len(lines)
    cited: list[tuple[int, int]] = []
    place, written, introduced = 0, False, False
    while place < len(lines):
        opening, line = starts.get(place), seen[place]
        if opening is not None:
            written = (not introduced and _keep_own_citations(seen, keep, cited, True)) or written
            introduced = True
            follows = _skip_blank_and_intro(seen, opening.end)
            stop = stops[bisect_left(stops, opening.end)]
            if seen[follows : follows + 1] and seen[follows].quoted and (lines[follows].quoted or not ours[follows]):
                place = _end_of_quote(seen, follows)
            elif any(ours[opening.end : stop]):
                found_ours = _Originals(ours, added, any(whole[opening.end : stop]))
                place = _keep_interleaved_answers(seen, found_ours, (opening.end, stop), keep, written)
            elif written:
                break
            else:
                place = opening.end
        elif line.quoted:
            end = _end_of_quote(seen, place)
            if line.mark is Mark.SET and not introduced and _proved_at(seen[place:end]) is None:
                keep[place:end] = [True] * (end - place)
                written = True
            else:
                cited.append((place, end))
            place = end
        else:
            keep[place] = line.mark not in (Mark.SIGN, Mark.INTRO)
            written = written or (keep[place] and has_words(line.text))
            place += 1
    if not introduced:
        _keep_own_citations(seen, keep, cited, introduced)
    return keep


def _skip_blank_and_intro(lines: list[Line], index: int) -> int:
    while index < len(lines) and (lines[index].blank or lines[index].mark is Mark.INTRO):
        index += 1
    return index


def _end_of_quote(lines: list[Line], index: int) -> int:
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


def _backed(lines: list[Line], opening: Opening, addresses: frozenset[str]) -> bool:
    """Return whether a weak opening counts, because a marked quote follows or it contains one of our addresses."""
    follows = _skip_blank_and_intro(lines, opening.end)
    if follows < len(lines) and lines[follows].quoted and follows - opening.end <= 3:
        return True
    text = " ".join(line.core for line in lines[opening.start : opening.end])
    return any(address.casefold() in text for address in addresses)


@dataclass(frozen=True)
class _Originals:
    """Flags for lines of our text and for lines that a sending tool `added`; `whole` if all of our text is known."""

    lines: list[bool]
    added: list[bool]
    whole: bool


def _keep_interleaved_answers(
    lines: list[Line], originals: _Originals, span: tuple[int, int], keep: list[bool], has_words_above: bool
) -> int:
    """Keep the answers between the lines of our own text, quoted without marks (Outlook); return the end of the quote.

    Lines that a sending tool added are no answers; and within an edition, whose text is known only in part, nothing is
    kept if the person wrote above it. If the person wrote above the quote and not in it, the quote extends to the end.
    """
    places = [place for place in range(*span) if originals.lines[place]]
    answers = [
        place
        for place in range(places[0], places[-1] if originals.whole or not has_words_above else places[0])
        if not originals.lines[place]
        and not originals.added[place]
        and sentence(lines[place])
        and is_answer_line(lines, place)
    ]
    for place in answers:
        keep[place] = True
    end = len(lines) if has_words_above and not answers else places[-1] + 1
    while end < len(lines) and (lines[end].blank or originals.added[end]):
        end += 1
    return end


def _keep_own_citations(lines: list[Line], keep: list[bool], cited: list[tuple[int, int]], introduced: bool) -> bool:
    """Keep lines with quote marks that the person typed; return whether there were any.

    Mail programs introduce what they quote. So a marked line above the first introduction is the person's own. Without
    any introduction, a single quote with text below it was typed by the person; several quotes with text between them
    are an interleaved reply whose introduction was deleted.
    """
    own: list[tuple[int, int]] = []
    for start, end in cited:
        proved = _proved_at(lines[start:end])
        if proved != 0:
            own.append((start, end if proved is None else start + proved))
        if proved is not None:
            introduced = True
            break
    if not introduced and (len(own) != 1 or not _has_words_below(lines, keep, own[0][1])):
        return False
    for start, end in own:
        for place in range(start, end):
            keep[place] = keep[place] or lines[place].mark is Mark.WRITTEN
    return bool(own)


def _has_words_below(lines: list[Line], keep: list[bool], end: int) -> bool:
    return any(keep[place] and has_words(lines[place].text) for place in range(end, len(lines)))


def _proved_at(quote: list[Line]) -> int | None:
    """Return the offset in a quote from which a program made it, or None.

    That is its introduction, if it is inside the quote as with Apple Mail. It is the first line, if the quote contains
    our text or if the introduction belongs to an older quote one level deeper.
    """
    inner = next(iter(openings([read(line.core) for line in quote[:8]])), None)
    if inner is not None:
        below = next((line for line in quote[inner.end :] if line.core), None)
        deeper = below is not None and depth(below) > depth(quote[inner.start])
        return 0 if deeper else inner.start
    return 0 if any(line.mark is Mark.QUOTED for line in quote) else None
