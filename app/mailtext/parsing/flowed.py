"""Paragraphs of format=flowed put together again (RFC 3676), and quotes kept as quotes."""

SIGNATURE = "-- "


def unflowed(text: str, delete_space: bool = False) -> str:
    """Join the lines that end with a space to the next one of the same quote depth (section 4.2).

    With `delete_space` (DelSp=yes, for scripts without spaces) that space is no part of the text. The line "-- " before
    a signature ends no paragraph and begins none (section 4.3).
    """
    made: list[str] = []
    paragraph: list[str] = []
    depth = 0

    def close() -> None:
        if paragraph:
            made.append((">" * depth + " " if depth else "") + "".join(paragraph))
            paragraph.clear()

    for line in text.split("\n"):
        content = line.lstrip(">")
        marks = len(line) - len(content)
        content = content.removeprefix(" ")  # stuffed (section 4.4), or what stands between the marks and the text
        if content == SIGNATURE or marks != depth:
            close()
            depth = marks
        soft = content.endswith(" ") and content != SIGNATURE
        paragraph.append(content[:-1] if soft and delete_space else content)
        if not soft:
            close()
    close()
    return "\n".join(made)
