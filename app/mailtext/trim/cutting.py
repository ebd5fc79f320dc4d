"""Picks the lines that the person wrote: openings and quotes taken together, from the top of the mail to its end."""

from bisect import bisect_left
from dataclasses import dataclass

from ..incoming import Known
from .boilerplate import answered, boilerplate
from .grammar import Opening, openings
from .lines import Line, Mark, depth, has_words, read, with_initials
from .quoted_originals import marked, recognised, sentence

FULL_LINE = 40  # signs of a quoted line that a program may have wrapped


def kept(lines: list[Line], known: Known) -> list[bool]:
    """For each line whether it is the person's own. All that no quote holds is kept, signatures too."""
    whole, parts = recognised(lines, known.texts), recognised(lines, known.editions)
    ours = [one or other for one, other in zip(whole, parts, strict=True)]
    added = boilerplate(lines, ours) if any(ours) else ours
    seen = marked(lines, ours, added) if any(ours) else lines
    found = openings(seen)
    if found:
        seen = with_initials(seen)
    found = [one for one in found if not one.weak or _backed(seen, one, known.addresses)]
    starts = {one.start: one for one in found}
    stops = [*(one.start for one in found), len(lines)]
    keep = [False] * len(lines)
    cited: list[tuple[int, int]] = []
    place, written, introduced = 0, False, False
    while place < len(lines):
        opening, line = starts.get(place), seen[place]
        if opening is not None:
            written = (not introduced and _given_back(seen, keep, cited, True)) or written
            introduced = True
            follows = _next(seen, opening.end)
            stop = stops[bisect_left(stops, opening.end)]
            if seen[follows : follows + 1] and seen[follows].quoted and (lines[follows].quoted or not ours[follows]):
                place = _end_of_quote(seen, follows)
            elif any(ours[opening.end : stop]):
                found_ours = _Ours(ours, added, any(whole[opening.end : stop]))
                place = _between_ours(seen, found_ours, (opening.end, stop), keep, written)
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
        _given_back(seen, keep, cited, introduced)
    return keep


def _next(lines: list[Line], place: int) -> int:
    while place < len(lines) and (lines[place].blank or lines[place].mark is Mark.INTRO):
        place += 1
    return place


def _end_of_quote(lines: list[Line], place: int) -> int:
    """Behind the last quoted line of a run, at least one on; blank lines in it belong to it, and the ends of lines that
    a program wrapped without marking what it moved to the next.
    """
    end = place
    while place < len(lines) and (lines[place].quoted or lines[place].blank or _wrapped_off(lines, place)):
        place += 1
        if lines[place - 1].quoted:
            end = place
    return end


def _wrapped_off(lines: list[Line], place: int) -> bool:
    """Return whether a line between two of a quote is the end of a full one above it, which was in mid-sentence."""
    if not 0 < place < len(lines) - 1:
        return False
    above, line, below = lines[place - 1 : place + 2]
    return (
        above.quoted
        and below.quoted
        and line.text[:1].islower()
        and len(above.core) >= FULL_LINE
        and len(line.core) < len(above.core)
        and (above.core[-1].isalnum() or above.core[-1] in ",;-")
    )


def _backed(lines: list[Line], opening: Opening, addresses: frozenset[str]) -> bool:
    """Return whether a weak opening counts: a marked quote follows, or it names an address of ours."""
    follows = _next(lines, opening.end)
    if follows < len(lines) and lines[follows].quoted and follows - opening.end <= 3:
        return True
    text = " ".join(line.core for line in lines[opening.start : opening.end])
    return any(address.casefold() in text for address in addresses)


@dataclass(frozen=True)
class _Ours:
    """Lines that are ours, and those that a newsletter's program added; `whole` where all is known that we sent."""

    lines: list[bool]
    added: list[bool]
    whole: bool


def _between_ours(lines: list[Line], ours: _Ours, within: tuple[int, int], keep: list[bool], written: bool) -> int:
    """A program quotes without a mark (Outlook), and we know the text: what stands between its lines is an answer.

    Not what a newsletter's program adds; and of an edition, which we know in part, nothing where the person wrote above
    it. What stands below the last line is the rest of the quote if the person wrote above it and nothing in it.
    """
    places = [place for place in range(*within) if ours.lines[place]]
    answers = [
        place
        for place in range(places[0], places[-1] if ours.whole or not written else places[0])
        if not ours.lines[place] and not ours.added[place] and sentence(lines[place]) and answered(lines, place)
    ]
    for place in answers:
        keep[place] = True
    end = len(lines) if written and not answers else places[-1] + 1
    while end < len(lines) and (lines[end].blank or ours.added[end]):
        end += 1
    return end


def _given_back(lines: list[Line], keep: list[bool], cited: list[tuple[int, int]], introduced: bool) -> bool:
    """Keep the lines that bear a sign of quotes though no program quoted them; tells whether there were any.

    Every program that quotes says whom. So what is marked above its first introduction is the person's own. Where there
    is no introduction, a single quote with words below it is one that the person set themselves; several with words
    between are an answer point by point, whose introduction was deleted.
    """
    own: list[tuple[int, int]] = []
    for start, end in cited:
        proved = _proved_at(lines[start:end])
        if proved != 0:
            own.append((start, end if proved is None else start + proved))
        if proved is not None:
            introduced = True
            break
    if not introduced and (len(own) != 1 or not _written_below(lines, keep, own[0][1])):
        return False
    for start, end in own:
        for place in range(start, end):
            keep[place] = keep[place] or lines[place].mark is Mark.WRITTEN
    return bool(own)


def _written_below(lines: list[Line], keep: list[bool], end: int) -> bool:
    return any(keep[place] and has_words(lines[place].text) for place in range(end, len(lines)))


def _proved_at(quote: list[Line]) -> int | None:
    """Return where in a quote a program's work begins: at its own introduction, where Apple Mail puts it, or at its
    first line if it is ours or the introduction is that of an older quote, which is marked once more.
    """
    inner = next(iter(openings([read(line.core) for line in quote[:8]])), None)
    if inner is not None:
        below = next((line for line in quote[inner.end :] if line.core), None)
        deeper = below is not None and depth(below) > depth(quote[inner.start])
        return 0 if deeper else inner.start
    return 0 if any(line.mark is Mark.QUOTED for line in quote) else None
