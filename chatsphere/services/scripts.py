"""Scripts that put no spaces between words: ranges for a character class of ``re``.

Where words are counted, cut or compared, a letter of these stands for about half a word. Korean has spaces, yet its words grow endings together: who looks for words inside of words takes ``HANGUL`` too.
"""

from __future__ import annotations

import re
from typing import Final

# Thai, Lao, Burmese, Khmer, kana with its extensions, CJK ideographs with their compatibility forms and supplementary planes.
UNSPACED: Final = (
    "\u0e00-\u0e4e\u0e80-\u0ecf\u1000-\u109f\u1780-\u17d3\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
HANGUL: Final = "\uac00-\ud7af"
UNSPACED_LETTER: Final = re.compile(f"[{UNSPACED}]")
UNSPACED_OR_HANGUL: Final = re.compile(f"[{UNSPACED}{HANGUL}]")
