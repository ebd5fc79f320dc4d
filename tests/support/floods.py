"""Random floods of letters through the form, and honest letters to be told apart from them.

A flood repeats one text, fills gaps in a text, paraphrases one theme, or consists of noise or links.
"""

import tomllib
from collections.abc import Callable
from random import Random

from sqlalchemy.orm import Session

from app.core.actors import Reader
from app.db.engine import Database
from app.letters import receive
from app.newsletters.models import Newsletter
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT

IDENTICAL_TEXT = (
    "The regional council has stolen the water money and your newsletter keeps silent about it. Shame on you!"
)
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
TEXTS_WITH_GAPS = (
    "My name is {name} from {town}. I ask for the {number}th time why the council of {town} steals our water money?",
    "{name} here, {town}. Why does nobody write that the council in {town} took {number} million of the water money?",
    "Dear editors, {number} families of {town} know that the council has stolen the water money. Answer us! {name}",
)
# One theme as a language model paraphrases it: opening, charge and demand, each in several wordings.
OPENINGS = (
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


def identical_text(_rng: Random) -> str:
    return IDENTICAL_TEXT


def text_with_gaps(rng: Random) -> str:
    return rng.choice(TEXTS_WITH_GAPS).format(
        name=rng.choice(NAMES), town=rng.choice(TOWNS), number=rng.randint(2, 900)
    )


def paraphrased_text(rng: Random) -> str:
    parts = [rng.choice(OPENINGS), rng.choice(CHARGES), rng.choice(DEMANDS)]
    return " ".join(parts if rng.random() < 0.7 else [parts[1], parts[2], parts[0]])


def noise_text(rng: Random) -> str:
    words = (
        "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 9)))
        for _ in range(rng.randint(6, 25))
    )
    return " ".join(words)


def link_text(rng: Random) -> str:
    number, key = rng.randint(1, 99), rng.randint(100, 9_999)
    return f"{rng.choice(OFFERS)}: {rng.choice(LINKS)}".format(number, key)


def fragment_text(rng: Random) -> str:
    return " ".join(rng.sample((*NAMES, *TOWNS, "shame", "water", "council", "answer"), rng.randint(2, 3)))


FLOOD_KINDS: dict[str, Callable[[Random], str]] = {
    "identical": identical_text, "with gaps": text_with_gaps, "paraphrased": paraphrased_text,
    "noise": noise_text, "links": link_text,
}  # fmt: skip


def mixed_text(rng: Random) -> str:
    return rng.choice(list(FLOOD_KINDS.values()))(rng)


ALL_FLOOD_KINDS = FLOOD_KINDS | {"fragments": fragment_text, "mixed": mixed_text}


def list_demo_letters() -> list[str]:
    """Return the different bodies of the demo's letters, in all its languages, sorted."""
    bodies = []
    for path in sorted((ROOT / "demo/content").glob("*.toml")):
        content = tomllib.loads(path.read_text())
        bodies += [letter["body"] for question in content.get("question", ()) for letter in question.get("letter", ())]
        bodies += [letter["body"] for letter in content.get("letter", ())]
    return sorted(set(bodies))


def make_flood(
    make_text: Callable[[Random], str], size: int, honest_count: int, seed: int = 1
) -> tuple[list[str], set[int]]:
    """Return `size` letters in random order, and the indexes of the honest ones among them."""
    rng = Random(seed)
    letters = [(make_text(rng), False) for _ in range(size - honest_count)]
    letters += [(text, True) for text in rng.sample(list_demo_letters(), honest_count)]
    rng.shuffle(letters)
    honest_indexes = {index for index, (_, is_honest) in enumerate(letters) if is_honest}
    return [text for text, _ in letters], honest_indexes


def send_flood(database: Database, newsroom: Newsroom, texts: list[str], first: int = 0) -> None:
    """Send letters through a form that counts as flooded; `first` is the number of the first form token."""

    def send(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for number, text in enumerate(texts, first):
            form = receive.FormToken(f"form {number}", 1)
            receive.send(session, Reader(), newsletter, receive.Submission(text), form=form, signs=["flood"])

    database.write(send)


HONEST_LETTERS = (
    "My grandmother's pension comes three weeks late since spring. Is that so in other villages, or only in ours?",
    "hello. is it true they will close the evening trains? my sister works nights",
    "Could you explain, slowly, how a 'preferential loan' to a state railway ends up as rent for a warehouse?",
    "Three of us argued about this at dinner: who decides which dialect the school books are printed in?",
    "After the power cut on Tuesday our lift stood for two days. Whose duty is it to repair it, the city's or ours?",
    "Здравствуйте! Почему скорая едет сорок минут, хотя подстанция через дорогу?",
    "Скажите, куда делся каток у стадиона? Дети ходили туда каждую зиму.",
    "Мне прислали квитанцию за мусор, которого не вывозят с августа. Платить или нет?",
    "Правда ли, что экзамен по математике в этом году сдают на планшетах?",
    "Көшемізге неге әлі күнге дейін жарық тартылмады? Балалар мектептен қараңғыда қайтады.",
    "Ауылдағы дәріхана жабылды, енді ең жақын дәріхана елу шақырым жерде. Бұған кім жауап береді?",
    "Жайлаудағы құдықтың суы ащы болып кетті, оны тексеретін мекеме бар ма?",
    "چرا نان در شهر ما گران‌تر از روستای بغلی است؟ آردش که از یک آسیاب می‌آید.",
    "پسرم می‌گوید کتاب‌خانه دیگر روزنامه نمی‌خرد. کسی می‌داند چرا؟",
    "اگر کارفرما دستمزد دو ماه را نداده باشد، پیش چه کسی باید شکایت کرد؟",
    "我们小区的幼儿园为什么突然改成停车场了?有没有征求过家长的意见?",
    "外婆的医保卡在邻省不能用,到底要去哪个窗口办理?",
    "مەھەللىمىزدىكى كۆۋرۈك نېمىشقا ئىككى يىلدىن بېرى تاقاقلىق؟",
    "تويلاردا ناخشا ئېيتىشقا نېمە ئۈچۈن رۇخسەت سورايدىغان بولدۇق؟",
    "دادامنىڭ پېنسىيەسى قىسقىراپ كەتتى، بۇنى كىمدىن سورىسام بولىدۇ؟",
)
