"""Russian postal addresses for the ear: "ул. Ленина, д. 5, корп. 2" -> "улица Ленина, дом пять, корпус два"."""

from __future__ import annotations

import re

from dialer.speech.numerals import cardinal, code, in_groups, ordinal_with_ending, spelled

#: A name follows (a capital letter, whatever the pattern's flags).
_NAME = r"\s*(?-i:[А-ЯЁ])"
#: A dot, or none before a name or a number, as address registers write it ("ул Ленина").
_DOT = r"(?:\.|(?=\s+(?:(?-i:[А-ЯЁ])|\d)))"
#: Abbreviations that stand for one word wherever they appear. Longest first within one start.
_WORDS: tuple[tuple[str, str], ...] = (
    (rf"ул{_DOT}", "улица"),
    (r"(?:пр-кт|пр-т|просп|пр-к)\b\.?", "проспект"),
    (r"пр-д\b\.?", "проезд"),
    (rf"пр{_DOT}", "проспект"),
    (rf"пер{_DOT}", "переулок"),
    (rf"наб{_DOT}", "набережная"),
    (rf"ш{_DOT}", "шоссе"),
    (rf"(?:б-р\b\.?|бульв{_DOT}|бул{_DOT})", "бульвар"),
    (rf"пл{_DOT}", "площадь"),
    (r"туп\.", "тупик"),
    (r"ал\.", "аллея"),
    (r"(?:мкр-н|мкрн|мкр|м-н)\b\.?", "микрорайон"),
    (r"кв-л\b\.?", "квартал"),
    (r"обл\b\.?", "область"),
    (r"р-н\b\.?", "район"),
    (rf"респ{_DOT}", "республика"),
    (r"пгт\b\.?", "посёлок городского типа"),
    (rf"(?:пос{_DOT}|п\.(?={_NAME}))", "посёлок"),
    (rf"(?:дер{_DOT}|д\.(?={_NAME}))", "деревня"),
    (rf"с\.(?={_NAME})", "село"),
    (r"ст-ца\b", "станица"),
    (rf"х\.(?={_NAME})", "хутор"),
    (rf"г\.?(?={_NAME})", "город"),
    (r"(?<=[а-яё]\s)г\.(?=\s*,|\s*$)", "город"),
    (r"им\.", "имени"),
)
#: Abbreviations that only mean something before a number.
_NUMBERED: tuple[tuple[str, str], ...] = (
    (r"(?:дом|д)\b\.?", "дом"),
    (r"(?:корпус|корп|кор|к)\b\.?", "корпус"),
    (r"(?:строение|стр)\b\.?", "строение"),
    (r"(?:квартира|кварт|кв)\b\.?", "квартира"),
    (r"(?:(?:подъезд|подъез|п-д)\b\.?|под\.)", "подъезд"),
    (r"(?:этаж|эт)\b\.?", "этаж"),
    (r"(?:офис|оф)\b\.?", "офис"),
    (r"(?:владение|влад|влд|вл)\b\.?", "владение"),
    (r"(?:помещение|помещ|пом)\b\.?", "помещение"),
    (r"(?:литера|лит)\b\.?", "литера"),
    (r"(?:микрорайон)\b", "микрорайон"),
    (r"(?:домофон)\b", "домофон"),
)
_PART_WORDS = {"к": "корпус", "с": "строение", "/": "дробь", "-": "тире"}
_HOUSE = r"\d{1,4}[А-Яа-яЁё]?(?:\s?(?:/|-|[кКсС](?=\d))\d{1,4}[А-Яа-яЁё]?)*(?![\d\w])"
_HOUSE_PARTS = re.compile(r"(\d+)|([А-Яа-яЁё](?=\d))|([А-Яа-яЁё])|([/-])")
_AFTER_LABEL = [
    (re.compile(rf"\b{short}\s*№?\s*(?P<number>{_HOUSE})", re.IGNORECASE), full) for short, full in _NUMBERED
]
_EXPANDED = [(re.compile(rf"(?<![\w-]){short}\s*", re.IGNORECASE), full) for short, full in _WORDS]
_LITERA = re.compile(r"\b(?:литера|лит\.?)\s*([А-Яа-яЁё])(?!\w)", re.IGNORECASE)
_ZIP = re.compile(r"(?<![\d\w])([1-6]\d{5})(?=,\s*[А-ЯЁгросп])")
_ORDINAL = re.compile(r"(?<![\w])(\d{1,4})-?(й|ый|ий|я|ая|е|ое|го|ого|му|ому|ой|ю|ую|ом)\b", re.IGNORECASE)
_ANNIVERSARY = re.compile(r"\b(\d{1,3})[- ]?лет(и[еяй]\w*)?\b", re.IGNORECASE)
_LONE_HOUSE = re.compile(rf"(?<=,)\s*(?P<number>{_HOUSE})(?=\s*(?:,|\.|;|$|\?|!))")


def speak_address(text: str) -> str:
    """The abbreviations, house numbers and numbered street names of `text` as words; the rest stays."""
    text = _ZIP.sub(lambda found: in_groups(found[1]), text)
    text = _ANNIVERSARY.sub(_anniversary, text)
    text = _ORDINAL.sub(_ordinal, text)
    text = _LITERA.sub(lambda found: f"литера {spelled(found[1])}", text)
    for pattern, full in _AFTER_LABEL:
        text = pattern.sub(lambda found, full=full: f"{full} {house(found['number'])}", text)  # type: ignore[misc]
    for pattern, full in _EXPANDED:
        text = pattern.sub(f"{full} ", text)
    text = _LONE_HOUSE.sub(lambda found: f" {house(found['number'])}", text)
    return re.sub(r"\s+([,.;?!])", r"\1", text)


def house(number: str) -> str:
    """A house or flat number: "10/2А" is "десять дробь два а", "5к2" is "пять корпус два"."""
    words = []
    for digits, joint, letter, sign in _HOUSE_PARTS.findall(number.lower()):
        if digits:
            words.append(cardinal(int(digits)) if not digits.startswith("0") else code(digits))
        elif joint or sign:
            words.append(_PART_WORDS.get(joint or sign) or spelled(joint))
        else:
            words.append(spelled(letter))
    return " ".join(words)


def _ordinal(found: re.Match[str]) -> str:
    return ordinal_with_ending(int(found[1]), found[2].lower())


def _anniversary(found: re.Match[str]) -> str:
    """ "60-летия Октября": the number's genitive grows together with the word; "50 лет" is two words."""
    number = int(found[1])
    if not found[2]:
        return f"{cardinal(number)} лет"
    stem = "сто" if number == 100 else cardinal(number, "g")
    return f"{stem.replace(' ', '')}лет{found[2]}"
