"""A page as its reader sees it, in lines."""

import pytest

from app.mailtext.parsing.html_text import convert_to_text
from app.mailtext.parsing.html_tree import MAX_ELEMENTS


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("no tags\n  at all", "no tags at all"),
        ("<div>one</div><div><br></div><div>two<br></div>three", "one\n\ntwo\nthree"),
        ("<p>one</p><p>two", "one\n\ntwo"),
        ("one<br><br><br>two", "one\n\ntwo"),
        ('<p class="MsoNormal">one<o:p></o:p></p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>two', "one\n\ntwo"),
        ('<p style="margin: 0">one<p style="margin: 0">two', "one\ntwo"),
        ("<b>w</b>ord <i> and </i> more &amp; &lt;b&gt; &#1058;&#x422;&nbsp;&eacute;", "word and more & <b> ТТ\xa0é"),
        ("<ul><li>one<li><p>two</p></ul><ol><li>three<ul><li>four</ul><li>five</ol>after",
         "- one\n- two\n\n1. three\n- four\n2. five\n\nafter"),
        ("on Monday wrote:<blockquote>one<blockquote><p>two</blockquote>three</blockquote>four",
         "on Monday wrote:\n> one\n> > two\n> three\nfour"),
        ("on Monday wrote:<blockquote><p>one<p>two<p>&nbsp;</p></blockquote><p>three",
         "on Monday wrote:\n> one\n>\n> two\n>\nthree"),
        ("</blockquote>one", "one"),
        ("<table><tr><td>one<td>two<tr><th>three</table>four", "one two\nthree\nfour"),
        ("<pre>one\n  two\n\nthree</pre>", "one\n  two\n\nthree"),
        ("one<hr>two", "one\n\ntwo"),
        ("<head><title>no</title><style>no</style></head><script>no<b></script>yes<!-- no --><![if !mso]>yes", "yesyes"),
        ('<div style="display:none;max-height:0"><div>no</div>no</div>yes<span hidden>no</span><p hidden>no<p>yes', "yes\n\nyes"),
        ("<div hidden><p>nothing else</p></div>", "nothing else"),
        ('<img alt="no" src="a>b"><a title="1 > 2" href=x>yes</a>', "yes"),
        ("a < b and <3", "a < b and <3"),
        ("<p dir=rtl>می\u200cخواهم\u200f!</p>", "می\u200cخواهم\u200f!"),
        ("&#0;&#xD800;&#99999999999999;x\0", "���x"),
        ("one<script>never closed", "one"),
        ("one<a href='never closed", "one"),
    ],
)  # fmt: skip
def test_the_text_of_a_page(html: str, text: str) -> None:
    assert convert_to_text(html) == text


def test_a_page_with_more_elements_than_any_letter_has_is_read_for_its_words_alone() -> None:
    """Nothing is lost, and what nobody sees stays unseen: a tree of so many would take half a second."""
    many = "<p>" * MAX_ELEMENTS
    head = "<STYLE>p { color: red }</STYLE><script>var a = '<b>';</script><template>no</template><!-- <p>no</p> -->"
    assert (
        convert_to_text(f"{head}{many}<b>W</b>ho <span>asks 1</span> &lt; 2 &amp; 3 < 4?<p>I</p>{many}")
        == "Who asks 1 < 2 & 3 < 4?\nI"
    )
    assert convert_to_text(f"Who measures it?{many}<!-- never closed <p>not seen") == "Who measures it?"
    ends = "</p>" * MAX_ELEMENTS
    assert convert_to_text(f"<blockquote>quoted</blockquote>{ends}") == "> quoted", "ends are no elements"
