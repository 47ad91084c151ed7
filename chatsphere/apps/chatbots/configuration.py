"""A chatbot's configuration: what may stand in it, within which bounds, and what holds when nothing is said.

The row stores only the keys that somebody set, so that a better default reaches every chatbot that left it alone. A published version
stores all of them, so that it answers tomorrow as it does today.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from chatsphere.core.engines import providers
from chatsphere.core.serializers import FiniteFloatField, LineField, StrictSerializer
from chatsphere.services.ai.refusal import WEIGHT_NAMES


@dataclass(frozen=True, slots=True)
class Configuration:
    """Every key with its default. ``min_score`` is a probability: below it a question is declined, 0.5 being the calibrated cut."""

    language: str = ""  # BCP 47; "": the visitor's own
    system_prompt: str = ""
    welcome_message: str = ""
    suggested_questions: tuple[str, ...] = ()
    model: str = (
        ""  # "extractive", "openai:<name>", "<provider>:<name>" or several with commas; "": the deployment's CHAT_MODEL
    )
    temperature: float = field(default_factory=lambda: settings.MODEL_TEMPERATURE)
    max_output_tokens: int = field(default_factory=lambda: settings.MODEL_MAX_OUTPUT_TOKENS)
    top_k: int = 6  # passages that an answer may rest on
    min_score: float = 0.5
    refusal_weights: Mapping[str, float] = field(
        default_factory=dict
    )  # of the decision to answer; empty: those of the embedding model
    refusal_message: str = ""  # "": a translated sentence in the chatbot's language
    verified_visitors_only: bool = False  # pages need a signed visitor token
    allowed_origins: tuple[str, ...] = ()  # pages that may use a publishable key; empty: any
    theme: Mapping[str, str] = field(default_factory=dict)
    history_turns: int = 6  # earlier messages that a follow-up question may refer to
    follow_ups: str = "model"  # what completes a question that points back: the chat model, or words of earlier ones
    ungrounded: str = "shown"  # statements that no passage bears out: shown, marked or withheld
    blocked_topics: tuple[str, ...] = ()  # phrases; recognised by their words and by their meaning
    blocked_message: str = ""  # "": a translated sentence in the chatbot's language
    handoff: str = "offer"  # to a visitor's wish for a person: offer one, hand over directly, or off
    redact_personal_data: bool = False  # before a model of somebody else sees the visitor's words
    link_hosts: tuple[str, ...] = ()  # hosts that answers may link to; empty: only addresses that stand in the passages
    embedding_model: str = ""  # "local:<name>" or "openai:<name>"; "": the deployment's EMBEDDING_MODEL
    chunk_words: int = 0  # usual length of a chunk; 0: the measured default
    chunk_max_words: int = 0  # greatest length of a chunk; 0: in proportion to the usual one


@cache
def _defaults() -> Mapping[str, Any]:
    return {each.name: getattr(Configuration(), each.name) for each in fields(Configuration)}


def read_configuration(stored: Mapping[str, Any]) -> Configuration:
    """The stored keys over the defaults. Keys of other releases and values of the wrong type are passed over, never an error."""
    taken = {name: _fitting(stored[name], default) for name, default in _defaults().items() if name in stored}
    return Configuration(**{name: value for name, value in taken.items() if value is not None})


def as_stored(configuration: Configuration) -> dict[str, Any]:
    """Every key as JSON, for answers of the API and for frozen versions."""
    return {name: _as_json(getattr(configuration, name)) for name in _defaults()}


def _as_json(value: Any) -> Any:
    if isinstance(value, (str, int, float)):  # nearly all; asking for a Mapping costs most
        return value
    return list(value) if isinstance(value, tuple) else dict(value)


def merge(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``stored`` with ``changes`` over it; a change to None takes the key back to its default."""
    merged = {**stored, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _fitting(value: Any, default: Any) -> Any:
    if isinstance(default, tuple):
        return tuple(str(item) for item in value) if isinstance(value, (list, tuple)) else None
    if isinstance(default, Mapping):
        return {str(k): _scalar(v) for k, v in value.items()} if isinstance(value, Mapping) else None
    if isinstance(value, bool) or isinstance(default, bool):
        return value if isinstance(value, bool) and isinstance(default, bool) else None
    if isinstance(default, float):
        return float(value) if isinstance(value, (int, float)) else None
    return value if isinstance(value, type(default)) else None


def _scalar(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_ONE_MODEL = r"(extractive|[a-z][a-z0-9_\-]{0,30}:[A-Za-z0-9][A-Za-z0-9._:/@+\-]{0,90})"
MODEL = re.compile(rf"{_ONE_MODEL}(,{_ONE_MODEL}){{0,3}}\Z")  # a chain: the next answers when one fails
EMBEDDING_MODEL = re.compile(r"(local|openai|hashing):[A-Za-z0-9][A-Za-z0-9._:/@+\-]{0,90}\Z")
LEAST_CHUNK_WORDS = 20
COLOR = re.compile(r"#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})\Z")
HOST = re.compile(
    r"(\*\.)?([a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?\Z|\[[0-9a-f:]+\]\Z"
)


class OriginField(serializers.CharField):
    """``https://example.com``, ``https://*.example.com`` or ``http://localhost:3000``; stored in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=200, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data).lower()
        if not _is_origin(text):
            raise serializers.ValidationError(_("Write an origin such as https://example.com, without a path."))
        return text


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    return (
        parts.scheme in ("http", "https") and text == f"{parts.scheme}://{parts.netloc}" and bool(HOST.fullmatch(host))
    )


class ThemeSerializer(StrictSerializer):
    """How the widget looks."""

    title = LineField(required=False, max_length=100)
    primary_color = serializers.RegexField(COLOR, required=False, help_text="`#rgb` or `#rrggbb`.")
    mode = serializers.ChoiceField(choices=["auto", "light", "dark"], required=False)
    position = serializers.ChoiceField(choices=["left", "right"], required=False)
    avatar_url = serializers.URLField(required=False, max_length=500)

    def validate_avatar_url(self, value: str) -> str:
        if not value.lower().startswith("https://"):
            raise serializers.ValidationError(_("Give an address that begins with https://."))
        return value


def _text(most: int, help_text: Any) -> serializers.CharField:
    return serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=most, trim_whitespace=False, help_text=help_text
    )


def _choice(choices: list[str], help_text: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=choices, required=False, allow_null=True, help_text=help_text)


class ConfigurationSerializer(StrictSerializer):
    """How a chatbot behaves. Every key is optional; null takes it back to its default."""

    language = serializers.RegexField(
        LANGUAGE,
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=35,
        help_text=gettext_lazy("BCP 47 tag such as `de` or `pt-BR`; empty: the visitor's own language."),
    )
    system_prompt = _text(8_000, gettext_lazy("Your own instructions to the model."))
    welcome_message = _text(1_000, gettext_lazy("What the widget says first."))
    suggested_questions = serializers.ListField(
        child=LineField(max_length=200), required=False, allow_null=True, max_length=10
    )
    model = serializers.RegexField(
        MODEL,
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=300,
        help_text=gettext_lazy(
            "`extractive`, `openai:<model>`, or empty for the one of this installation; several with commas are asked in turn until one"
            " answers."
        ),
        error_messages={"invalid": gettext_lazy("Write `extractive` or `openai:<model>`.")},
    )
    temperature = FiniteFloatField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=2,
        help_text="Default: MODEL_TEMPERATURE of the deployment, 0.2.",
    )
    max_output_tokens = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=16,
        max_value=16_384,
        help_text="Default: MODEL_MAX_OUTPUT_TOKENS of the deployment, 800.",
    )
    top_k = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=30,
        help_text=gettext_lazy("Passages that an answer may rest on. Default 6."),
    )
    min_score = FiniteFloatField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=1,
        help_text=gettext_lazy(
            "Questions that the content answers with a lower probability are declined. Default 0.5; 0 declines none."
        ),
    )
    refusal_weights = serializers.DictField(
        child=FiniteFloatField(min_value=-100, max_value=100),
        required=False,
        allow_null=True,
        help_text=gettext_lazy(
            "Weights of the decision to answer, as a calibration of the chatbot's own test set gives them; empty: those of its embedding model."
        ),
    )
    refusal_message = _text(1_000, gettext_lazy("What is said when the content holds no answer."))
    allowed_origins = serializers.ListField(
        child=OriginField(),
        required=False,
        allow_null=True,
        max_length=50,
        help_text=gettext_lazy("Web pages that may use a publishable key; empty: any."),
    )
    verified_visitors_only = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text=gettext_lazy("Pages need a signed visitor token beside their publishable key. Default false."),
    )
    theme = ThemeSerializer(required=False, allow_null=True)
    follow_ups = _choice(
        ["model", "words"],
        gettext_lazy(
            "What completes a question such as `and how long does it take?` before the search: the chat `model` (default; a small second"
            " call, a second at most), or `words` of earlier questions, which costs no time. Without a chat model it is words."
        ),
    )
    ungrounded = _choice(
        ["shown", "marked", "withheld"],
        gettext_lazy(
            "Statements that no cited passage bears out are `shown` (default), `marked` in the text, or `withheld`. The latter two hold"
            " the answer back until it has been checked."
        ),
    )
    blocked_topics = serializers.ListField(
        child=LineField(max_length=200),
        required=False,
        allow_null=True,
        max_length=50,
        help_text=gettext_lazy(
            "Topics that the chatbot does not speak about, each a short phrase such as `medical advice`."
        ),
    )
    blocked_message = _text(1_000, gettext_lazy("What is said to a question about a blocked topic."))
    handoff = _choice(
        ["offer", "direct", "off"],
        gettext_lazy(
            "What comes of a visitor's wish for a person: an `offer` (default) that they accept, hand over `direct`, or `off`: the wish is"
            " a question like any other, and visitors cannot hand over."
        ),
    )
    redact_personal_data = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text=gettext_lazy(
            "Take e-mail addresses, telephone, account and card numbers and keys out of what visitors write, and keys out of passages,"
            " before a model provider sees them."
        ),
    )
    link_hosts = serializers.ListField(
        child=serializers.RegexField(HOST, max_length=200),
        required=False,
        allow_null=True,
        max_length=50,
        help_text=gettext_lazy(
            "Hosts that links and images of answers may lead to, such as `example.com` or `*.example.com`; empty: only addresses that"
            " stand in the passages."
        ),
    )
    history_turns = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=50,
        help_text=gettext_lazy("Earlier messages that a follow-up question may refer to. Default 6."),
    )
    embedding_model = serializers.RegexField(
        EMBEDDING_MODEL,
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=100,
        help_text=gettext_lazy(
            "`local:<model>`, `openai:<model>`, or empty for the one of this installation. A change answers after `retrain`."
        ),
        error_messages={"invalid": gettext_lazy("Write `local:<model>` or `openai:<model>`.")},
    )
    chunk_words = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=1_000,
        help_text=gettext_lazy(
            "Usual length of a chunk in words, 20 at least; 0 is the default, 120. A change reaches old documents by `retrain`."
        ),
    )
    chunk_max_words = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=2_000,
        help_text=gettext_lazy("Greatest length of a chunk in words, 20 at least; 0 is 1.6 times the usual one."),
    )

    def validate_model(self, value: str | None) -> str | None:
        """Providers are the operator's: a name that nobody set up is refused here and not at the first question."""
        known = {"", "extractive", "openai", *providers()}
        if any(one.partition(":")[0] not in known for one in (value or "").split(",")):
            raise serializers.ValidationError(_("Write `extractive` or `openai:<model>`."))
        return value

    def validate_refusal_weights(self, value: dict[str, float] | None) -> dict[str, float] | None:
        unknown = sorted(set(value or ()) - WEIGHT_NAMES)
        if unknown or (value and "intercept" not in value):
            raise serializers.ValidationError(_("Take the weights of a calibration as they are."))
        return value

    def validate_chunk_words(self, value: int | None) -> int | None:
        return _length(value)

    def validate_chunk_max_words(self, value: int | None) -> int | None:
        return _length(value)


def _length(value: int | None) -> int | None:
    if value and value < LEAST_CHUNK_WORDS:
        raise serializers.ValidationError(_("Give at least %(least)s words, or 0.") % {"least": LEAST_CHUNK_WORDS})
    return value
