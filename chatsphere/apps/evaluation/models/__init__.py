"""What a chatbot should be able to answer, how well it did, and what a version must not lose."""

from chatsphere.apps.evaluation.models.evaluation import Evaluation, Generation, Result
from chatsphere.apps.evaluation.models.test_set import PublishGate, TestQuestion, TestSet

__all__ = ["Evaluation", "Generation", "PublishGate", "Result", "TestQuestion", "TestSet"]
