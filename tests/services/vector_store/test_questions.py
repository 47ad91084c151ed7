"""How much cosines count beside words."""

from __future__ import annotations

import pytest

from chatsphere.services.vector_store.questions import dense_share_of

MINILM = "local:all-minilm-l6-v2-int8"


@pytest.mark.parametrize(
    ("model", "languages", "share"),
    [
        (MINILM, {"en": 10}, 0.5),
        (MINILM, {"en-GB": 5, "": 5}, 0.5),
        (MINILM, {"de": 10}, 0.2),
        (MINILM, {"de": 5, "en": 5}, 0.35),
        (MINILM, {}, 0.5),
        (MINILM, {"de": 3, "en": -3}, 0.5),  # statistics that lag behind
        ("openai:text-embedding-3-small", {"de": 10}, 0.5),
    ],
)
def test_cosines_count_less_in_languages_that_the_model_does_not_read(
    model: str, languages: dict[str, int], share: float
) -> None:
    assert dense_share_of(model, languages) == pytest.approx(share)
