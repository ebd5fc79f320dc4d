"""A reader's question in each language, and what mail programs write around it in a reply; reply_mails.py combines them.

All texts are invented. {name} and {mail} stand for the newsletter's name and address. An attribution is the line above a
quote; `header_labels` are Outlook's labels for From, Sent, To and Subject.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReplyLanguage:
    text: str
    gmail_attribution: str
    apple_attribution: str
    header_labels: tuple[str, str, str, str]
    sent_date: str
    original_label: str
    forward_label: str
    phone_signature: str


REPLY_LANGUAGES: dict[str, ReplyLanguage] = {
    "en": ReplyLanguage(
        "Why does the new bridge at Karasu stand empty?\n\nMy cousin says that nobody has paid the guards since March.",
        "On Thu, May 2, 2024 at 10:14 AM {name} <{mail}> wrote:", "On May 2, 2024, at 10:14 AM, {name} <{mail}> wrote:",
        ("From", "Sent", "To", "Subject"), "Thursday, May 2, 2024 10:14 AM", "Original Message", "Forwarded message", "Sent from my iPhone",
    ),
    "de": ReplyLanguage(
        "Warum steht die neue Brücke leer?\n\nMein Vetter meint, dass seit März niemand die Wächter bezahlt.",
        "Am Do., 2. Mai 2024 um 10:14 Uhr schrieb {name} <{mail}>:", "Am 02.05.2024 um 10:14 schrieb {name} <{mail}>:",
        ("Von", "Gesendet", "An", "Betreff"), "Donnerstag, 2. Mai 2024 10:14", "Ursprüngliche Nachricht", "Weitergeleitete Nachricht", "Von meinem iPhone gesendet",
    ),
    "fr": ReplyLanguage(
        "Pourquoi le nouveau pont est-il vide ?\n\nMon cousin dit que personne ne paie les gardes depuis mars.",
        "Le jeu. 2 mai 2024 à 10:14, {name} <{mail}> a écrit :", "Le 2 mai 2024 à 10:14, {name} <{mail}> a écrit :",
        ("De", "Envoyé", "À", "Objet"), "jeudi 2 mai 2024 10:14", "Message d'origine", "Message transféré", "Envoyé de mon iPhone",
    ),
    "es": ReplyLanguage(
        "¿Por qué está vacío el puente nuevo?\n\nMi primo dice que nadie paga a los guardias desde marzo.",
        "El jue, 2 may 2024 a las 10:14, {name} (<{mail}>) escribió:", "El 2 may 2024, a las 10:14, {name} <{mail}> escribió:",
        ("De", "Enviado", "Para", "Asunto"), "jueves, 2 de mayo de 2024 10:14", "Mensaje original", "Mensaje reenviado", "Enviado desde mi iPhone",
    ),
    "pt": ReplyLanguage(
        "Por que a ponte nova está vazia?\n\nMeu primo diz que ninguém paga os guardas desde março.",
        "Em qui., 2 de mai. de 2024 às 10:14, {name} <{mail}> escreveu:", "Em 2 de mai. de 2024, à(s) 10:14, {name} <{mail}> escreveu:",
        ("De", "Enviado", "Para", "Assunto"), "quinta-feira, 2 de maio de 2024 10:14", "Mensagem original", "Mensagem encaminhada", "Enviado do meu iPhone",
    ),
    "it": ReplyLanguage(
        "Perché il ponte nuovo è vuoto?\n\nMio cugino dice che da marzo nessuno paga le guardie.",
        "Il giorno gio 2 mag 2024 alle ore 10:14 {name} <{mail}> ha scritto:", "Il giorno 2 mag 2024, alle ore 10:14, {name} <{mail}> ha scritto:",
        ("Da", "Inviato", "A", "Oggetto"), "giovedì 2 maggio 2024 10:14", "Messaggio originale", "Messaggio inoltrato", "Inviato da iPhone",
    ),
    "nl": ReplyLanguage(
        "Waarom staat de nieuwe brug leeg?\n\nMijn neef zegt dat niemand de wachters sinds maart betaalt.",
        "Op do 2 mei 2024 om 10:14 schreef {name} <{mail}>:", "Op 2 mei 2024, om 10:14 heeft {name} <{mail}> het volgende geschreven:",
        ("Van", "Verzonden", "Aan", "Onderwerp"), "donderdag 2 mei 2024 10:14", "Oorspronkelijk bericht", "Doorgestuurd bericht", "Verstuurd vanaf mijn iPhone",
    ),
    "pl": ReplyLanguage(
        "Dlaczego nowy most stoi pusty?\n\nMój kuzyn mówi, że od marca nikt nie płaci strażnikom.",
        "czw., 2 maj 2024 o 10:14 {name} <{mail}> napisał(a):", "Wiadomość napisana przez {name} <{mail}> w dniu 02.05.2024, o godz. 10:14:",
        ("Od", "Wysłano", "Do", "Temat"), "czwartek, 2 maja 2024 10:14", "Wiadomość oryginalna", "Wiadomość przekazana", "Wysłane z iPhone'a",
    ),
    "cs": ReplyLanguage(
        "Proč je nový most prázdný?\n\nBratranec říká, že strážným od března nikdo neplatí.",
        "čt 2. 5. 2024 v 10:14 odesílatel {name} <{mail}> napsal:", "2. 5. 2024 v 10:14, {name} <{mail}>:",
        ("Od", "Odesláno", "Komu", "Předmět"), "čtvrtek 2. května 2024 10:14", "Původní zpráva", "Přeposlaná zpráva", "Odesláno z iPhonu",
    ),
    "hu": ReplyLanguage(
        "Miért áll üresen az új híd?\n\nAz unokatestvérem szerint március óta senki sem fizeti az őröket.",
        "{name} <{mail}> ezt írta (időpont: 2024. máj. 2., Cs, 10:14):", "{name} <{mail}> írta (2024. május 2. dátummal, 10:14 időpontban):",
        ("Feladó", "Elküldve", "Címzett", "Tárgy"), "2024. május 2., csütörtök 10:14", "Eredeti üzenet", "Továbbított üzenet", "iPhone-omról küldve",
    ),
    "ro": ReplyLanguage(
        "De ce stă gol podul cel nou?\n\nVărul meu spune că nimeni nu plătește paznicii din martie.",
        "În joi, 2 mai 2024 la 10:14, {name} <{mail}> a scris:", "Pe 2 mai 2024, la 10:14, {name} <{mail}> a scris:",
        ("De la", "Trimis", "Către", "Subiect"), "joi, 2 mai 2024 10:14", "Mesaj original", "Mesaj redirecționat", "Trimis de pe iPhone-ul meu",
    ),
    "bg": ReplyLanguage(
        "Защо новият мост стои празен?\n\nБратовчед ми казва, че от март никой не плаща на пазачите.",
        "На чт, 2.05.2024 г. в 10:14 {name} <{mail}> написа:", "На 2.05.2024 г., в 10:14, {name} <{mail}> написа:",
        ("От", "Изпратено", "До", "Относно"), "четвъртък, 2 май 2024 г. 10:14", "Оригинално съобщение", "Препратено съобщение", "Изпратено от моя iPhone",
    ),
    "sv": ReplyLanguage(
        "Varför står den nya bron tom?\n\nMin kusin säger att ingen har betalat vakterna sedan mars.",
        "Den tors 2 maj 2024 kl 10:14 skrev {name} <{mail}>:", "2 maj 2024 kl. 10:14 skrev {name} <{mail}>:",
        ("Från", "Skickat", "Till", "Ämne"), "den 2 maj 2024 10:14", "Ursprungligt meddelande", "Vidarebefordrat meddelande", "Skickat från min iPhone",
    ),
    "da": ReplyLanguage(
        "Hvorfor står den nye bro tom?\n\nMin fætter siger, at ingen har betalt vagterne siden marts.",
        "Den tors. 2. maj 2024 kl. 10.14 skrev {name} <{mail}>:", "Den 2. maj 2024 kl. 10.14 skrev {name} <{mail}>:",
        ("Fra", "Sendt", "Til", "Emne"), "2. maj 2024 10:14", "Oprindelig meddelelse", "Videresendt meddelelse", "Sendt fra min iPhone",
    ),
    "no": ReplyLanguage(
        "Hvorfor står den nye broen tom?\n\nFetteren min sier at ingen har betalt vaktene siden mars.",
        "tor. 2. mai 2024 kl. 10:14 skrev {name} <{mail}>:", "2. mai 2024 kl. 10:14 skrev {name} <{mail}>:",
        ("Fra", "Sendt", "Til", "Emne"), "torsdag 2. mai 2024 10:14", "Opprinnelig melding", "Videresendt melding", "Sendt fra min iPhone",
    ),
    "fi": ReplyLanguage(
        "Miksi uusi silta seisoo tyhjänä?\n\nSerkkuni sanoo, ettei vartijoille ole maksettu maaliskuun jälkeen.",
        "to 2. toukok. 2024 klo 10.14 {name} ({mail}) kirjoitti:", "{name} <{mail}> kirjoitti 2.5.2024 kello 10.14:",
        ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"), "torstai 2. toukokuuta 2024 10.14", "Alkuperäinen viesti", "Edelleenlähetetty viesti", "Lähetetty iPhonesta",
    ),
    "tr": ReplyLanguage(
        "Yeni köprü neden boş duruyor?\n\nKuzenim mart ayından beri bekçilere para verilmediğini söylüyor.",
        "{name} <{mail}>, 2 May 2024 Per, 10:14 tarihinde şunu yazdı:", "{name} <{mail}> şunları yazdı (2 May 2024 10:14):",
        ("Kimden", "Gönderildi", "Kime", "Konu"), "2 Mayıs 2024 Perşembe 10:14", "Özgün İleti", "İletilmiş mesaj", "iPhone'umdan gönderildi",
    ),
    "el": ReplyLanguage(
        "Γιατί η νέα γέφυρα στέκει άδεια;\n\nΟ ξάδερφός μου λέει ότι κανείς δεν πληρώνει τους φύλακες από τον Μάρτιο.",
        "Στις Πέμ 2 Μαΐ 2024 στις 10:14 π.μ., ο χρήστης {name} <{mail}> έγραψε:", "Στις 2 Μαΐ 2024, στις 10:14, ο χρήστης {name} <{mail}> έγραψε:",
        ("Από", "Στάλθηκε", "Προς", "Θέμα"), "Πέμπτη, 2 Μαΐου 2024 10:14", "Αρχικό μήνυμα", "Προωθημένο μήνυμα", "Στάλθηκε από το iPhone μου",
    ),
    "ru": ReplyLanguage(
        "Почему новый мост стоит пустым?\n\nДвоюродный брат говорит, что охране не платят с марта.",
        "чт, 2 мая 2024 г. в 10:14, {name} <{mail}>:", "2 мая 2024 г., в 10:14, {name} <{mail}> написал(а):",
        ("От", "Отправлено", "Кому", "Тема"), "2 мая 2024 г. 10:14", "Исходное сообщение", "Пересылаемое сообщение", "Отправлено с iPhone",
    ),
    "uk": ReplyLanguage(
        "Чому новий міст стоїть порожній?\n\nДвоюрідний брат каже, що охороні не платять з березня.",
        "чт, 2 трав. 2024 р. о 10:14 {name} <{mail}> пише:", "2 трав. 2024 р. о 10:14 {name} <{mail}> пише:",
        ("Від", "Надіслано", "Кому", "Тема"), "2 травня 2024 р. 10:14", "Оригінальне повідомлення", "Переслане повідомлення", "Надіслано з iPhone",
    ),
    "be": ReplyLanguage(
        "Чаму новы мост стаіць пусты?\n\nСтрыечны брат кажа, што ахове не плацяць з сакавіка.",
        "чц, 2 мая 2024 г. у 10:14 {name} <{mail}> піша:", "2 мая 2024 г., у 10:14, {name} <{mail}> напісаў:",
        ("Ад", "Адпраўлена", "Каму", "Тэма"), "2 мая 2024 г. 10:14", "Зыходнае паведамленне", "Перасланае паведамленне", "Адпраўлена з iPhone",
    ),
    "kk": ReplyLanguage(
        "Неге жаңа көпір бос тұр?\n\nБөлем күзетшілерге наурыздан бері ақы төленбегенін айтады.",
        "2024 ж. 2 мамыр, бс, 10:14 күні {name} <{mail}> жазды:", "2024 ж. 2 мам., 10:14 кезінде {name} <{mail}> жазды:",
        ("Кімнен", "Жіберілді", "Кімге", "Тақырып"), "2024 ж. 2 мамыр 10:14", "Бастапқы хабар", "Қайта жіберілген хабар", "iPhone-нан жіберілді",
    ),
    "ky": ReplyLanguage(
        "Эмне үчүн жаңы көпүрө бош турат?\n\nБөлөм күзөтчүлөргө марттан бери акча төлөнбөгөнүн айтат.",
        "2024-ж., 2-май, бш, 10:14 күнү, {name} <{mail}> жазган:", "2024-ж. 2-май, саат 10:14, {name} <{mail}> жазды:",
        ("Кимден", "Жөнөтүлдү", "Кимге", "Тема"), "2024-ж. 2-май 10:14", "Баштапкы билдирүү", "Багытталган билдирүү", "iPhone'дон жөнөтүлдү",
    ),
    "uz": ReplyLanguage(
        "Nega yangi ko‘prik bo‘sh turibdi?\n\nJiyanim qo‘riqchilarga martdan beri pul to‘lanmaganini aytadi.",
        "Pay, 2-may, 2024, 10:14, {name} <{mail}> yozdi:", "2024-yil 2-may, 10:14, {name} <{mail}> yozdi:",
        ("Kimdan", "Yuborildi", "Kimga", "Mavzu"), "2024-yil 2-may 10:14", "Asl xabar", "Qayta yo‘naltirilgan xabar", "iPhone'imdan yuborildi",
    ),
    "tg": ReplyLanguage(
        "Чаро пули нав холӣ аст?\n\nАмакбачаам мегӯяд, ки аз моҳи март ба посбонҳо музд намедиҳанд.",
        "2 майи 2024, 10:14, {name} <{mail}> навишт:", "Рӯзи 2 майи 2024, соати 10:14, {name} <{mail}> навиштааст:",
        ("Аз", "Сана", "Ба", "Мавзӯъ"), "2 майи 2024 10:14", "Паёми аслӣ", "Паёми равоншуда", "Аз iPhone фиристода шуд",
    ),
    "az": ReplyLanguage(
        "Niyə yeni körpü boş dayanıb?\n\nƏmim oğlu deyir ki, martdan bəri gözətçilərə pul verilmir.",
        "2 May 2024, Cax, 10:14 tarixində, {name} <{mail}> yazıb:", "{name} <{mail}> 2 May 2024, saat 10:14 tarixində yazdı:",
        ("Kimdən", "Göndərilib", "Kimə", "Mövzu"), "2 May 2024 10:14", "Orijinal mesaj", "Yönləndirilmiş mesaj", "iPhone'umdan göndərildi",
    ),
    "ka": ReplyLanguage(
        "რატომ დგას ახალი ხიდი ცარიელი?\n\nბიძაშვილი ამბობს, რომ მარტიდან მცველებს არ უხდიან.",
        "ხუთ, 2 მაი. 2024, 10:14 თარიღზე {name} <{mail}> წერდა:", "2 მაისი, 2024, 10:14, {name} <{mail}> დაწერა:",
        ("გამგზავნი", "გაგზავნილია", "მიმღები", "თემა"), "2 მაისი 2024 10:14", "თავდაპირველი შეტყობინება", "გადაგზავნილი შეტყობინება", "გამოგზავნილია ჩემი iPhone-იდან",
    ),
    "hy": ReplyLanguage(
        "Ինչո՞ւ է նոր կամուրջը դատարկ։\n\nԶարմիկս ասում է, որ մարտից պահակներին չեն վճարում։",
        "Հնգ, մայ 2, 2024, 10:14-ին, {name} <{mail}>-ը գրել է՝", "2024 թ. մայիսի 2-ին, 10:14-ին, {name} <{mail}> գրել է`",
        ("Ումից", "Ուղարկված է", "Ում", "Թեմա"), "2 մայիսի, 2024 10:14", "Սկզբնական հաղորդագրություն", "Փոխանցված հաղորդագրություն", "Ուղարկված է իմ iPhone-ից",
    ),
    "fa": ReplyLanguage(
        "چرا پل تازه خالی است؟\n\nپسرعمویم می‌گوید از اسفند کسی حقوق نگهبان‌ها را نداده است.",
        "در تاریخ پنجشنبه ۲ مهٔ ۲۰۲۴،\u200f ۱۰:۱۴ {name} <{mail}> نوشت:", "در تاریخ ۲ مهٔ ۲۰۲۴، ساعت ۱۰:۱۴، {name} <{mail}> نوشت:",
        ("از", "ارسال شده", "به", "موضوع"), "پنجشنبه ۲ مهٔ ۲۰۲۴ ۱۰:۱۴", "پیام اصلی", "پیام باز ارسال شده", "ارسال شده از iPhone من",
    ),
    "ps": ReplyLanguage(
        "نوی پل ولې تش دی؟\n\nد تره زوی مې وايي چې له مارچ راهیسې ساتونکو ته پیسې نه ورکول کیږي.",
        "په ۲ می ۲۰۲۴، ۱۰:۱۴ بجو {name} <{mail}> ولیکل:", "په ۲۰۲۴-۰۵-۰۲ ۱۰:۱۴ {name} <{mail}> ولیکل:",
        ("له", "نېټه", "ته", "موضوع"), "۲ می ۲۰۲۴ ۱۰:۱۴", "اصلي پیغام", "لیږدول شوی پیغام", "له iPhone لیږل شوی",
    ),
    "ug": ReplyLanguage(
        "نېمىشقا يېڭى كۆۋرۈك بوش تۇرىدۇ؟\n\nتاغامنىڭ ئوغلى مارتتىن بېرى قاراۋۇللارغا ھەق بېرىلمىدى دەيدۇ.",
        "2024-يىلى 2-ماي 10:14 دە {name} <{mail}> يازغان:", "2024-05-02 10:14 دە {name} <{mail}> مۇنداق يازدى:",
        ("ئەۋەتكۈچى", "چېسلا", "تاپشۇرۇۋالغۇچى", "تېما"), "2024-يىلى 2-ماي 10:14", "ئەسلى خەت", "يوللانغان خەت", "iPhone دىن يوللاندى",
    ),
    "ar": ReplyLanguage(
        "لماذا يقف الجسر الجديد خاليا؟\n\nيقول ابن عمي إن الحراس لم يتقاضوا شيئا منذ آذار.",
        "في الخميس، 2 مايو 2024 في 10:14 ص تمت كتابة ما يلي بواسطة \u202a{name}\u202c\u200f <\u202a{mail}\u202c\u200f>:", "في ٢ مايو ٢٠٢٤، الساعة ١٠:١٤ ص، كتب {name} <{mail}>:",
        ("من", "تاريخ الإرسال", "إلى", "الموضوع"), "الخميس، 2 مايو 2024 10:14 ص", "الرسالة الأصلية", "رسالة معاد توجيهها", "أُرسلت من الـ iPhone",
    ),
    "he": ReplyLanguage(
        "למה הגשר החדש עומד ריק?\n\nבן הדוד שלי אומר שמאז מרץ איש לא משלם לשומרים.",
        "\u202bבתאריך יום ה׳, 2 במאי 2024 ב-10:14 מאת \u202a{name}\u202c\u200f <\u202a{mail}\u202c\u200f>:\u202c", "ב-2 במאי 2024, בשעה 10:14, {name} <{mail}> כתב/ה:",
        ("מאת", "נשלח", "אל", "נושא"), "יום חמישי 02 מאי 2024 10:14", "הודעה מקורית", "הודעה שהועברה", "נשלח מה-iPhone שלי",
    ),
    "zh": ReplyLanguage(
        "为什么新桥一直空着？\n\n我表哥说三月以来没有人给守卫发工资。",
        "{name} <{mail}> 于2024年5月2日周四 10:14写道：", "在 2024年5月2日，10:14，{name} <{mail}> 写道：",
        ("发件人", "发送时间", "收件人", "主题"), "2024年5月2日 10:14", "原始邮件", "转发邮件", "从我的 iPhone 发送",
    ),
    "zh-Hant": ReplyLanguage(
        "為什麼新橋一直空著？\n\n我表哥說三月以來沒有人給守衛發工資。",
        "{name} <{mail}> 於 2024年5月2日 週四 上午10:14寫道：", "{name} <{mail}> 於 2024年5月2日 上午10:14 寫道：",
        ("寄件者", "寄件日期", "收件者", "主旨"), "2024年5月2日 上午 10:14", "原始郵件", "轉寄郵件", "從我的 iPhone 傳送",
    ),
    "ja": ReplyLanguage(
        "新しい橋はなぜ空いたままなのですか。\n\nいとこは、三月から誰も見張りに払っていないと言います。",
        "2024年5月2日(木) 10:14 {name} <{mail}>:", "2024/05/02 10:14、{name} <{mail}>のメール:",
        ("差出人", "送信日時", "宛先", "件名"), "2024年5月2日 10:14", "元のメッセージ", "転送されたメッセージ", "iPhoneから送信",
    ),
    "ko": ReplyLanguage(
        "새 다리는 왜 비어 있습니까?\n\n사촌은 삼월부터 아무도 경비원에게 돈을 주지 않았다고 합니다.",
        "2024년 5월 2일 (목) 오전 10:14, {name} <{mail}>님이 작성:", "2024. 5. 2. 오전 10:14, {name} <{mail}> 작성:",
        ("보낸 사람", "보낸 날짜", "받는 사람", "제목"), "2024년 5월 2일 목요일 오전 10:14", "원본 메시지", "전달된 메시지", "나의 iPhone에서 보냄",
    ),
    "mn": ReplyLanguage(
        "Шинэ гүүр яагаад хоосон байна вэ?\n\nҮеэл маань гуравдугаар сараас хойш харуулд мөнгө өгөөгүй гэнэ.",
        "2024 оны 5-р сарын 2, Пү, 10:14-д, {name} <{mail}> бичсэн:", "2024 оны 5 сарын 2-нд 10:14 цагт {name} <{mail}> бичсэн:",
        ("Хэнээс", "Огноо", "Хэнд", "Гарчиг"), "2024 оны 5 сарын 2 10:14", "Анхны зурвас", "Дамжуулсан зурвас", "Миний iPhone-оос илгээв",
    ),
    "vi": ReplyLanguage(
        "Vì sao cây cầu mới bỏ trống?\n\nAnh họ tôi nói từ tháng ba không ai trả lương cho lính gác.",
        "Vào Th 5, 2 thg 5, 2024 vào lúc 10:14 {name} <{mail}> đã viết:", "Vào 2 thg 5, 2024, lúc 10:14, {name} <{mail}> đã viết:",
        ("Từ", "Đã gửi", "Đến", "Chủ đề"), "Thứ Năm, 2 tháng 5, 2024 10:14", "Thư gốc", "Thư được chuyển tiếp", "Đã gửi từ iPhone của tôi",
    ),
    "id": ReplyLanguage(
        "Mengapa jembatan baru itu kosong?\n\nSepupu saya berkata sejak Maret tak seorang pun membayar penjaga.",
        "Pada tanggal Kam, 2 Mei 2024 pukul 10.14 {name} <{mail}> menulis:", "Pada 2 Mei 2024, pukul 10.14, {name} <{mail}> menulis:",
        ("Dari", "Dikirim", "Kepada", "Perihal"), "Kamis, 2 Mei 2024 10.14", "Pesan asli", "Pesan terusan", "Dikirim dari iPhone saya",
    ),
    "th": ReplyLanguage(
        "ทำไมสะพานใหม่จึงว่างเปล่า\n\nลูกพี่ลูกน้องบอกว่าตั้งแต่มีนาคมไม่มีใครจ่ายเงินยาม",
        "ในวันที่ พฤ. 2 พ.ค. 2024 เวลา 10:14 {name} <{mail}> เขียนว่า:", "เมื่อวันที่ 2 พ.ค. 2567 เวลา 10:14 {name} <{mail}> เขียนว่า:",
        ("จาก", "ส่ง", "ถึง", "เรื่อง"), "2 พฤษภาคม 2567 10:14", "ข้อความเดิม", "ข้อความที่ส่งต่อ", "ส่งจาก iPhone ของฉัน",
    ),
}  # fmt: skip
