"""Roll-ups of the ledger, the inbox of unanswered questions, findings about the content, the weekly digest."""

from chatsphere.apps.analytics.models.digest import DigestSubscription
from chatsphere.apps.analytics.models.finding import Finding
from chatsphere.apps.analytics.models.inbox import AnswerWork, QuestionCluster, UnansweredQuestion
from chatsphere.apps.analytics.models.roll_up import Change, DailyUsage, HourlyCitations, HourlyUsage, RollUpState

__all__ = [
    "AnswerWork",
    "Change",
    "DailyUsage",
    "DigestSubscription",
    "Finding",
    "HourlyCitations",
    "HourlyUsage",
    "QuestionCluster",
    "RollUpState",
    "UnansweredQuestion",
]
