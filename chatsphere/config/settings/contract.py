"""The HTTP contract: Django REST Framework and the OpenAPI document."""

from __future__ import annotations

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["chatsphere.apps.users.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["chatsphere.core.permissions.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["chatsphere.core.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["chatsphere.core.parsers.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["chatsphere.core.throttling.RateThrottle"],
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is for browsers; the OpenAPI document describes the rest
    "DEFAULT_PAGINATION_CLASS": "chatsphere.core.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "chatsphere.core.openapi.Schema",
    "EXCEPTION_HANDLER": "chatsphere.core.exceptions.handle",
    "PAGE_SIZE": 20,
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ChatSphere",
    "DESCRIPTION": "Build chatbots trained on your own content.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "MemberRoleEnum": "chatsphere.apps.users.models.Role",
        "APIKeyKindEnum": "chatsphere.apps.users.models.APIKey.Kind",
        "WorkStateEnum": "chatsphere.core.durable.DurableState",
        "SourceTypeEnum": "chatsphere.apps.training.models.TrainingSource.Type",
        "QuarantineStateEnum": "chatsphere.apps.training.models.QuarantinedChunk.State",
        "ConversationStateEnum": "chatsphere.apps.conversations.models.Conversation.State",
        "MessageStateEnum": "chatsphere.apps.conversations.models.Message.State",
        "QuestionStateEnum": "chatsphere.apps.analytics.models.QuestionCluster.State",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "chatsphere.core.openapi.add_errors",
    ],
}
