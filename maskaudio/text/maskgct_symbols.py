"""The 363 symbols of MaskGCT, in the order of its table of phones.

A fact of the published weights, which do not hold it: it is g2p/vocab.json beside Amphion's code (MIT).
"""

SIGNS = ", . ? ! _"
ENGLISH = """
iː ɪ ɜː ɚ oːɹ ɔː ɔːɹ ɑː uː ʊ ɑːɹ ʌ ɛ æ eɪ aɪ ɔɪ aʊ oʊ ɪɹ ɛɹ ʊɹ p b t d k ɡ f v θ ð s z ʃ ʒ h tʃ dʒ m n ŋ j w ɹ
l tɹ dɹ ts dz i ɔ ə ɾ iə r u oː ɛː ɪː aɪə aɪɚ ɑ\u0303 \u00e7 ɔ\u0303 ææ ɐɐ ɡʲ nʲ iːː
"""
CHINESE = "p⁼ pʰ t⁼ tʰ k⁼ kʰ x tʃ⁼ tʃʰ ts`⁼ ts`ʰ s` ɹ` ts⁼ tsʰ"
CHINESE_FINALS = """
p⁼wo pʰwo mwo fwo jɛn ɥæn in ɥn iŋ ʊŋ jʊŋ ia iɛ iɑʊ ioʊ iɑŋ ua uo uaɪ ueɪ uan uən uɑŋ ɥɛ a o ə ɛ aɪ eɪ ɑʊ oʊ
an ən ɑŋ əŋ əɹ i u ɥ ts`⁼ɹ ts`ʰɹ s`ɹ ɹ`ɹ ts⁼ɹ tsʰɹ sɹ
"""
CHINESE_TONES = ("", "→", "↑", "↓↑", "↓")
JAPANESE = "ɯ e aː ɯː eː c\u0327 ɸ ɰᵝ ɴ g dʑ q ː bj tɕ dej tej gj gɯ c\u0327j kj kɯ mj nj pj ɾj ɕ tsɯ"
KOREAN = "ɐ ɑ ɒ ɜ ɫ ʑ ʲ"
EUROPEAN = "y ø œ ʁ \u0303 ɲ"
MORE_SIGNS = ": ; ' …"


def _symbols() -> tuple[str, ...]:
    """Languages one after the other; of a symbol that two have, the first counts."""
    finals = " ".join(final + tone for final in CHINESE_FINALS.split() for tone in CHINESE_TONES)
    parts = SIGNS, ENGLISH, CHINESE, finals, JAPANESE, KOREAN, EUROPEAN, MORE_SIGNS
    return tuple(dict.fromkeys(" ".join(parts).split()))


SYMBOLS = _symbols()
ROWS = {symbol: row for row, symbol in enumerate(SYMBOLS)}
