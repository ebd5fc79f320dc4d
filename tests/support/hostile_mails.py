"""Mails that were made to keep a program busy: each is of a size that a mail may have."""

from collections.abc import Callable

from app.mailtext.incoming import Mail


def plain(text: str) -> Mail:
    return Mail(plain=text, body=text)


def page(text: str) -> Mail:
    return Mail(html=text, body="words")


def numbered(line: Callable[[int], str], count: int) -> str:
    return "".join(line(number) for number in range(count))


HOSTILE: dict[str, Mail] = {
    "60 kB of On On On": plain("On " * 20_000),
    "10,000 lines On Mon, x": plain("On Mon, x\n" * 10_000),
    "10,000 lines On Mon, x@y:": plain(numbered(lambda n: f"On Mon, {n} x@y.example:\n", 10_000)),
    "10,000 lines x wrote:": plain(numbered(lambda n: f"{'ab' * (n % 40)} wrote:\n", 10_000)),
    "10,000 attributions": plain(
        numbered(lambda n: f"On 2 May 2024 at 10:{n % 60}, {n} <n@x.example> wrote:\n", 10_000)
    ),
    "10,000 answered quotes": plain(
        numbered(lambda n: f"On 2 May 2024 at 10:14, {n} <n@x.example> wrote:\n> x\ny\n", 10_000)
    ),
    "100 kB of dashes": plain("-" * 100_000),
    "33,000 lines --": plain("--\n" * 33_000),
    "33,000 lines -- and a space": plain("-- \n" * 33_000),
    "100 kB of >": plain(">" * 100_000),
    "50,000 lines of >": plain(">\n" * 50_000),
    "staircase of >": plain(numbered(lambda n: ">" * (n % 400) + " x\n", 4_000)),
    "1 MB of From: in a line": plain("From: " * 166_666),
    "1 MB of From: in lines": plain(numbered(lambda n: f"From: {n}\n", 90_000)),
    "30,000 blocks of headings": plain(numbered(lambda n: f"From: {n}\nDate: {n}\nTo: a\n\n", 30_000)),
    "1 MB of line ends": plain("\n" * 1_000_000),
    "1 MB of carriage returns": plain("\r" * 1_000_000),
    "1 MB in a line": plain("word soup and more words. " * 40_000),
    "1 MB in 25,000 lines": plain(numbered(lambda n: f"line number {n} with some words in it.\n", 25_000)),
    "1 MB of Cyrillic": plain(numbered(lambda n: f"строка номер {n}, слова и ещё слова.\n", 16_000)),
    "300,000 ligatures that unfold": plain("\ufdfa" * 300_000),
    "300,000 accents on a letter": plain("a" + "\u0301" * 300_000),
    "1 MB of spaces": plain(" " * 1_000_000 + "x"),
    "200,000 angle brackets": plain("<" * 200_000),
    "50,000 lines of < over wrote:": plain("<\n\n" * 50_000 + "> wrote:\n"),
    "20,000 halves of an address": plain("x <\n> wrote:\n" * 20_000),
    "300,000 at signs": plain("a@" * 150_000),
    "300,000 digits and spaces": plain("1 " * 150_000),
    "links without an end": plain("<https://" * 60_000),
    "60,000 lines with a colon": plain(numbered(lambda n: f"{n}:\n", 60_000)),
    "1,600 long words with a colon": plain(numbered(lambda n: "a" * (590 + n % 9) + ":\n", 1_600)),
    "1,600 long words in brackets": plain(numbered(lambda n: f"on {n} (" + "a@" * 290 + ":\n", 1_600)),
    "2,500 rows of stars over wrote:": plain(
        numbered(lambda n: "*" * 380 + f"x\nOn 2 May 2024 at 10:14, {n} <n@x.example> wrote:\n", 2_500)
    ),
    "20,000 lines that begin like one": plain(numbered(lambda n: f"On 2 May 2024, {n} n@x.example: a: b: c\n", 20_000)),
    "30,000 separators": plain("-----Original Message-----\n" * 30_000),
    "30,000 telephone numbers": plain("+7 777 777 77 77\n" * 30_000),
    "20,000 footers": plain(numbered(lambda n: f"Sent from my iPhone {n}\n", 20_000)),
    "3,000 lawyers": plain(("confidential recipient " * 10 + "\n\n") * 3_000),
    "100,000 initials": plain("AB> x\n" * 100_000),
    "100,000 bars": plain("| x\n" * 100_000),
    "100,000 answered lines": plain("a\n> b\n" * 100_000),
    "5,000 nested blockquotes": page("<blockquote>" * 5_000 + "words"),
    "5,000 nested containers": page("<div class=gmail_quote>" * 5_000 + "words"),
    "10,000 containers": page("<div class=gmail_quote><blockquote>x</blockquote>y</div>" * 10_000),
    "100,000 nested divs": page("<div>" * 100_000 + "words"),
    "500,000 tags without an end": page("<" * 500_000),
    "100,000 attributes": page("<div " + "a=b " * 100_000 + ">words"),
    "100,000 attributes of their own": page("<div " + numbered(lambda n: f"a{n}=b ", 100_000) + ">words"),
    "100,000 comments": page("<!--" * 100_000),
    "1 MB of paragraphs": page("<p>word soup and words</p>" * 40_000),
    "1 MB of breaks": page("<br>" * 250_000),
    "1 MB of spans": page("<span>x</span>" * 70_000),
    "a class of 200,000 prefixes": page('<div class="' + "x_" * 200_000 + '">words</div>'),
    "a style of 300 kB": page('<div style="' + ";" * 300_000 + '">words</div>'),
    "200,000 lines in pre": page("<pre>" + "x\n" * 200_000),
    "5,000 nested tables": page("<table><tr><td>" * 5_000 + "words"),
}
