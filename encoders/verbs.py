"""Forms of everyday English verbs."""

from .word_tables import DOUBLED_GERUNDS, DOUBLING_VERBS, IRREGULAR_PASTS, MORE_VERBS, REGULAR_VERBS


def _past_of(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + verb[-1] + "ed" if verb in DOUBLING_VERBS else verb + "ed"


def _gerund_of(verb: str) -> str:
    if verb in DOUBLING_VERBS or verb in DOUBLED_GERUNDS:
        return verb + verb[-1] + "ing"
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    return verb[:-1] + "ing" if verb.endswith("e") and not verb.endswith("ee") else verb + "ing"


PAST = {verb: _past_of(verb) for verb in REGULAR_VERBS} | IRREGULAR_PASTS | {"have": "had", "do": "did"}
BASE = {past: verb for verb, past in PAST.items() if past != verb}
PASTS = {*PAST.values(), *map(_past_of, MORE_VERBS), "was", "were", "put", "hit", "cut", "read", "set"}
GERUND = {verb: _gerund_of(verb) for verb in PAST} | {"go": "going"}
INFINITIVE = {gerund: verb for verb, gerund in GERUND.items()}
