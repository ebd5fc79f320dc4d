"""Twenty letters of readers in six languages, each in its own manner, to be found again in a flood."""

HONEST = (
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
