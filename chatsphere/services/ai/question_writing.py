"""Questions that a passage answers, for test sets: by rule from its headings, pairs and definitions, or as a prompt for a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chatsphere.services.ai.sentences import split_sentences
from chatsphere.services.types import ChatPrompt, SearchHit

LONGEST_QUESTION: Final = 200
LONGEST_ANSWER: Final = 400
SHORTEST_SENTENCE: Final = 25
PAIR, DEFINITION, HEADING = range(3)  # the clearest kind first

FAR_OFF: Final = (
    "How many moons does Neptune have?",
    "Who won the chess world championship in 1972?",
    "What is the boiling point of tungsten?",
    "How do I knit a cable stitch?",
    "Which composer wrote the opera Tosca?",
    "What time does the last ferry to Hiiumaa leave?",
    "How long should I roast a goose?",
    "Can you translate good night into Basque?",
    "Which river flows through Vientiane?",
    "What did I have for breakfast yesterday?",
    "How tall is the tallest giraffe ever measured?",
    "Who was the third emperor of the Ming dynasty?",
    "What is the square root of 5929?",
    "How do bees find their way home?",
    "Will it rain in Lisbon tomorrow?",
    "Which chord follows G in a twelve-bar blues in D?",
    "How do I get red wine out of a wool carpet?",
    "What is the plot of Middlemarch?",
    "How many bones are in the human hand?",
    "Which stars form the belt of Orion?",
)

_DEFINITION: Final = {
    "en": (re.compile(r"(?:(?:An?|The)\s+)?(?P<what>[^\W\d_][\w'’&/ -]{2,50}?)\s+(?P<verb>is|are)\s+(?:an?|the)\s"), "What {verb} {what}?"),
    "de": (re.compile(r"(?P<what>(?:Der|Die|Das|Ein|Eine)?\s?[^\W\d_][\w'’&/ -]{2,50}?)\s+(?P<verb>ist|sind)\s+(?:ein|eine|der|die|das)\s"), "Was {verb} {what}?"),
    "fr": (re.compile(r"(?P<what>(?:Le|La|Les|L['’]|Un|Une)?\s?[^\W\d_][\w'’&/ -]{2,50}?)\s+(?P<verb>est|sont)\s+(?:une?|des|l[ae])\s"), "Qu'est-ce que {what} ?"),
    "es": (re.compile(r"(?P<what>(?:El|La|Los|Las|Un|Una)?\s?[^\W\d_][\w'’&/ -]{2,50}?)\s+(?P<verb>es|son)\s+(?:una?|el|la)\s"), "¿Qué {verb} {what}?"),
}  # fmt: skip
_HEADING_QUESTION: Final = {
    "en": "What does it say about “{heading}”?",
    "de": "Was steht zum Thema „{heading}“?",
    "fr": "Que dit-on de « {heading} » ?",
    "es": "¿Qué se dice sobre «{heading}»?",
}
_POINTS_BACK: Final = re.compile(
    r"(?:it|its|this|that|these|those|there|they|he|she|we|you|i|what|which|who|here|if|when|one|"
    r"es|dies\w*|das|sie|er|wir|hier|was|wer|ce|cela|il|elle|ils|elles|esto|eso|este|esta|esos)(?:\s|$)",
    re.IGNORECASE,
)
_HEADING_MARKS: Final = re.compile(r"^[#\s]+|[\s:#*_]+$")


@dataclass(frozen=True, slots=True)
class WrittenQuestion:
    """``quote`` stands verbatim in the passage and holds the answer; ``answer`` is what must be said, "" when any saying will do."""

    question: str
    answer: str
    quote: str
    rank: int


def write_questions(text: str, *, heading_path: Sequence[str], language: str = "en") -> list[WrittenQuestion]:
    """The questions that rules find, clearest kind first: a heading that asks, sentences that define, else the heading's subject."""
    language = language.split("-")[0] if language.split("-")[0] in _DEFINITION else "en"
    heading = _HEADING_MARKS.sub("", heading_path[-1]) if heading_path else ""
    sentences = [text[each.start : each.end] for each in split_sentences(text)]
    long_enough = [each for each in sentences if SHORTEST_SENTENCE <= len(each) <= LONGEST_ANSWER and each != heading]
    if not long_enough:
        return []
    if heading.endswith(("?", "？")) and len(heading) <= LONGEST_QUESTION:
        return [WrittenQuestion(heading, "", long_enough[0], PAIR)]
    found = [_definition(sentence, language) for sentence in long_enough]
    questions = [each for each in found if each is not None]
    if not questions and 3 <= len(heading) <= 80:
        questions = [WrittenQuestion(_HEADING_QUESTION[language].format(heading=heading), "", long_enough[0], HEADING)]
    return questions


def _definition(sentence: str, language: str) -> WrittenQuestion | None:
    pattern, template = _DEFINITION[language]
    match = pattern.match(sentence)
    if match is None or _POINTS_BACK.match(match["what"]):
        return None
    what = match["what"].strip()
    if what.split()[0] in (
        "Der",
        "Die",
        "Das",
        "Ein",
        "Eine",
        "Le",
        "La",
        "Les",
        "Un",
        "Une",
        "El",
        "Los",
        "Las",
        "Una",
    ):
        what = what[0].lower() + what[1:]
    question = template.format(what=what, verb=match["verb"])
    return WrittenQuestion(question, "", sentence, DEFINITION)


def question_prompt(passage: SearchHit) -> ChatPrompt:
    """Asks a model for one question that the passage answers, and the answer as it stands there."""
    task = (
        "Write one question that a visitor might ask and that source [1] answers completely. It must make sense to somebody who has not "
        "seen the source. Reply with two lines and nothing else:\nQ: the question\nA: the answer, in words copied from the source"
    )
    return ChatPrompt(question=task, passages=[passage], temperature=0.2, max_output_tokens=200)


def read_written(reply: str, text: str) -> WrittenQuestion | None:
    """The question in a model's reply; None when the reply has another form or its answer does not stand in the passage."""
    match = re.search(r"Q:\s*(?P<question>[^\n]+)\n+\s*A:\s*(?P<answer>[^\n]+)", reply)
    if match is None:
        return None
    question = match["question"].strip()
    answer = re.sub(r"\s*\[\d+\]", "", match["answer"]).strip().strip("\"“”'")
    place = text.casefold().find(answer.casefold().rstrip("."))
    if place < 0 or not answer or len(question) > LONGEST_QUESTION:
        return None
    return WrittenQuestion(question, answer.rstrip("."), _sentence_at(text, place), PAIR)


def _sentence_at(text: str, place: int) -> str:
    spans = [(each.start, each.end) for each in split_sentences(text)]
    return next((text[start:end] for start, end in spans if start <= place < end), text[:LONGEST_ANSWER])
