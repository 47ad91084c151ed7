"""Words before whose full stop no sentence ends, small and without that stop: English, German, French, Spanish, Russian."""

from __future__ import annotations

_WORDS = """
    mr mrs ms dr prof st sr jr rev hon gen col sgt capt lt gov sen rep pres vs etc e.g i.e cf al ca approx est no
    nos vol fig figs sec secs ch chap pp p art para eq ed eds inc ltd co corp dept bros jan feb mar apr jun jul aug
    sep sept oct nov dec mon tue wed thu fri sat sun u.s u.k u.n e.u a.m p.m ph.d m.d d.c bzw usw z.b d.h u.a o.ä
    vgl nr abs bd str ggf evtl inkl zzgl ej sra srta ud uds núm pág av mme mlle env т.е т.д т.п др г см ул
"""
ABBREVIATIONS = frozenset(_WORDS.split())
AFTER_ORDINAL = r"\s+(?:Jan|Feb|Mär|Mar|Apr|Mai|Maj|Jun|Jul|Aug|Sep|Okt|Nov|Dez|Dec|Des|Jahrhundert|Stock|Etage)"
"""What makes the number before a full stop an ordinal, as in "am 31. März"."""
