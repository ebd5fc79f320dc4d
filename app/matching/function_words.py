"""Words that say nothing of what a text is about. Counting finds them by itself, but only where many texts have been read:
a desk that begins would be told that two questions share "was" and "why"."""

from .terms import units

_LISTS = (
    # English
    "a about after all also am an and any are as at be because been before being both but by can could did do does doing "
    "done each even ever every for from get go had has have having he her here hers him his how i if in into is it its "
    "just like many me more most much my no nobody not now of off on once only or other our out over own really same say "
    "says she should so some somebody something still such than that the their them then there these they thing this "
    "those through to too under until up us very want was we well were what when where which while who whom whose why "
    "will with without would yes yet you your "
    "against always another anyone anybody anything aren't away can't couldn't didn't doesn't don't during everybody everyone "
    "everything few first four hadn't hasn't haven't i'd i'll i'm i've isn't it's less let let's lot made make may maybe might "
    "must never next nothing often one's perhaps put quite rather see seem seems shouldn't since someone sometimes still "
    "take that's there's they're they've thing think though three took two use used wasn't we're we've weren't what's whether "
    "who's won't wouldn't you'd you'll you're you've day days week weeks month months year years time times people thing things "
    "way ways",
    # Russian, Ukrainian
    "а без бы был была были было быть в вам вас ваш весь во вот все всё всего всех вы где да даже для до его ее её если "
    "есть еще ещё же за и из или им их к как какая какие какой кто ли мне можно мой моя мы на над надо нас наш не него "
    "нее нет ни них но ну о об он она они оно от очень по под почему при про с свой себя со так такой там тебя то тогда "
    "того тоже только том тот ты у уже чего чем что чтобы эта эти это этот я "
    "два две другие другой или иногда который которая которые между несколько никто ничего один одна одно первый перед пока "
    "год года году годы лет день дня дней время люди людей "
    "после потом почти раз сейчас сколько стал стала стали такая такие такое тогда три хотя через",
    "або але б би був була були було бути ваш вже ви від він вона вони воно все всі де до є ж за з зі і й її їх із інші "
    "коли ли мене ми може можна мій на навіть нам наш не немає ні них про та так також там те ти тільки то тому той у "
    "усі хто це цей ця чи чого чому що щоб як який яка які якщо два дві кілька один одна перед після потім раз скільки "
    "тоді три хоча через",
    # Kazakh, Uzbek, Turkish
    "ал бар біз бір бірақ болады болса бұл деген де да екен емес енді ешкім және жоқ керек кім қалай қандай қашан қайда "
    "мен мүмкін не неге неліктен олар осы сен сіз тек үшін екі үш кейін",
    "agar ammo bilan bir biz bo'lsa bor bu ega edi emas esa ham hech kerak kim men mumkin nega nima qachon qanday qayerda "
    "shu siz u uchun va yoki yo'q ikki uch keyin yana",
    "acaba ama bana ben bir biz bu çok da daha de değil diye gibi hiç için ile ise kadar ki kim mi mı mu mü nasıl ne neden "
    "nerede niye o olan olarak onlar şu sen siz var ve veya ya yok iki üç önce sonra",
    # Persian, Arabic, Uyghur
    "آن آنها آیا از است اگر اما او با باید بر برای بود بودن به بی تا چرا چه چون چیست خود در را شد شده شما شود که کدام کجا "
    "کسی کی ما مگر من می نه نیست هر هست هم همه هیچ و یا یک این",
    "أن أو إلى إن الذي التي أنا أنت أي أين بعد بين ثم حتى ذلك عن على في قبل قد كان كل كم كيف لا لم لماذا ما متى مع من منذ "
    "نحن هذا هذه هل هم هناك هو هي و",
    "ئۇ ئۈچۈن ئەگەر ئەمەس ئەمما بار بىر بىز بىلەن بۇ بولسا ۋە ھەم ھېچ ياكى يوق كىم قانداق قەيەردە نېمە نېمىشقا مەن سىز شۇ",
    # German, French, Spanish
    "aber alle als am an auch auf aus bei bin bis da das dass dem den der des die doch du ein eine einen einer es für "
    "haben hat ich ihr im in ist ja kann kein mehr mein mit nach nicht noch nur ob oder ohne sein sich sie sind so über "
    "um und uns vom von vor war warum was wenn wer werden wie wir wird wo zu zum zur drei seit zwei",
    "à au aux avec ce ces cette dans de des du elle en est et être il ils je la le les leur lui mais me même mes moi mon "
    "ne nous on ou où par pas plus pour pourquoi quand que quel quelle qui sa se ses son sont sur un une vous y depuis deux trois",
    "al como con cuál cuándo de del dónde el ella en es esta este hay la las le lo los me mi no nos o para pero por porque "
    "qué que quién se si sin son su sus también un una y ya yo desde dos tres",
    # Serbian (Latin), Czech
    "a ako ali bi da do ga gde i ili iz ja je jer još kada kako ko koji li može na ne nema ni nije o od on oni po sa samo "
    "se smo su šta što sve ti to tu u už v za zašto",
    "ale aby ani až být byl co do i já jak jako je jen ještě jestli jsem jsou k kde kdo když která který má mi na nebo "
    "není o od po pod proč pro s se si ta tak také ten to tu u už v ve však z za že",
)  # fmt: skip

FUNCTION_WORDS = frozenset(unit.term for words in _LISTS for unit in units(words))
