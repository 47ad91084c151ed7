"""Second factors, and how long a workspace keeps what."""

import chatsphere.core.encryption
import chatsphere.core.identifiers
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('users', '0002_plans_and_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='SecondFactor',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='second_factor', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('secret', chatsphere.core.encryption.EncryptedTextField()),
                ('last_step', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('enabled_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='workspace',
            name='keep_audit_days',
            field=models.PositiveIntegerField(blank=True, help_text='Lines of the audit trail are deleted after so many days.', null=True),
        ),
        migrations.AddField(
            model_name='workspace',
            name='keep_conversations_days',
            field=models.PositiveIntegerField(blank=True, help_text='Conversations without a new message for so many days are deleted.', null=True),
        ),
        migrations.AddField(
            model_name='workspace',
            name='keep_deliveries_days',
            field=models.PositiveIntegerField(blank=True, help_text='Webhook events and their deliveries are deleted after so many days.', null=True),
        ),
        migrations.AddField(
            model_name='workspace',
            name='keep_traces_days',
            field=models.PositiveIntegerField(blank=True, help_text='Traces of answers are deleted after so many days.', null=True),
        ),
        migrations.AddField(
            model_name='workspace',
            name='second_factor_required',
            field=models.BooleanField(db_default=False, default=False, help_text='Members without a second factor can do nothing here.'),
        ),
        migrations.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('code_hash', models.BinaryField(max_length=32)),
                ('used_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recovery_codes', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'code_hash'), name='users_recoverycode_once')],
            },
        ),
    ]
