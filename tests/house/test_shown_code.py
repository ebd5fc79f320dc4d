"""The look for Python and template code on pages finds what it is to find; test_gates.py looks at every page."""

from tests.support.crawler import find_shown_code


def test_the_look_for_code_sees_fields_texts_and_attributes() -> None:
    """Each page shows a value as Python has it; the last ones only look like it."""
    pages = (
        "<input type=search value=\"{'q': ''}\">",
        "<p>Sent by <b>None</b></p>",
        "<textarea>Markup('x')</textarea>",
        "<a title='[(1, 2)]'>more</a>",
        "<p>It ran on %(day)s.</p>",
        "<option>&lt;app.people.models.Expert object at 0x7f&gt;</option>",
    )
    assert [len(list(find_shown_code(page))) for page in pages] == [1] * len(pages)
    clean = (
        "<title>Nonesuch</title><input type=hidden value=\"{'a'}\"><script>let a = {'b': None}</script><p>{more}</p>"
    )
    assert list(find_shown_code(clean)) == []
