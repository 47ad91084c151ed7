"""Paths of this app, below ``/api/v1/``."""

from django.urls import path

from chatsphere.apps.users.views import auth, keys, people

urlpatterns = [
    path("auth/register/", auth.RegisterView.as_view()),
    path("auth/token/", auth.TokenView.as_view()),
    path("auth/token/refresh/", auth.RefreshView.as_view()),
    path("auth/logout/", auth.LogoutView.as_view()),
    path("auth/sessions/", auth.SessionList.as_view()),
    path("auth/sessions/<uuid:session_id>/", auth.SessionDetail.as_view()),
    path("users/me/", people.MeView.as_view()),
    path("users/", people.MemberList.as_view()),
    path("workspaces/", people.WorkspaceList.as_view()),
    path("workspaces/<uuid:workspace_id>/", people.WorkspaceDetail.as_view()),
    path("api-keys/", keys.KeyList.as_view()),
    path("api-keys/<uuid:key_id>/", keys.KeyDetail.as_view()),
    path("api-keys/<uuid:key_id>/rotate/", keys.KeyRotation.as_view()),
]
