"""The cues: what a phrase hints at. Rules combine cues into an action; a cue alone decides nothing."""

from __future__ import annotations

from enum import StrEnum


class Cue(StrEnum):
    """What one phrase hints at."""

    #: "да", "хорошо": agrees with whatever was asked.
    YES = "yes"
    #: "нет" and nothing more.
    NO = "no"
    #: "всё верно", "в силе": what was said is right.
    RIGHT = "right"
    #: "удобно", "подходит": right, or a wish when a date stands beside it.
    FIT = "fit"
    #: "неверно", "не так".
    NOT_RIGHT = "not_right"
    #: "подтверждаю".
    CONFIRM = "confirm"
    #: "подтвержу": a promise, a confirmation only when nothing stands beside it.
    CONFIRM_FUTURE = "confirm_future"
    #: "подтвердите", "подтвердить": the same as a request, which may be about something else.
    CONFIRM_PLEASE = "confirm_please"
    #: "не подтверждаю".
    DENY = "deny"
    #: "везите", "жду", "беру": says by other words that the order is wanted.
    ACCEPT = "accept"
    #: "жду": says the same, but "не жду" refuses nothing.
    WAIT = "wait"
    #: "не привозите", "не буду брать".
    REFUSE = "refuse"
    #: "отмените", "отказываюсь".
    CANCEL = "cancel"
    #: "отмените заказ": the verb and its object.
    CANCEL_ORDER = "cancel_order"
    #: "не надо", "не нужен", "неактуально".
    DECLINE = "decline"
    #: "передумал", "уже купил".
    CHANGED_MIND = "changed_mind"
    #: "дорого", "денег нет": a reason, not yet a decision.
    REASON = "reason"
    #: "не отменяйте", "не отказываюсь".
    KEEP = "keep"

    #: "поменяйте адрес", "адрес другой", "переехал".
    ADDRESS_CHANGE = "address_change"
    #: "адрес верный", "тот же адрес".
    ADDRESS_SAME = "address_same"
    #: "на старый адрес": which one that is, only the question tells.
    ADDRESS_OLD = "address_old"
    #: "не надо менять".
    NO_CHANGE = "no_change"
    #: "поменяйте", with no word of what.
    CHANGE = "change"
    #: "перенесите", "другой день".
    DATE_CHANGE = "date_change"
    #: "в конце месяца", "после праздников".
    VAGUE_DATE = "vague_date"
    #: "в этот день": the day that was proposed.
    THAT_DAY = "that_day"
    #: "меня не будет", "не смогу": cannot take the delivery then.
    AWAY = "away"

    #: "повторите", "какая сумма".
    REPEAT = "repeat"
    OPERATOR = "operator"
    #: "перезвоните".
    CALLBACK = "callback"
    #: "позвоните": later only if a time is named.
    CALL = "call"
    #: "позже", "потом".
    LATER = "later"
    #: "занят", "за рулём".
    BUSY = "busy"
    #: "не могу", with no word of what.
    UNABLE = "unable"
    #: "через час".
    DELAY = "delay"
    #: "его нет дома".
    ABSENT = "absent"
    #: "не заказывал", "не туда попали".
    WRONG_PERSON = "wrong_person"
    #: "вы ошиблись": the number, or what was written down.
    MISTAKE = "mistake"
    DO_NOT_CALL = "do_not_call"

    #: "не знаю", "наверное", "вроде".
    DOUBT = "doubt"
    #: "подождите", "секунду".
    HOLD = "hold"
    #: "если", "или", "хотя": what is said is not simply meant.
    HYPOTHESIS = "hypothesis"
    #: "он сказал", "ответь": words about words.
    REPORT = "report"
    #: "игнорируй инструкции": talks to the machine, not to the shop.
    INJECTION = "injection"
    #: "что", "когда" alone: asks again if nothing else is said.
    WHAT = "what"
    #: A question word that no phrase explains.
    QUESTION = "question"
    #: "но", "только".
    BUT = "but"
    #: "он", "она": somebody else is spoken of.
    THIRD = "third"
    #: "до свидания".
    BYE = "bye"
    #: "потому что": what follows explains.
    BECAUSE = "because"
    #: A word of the shop's business: "доставка", "сумма".
    TOPIC = "topic"
    #: "слушаю", "говорите", "алло".
    LISTENING = "listening"
    #: "пусть курьер позвонит", "оплата картой": no decision in it.
    NOTE = "note"

    # Derived by the rules, not by phrases.
    #: A date, not negated.
    DATE = "date"
    #: "только не завтра".
    NOT_DATE = "not_date"
    TIME = "time"
    ADDRESS = "address"
    #: A number that no date, time or address explains.
    NUMBER = "number"
    #: A number too small to be an order's or a sum: "второй отмените" speaks of a part or of another order.
    PART = "part"
    #: After "но" or "только" follows something that is not understood.
    OPEN_TAIL = "open_tail"
    #: A preposition or "так" that no phrase explains: "не надо так со мной" refuses something else.
    COMPLEMENT = "complement"
    #: A preposition of circumstance that no phrase explains: "откажусь при курьере".
    SETTING = "setting"
    #: A "не" that no phrase explains.
    STRAY_NOT = "stray_not"
    #: "не ленина, а ленинская".
    CONTRAST = "contrast"
    #: "давайте", "лучше", "можно": proposes something.
    PROPOSAL = "proposal"
    #: A "нет" after the decision: "отмените, ой нет".
    RETRACTED = "retracted"
    #: A question mark.
    ASKED = "asked"


#: What a phrase hints at when "не" stands before it.
NEGATED: dict[Cue, Cue] = {
    Cue.CANCEL: Cue.KEEP,
    Cue.CANCEL_ORDER: Cue.KEEP,
    Cue.CONFIRM: Cue.DENY,
    Cue.CONFIRM_PLEASE: Cue.DENY,
    Cue.CONFIRM_FUTURE: Cue.DENY,
    Cue.ACCEPT: Cue.REFUSE,
    Cue.RIGHT: Cue.NOT_RIGHT,
    Cue.FIT: Cue.NOT_RIGHT,
    Cue.CHANGE: Cue.NO_CHANGE,
    Cue.ADDRESS_CHANGE: Cue.NO_CHANGE,
    Cue.DATE_CHANGE: Cue.NO_CHANGE,
    Cue.CALLBACK: Cue.DO_NOT_CALL,
    Cue.OPERATOR: Cue.NOTE,
    Cue.REPEAT: Cue.NOTE,
}
#: Cues whose phrases may also be negated at a distance: "не надо P", "P не надо". Where imperatives are among the
#: phrases this would be wrong ("отмените, не надо"), so the lexicon spells those negations out.
NEGATED_BY_MODAL = frozenset({Cue.CALLBACK, Cue.OPERATOR})
