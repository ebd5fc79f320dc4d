"""How vacation notices begin their subjects, in the languages of mail programs and of the people who read us."""

import re
import unicodedata

PHRASES = (
    "automatic reply", "automated reply", "automatic response", "auto reply", "auto-reply", "autoreply", "auto response",
    "auto-response", "autoresponse", "autoresponder", "out of office", "out of the office", "out-of-office",
    "vacation reply", "away from my mail", "i am out of the office",
    "автоответ", "автоматический ответ", "автоматическое уведомление", "вне офиса", "я в отпуске",
    "автоматична відповідь", "автовідповідь", "аўтаматычны адказ", "автоматичен отговор", "аутоматски одговор",
    "автоматты жауап", "автоматтық жауап", "автоматтык жооп", "автоматик җавап", "автомат хариу", "ҷавоби худкор",
    "avtomatik javob", "avtomatik cavab", "awtomatik jogap", "otomatik yanıt", "otomatik yanit", "otomatik cevap",
    "ofis dışında", "ofis dışındayım",
    "پاسخ خودکار", "جواب خودکار", "رد تلقائي", "الرد التلقائي", "خارج المكتب", "ئاپتوماتىك جاۋاب", "خودکار جواب",
    "תשובה אוטומטית", "מענה אוטומטי", "स्वचालित उत्तर", "स्वतः उत्तर", "স্বয়ংক্রিয় উত্তর",
    "自动回复", "自动答复", "自動回覆", "自動回應", "自動回复", "外出自动回复", "自動応答", "自動返信", "不在通知", "자동 회신", "자동 응답", "자동응답", "부재중",
    "ตอบกลับอัตโนมัติ", "trả lời tự động", "thư trả lời tự động", "balasan otomatis", "balas automatik",
    "automatische antwort", "abwesenheitsnotiz", "abwesenheitsnachricht", "abwesenheitsmeldung", "abwesend",
    "nicht im büro", "réponse automatique", "message d'absence", "absence du bureau", "absent du bureau",
    "respuesta automática", "fuera de la oficina", "fuera de oficina", "resposta automática", "resposta automàtica",
    "fora do escritório", "ausência temporária", "risposta automatica", "fuori sede", "fuori ufficio", "assente dall'ufficio",
    "automatisch antwoord", "afwezig", "afwezigheidsbericht", "niet aanwezig", "autosvar", "automatiskt svar",
    "automatisk svar", "ikke til stede", "ej på plats", "automaattinen vastaus",
    "automaatvastus", "automatiskā atbilde", "automātiskā atbilde", "automatinis atsakymas", "odpowiedź automatyczna",
    "automatyczna odpowiedź", "autoodpowiedź", "poza biurem", "automatická odpověď", "mimo kancelář",
    "automatická odpoveď", "automatikus válasz", "házon kívül", "răspuns automat", "automatski odgovor",
    "samodejni odgovor", "përgjigje automatike", "αυτόματη απάντηση", "εκτός γραφείου", "ავტომატური პასუხი",
    "ավտոմատ պատասխան", "sjálfvirkt svar", "erantzun automatikoa",
)  # fmt: skip


def _alike(phrase: str) -> str:
    return re.escape(unicodedata.normalize("NFKC", phrase).casefold().replace("\u0307", ""))


# The phrase stands first, perhaps in brackets, and alone or before a sign: "Out of office workers in Almaty" is a
# question. Lotus Notes has the name before it.
AWAY = re.compile(
    r"[\[(【「«\"*\s]{0,4}(?:" + "|".join(sorted(map(_alike, PHRASES), key=len, reverse=True)) + r")"
    r"(?:\s*(?:$|[\])】」»\"*:,;.!(\[|/–—-])|\s+(?:re|fw|fwd|aw|wg|until|till|bis|до)\b|\s+autoreply\b)"
    r"|[^?:]{1,60} is (?:currently )?out of (?:the )?office(?:\s*(?:$|[(.!])|\s+(?:until|till|and will|returning)\b)"
)
