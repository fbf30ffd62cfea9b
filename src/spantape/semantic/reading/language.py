"""Which language a text is written in: by script, and by the small words that every sentence has."""

from __future__ import annotations

import re
from collections.abc import Iterable

_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_DEVANAGARI = re.compile(r"[\u0900-\u097f]")
_WORD = re.compile(r"[^\W\d_]+")
_READ = 4000  # characters that tell a language; more tell no more

# Words that stand in most sentences of their language and in few of another.
_SMALL = {
    "en": "the of and to is was are were for with that this it you your we our not be on at by from have has will an "
    "as do met door over come also if then than when before after into out its his her their they he she who which but "
    "or may can should must does did been being all any each only",
    "de": "der die das und ist nicht ein eine einen einem einer den dem des zu mit auf für von wird werden sind im am "
    "ihr ihre ihren wir sie es kann haben hat bei nach aus auch sich als um bis zum zur durch wurde keine kein",
    "fr": "le la les des et est une du au aux pour dans que qui votre vos nous vous pas sur avec ne ce cette il elle "
    "sont ont été être par plus sera à de un en se sa son",
    "es": "el la los las y es una del para que su sus con no por se al lo está son ha han como más pero un en de le "
    "nos usted ser fue puede desde hasta",
    "it": "il lo gli le e è una del della dei delle per che con non si di da nel nella sono ha hanno al alla un questo "
    "suo sua può essere stato",
    "pt": "o os as e é uma do da dos das para que com não se em no na por seu sua são foi está um ao pode você mais "
    "foram até",
    "nl": "de het een en is van niet met voor op aan te dat die zijn er wordt worden uw u wij we ze om naar bij kan "
    "heeft hebben door ook als",
}
_VOTES: dict[str, tuple[str, ...]] = {}
for _language, _words in _SMALL.items():
    for _word in _words.split():
        _VOTES[_word] = (*_VOTES.get(_word, ()), _language)


def language_of(text: str) -> str:
    """Return the ISO 639-1 code of a text's language, of the ten that have tables; English where nothing tells."""
    head = text[:_READ]
    if not head.isascii():
        letters = max(1, len(head) // 8)
        han = len(_HAN.findall(head))
        if len(_KANA.findall(head)) * 4 > han and _KANA.search(head):
            return "ja"
        if han * 2 > letters:
            return "zh"
        if len(_DEVANAGARI.findall(head)) > letters:
            return "hi"
    return _voted(word.lower() for word in _WORD.findall(head))


def _voted(words: Iterable[str]) -> str:
    scores = dict.fromkeys(_SMALL, 0.0)
    for word in words:
        languages = _VOTES.get(word, ())
        for language in languages:
            scores[language] += 1 / len(languages)
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] > scores["en"] + 0.5 else "en"
