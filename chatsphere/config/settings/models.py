"""Models that answer, embed and rank, and their providers."""

from __future__ import annotations

from chatsphere.config.settings.variables import env
from chatsphere.core import price_list, providers

CHAT_MODEL = env.text(
    "CHAT_MODEL",
    "extractive",
    help="`extractive` (quotes the sources, needs no model), `openai:<model>`, or several with commas: when one fails before its first word, the next answers.",
)
EMBEDDING_MODEL = env.text(
    "EMBEDDING_MODEL",
    "local:all-minilm-l6-v2-int8",
    help="`local:all-minilm-l6-v2-int8`, `local:multilingual-e5-small-q4` (with the extra `multilingual`), `openai:<model>` or `hashing:256`.",
)
EMBEDDING_DIMENSIONS = env.integer(
    "EMBEDDING_DIMENSIONS",
    0,
    low=0,
    high=4000,
    help="Dimensions to ask an OpenAI-compatible embedding model for; 0 takes the model's own.",
)
EMBEDDER_SOCKET = env.text(
    "EMBEDDER_SOCKET", "", help="Unix socket of the local embedder process; set by `chatsphere up`."
)
OPENAI_API_KEY = env.secret("OPENAI_API_KEY", "", help="Key of the model provider.")
OPENAI_BASE_URL = env.url(
    "OPENAI_BASE_URL",
    "https://api.openai.com/v1",
    ("http", "https"),
    help="Base URL of any OpenAI-compatible provider or local server.",
)
OCR_LANGUAGES = env.text(
    "OCR_LANGUAGES",
    "eng",
    help="Languages of pictures and scanned pages by Tesseract's names, as in `eng+deu`; read where Tesseract is installed. Empty: off.",
)
RERANKER = env.text(
    "RERANKER",
    "",
    help="Orders the best hits again: `rerank:<model>` (the `/rerank` of Cohere, Jina, vLLM, LiteLLM …) or `tei:` (Text Embeddings Inference). Empty: off.",
)
RERANKER_BASE_URL = env.url(
    "RERANKER_BASE_URL", "", ("http", "https"), help="Where the reranker is, without `/rerank`."
)
RERANKER_API_KEY = env.secret("RERANKER_API_KEY", "", help="Key of the reranker.")
RERANKER_TIMEOUT = env.number(
    "RERANKER_TIMEOUT",
    2.0,
    low=0.05,
    high=30,
    help="Seconds that a question waits for the reranker; then the order stays as it was.",
)
MODEL_CONNECT_TIMEOUT = env.number("MODEL_CONNECT_TIMEOUT", 5.0, low=0.1, help="Seconds to reach the model provider.")
MODEL_FIRST_TOKEN_TIMEOUT = env.number(
    "MODEL_FIRST_TOKEN_TIMEOUT", 30.0, low=0.1, help="Seconds to the first token of an answer."
)
MODEL_IDLE_TIMEOUT = env.number("MODEL_IDLE_TIMEOUT", 30.0, low=0.1, help="Seconds between tokens.")
MODEL_TOTAL_TIMEOUT = env.number("MODEL_TOTAL_TIMEOUT", 300.0, low=1, help="Seconds for a whole answer.")
MODEL_PROVIDERS = env.secret(
    "MODEL_PROVIDERS",
    "",
    help='Further OpenAI-compatible providers as JSON: {"backup": {"base_url": "https://models.example.com/v1", "api_key": "…"}}; their models are called `backup:<model>`.',
)
for text in providers.problems(MODEL_PROVIDERS):
    env.problem("MODEL_PROVIDERS", text)
MODEL_PRICES = env.text(
    "MODEL_PRICES",
    "{}",
    help='Prices as JSON, micro-units a million tokens: {"openai:gpt-4.1-mini": {"prompt": 400000, "completion": 1600000, "currency": "USD"}, "openai:text-embedding-3-small": {"embedding": 20000}}.',
)
for text in price_list.problems(MODEL_PRICES):
    env.problem("MODEL_PRICES", text)
MODEL_TEMPERATURE = env.number(
    "MODEL_TEMPERATURE", 0.2, low=0, high=2, help="Temperature of answers, where a chatbot sets none."
)
MODEL_MAX_OUTPUT_TOKENS = env.integer(
    "MODEL_MAX_OUTPUT_TOKENS", 800, low=16, high=16_384, help="Longest answer in tokens, where a chatbot sets none."
)
