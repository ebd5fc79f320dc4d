"""Floods as they come through a form, made by chance from a seed: one text, a text with gaps, one theme in ever other
words, noise, and links. Among them what readers of the demo ask."""

import tomllib
from collections.abc import Callable
from random import Random

from sqlalchemy.orm import Session

from app.core.actors import Reader
from app.db.engine import Database
from app.letters import receive
from app.newsletters.models import Newsletter
from tests.support.cast import Newsroom
from tests.support.source import ROOT

TEXT = "The regional council has stolen the water money and your newsletter keeps silent about it. Shame on you!"
NAMES = [
    "Alex",
    "Bobur",
    "Chinara",
    "Dana",
    "Erlan",
    "Farida",
    "Guli",
    "Hasan",
    "Ilona",
    "Jasur",
    "Kamila",
    "Leyla",
    "Madina",
    "Nodira",
    "Oleg",
    "Petra",
]
TOWNS = [
    "Almaz",
    "Bereg",
    "Chortan",
    "Duvan",
    "Eskel",
    "Fornos",
    "Galim",
    "Hisor",
    "Ishtan",
    "Karvan",
    "Lomov",
    "Marda",
    "Novol",
    "Orman",
]
GAPS = (
    "My name is {name} from {town}. I ask for the {number}th time why the council of {town} steals our water money?",
    "{name} here, {town}. Why does nobody write that the council in {town} took {number} million of the water money?",
    "Dear editors, {number} families of {town} know that the council has stolen the water money. Answer us! {name}",
)
# One theme as a language model words it anew each time: opening, charge, demand, each in several ways.
OPENS = (
    "I have followed your reporting for years and remain puzzled by one omission.", "As a long-time reader, I feel compelled to write.",
    "Something about the coverage of our region troubles me deeply.", "Many people I speak with are asking themselves the same thing.",
    "With respect, I believe an important story is being overlooked.", "It is hard to understand the silence of independent media.",
    "Allow me to raise a concern shared by countless residents.", "Perhaps you could clarify a matter that weighs on our community.",
)  # fmt: skip
CHARGES = (
    "Officials of the regional council diverted funds meant for irrigation and drinking water.",
    "Money set aside for the water supply has vanished under the watch of the council.",
    "The council's leadership appears to have embezzled the budget for water infrastructure.",
    "Public funds for wells and canals were misappropriated by council officials.",
    "There is mounting evidence that the regional council misused the water budget.",
    "Residents pay for water projects that the council never built, while its officials grow rich.",
)
DEMANDS = (
    "When will your newsroom investigate the officials responsible?", "Why has no journalist examined the council's accounts?",
    "Will you publish the truth about the council and the missing water funds?", "How can the public hold these council officials accountable?",
    "Does your silence mean that you protect the council?", "Could you explain why the misuse of water funds is never reported?",
)  # fmt: skip
LINKS = ("https://win-{0}.shop/?r={1}", "www.best{0}.top/{1}", "https://t{0}.me/join{1}")
OFFERS = (
    "Earn {1} dollars a day from home",
    "Cheap visa and passport, {1} happy clients",
    "Your crypto wallet has {1} coins waiting",
)


def identical(_rng: Random) -> str:
    return TEXT


def with_gaps(rng: Random) -> str:
    return rng.choice(GAPS).format(name=rng.choice(NAMES), town=rng.choice(TOWNS), number=rng.randint(2, 900))


def paraphrased(rng: Random) -> str:
    parts = [rng.choice(OPENS), rng.choice(CHARGES), rng.choice(DEMANDS)]
    return " ".join(parts if rng.random() < 0.7 else [parts[1], parts[2], parts[0]])


def noise(rng: Random) -> str:
    words = (
        "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 9)))
        for _ in range(rng.randint(6, 25))
    )
    return " ".join(words)


def links(rng: Random) -> str:
    number, key = rng.randint(1, 99), rng.randint(100, 9_999)
    return f"{rng.choice(OFFERS)}: {rng.choice(LINKS)}".format(number, key)


KINDS: dict[str, Callable[[Random], str]] = {
    "identical": identical, "with gaps": with_gaps, "paraphrased": paraphrased, "noise": noise, "links": links,
}  # fmt: skip


def mixed(rng: Random) -> str:
    return rng.choice(list(KINDS.values()))(rng)


def honest() -> list[str]:
    """What readers of the demo ask, in its languages, each once."""
    found = []
    for path in sorted((ROOT / "demo/content").glob("*.toml")):
        read = tomllib.loads(path.read_text())
        found += [letter["body"] for question in read.get("question", ()) for letter in question.get("letter", ())]
        found += [letter["body"] for letter in read.get("letter", ())]
    return sorted(set(found))


def flood(make: Callable[[Random], str], size: int, readers: int, seed: int = 1) -> tuple[list[str], set[int]]:
    """Return so many letters in the order in which they came, and where those of readers stand among them."""
    rng = Random(seed)
    texts = [(make(rng), False) for _ in range(size - readers)] + [
        (text, True) for text in rng.sample(honest(), readers)
    ]
    rng.shuffle(texts)
    return [text for text, _ in texts], {at for at, (_, is_honest) in enumerate(texts) if is_honest}


def flooded(database: Database, newsroom: Newsroom, texts: list[str], first: int = 0) -> None:
    """Bring letters through the form when it is flooded already."""

    def send(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for number, text in enumerate(texts, first):
            form = receive.FormToken(f"form {number}", 1)
            receive.send(session, Reader(), newsletter, receive.Submission(text), form=form, signs=["flood"])

    database.write(send)
