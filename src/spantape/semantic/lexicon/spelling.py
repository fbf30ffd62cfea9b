"""One spelling for words that are spelled in two ways: British and American, with and without diacritics."""

from __future__ import annotations

import re

# Stems that end in -our; where an ending follows, it follows the same way in both spellings.
_OUR = re.compile(
    r"^(un|dis|mis)?(col|fav|neighb|harb|lab|behavi|hon|flav|rum|hum|endeav|od|vap|tum|sav|arm|cand|parl|rig|val|vig|clam|splend|ferv)our"
)
_RE = re.compile(
    r"^(cent|met|lit|theat|fib|calib|spect|meag|somb|lust|(?:kilo|centi|milli|deci)(?:met|lit))re(s|d)?$"
)
_ISE = re.compile(r"^(\w{3,}[^aeiou]|\w*[aeiou]l|\w{2,}[ltnrmcd]i?)is(e|es|ed|ing|ation|ations|er|ers|able)$")
_KEPT_ISE = re.compile(
    r"^(adv|ev|dev|rev|superv|improv|telev|surpr|compr|enterpr|exerc|prom|prec|conc|exc|inc|franch|merchand|adverti|"
    r"adv?ert|disgu|desp|rai|pra|no|cho|expert|prem|cru|bru|ar|r|w)is"
)
_PAIRS = {
    "grey": "gray", "greys": "grays", "tyre": "tire", "tyres": "tires", "programme": "program",
    "programmes": "programs", "cheque": "check", "cheques": "checks", "catalogue": "catalog", "dialogue": "dialog",
    "licence": "license", "licences": "licenses", "defence": "defense", "offence": "offense", "pretence": "pretense",
    "aluminium": "aluminum", "jewellery": "jewelry", "fulfil": "fulfill", "fulfils": "fulfills", "enrol": "enroll",
    "enrols": "enrolls", "instal": "install", "instalment": "installment", "instalments": "installments",
    "storey": "story", "mould": "mold", "plough": "plow", "kerb": "curb", "ageing": "aging", "judgement": "judgment",
    "acknowledgement": "acknowledgment", "whilst": "while", "amongst": "among", "analyse": "analyze",
    "analysed": "analyzed", "analyses": "analyzes", "analysing": "analyzing", "paralyse": "paralyze",
    "catalyse": "catalyze", "sulphate": "sulfate", "sulphite": "sulfite", "sulphur": "sulfur", "anaemia": "anemia",
    "diarrhoea": "diarrhea", "oestrogen": "estrogen", "paediatric": "pediatric", "orthopaedic": "orthopedic",
    "haemorrhage": "hemorrhage", "anaesthetic": "anesthetic", "foetus": "fetus", "manoeuvre": "maneuver",
    "sceptical": "skeptical", "artefact": "artifact", "artefacts": "artifacts", "cosy": "cozy", "draught": "draft",
    "practise": "practice", "moustache": "mustache", "pyjamas": "pajamas", "yoghurt": "yogurt", "doughnut": "donut",
    "cancelled": "canceled", "cancelling": "canceling", "travelled": "traveled", "travelling": "traveling",
    "traveller": "traveler", "travellers": "travelers", "labelled": "labeled", "labelling": "labeling",
    "modelled": "modeled", "modelling": "modeling", "signalled": "signaled", "fuelled": "fueled",
    "counsellor": "counselor", "wilful": "willful", "skilful": "skillful", "grey-green": "gray-green",
    "alright": "okay", "ok": "okay", "e-mail": "email", "e-mails": "emails", "wi-fi": "wifi", "cafe": "café",
}  # fmt: skip


def one_spelling(word: str) -> str:
    """Return the American spelling of a lower-case word; a word with one spelling comes back as it is."""
    if len(word) < 2 or len(word) > 30:
        return word
    paired = _PAIRS.get(word)
    if paired is not None:
        return paired
    if "our" in word:
        word = _OUR.sub(lambda found: f"{found[1] or ''}{found[2]}or", word)
    if "is" in word and not _KEPT_ISE.match(word):
        word = _ISE.sub(r"\1iz\2", word)
    return _RE.sub(lambda found: f"{found[1]}er{found[2] or ''}", word) if "re" in word else word
