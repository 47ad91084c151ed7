"""Who carries mails, and what people must prove by them."""

from __future__ import annotations

from chatsphere.config.settings.variables import env

EMAIL_HOST = env.text("EMAIL_HOST", "", help="SMTP server; without one mails are written to the log.")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, low=1, high=65_535, help="Port of the SMTP server.")
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "", help="Name at the SMTP server.")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD", "", help="Password at the SMTP server.")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", True, help="STARTTLS with the SMTP server.")
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", "chatsphere@localhost", help="Sender of mails.")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_TIMEOUT = 10
EMAIL_VERIFICATION_REQUIRED = env.boolean(
    "EMAIL_VERIFICATION_REQUIRED", bool(EMAIL_HOST), help="People must prove their address before they sign in."
)
PASSWORD_RESET_TIMEOUT = 3600
