"""The words that `recognise.py` looks for, in the languages of the readers; each entry is a regular expression.

Stems stand for their cases and endings. Add a word where an editor missed a mark; nothing else depends on the tables.
"""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Month and weekday names that mean nothing else; stems, since many languages decline them.
MONTHS = _listed(
    r"""january february august september october november december monday tuesday wednesday thursday friday saturday
    sunday
    январ феврал апрел июн июл август сентябр октябр ноябр декабр понедельник вторник четверг пятниц суббот
    воскресень
    січн лютого лютий березня березень квітн травн червн липн серпн вересн жовтн листопад грудн
    қаңтар ақпан наурыз сәуір мамыр маусым шілде тамыз қыркүйек қазан қараша желтоқсан
    ocak şubat nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
    januar februar märz juni juli oktober dezember janvier février avril juin juillet août septembre octobre
    novembre
    décembre enero febrero abril mayo junio julio agosto septiembre octubre noviembre diciembre
    stycznia lutego marca kwietnia czerwca lipca sierpnia września października listopada grudnia
    فروردین اردیبهشت خرداد مرداد شهریور بهمن اسفند ژانویه فوریه آوریل ژوئن ژوئیه اوت سپتامبر اکتبر نوامبر دسامبر
    يناير فبراير أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر
    يانۋار فېۋرال ئاپرېل ئىيۇن ئىيۇل ئاۋغۇست سېنتەبىر ئۆكتەبىر نويابىر دېكابىر
    იანვ თებერვ მარტის მარტში აპრილ მაის ივნის ივლის აგვისტ სექტემბ ოქტომბ ნოემბ დეკემბ
    հունվար փետրվար մարտ ապրիլ մայիս հունիս հուլիս օգոստոս սեպտեմբեր հոկտեմբեր նոյեմբեր դեկտեմբեր"""
)
# Months that are ordinary words too: with a capital, or beside a day.
CAPITAL_MONTHS = ("March", "April", "May", "June", "July")
MONTHS_WITH_DAY = _listed(
    r"""march april may june july märz mai mars mart maja mar abr март[аеу]? ма[йяе] наурыз
    مارس مارت مەي مه مهر تیر دی آذر آبان مارچ مای մարտի մայիսի მარტი"""
)

TITLES = _listed(
    r"""mr mrs ms miss dr prof professor sir madam imam pastor comrade herr frau monsieur madame señor señora bay
    hanım pan pani
    господин госпожа гражданин доктор профессор имам товарищ дядя тётя пан пані мырза ханым
    آقای خانم دکتر مهندس استاد حاجی السيد السيدة الدكتور الأستاذ الحاج بەگ داموللا
    ბატონი ქალბატონი պարոն տիկին"""
)

PLACE_WORDS_BEFORE = _listed(
    r"""[сг]\. ул\. сел[оае] деревн[яеию] посёлок посёлке город[ае]? улиц[аеыу] район[ае]? област[ьи] школ[аеы]
    завод[ае]?
    روستای شهر شهرستان استان خیابان محله کوچه بخش قرية مدينة شارع حي محافظة منطقة
    სოფელი სოფელ ქალაქი ქალაქ ქუჩა գյուղ քաղաք"""
)
PLACE_WORDS_AFTER = _listed(
    r"""village town city street avenue district county province region oblast prefecture
    university hospital airport school ауыл қала облыс аудан көше мектеб зауыт айыл шаар област район улиц
    يېزا يېزى شەھەر شەھىر ناھىيە ناھىيى كەنت ۋىلايەت مەھەللە كوچا كوچى
    köyü ilçesi ili mahallesi caddesi şehri"""
)
PLACE_PREPOSITIONS = frozenset(
    _listed(
        r"""in at from near to around outside через в во из от под около близ возле у до с со на
        aus bei nach à de en depuis vers w z do we u iz з із біля від"""
    )
)
# Kazakh and its neighbours put the preposition at the end of the word.
PLACE_ENDS = (
    r"(?:стан|град|бург|абад|кент|stan|grad|burg|abad|kent)\w{0,6}$|(?:д[ае]|т[ае]|н[ае]н|д[ае]н|т[ае]н|д[ае]ғы|дегі)$"
)

_EN_KIN = (
    "brother|sister|mother|father|mom|mum|dad|parents?|wife|husband|son|daughter|child(?:ren)?|kids?|uncle|aunt|cousin|nephew"
    "|niece|grand(?:mother|father|parents?|son|daughter)|family|relatives?|boyfriend|girlfriend|fianc[ée]e?|partner|neighbou?rs?"
    "|friends?|colleagues?|boss|teacher|classmates?|village|town|hometown|city|district|street|school|university|company|office"
    "|factory|plant|unit|shop|church|mosque|house|job|work|boat|farm|shift|department"
)
_RU_KIN = (
    "брат|сестр|мат[ьи]|мам|отец|отц|пап|родител|жен|муж|сын|доч|дет|ребён|ребен|дяд|тёт|тет|племянни|бабушк|дедушк|дед|семь"
    "|родственни|сосед|друг|друз|подруг|коллег|начальни|учител|сел|деревн|город|посёл|посел|район|улиц|школ|вуз|университет"
    "|компани|фирм|завод|фабрик|цех|магазин|дом|работ|мечет|кишлак|аул"
)
_ZH_KIN = (
    "哥哥?|弟弟?|姐姐?|妹妹?|爸爸?|妈妈?|媽媽?|父亲|父親|母亲|母親|父母|丈夫|妻子|老公|老婆|儿子|兒子|女儿|女兒|孩子|叔叔?|舅舅?|姑姑?|阿姨"
    "|爷爷|爺爺|奶奶|外公|外婆|表哥|表弟|堂哥|亲戚|親戚|邻居|鄰居|朋友|同学|同學|同事|老板|老闆|领导|领導|老师|老師|村子?|老家|家乡|家鄉|家"
    "|学校|學校|公司|单位|單位|工厂|工廠|县|縣|镇|鎮|小区|市"
)
RELATIONS = (
    # English
    rf"\b(?:my|our)\s(?:[a-z]{{2,12}}(?:-[a-z]{{2,12}})?\s){{0,2}}(?:{_EN_KIN})\b",
    (
        r"\bI(?:\s(?:used\sto|have)|'ve|’ve)?\s(?:work(?:ed)?|liv(?:e|ed)|stud(?:y|ied)|teach|taught"
        r"|serve[d]?)\s(?:at|in|for|with|near|as|on)\b"
    ),
    r"\b(?:I\s(?:am|was)|I['’]m)\s(?:an?\s(?:[a-z]{2,15}\s)?[a-z]{3,15}|born|from|working|living|studying)\b",
    r"\bwhere\sI\s(?:work|live|study)\b",
    # Russian
    (
        rf"(?<!\w)(?:мо[йяеёиюем]{{1,3}}|моего|моему|моих|моим|наш[а-я]{{0,3}}"
        rf"|сво[а-яё]{{1,3}})\s(?:[а-яё]{{3,15}}\s)?(?:{_RU_KIN})[а-яё]{{0,6}}"
    ),
    (
        r"(?<!\w)я\s(?:сам[а]?\s)?(?:работа[а-яё]{1,5}|жив[уё][а-яё]{0,3}|жил[а]?|учусь|учил[а-яё]{1,3}"
        r"|служ[а-яё]{1,5}|родил[а-яё]{2,3}|преподаю)"
    ),
    r"(?<!\w)у\sнас\s(?:в|на|во)\s[а-яё]{3,20}",
    # Kazakh and Kyrgyz: the ending says whose it is.
    (
        r"(?<!\w)(?:аға|іні|әке|ана|шеше|апа|әпке|сіңлі|қарындас|ұл|қыз|күйеу|әйел|бала|ата|әже|дос|көрші|байке|эже|ини|ата|апа|эне|кыз|уул|жолдош)"
        r"(?:м|ым|ім|ум|үм|мыз|міз|ымыз|іміз|быз|биз)[а-яәғқңөұүһі]{0,5}"
    ),
    (
        r"(?:біздің|біз|менің|биздин|менин)\s(?:ауыл|қала|аудан|мектеп|мектеб|зауыт|компания|үй|көше|айыл"
        r"|шаар)[а-яәғқңөұүһі]{0,8}"
    ),
    r"(?<!\w)(?:ауыл|қала|мектеб|жұмыс|көше|айыл)(?:ым|ымыз|ім|іміз|ыбыз)[а-яәғқңөұүһі]{0,4}",
    r"жұмыс\s(?:істеймін|істедім|жасаймын)|тұрамын|оқимын|иштейм|жашайм",
    # Persian
    (
        r"(?<!\w)(?:برادر|خواهر|مادر|پدر|همسر|شوهر|زن|پسر|دختر|عمو?ی|دایی|خاله|عمه|پسرعمو|پدربزرگ|مادربزرگ|دوست|همکار|همسایه|رئیس|خانواده|بچه|فرزند)"
        r"\u200c?(?:م|ام|مان|یم|های?م|هایمان)(?!\w)"
    ),
    (
        r"(?<!\w)(?:برادر|خواهر|مادر|پدر|همسر|روستا|روستای|شهر|محله|مدرسه|شرکت|کارخانه|دانشگاه|خانه"
        r"|اداره)ی?\s?(?:من|ما|مان|یمان)(?!\w)"
    ),
    r"(?:کار|زندگی|تحصیل)\s?(?:می|م)[\u200c ]?کنم|(?<!\w)روستایمان|(?<!\w)شهرمان|(?<!\w)درس\sمی[\u200c ]?خوانم",
    # Arabic
    (
        r"(?<!\w)(?:أخي|أختي|أمي|أبي|والدي|والدتي|زوجي|زوجتي|ابني|ابنتي|عمي|خالي|جدي|جدتي|صديقي|جاري|قريتي"
        r"|قريتنا|مدينتنا|مدرستي|شركتنا)(?!\w)|(?<!\w)أ(?:عمل|سكن|عيش|درس)\s(?:في|لدى)"
    ),
    # Uyghur
    (
        r"(?<!\w)(?:ئاكا|ئىنى|دادا|ئانا|ئاپا|ئاچا|سىڭلى|يولدىش|ئايال|ئوغل|قىز|بالا|بوۋا|موما|تاغا|دوست"
        r"|خوشن)(?:م|ىم|ۇم|ۈم|مىز|ىمىز)"
    ),
    r"(?<!\w)(?:كەنت|مەھەللى|يۇرت|مەكتىپ|شىركىت)(?:ىم|مىز|ىمىز)|ئىشلەيمەن|تۇرىمەن|ئوقۇيمەن",
    # Chinese
    rf"(?:我们?|我們|咱们?|咱們|俺)的?(?:{_ZH_KIN})",
    r"我们?在[^\s，。,.?？!！]{0,12}?(?:工作|上班|上学|上學|读书|讀書|打工|住|生活)",
    # Turkish, German, French, Spanish
    r"\b(?:kardeş|abla|anne|baba|eş|oğl|kız|köy|okul)(?:im|ım|üm|um|imiz|ımız|ümüz|umuz|m|miz|mız)\b",
    (
        r"\b(?:mein|unser)[a-z]{0,2}\s(?:Bruder|Schwester|Mutter|Vater|Eltern|Mann|Frau|Sohn|Tochter"
        r"|Kind(?:er)?|Dorf|Stadt|Schule|Firma|Chef(?:in)?)\b"
    ),
    (
        r"\b(?:mon|ma|mes|notre)\s(?:frère|sœur|mère|père|parents|mari|femme|fils|fille|village|ville|école"
        r"|entreprise|patron)\b"
    ),
    (
        r"\b(?:mi|mis|nuestr[oa])\s(?:hermano|hermana|madre|padre|padres|marido|esposa|hijo|hija|pueblo"
        r"|ciudad|escuela|empresa|jefe)\b"
    ),
)

TOP_LEVEL = _listed(
    "com org net info io me edu gov biz ru su by ua kz kg uz tj tm az am ge ir cn hk tw tr de fr es it pl cz sk at uk"
)

# First words of questions and sentences that are no names; an unknown one is marked, since it may be.
OPENERS = frozenset(
    _listed(
        r"""a about after all also although an and any are as at because before but by can could did do does during
        even every for
        from had has have he her here his how however if in is it its last like many maybe more most my no not now
        of on once one
        only or our perhaps please recently she should since so some such than thank thanks that the their then
        there these they
        this those though thousands to today under until was we were what when where whether which while who whom
        whose why will
        with would yes yesterday you your dear hello hi write call ask tell say see mail please let note next first
        second third both each few other another several people
        nobody somebody anybody everybody nothing something anything everything go sign take keep put get bring try
        wait stop use don't doesn't didn't can't couldn't won't wouldn't shouldn't isn't aren't wasn't weren't haven't
        hasn't it's that's there's what's he's she's we're they're you're you'll we'll they'll we've you've they've
        а без будет был была были быть в вам вас весь во вот все всё вы где да для до его ее её если есть еще ещё
        же за здравствуйте
        зачем и из или им их к как какая какие какое какой какова каковы когда кого кому который кто ли мне много
        может можно мой моя
        мы на над нам нас наш не нет ни но о об он она они откуда от по под почему пожалуйста правда при про с
        сейчас сколько со так
        также там то тоже только у уже хочу чего чей чем что чтобы эта эти это этот я сегодня вчера недавно после
        никто никого никому ничего кто-то что-то каждый ніхто нічого кожен хтось ешкім ештеңе
        що чи чому хто де коли як яка які який скільки та і є це ці цей ця вони ми ви він вона якщо навіщо звідки
        чим про
        менің біздің сіздің оның менин биздин мои мое наша наше не неге қалай қандай қай қайда қашан кім кімдер
        қанша егер бұл осы мен біз сіз олар және бірақ сәлем сәлеметсіз
        эмне эмнеге кандай кантип качан ким канча бул мен биз сиз алар салам
        der die das den dem des ein eine einen einem einer warum wie was wer wann wo wohin welche welcher welches
        ist sind war hat
        haben kann können wird werden und oder aber wenn ich wir sie er es ihr im in an auf bei mit von zu für
        nach seit gibt stimmt niemand jemand nichts alles jeder
        le la les l un une des du de pourquoi comment que quoi qui quand où quel quelle quels quelles est sont a
        ont il elle ils
        personne chacun elles on nous vous je ce cette ces et ou mais si dans en sur pour avec depuis y
        el los las por qué cómo quién quiénes cuándo dónde cuál cuáles cuánto es son hay está están ha han puede
        si no y o pero
        neden nasıl ne niçin kim nerede hangi kaç bu bir ben biz siz onlar çin mi niye necə hansı nə kimdir kimse hiçbir herkes nadie alguien
        dlaczego jak co kto kiedy gdzie czy jaki jaka jakie ile to jest są i a ale je da li zašto kako šta ko kada
        gde koliko
        nega nima qanday qachon qayerda kim bu шта зашто како ко када где да колико
        ինչու ինչպես ինչ ով երբ որտեղ արդյոք"""
    )
)
# Words whose capital is a rule of spelling, or that point to everybody.
NEVER_NAMES = frozenset(
    _listed("i i'm i've i'd i'll eu un us usa nato osce ok ок ok сша ес оон нато рф цру sie ihnen ihr ihre")
)

GERMAN_ARTICLES = frozenset(
    _listed(
        r"""der die das den dem des ein eine einen einem einer eines kein keine keinen mein meine meinen unser unsere
        sein seine ihr
        ihre ihren diese dieser dieses diesen jede jeder jedes viele mehr alle welche welcher welches zum zur"""
    )
)
GERMAN_NOUN_ENDS = r"(?:ung|ungen|heit|keit|schaft|schaften|tion|tionen|tät|nis|ismus|ment|chen|gesetz|politik|land)$"
