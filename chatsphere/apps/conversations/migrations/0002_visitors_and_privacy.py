"""Visitors as rows, what may be erased and exported of them, retention."""

import chatsphere.core.encryption
import chatsphere.core.identifiers
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('chatbots', '0003_identity_secrets'),
        ('conversations', '0001_initial'),
        ('users', '0003_second_factor_and_retention'),
    ]

    operations = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('reason', models.CharField(choices=[('visitor', 'A visitor was erased.'), ('retention', 'It was kept for as long as the workspace wants.')], max_length=10)),
                ('chatbot_id', models.UUIDField()),
                ('conversation_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('message_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('visitor_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('days', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), size=None)),
            ],
        ),
        migrations.CreateModel(
            name='PrivacyRequest',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('attempt', models.IntegerField(default=0, help_text='How often it was claimed.')),
                ('errors', models.IntegerField(default=0)),
                ('crashes', models.IntegerField(default=0)),
                ('fence', models.BigIntegerField(default=0)),
                ('priority', models.SmallIntegerField(default=0, help_text='Lower runs first.')),
                ('available_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('error_type', models.CharField(blank=True, max_length=60)),
                ('error_message', models.TextField(blank=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('kind', models.CharField(choices=[('export', 'Export'), ('erase', 'Erase')], max_length=10)),
                ('external_id', chatsphere.core.encryption.EncryptedTextField(blank=True)),
                ('subject_hash', models.BinaryField(max_length=32)),
                ('chatbot_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), blank=True, null=True, size=None)),
                ('counts', models.JSONField(default=dict)),
                ('result', chatsphere.core.encryption.EncryptedTextField(blank=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('requested_by', models.JSONField(default=dict, help_text='Kind, id and label of who asked.')),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='visitor',
            name='conversations_visitor_once',
        ),
        migrations.AddConstraint(
            model_name='visitor',
            constraint=models.UniqueConstraint(fields=('chatbot', 'external_id', 'is_verified'), name='conversations_visitor_once_each'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace'),
        ),
        migrations.AddField(
            model_name='privacyrequest',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace'),
        ),
        migrations.AddIndex(
            model_name='erasure',
            index=models.Index(fields=['workspace', 'id'], name='conversations_erasure_log'),
        ),
        migrations.AddIndex(
            model_name='privacyrequest',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['available_at'], name='conversations_privacy_open'),
        ),
        migrations.AddIndex(
            model_name='privacyrequest',
            index=models.Index(fields=['workspace', '-id'], name='conversations_privacy_log'),
        ),
        migrations.AddConstraint(
            model_name='privacyrequest',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='conversations_privacyrequest_tenant_key'),
        ),
    ]
