"""Paths of this app, below ``/api/v1/``."""

from django.urls import path

from chatsphere.apps.users.views import auth, keys, members, passwords, people, second_factor, trail

urlpatterns = [
    path("auth/register/", auth.RegisterView.as_view()),
    path("auth/token/", auth.TokenView.as_view()),
    path("auth/token/refresh/", auth.RefreshView.as_view()),
    path("auth/logout/", auth.LogoutView.as_view()),
    path("auth/sessions/", auth.SessionList.as_view()),
    path("auth/sessions/<uuid:session_id>/", auth.SessionDetail.as_view()),
    path("auth/password/change/", passwords.ChangePassword.as_view()),
    path("auth/password/reset/", passwords.RequestReset.as_view()),
    path("auth/password/reset/confirm/", passwords.ConfirmReset.as_view()),
    path("auth/email/verify/", passwords.VerifyEmail.as_view()),
    path("auth/second-factor/", second_factor.SecondFactorView.as_view()),
    path("auth/second-factor/confirm/", second_factor.ConfirmSecondFactor.as_view()),
    path("auth/second-factor/disable/", second_factor.DisableSecondFactor.as_view()),
    path("auth/second-factor/recovery-codes/", second_factor.RenewRecoveryCodes.as_view()),
    path("users/me/", people.MeView.as_view()),
    path("users/me/delete/", people.DeleteMeView.as_view()),
    path("users/me/export/", people.ExportMeView.as_view()),
    path("users/", people.MemberList.as_view()),
    path("workspaces/", people.WorkspaceList.as_view()),
    path("workspaces/<uuid:workspace_id>/", people.WorkspaceDetail.as_view()),
    path("workspaces/<uuid:workspace_id>/members/", members.MembersOfWorkspace.as_view()),
    path("workspaces/<uuid:workspace_id>/members/<uuid:user_id>/", members.MemberDetail.as_view()),
    path("workspaces/<uuid:workspace_id>/transfer/", members.TransferView.as_view()),
    path("workspaces/<uuid:workspace_id>/invitations/", members.InvitationList.as_view()),
    path("workspaces/<uuid:workspace_id>/invitations/<uuid:invitation_id>/", members.InvitationDetail.as_view()),
    path("workspaces/<uuid:workspace_id>/audit-events/", trail.AuditEventList.as_view()),
    path("workspaces/<uuid:workspace_id>/usage/", trail.WorkspaceUsage.as_view()),
    path("invitations/accept/", members.AcceptInvitation.as_view()),
    path("api-keys/", keys.KeyList.as_view()),
    path("api-keys/<uuid:key_id>/", keys.KeyDetail.as_view()),
    path("api-keys/<uuid:key_id>/rotate/", keys.KeyRotation.as_view()),
]
