"""Answers that are kept for repeated requests (`Idempotency-Key`)."""

import chatsphere.core.encryption
import chatsphere.core.identifiers
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = "before"

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("owner", models.CharField(max_length=120)),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("status", models.SmallIntegerField(blank=True, null=True)),
                ("content_type", models.CharField(blank=True, max_length=100)),
                ("body", chatsphere.core.encryption.EncryptedTextField(blank=True)),
                ("locked_until", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="core_idempotencyrecord_expiry")],
                "constraints": [models.UniqueConstraint(fields=("owner", "key"), name="core_idempotencyrecord_once")],
            },
        ),
    ]
