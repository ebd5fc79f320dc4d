"""Mails that try to exhaust a parser's time or memory; each is small enough to be accepted."""

from collections.abc import Callable

from app.mailtext.incoming import Mail


def plain_mail(text: str) -> Mail:
    return Mail(plain=text, body=text)


def html_mail(text: str) -> Mail:
    return Mail(html=text, body="words")


def numbered_lines(line: Callable[[int], str], count: int) -> str:
    return "".join(line(number) for number in range(count))


HOSTILE_MAILS: dict[str, Mail] = {
    "60 kB of On On On": plain_mail("On " * 20_000),
    "10,000 lines On Mon, x": plain_mail("On Mon, x\n" * 10_000),
    "10,000 lines On Mon, x@y:": plain_mail(numbered_lines(lambda n: f"On Mon, {n} x@y.example:\n", 10_000)),
    "10,000 lines x wrote:": plain_mail(numbered_lines(lambda n: f"{'ab' * (n % 40)} wrote:\n", 10_000)),
    "10,000 attributions": plain_mail(
        numbered_lines(lambda n: f"On 2 May 2024 at 10:{n % 60}, {n} <n@x.example> wrote:\n", 10_000)
    ),
    "10,000 answered quotes": plain_mail(
        numbered_lines(lambda n: f"On 2 May 2024 at 10:14, {n} <n@x.example> wrote:\n> x\ny\n", 10_000)
    ),
    "100 kB of dashes": plain_mail("-" * 100_000),
    "33,000 lines --": plain_mail("--\n" * 33_000),
    "33,000 lines -- and a space": plain_mail("-- \n" * 33_000),
    "100 kB of >": plain_mail(">" * 100_000),
    "50,000 lines of >": plain_mail(">\n" * 50_000),
    "staircase of >": plain_mail(numbered_lines(lambda n: ">" * (n % 400) + " x\n", 4_000)),
    "1 MB of From: in a line": plain_mail("From: " * 166_666),
    "1 MB of From: in lines": plain_mail(numbered_lines(lambda n: f"From: {n}\n", 90_000)),
    "30,000 blocks of headings": plain_mail(numbered_lines(lambda n: f"From: {n}\nDate: {n}\nTo: a\n\n", 30_000)),
    "1 MB of line ends": plain_mail("\n" * 1_000_000),
    "1 MB of carriage returns": plain_mail("\r" * 1_000_000),
    "1 MB in a line": plain_mail("word soup and more words. " * 40_000),
    "1 MB in 25,000 lines": plain_mail(numbered_lines(lambda n: f"line number {n} with some words in it.\n", 25_000)),
    "1 MB of Cyrillic": plain_mail(numbered_lines(lambda n: f"строка номер {n}, слова и ещё слова.\n", 16_000)),
    "300,000 ligatures that unfold": plain_mail("\ufdfa" * 300_000),
    "300,000 accents on a letter": plain_mail("a" + "\u0301" * 300_000),
    "1 MB of spaces": plain_mail(" " * 1_000_000 + "x"),
    "200,000 angle brackets": plain_mail("<" * 200_000),
    "50,000 lines of < over wrote:": plain_mail("<\n\n" * 50_000 + "> wrote:\n"),
    "20,000 halves of an address": plain_mail("x <\n> wrote:\n" * 20_000),
    "300,000 at signs": plain_mail("a@" * 150_000),
    "300,000 digits and spaces": plain_mail("1 " * 150_000),
    "links without an end": plain_mail("<https://" * 60_000),
    "60,000 lines with a colon": plain_mail(numbered_lines(lambda n: f"{n}:\n", 60_000)),
    "1,600 long words with a colon": plain_mail(numbered_lines(lambda n: "a" * (590 + n % 9) + ":\n", 1_600)),
    "1,600 long words in brackets": plain_mail(numbered_lines(lambda n: f"on {n} (" + "a@" * 290 + ":\n", 1_600)),
    "2,500 rows of stars over wrote:": plain_mail(
        numbered_lines(lambda n: "*" * 380 + f"x\nOn 2 May 2024 at 10:14, {n} <n@x.example> wrote:\n", 2_500)
    ),
    "20,000 lines that begin like one": plain_mail(
        numbered_lines(lambda n: f"On 2 May 2024, {n} n@x.example: a: b: c\n", 20_000)
    ),
    "30,000 separators": plain_mail("-----Original Message-----\n" * 30_000),
    "30,000 telephone numbers": plain_mail("+7 777 777 77 77\n" * 30_000),
    "20,000 footers": plain_mail(numbered_lines(lambda n: f"Sent from my iPhone {n}\n", 20_000)),
    "3,000 lawyers": plain_mail(("confidential recipient " * 10 + "\n\n") * 3_000),
    "100,000 initials": plain_mail("AB> x\n" * 100_000),
    "100,000 bars": plain_mail("| x\n" * 100_000),
    "100,000 answered lines": plain_mail("a\n> b\n" * 100_000),
    "5,000 nested blockquotes": html_mail("<blockquote>" * 5_000 + "words"),
    "5,000 nested containers": html_mail("<div class=gmail_quote>" * 5_000 + "words"),
    "10,000 containers": html_mail("<div class=gmail_quote><blockquote>x</blockquote>y</div>" * 10_000),
    "100,000 nested divs": html_mail("<div>" * 100_000 + "words"),
    "500,000 tags without an end": html_mail("<" * 500_000),
    "100,000 attributes": html_mail("<div " + "a=b " * 100_000 + ">words"),
    "100,000 attributes of their own": html_mail("<div " + numbered_lines(lambda n: f"a{n}=b ", 100_000) + ">words"),
    "100,000 comments": html_mail("<!--" * 100_000),
    "1 MB of paragraphs": html_mail("<p>word soup and words</p>" * 40_000),
    "1 MB of breaks": html_mail("<br>" * 250_000),
    "1 MB of spans": html_mail("<span>x</span>" * 70_000),
    "a class of 200,000 prefixes": html_mail('<div class="' + "x_" * 200_000 + '">words</div>'),
    "a style of 300 kB": html_mail('<div style="' + ";" * 300_000 + '">words</div>'),
    "200,000 lines in pre": html_mail("<pre>" + "x\n" * 200_000),
    "5,000 nested tables": html_mail("<table><tr><td>" * 5_000 + "words"),
}
