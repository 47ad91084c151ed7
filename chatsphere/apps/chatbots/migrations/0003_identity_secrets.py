"""Secrets with which a customer signs who its visitors are."""

import chatsphere.core.encryption
import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('chatbots', '0002_api_keys_of_chatbots'),
        ('users', '0003_second_factor_and_retention'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='IdentitySecret',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('secret', chatsphere.core.encryption.EncryptedTextField()),
                ('last_four', models.CharField(max_length=4)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='identity_secrets', to='chatbots.chatbot')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['chatbot'], name='chatbots_identity_by_chatbot')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='chatbots_identitysecret_same_workspace', on_delete='CASCADE')],
            },
        ),
    ]
