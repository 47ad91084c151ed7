"""Retraining of whole chatbots, and sketches that tell near-duplicates."""

import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('chatbots', '0001_initial'),
        ('training', '0001_initial'),
        ('users', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Retraining',
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
                ('from_model', models.CharField(max_length=100)),
                ('to_model', models.CharField(max_length=100)),
                ('chunking', models.JSONField(default=dict)),
                ('phase', models.CharField(choices=[('read', 'Read'), ('embed', 'Embed'), ('clean', 'Clean')], default='read', max_length=10)),
                ('progress_done', models.BigIntegerField(default=0)),
                ('progress_total', models.BigIntegerField(default=0)),
                ('chunks_embedded', models.IntegerField(default=0)),
                ('tokens', models.BigIntegerField(default=0)),
                ('cost_micros', models.BigIntegerField(default=0)),
                ('steps', models.JSONField(default=dict)),
                ('switched_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='documentversion',
            name='bands',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='documentversion',
            name='sketch',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), blank=True, default=list, size=None),
        ),
        migrations.AlterField(
            model_name='run',
            name='kind',
            field=models.CharField(choices=[('train', 'Train'), ('sync', 'Sync'), ('retrain', 'Retrain')], default='train', max_length=10),
        ),
        migrations.AddIndex(
            model_name='documentversion',
            index=django.contrib.postgres.indexes.GinIndex(fields=['bands'], name='training_version_by_band'),
        ),
        migrations.AddField(
            model_name='retraining',
            name='chatbot',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='retrainings', to='chatbots.chatbot'),
        ),
        migrations.AddField(
            model_name='retraining',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace'),
        ),
        migrations.AddIndex(
            model_name='retraining',
            index=models.Index(fields=['chatbot', '-created_at'], name='training_retraining_of_chatbot'),
        ),
        migrations.AddIndex(
            model_name='retraining',
            index=models.Index(condition=models.Q(('state__in', ('queued', 'running'))), fields=['available_at'], name='training_retraining_open'),
        ),
        migrations.AddConstraint(
            model_name='retraining',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='training_retraining_tenant_key'),
        ),
        migrations.AddConstraint(
            model_name='retraining',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_retraining_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='retraining',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('queued', 'running'))), fields=('chatbot',), name='training_retraining_one_open_a_chatbot'),
        ),
    ]
