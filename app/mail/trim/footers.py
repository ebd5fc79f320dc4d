"""Lines that a telephone, a program, a scanner, a list or a law office writes under a mail, in many languages.

A row of `SENT_FROM` is what stands before and after the name of the device: ("von meinem", "gesendet"). One side may be empty;
a row with nothing before asks for a device by name.
"""

from .folding import fold

SENT_FROM: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (("sent from my", ""), ("sent from", ""), ("sent via", ""), ("sent with", ""), ("sent using", ""), ("sent by", ""), ("sent on the go from", ""), ("sent on", ""), ("posted from", ""),
           ("from my", ""), ("typed on my", ""), ("written on my", ""), ("get outlook for", ""), ("download outlook for", ""), ("via mobile", ""), ("via my", ""), ("sent securely from", ""), ("sent by my", ""),
           ("this email was sent from my", ""), ("this message was sent from my", ""), ("sent with proton mail", ""), ("secured with tutanota", ""), ("composed on my", ""), ("someone from mobile", "")),
    "de": (("von meinem", "gesendet"), ("von meiner", "gesendet"), ("gesendet von", ""), ("gesendet mit", ""), ("gesendet über", ""), ("diese nachricht wurde von", "gesendet"), ("mit", "gesendet"), ("von", "gesendet"),
           ("outlook für", "abrufen"), ("outlook für", "beziehen"), ("outlook für", "herunterladen"), ("holen sie sich outlook für", ""), ("von unterwegs gesendet", ""), ("unterwegs gesendet", ""), ("gesendet aus der", ""), ("gesendet vom", ""), ("vom", "gesendet")),
    "fr": (("envoyé de mon", ""), ("envoyé depuis mon", ""), ("envoyé de", ""), ("envoyé depuis", ""), ("envoyé à partir", ""), ("envoyé avec", ""), ("envoyé par", ""), ("envoyé via", ""), ("télécharger outlook pour", ""), ("obtenir outlook pour", ""), ("obtenez outlook pour", ""), ("provenant de", "")),
    "es": (("enviado desde mi", ""), ("enviado desde", ""), ("enviado por", ""), ("enviado con", ""), ("enviado de", ""), ("enviado vía", ""), ("obtener outlook para", ""), ("descargar outlook para", "")),
    "pt": (("enviado do meu", ""), ("enviado do", ""), ("enviado a partir", ""), ("enviado pelo", ""), ("enviado de", ""), ("enviado com", ""), ("enviada do", ""), ("enviado via", ""), ("obter o outlook para", ""), ("obtenha o outlook para", ""), ("baixar o outlook para", ""), ("enviado por", "")),
    "it": (("inviato dal mio", ""), ("inviato da", ""), ("inviato dal", ""), ("inviato con", ""), ("inviato tramite", ""), ("ottieni outlook per", ""), ("scarica outlook per", ""), ("inviato per mezzo", ""), ("inviata da", "")),
    "nl": (("verstuurd vanaf mijn", ""), ("verzonden vanaf mijn", ""), ("verstuurd vanaf", ""), ("verzonden vanaf", ""), ("verzonden met", ""), ("verstuurd met", ""), ("verzonden via", ""), ("verstuurd via", ""), ("outlook voor", "downloaden"), ("outlook voor", "ophalen"), ("download outlook voor", ""), ("verzonden van", "")),
    "pl": (("wysłano z", ""), ("wysłane z", ""), ("wysłano za pomocą", ""), ("wysłane za pomocą", ""), ("wysłany z", ""), ("pobierz program outlook dla", ""), ("pobierz outlook dla", ""), ("uzyskaj outlooka dla", ""), ("pobierz aplikację outlook", ""), ("wiadomość wysłana z", "")),
    "cs": (("odesláno z", ""), ("odesláno ze", ""), ("odesláno pomocí", ""), ("posláno z", ""), ("získat outlook pro", ""), ("získejte outlook pro", ""), ("stáhnout outlook pro", "")),
    "sk": (("odoslané z", ""), ("odoslané zo", ""), ("poslané z", ""), ("odoslané pomocou", ""), ("získať outlook pre", ""), ("získajte outlook pre", "")),
    "hu": (("", "küldve"), ("elküldve", ""), ("", "elküldve"), ("outlook letöltése", ""), ("az outlook beszerzése", "")),
    "ro": (("trimis de pe", ""), ("trimis din", ""), ("trimis cu", ""), ("trimis prin", ""), ("obțineți outlook pentru", ""), ("descărcați outlook pentru", "")),
    "bg": (("изпратено от", ""), ("изпратено с", ""), ("изпратено чрез", ""), ("изтеглете outlook за", ""), ("вземете outlook за", "")),
    "sv": (("skickat från min", ""), ("skickat från", ""), ("skickat med", ""), ("skickades från", ""), ("hämta outlook för", ""), ("skaffa outlook för", ""), ("skickat via", "")),
    "da": (("sendt fra min", ""), ("sendt fra", ""), ("sendt med", ""), ("hent outlook til", ""), ("få outlook til", ""), ("sendt via", "")),
    "no": (("sendt fra min", ""), ("sendt fra", ""), ("sendt med", ""), ("få outlook for", ""), ("skaff deg outlook for", ""), ("last ned outlook for", ""), ("hent outlook for", "")),
    "fi": (("lähetetty", ""), ("hanki outlook", ""), ("hae outlook", ""), ("lataa outlook", "")),
    "et": (("saadetud", ""), ("hankige outlook", "")),
    "hr": (("poslano s", ""), ("poslano sa", ""), ("poslano iz", ""), ("nabavite outlook za", "")),
    "sr": (("послато са", ""), ("poslato sa", ""), ("послато преко", "")),
    "sl": (("poslano z", ""), ("poslano iz", "")),
    "tr": (("", "gönderildi"), ("", "gönderilmiştir"), ("", "outlook'u edinin"), ("", "edinin"), ("", "için outlook'u alın"), ("", "gönderdim"), ("", "gönderilen")),
    "el": (("στάλθηκε από", ""), ("εστάλη από", ""), ("απεστάλη από", ""), ("αποκτήστε το outlook για", ""), ("λήψη του outlook για", ""), ("στάλθηκε με", "")),
    "ru": (("отправлено с", ""), ("отправлено из", ""), ("отправлено через", ""), ("отправлено со", ""), ("отправлено от", ""), ("послано с", ""), ("получить outlook для", ""), ("скачать outlook для", ""), ("загрузить outlook для", ""), ("написано с", ""),
           ("отправлено при помощи", ""), ("отправлено с помощью", ""), ("отправлено мобильной", ""), ("отправлено в", "")),
    "uk": (("надіслано з", ""), ("надіслано із", ""), ("відправлено з", ""), ("відправлено із", ""), ("надіслано через", ""), ("отримати outlook для", ""), ("завантажити outlook для", ""), ("відправлено через", "")),
    "be": (("адпраўлена з", ""), ("даслана з", ""), ("адпраўлена праз", "")),
    "kk": (("", "жіберілді"), ("", "жіберілген"), ("", "jiberildi"), ("outlook қолданбасын", "")),
    "ky": (("", "жөнөтүлдү"), ("", "жөнөтүлгөн"), ("", "жиберилди")),
    "uz": (("", "yuborildi"), ("", "yuborilgan"), ("", "jo'natildi"), ("", "юборилди"), ("", "жўнатилди")),
    "tg": (("аз", "фиристода шуд"), ("", "ирсол шуд"), ("фиристода шуд аз", "")),
    "az": (("", "göndərildi"), ("", "göndərilib"), ("göndərilmişdir", "")),
    "ka": (("გამოგზავნილია ჩემი", ""), ("გაგზავნილია", ""), ("გამოგზავნილია", "")),
    "hy": (("ուղարկված է", ""), ("ուղարկվել է", ""), ("", "ուղարկված")),
    "fa": (("ارسال شده از", ""), ("فرستاده شده از", ""), ("ارسال از", ""), ("از", "ارسال شد"), ("از", "ارسال شده"), ("از", "ارسال شده است"), ("از", "فرستاده شد"), ("دریافت outlook برای", ""), ("ارسال شده با", ""), ("ارسال شده توسط", "")),
    "ps": (("له", "لیږل شوی"), ("لیږل شوی له", ""), ("له", "لېږل شوی")),
    "ur": (("", "سے بھیجا گیا"),),
    "ug": (("", "يوللاندى"), ("", "ئەۋەتىلدى")),
    "ar": (("أرسلت من", ""), ("أُرسلت من", ""), ("مرسل من", ""), ("تم الإرسال من", ""), ("أرسل من", ""), ("الحصول على outlook ل", ""), ("تنزيل outlook ل", ""), ("احصل على outlook ل", ""), ("مرسلة من", ""), ("تم إرساله من", ""), ("تم ارسالها من", ""), ("اُرسلت من", ""), ("أُرسِلت من", "")),
    "he": (("נשלח מ", ""), ("נשלח באמצעות", ""), ("נשלח דרך", ""), ("קבל את outlook עבור", ""), ("הורד את outlook עבור", ""), ("השג את outlook", "")),
    "hi": (("मेरे", "भेजा गया"), ("", "से भेजा गया")),
    "zh": (("从我的", "发送"), ("從我的", "傳送"), ("发自我的", ""), ("發自我的", ""), ("发自", ""), ("發自", ""), ("来自我的", ""), ("從我的", "發送"), ("从", "发送"), ("由我的", "发送"), ("由我的", "傳送"), ("获取", "outlook"), ("获取 outlook for", ""), ("取得 outlook for", ""),
           ("获取适用于", "的 outlook"), ("下載適用於", "outlook"), ("取得適用於", "outlook"), ("使用", "发送"), ("发送自", ""), ("寄自我的", ""), ("從", "傳送"), ("我的", "发送"), ("傳送自", "")),
    "ja": (("", "から送信"), ("", "より送信"), ("", "で送信"), ("", "から送りました"), ("", "outlook を入手"), ("", "を入手"), ("", "から送信されました")),
    "ko": (("나의", "보냄"), ("내", "보냄"), ("", "에서 보냄"), ("", "에서 보냈습니다"), ("", "에서 보낸 메일"), ("", "outlook 다운로드"), ("", "용 outlook 다운로드"), ("", "보내드림"), ("", "에서 발송")),
    "mn": (("миний", "илгээв"), ("", "илгээсэн"), ("", "илгээв")),
    "vi": (("đã gửi từ", ""), ("được gửi từ", ""), ("gửi từ", ""), ("tải outlook cho", ""), ("đã gửi bằng", "")),
    "id": (("dikirim dari", ""), ("terkirim dari", ""), ("dikirim menggunakan", ""), ("dapatkan outlook untuk", "")),
    "th": (("ส่งจาก", ""), ("ดาวน์โหลด outlook", ""), ("รับ outlook", "")),
}  # fmt: skip

DEVICES: tuple[str, ...] = (
    "iphon", "ipad", "ipod", "apple watch", "icloud", "android", "samsung", "galaxy", "huawei", "honor", "xiaomi", "redmi", "poco", "oppo", "vivo", "realme", "oneplus", "nokia", "lumia",
    "blackberry", "htc", "motorola", "sony xperia", "xperia", "pixel", "windows", "outlook", "hotmail", "yahoo", "gmail", "mail.ru", "mail ru", "yandex", "яндекс", "почт", "tablet", "планшет", "phone",
    "telefon", "телефон", "смартфон", "smartphone", "handy", "mobil", "мобиль", "mobiel", "móvil", "celular", "cellulare", "téléphone", "telefoon", "puhelin", "k-9", "k9 mail", "thunderbird", "proton",
    "tutanota", "airmail", "mailbox", "sparrow", "spark", "superhuman", "mymail", "aqua mail", "bluemail", "samsung email", "zimbra", "roundcube", "gmx", "web.de", "qq邮箱", "qq mail", "网易", "foxmail",
    "naver", "daum", "aol", "手机", "手機", "айфон", "आईफ़ोन", "آیفون", "آيفون", "ايفون", "الآيفون", "گوشی", "موبایل", "جوال", "هاتف", "האייפון", "אייפון", "スマートフォン", "アイフォン", "휴대폰", "аппарат", "cell", "mobile", "laptop",
    "device", "gerät", "appareil", "dispositivo", "urządzenia", "устройств", "пристрою", "droid", "webmail", "email app", "e-mail app", "mail app", "rambler", "ukr.net",
)  # fmt: skip

# After the device: "please excuse my brevity". Such words make a longer line a footer too.
EXCUSES: tuple[str, ...] = (
    "excuse", "brevity", "typo", "pardon", "apolog", "entschuldig", "kürze", "brièveté", "brevedad", "disculp", "brevità", "beknoptheid", "kortfattethed", "извините", "краткость", "краткость", "вибачте", "簡潔", "zwięzłość", "stručnost",
)  # fmt: skip

# Paragraphs under a mail. One of `SURE` settles it; of `LAWYERS` two must be in it, and a dozen words.
SURE: tuple[str, ...] = (
    "virus-free. www.", "virus-free.www.", "checked for viruses by", "scanned for viruses by", "this email has been checked for viruses", "this email has been scanned", "no virus found in this message", "without viruses. www.",
    "diese e-mail wurde von avast", "virenfrei. www.", "virenfrei.www.", "auf viren geprüft", "sans virus. www.", "sans virus.www.", "l'absence de virus dans ce courrier", "libre de virus. www.", "libre de virus.www.", "livre de vírus. www.",
    "livre de vírus.www.", "privo di virus. www.", "privo di virus.www.", "virusvrij. www.", "virusvrij.www.", "wolny od wirusów. www.", "wolne od wirusów. www.", "без вирусов. www.", "без вирусов.www.", "не содержит вирусов. www.", "проверено на вирусы",
    "проверено на отсутствие вирусов", "нет вирусов. www", "без вірусів. www.", "virüs bulunmuyor. www.", "virüs yok. www.", "vírusmentes. www.", "neobsahuje žádné viry. www.", "není přítomen vir", "uten virus. www.", "virusfri. www.", "virustön. www.",
    "you received this message because you are subscribed to", "you are receiving this because", "to unsubscribe from this group", "to unsubscribe from this list", "unsubscribe from this thread", "reply to this email directly", "reply to this email to respond", "to view this discussion on the web",
    "please consider the environment before printing", "please don't print this e-mail", "think before you print", "denken sie an die umwelt, bevor", "pensez à l'environnement avant d'imprimer", "antes de imprimir", "подумайте об окружающей среде", "прежде чем печатать",
    "intended solely for the", "intended only for the", "if you are not the intended recipient", "if you have received this email in error", "if you have received this e-mail in error", "if you received this email in error", "this email and any attachments", "this e-mail and any attachments", "this email and any files transmitted",
    "this e-mail and any files transmitted", "confidentiality notice", "legal disclaimer", "diese e-mail enthält vertrauliche", "wenn sie nicht der richtige adressat", "ce message et toutes les pièces jointes", "ce courriel et ses pièces jointes", "ce message est confidentiel",
    "este mensaje y sus archivos adjuntos", "este correo electrónico y", "esta mensagem e seus anexos", "esta mensagem pode conter", "le informazioni contenute in questo", "questo messaggio e gli eventuali allegati", "questo messaggio e' stato analizzato", "dit bericht is uitsluitend bestemd",
    "dit bericht kan informatie bevatten", "niniejsza wiadomość", "данное сообщение и любые приложения", "это сообщение и любые", "настоящее сообщение предназначено", "это электронное сообщение", "данное электронное сообщение", "це повідомлення та будь-які", "bu e-posta ve ekleri", "bu mesaj ve ekleri", "bu elektronik posta",
    "本邮件及其附件", "本郵件及其附件", "此邮件及附件", "this message contains confidential information", "this message may contain confidential", "이 메일은", "本電子郵件", "הודעה זו מיועדת", "این ایمیل و پیوست", "هذه الرسالة سرية",
    "yahoo mail: search, organize, conquer", "yahoo mail: get the free app", "защищено антивирусом",
)  # fmt: skip

LAWYERS: tuple[str, ...] = (
    "confidential", "privileged", "intended recipient", "recipient", "disclos", "unauthori", "notify the sender", "delete", "vertraulich", "empfänger", "unbefugt", "confidentiel", "destinataire", "confidencial", "destinatario", "destinatário",
    "riservat", "vertrouwelijk", "geadresseerde", "poufn", "adresat", "конфиденциальн", "адресат", "получател", "конфіденційн", "одержувач", "gizli", "alıcı", "důvěrn", "bizalmas", "fortrolig", "konfidentiell", "luottamuksell", "محرمانه", "سرية", "חסוי", "保密", "机密", "機密", "기밀",
)  # fmt: skip

# Words that close a letter. They are the writer's, and stay; below them stands a name, and below that the block.
GOODBYES: tuple[str, ...] = (
    "thanks", "thank you", "many thanks", "best", "best regards", "kind regards", "regards", "warm regards", "best wishes", "sincerely", "yours sincerely", "yours", "yours truly", "cheers", "all the best", "respectfully", "cordially", "with best regards", "warmly",
    "mit freundlichen grüßen", "freundliche grüße", "viele grüße", "liebe grüße", "beste grüße", "herzliche grüße", "mfg", "lg", "vg", "gruß", "grüße", "mit freundlichem gruß", "cordialement", "bien cordialement", "bien à vous", "merci", "salutations", "saludos", "un saludo",
    "atentamente", "gracias", "saludos cordiales", "abraços", "atenciosamente", "obrigado", "obrigada", "cumprimentos", "cordiali saluti", "saluti", "grazie", "distinti saluti", "met vriendelijke groet", "met vriendelijke groeten", "groet", "groeten", "pozdrawiam", "z poważaniem",
    "serdecznie pozdrawiam", "dziękuję", "s pozdravem", "děkuji", "s pozdravom", "ďakujem", "üdvözlettel", "tisztelettel", "köszönöm", "cu respect", "cu stimă", "mulțumesc", "поздрави", "с уважение", "med vänliga hälsningar", "vänliga hälsningar", "hälsningar", "mvh", "med venlig hilsen", "venlig hilsen",
    "hilsen", "vennlig hilsen", "med vennlig hilsen", "ystävällisin terveisin", "terveisin", "teşekkürler", "saygılarımla", "iyi günler", "selamlar", "με εκτίμηση", "ευχαριστώ", "с уважением", "спасибо", "всего доброго", "с наилучшими пожеланиями", "заранее спасибо", "с ув", "з повагою", "дякую", "з павагай", "дзякуй",
    "құрметпен", "рахмет", "урматтоо менен", "рахмат", "hurmat bilan", "rahmat", "ҳурмат билан", "бо эҳтиром", "ташаккур", "hörmətlə", "təşəkkürlər", "პატივისცემით", "მადლობა", "հարգանքով", "շնորհակալություն", "با احترام", "با تشکر", "سپاس", "ممنون", "په درنښت", "مننه", "ھۆرمەت بىلەن", "رەھمەت", "مع التحية", "مع خالص التحية", "تحياتي", "شكرا",
    "בברכה", "תודה", "此致", "谢谢", "謝謝", "祝好", "敬上", "顺祝商祺", "よろしくお願いします", "よろしくお願いいたします", "宜しくお願い致します", "敬具", "감사합니다", "드림", "올림", "хүндэтгэсэн", "баярлалаа", "trân trọng", "cảm ơn", "hormat saya", "salam", "terima kasih", "ขอบคุณ", "ด้วยความเคารพ",
)  # fmt: skip

# After these it needs no device that we know: "Sent from my TI-85". After the others of one short word it needs little else.
MINE: tuple[str, ...] = (
    "sent from my", "envoyé de mon", "envoyé depuis mon", "enviado desde mi", "enviado do meu", "inviato dal mio", "verstuurd vanaf mijn",
    "verzonden vanaf mijn", "skickat från min", "sendt fra min", "von meinem", "von meiner", "发自我的", "發自我的", "来自我的", "ارسال شده از",
)  # fmt: skip
SHORT: tuple[str, ...] = ("from my", "via my", "mit", "von", "vom", "از", "له", "аз", "使用", "从", "從", "我的")

# What a server writes above a mail from outside.
BANNERS: tuple[str, ...] = (
    "you don't often get email from", "some people who received this message don't often get email from", "caution: this email originated from outside", "caution: external email", "external email:", "this message originated outside",
    "[external]", "[external email]", "[extern]", "this email originated from outside", "achtung: diese e-mail stammt von", "sie erhalten nicht häufig e-mails von", "vous n'obtenez pas souvent d'e-mail de", "no suele recibir correo electrónico de",
    "вы не часто получаете", "внимание: внешнее письмо", "non si ricevono spesso messaggi di posta elettronica da", "u ontvangt niet vaak e-mail van",
)  # fmt: skip

SENT_FROM_FOLDED = tuple((fold(before), fold(after)) for rows in SENT_FROM.values() for before, after in rows)
DEVICES_FOLDED = tuple(fold(device) for device in DEVICES)
MINE_FOLDED = frozenset(fold(before) for before in MINE)
SHORT_FOLDED = frozenset(fold(before) for before in SHORT)
EXCUSES_FOLDED = tuple(fold(word) for word in EXCUSES)
SURE_FOLDED = tuple(fold(phrase) for phrase in SURE)
LAWYERS_FOLDED = tuple(fold(word) for word in LAWYERS)
GOODBYES_FOLDED = frozenset(fold(word) for word in GOODBYES)
BANNERS_FOLDED = tuple(fold(phrase) for phrase in BANNERS)
