"""Scripts without spaces between words are known by one list: where text is cut, indexed, compared and asked."""

from __future__ import annotations

import pytest

from chatsphere.apps.conversations.rewrite import points_back
from chatsphere.services.ai.negation import clauses_of
from chatsphere.services.content.chunking import chunk_document
from chatsphere.services.content.extract import extract
from chatsphere.services.scripts import UNSPACED_LETTER, UNSPACED_OR_HANGUL
from chatsphere.services.vector_store.analysis import analyze

TEXTS = {
    "th": "ร้านเปิดทุกวันตั้งแต่เก้าโมงเช้าถึงหกโมงเย็น",
    "lo": "ຮ້ານເປີດທຸກມື້ແຕ່ເກົ້າໂມງເຊົ້າຫາຫົກໂມງແລງ",
    "my": "ဆိုင်ကိုနေ့တိုင်းမနက်ကိုးနာရီမှညနေခြောက်နာရီအထိဖွင့်သည်",
    "km": "ហាងបើករាល់ថ្ងៃចាប់ពីម៉ោងប្រាំបួនព្រឹកដល់ម៉ោងប្រាំមួយល្ងាច",
    "ja": "店は毎日午前九時から午後六時まで営業しています",
    "zh": "商店每天上午九点到下午六点营业可以用现金付款",
}
KOREAN = "가게는 매일 아침 아홉 시부터 저녁 여섯 시까지 문을 엽니다"


@pytest.mark.parametrize("language", TEXTS)
def test_every_room_knows_the_script(language: str) -> None:
    text = TEXTS[language]
    assert UNSPACED_LETTER.search(text)
    assert len(analyze(text, language)) > 10, "indexed by pairs of letters"
    assert not points_back(text), "one long word is a whole question"
    assert points_back(text[:3]), "and three letters are none"
    assert len(clauses_of(f"{text}, {text[:20]}")) == 2, "a part of twenty letters is a clause of its own"
    document = extract("\n\n".join(f"{n} {text}" for n in range(40)).encode(), name="shop.txt")
    chunks = list(chunk_document(document, title="", count_tokens=lambda part: len(part.split())))
    assert len(chunks) > 1, "letters are counted, not the one word between two spaces"


def test_korean_has_spaces_but_its_words_are_looked_into() -> None:
    assert UNSPACED_OR_HANGUL.search(KOREAN)
    assert not UNSPACED_LETTER.search(KOREAN)
    assert "아침" in analyze(KOREAN, "ko")


def test_other_scripts_are_none_of_them() -> None:
    for text in ("The shop opens at nine.", "Магазин открыт", "المتجر مفتوح", "दुकान खुली है", "๙:๐๐", "—…•"):
        assert not UNSPACED_OR_HANGUL.search(text)
