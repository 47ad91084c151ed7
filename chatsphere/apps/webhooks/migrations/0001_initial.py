"""Events, endpoints, deliveries."""

import chatsphere.core.encryption
import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    initial = True

    dependencies = [
        ('users', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Endpoint',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('url', models.TextField()),
                ('description', models.CharField(blank=True, max_length=500)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ('chatbot_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), blank=True, default=list, size=None)),
                ('is_active', models.BooleanField(default=True)),
                ('disabled_reason', models.CharField(blank=True, choices=[('gone', 'It answered 410 Gone.'), ('failing', 'It failed for five days.'), ('by_member', 'A member switched it off.')], max_length=12)),
                ('disabled_at', models.DateTimeField(blank=True, null=True)),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('secret', chatsphere.core.encryption.EncryptedTextField()),
                ('previous_secret', chatsphere.core.encryption.EncryptedTextField(blank=True)),
                ('previous_secret_until', models.DateTimeField(blank=True, null=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', '-created_at'], name='webhooks_endpoint_by_time')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='webhooks_endpoint_tenant_key')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('type', models.CharField(max_length=60)),
                ('schema_version', models.SmallIntegerField(default=1)),
                ('chatbot_id', models.UUIDField(blank=True, null=True)),
                ('object_id', models.UUIDField(blank=True, null=True)),
                ('payload', models.JSONField(default=dict)),
                ('occurred_at', models.DateTimeField(auto_now_add=True)),
                ('fanned_out_at', models.DateTimeField(blank=True, null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', '-occurred_at'], name='webhooks_event_by_time'), models.Index(condition=models.Q(('fanned_out_at', None)), fields=['id'], name='webhooks_event_to_fan_out')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='webhooks_event_tenant_key')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
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
                ('response_status', models.IntegerField(blank=True, null=True)),
                ('duration_ms', models.IntegerField(blank=True, null=True)),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('endpoint', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='webhooks.endpoint')),
                ('event', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='webhooks.event')),
            ],
            options={
                'verbose_name_plural': 'webhook deliveries',
                'indexes': [models.Index(condition=models.Q(('state', 'queued')), fields=['endpoint', 'available_at'], name='webhooks_delivery_queue'), models.Index(condition=models.Q(('state', 'running')), fields=['lease_until'], name='webhooks_delivery_running'), models.Index(fields=['endpoint', '-id'], name='webhooks_delivery_log')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='webhooks_delivery_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='endpoint', name='webhooks_delivery_endpoint_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='event', name='webhooks_delivery_event_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('endpoint', 'event'), name='webhooks_delivery_once')],
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('number', models.IntegerField()),
                ('response_status', models.IntegerField(blank=True, null=True)),
                ('error_type', models.CharField(blank=True, max_length=60)),
                ('error_message', models.TextField(blank=True)),
                ('duration_ms', models.IntegerField()),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('delivery', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='webhooks.delivery')),
            ],
            options={
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='delivery', name='webhooks_attempt_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('delivery', 'number'), name='webhooks_attempt_once')],
            },
        ),
    ]
