""" "Всё верно, но отмените", "хотел отменить, но везите": what is conceded before "но" gives way to what follows it."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.understanding.lexicon.cues import Cue
from dialer.understanding.patterns import Found
from dialer.understanding.vocabulary import Token

_BUT = frozenset({"но", "однако"})
#: Words that put a wish into the past.
_WISHED = frozenset(
    """хотел хотела хотели думал думала думали собирался собиралась собирались планировал планировала планировали
    заказывал заказывала заказывали заказал заказала заказали оформлял оформляла""".split()
)
#: "Уже", "больше": the wish is over, so that "не надо" refuses the order and nothing smaller.
_OVER = frozenset({"уже", "больше"})
#: What may be conceded before a cancellation.
_CONCEDED = frozenset({Cue.YES, Cue.RIGHT, Cue.FIT, Cue.NOTE, Cue.ADDRESS_SAME, Cue.ACCEPT, Cue.REASON})
_ENDS_ORDER = frozenset({Cue.CANCEL, Cue.CANCEL_ORDER, Cue.REFUSE, Cue.CHANGED_MIND})
_KEEPS_ORDER = frozenset({Cue.CONFIRM, Cue.ACCEPT, Cue.WAIT})
_STILL_ORDERS = frozenset({"@deliver", "@take_i", "@confirm"})


def deciding_tail(tokens: Sequence[Token], found: Sequence[Found[Cue]]) -> int:
    """The place after the last "но" when that part alone decides; 0 when the utterance must be read whole."""
    turns = [place for place, token in enumerate(tokens) if token.form in _BUT]
    if not turns or turns[-1] == 0:
        return 0
    turn = turns[-1]
    head, forms = tokens[:turn], {token.form for token in tokens[:turn]}
    before = {one.kind for one in found if one.places[-1] < turn}
    after = {one.kind for one in found if one.places[0] > turn}
    if "не" in forms or not _explained(head, found):
        return 0
    wished = not forms.isdisjoint(_WISHED)
    ends = not after.isdisjoint(_ENDS_ORDER) or (
        Cue.DECLINE in after and not _OVER.isdisjoint(token.form for token in tokens[turn:])
    )
    allowed = _CONCEDED | {Cue.CONFIRM_PLEASE} if wished else _CONCEDED
    if ends and before <= allowed and not any(_STILL_ORDERS & token.symbols for token in head):
        return turn + 1
    gave_up = wished and not before.isdisjoint(_ENDS_ORDER) and before <= _ENDS_ORDER | _CONCEDED
    keeps = not after.isdisjoint(_KEEPS_ORDER) and after.isdisjoint(_ENDS_ORDER)
    return turn + 1 if gave_up and keeps else 0


def _explained(head: Sequence[Token], found: Sequence[Found[Cue]]) -> bool:
    """Whether every word of `head` that carries meaning belongs to a phrase or tells of a wish."""
    explained = {place for one in found for place in one.places}
    return all(
        place in explained or token.soft or token.form in _WISHED or len(token.form) == 1
        for place, token in enumerate(head)
    )
