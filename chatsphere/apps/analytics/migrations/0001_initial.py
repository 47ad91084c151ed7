"""Roll-ups by hour and day, the inbox of unanswered questions, findings of coverage, digests."""

import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.db.models.deletion
import django.utils.timezone
import pgvector.django.halfvec
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    initial = True

    dependencies = [
        ('chatbots', '0002_api_keys_of_chatbots'),
        ('conversations', '0001_initial'),
        ('training', '0001_initial'),  # it makes the extension that vectors need
        ('users', '0002_plans_and_append_only'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RollUpState',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='users.workspace')),
                ('time_zone', models.CharField(max_length=64)),
                ('generation', models.BigIntegerField(default=0)),
                ('rolled_at', models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('workspace_id', models.UUIDField()),
                ('at', models.DateTimeField()),
                ('message_id', models.UUIDField(blank=True, help_text='The answer that changed, for the inbox.', null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['workspace_id'], name='analytics_change_of_workspace')],
            },
        ),
        migrations.CreateModel(
            name='QuestionCluster',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('state', models.CharField(choices=[('unanswered', 'Unanswered'), ('answered', 'Answered'), ('dismissed', 'Dismissed')], default='unanswered', max_length=10)),
                ('question', models.TextField(blank=True)),
                ('model', models.CharField(help_text='Whose vectors it lies among.', max_length=200)),
                ('centroid', pgvector.django.halfvec.HalfVectorField()),
                ('asked_count', models.IntegerField(default=0)),
                ('first_asked_at', models.DateTimeField()),
                ('last_asked_at', models.DateTimeField()),
                ('rank', models.FloatField(default=0)),
                ('is_stale', models.BooleanField(default=True, help_text='Its questions changed; count and name it again.')),
                ('merged_into', models.UUIDField(blank=True, null=True)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('reopened_at', models.DateTimeField(blank=True, null=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='AnswerWork',
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
                ('source_id', models.UUIDField()),
                ('created_by', models.UUIDField(blank=True, null=True)),
                ('results', models.JSONField(default=list)),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('cluster', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='works', to='analytics.questioncluster')),
            ],
        ),
        migrations.CreateModel(
            name='UnansweredQuestion',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('text', models.TextField()),
                ('reason', models.CharField(choices=[('refused', 'Refused'), ('low_score', 'Low Score'), ('feedback_down', 'Feedback Down'), ('handoff', 'Handoff')], max_length=14)),
                ('asked_at', models.DateTimeField()),
                ('model', models.CharField(blank=True, help_text='Whose vector it has; empty: none yet.', max_length=200)),
                ('vector', pgvector.django.halfvec.HalfVectorField(blank=True, null=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('cluster', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='questions', to='analytics.questioncluster')),
                ('message', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.message')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='DailyUsage',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(max_length=10)),
                ('chatbot_id', models.UUIDField(blank=True, null=True)),
                ('api_key_id', models.UUIDField(blank=True, null=True)),
                ('channel', models.CharField(blank=True, max_length=20)),
                ('model', models.CharField(blank=True, max_length=100)),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('lines', models.IntegerField(default=0)),
                ('conversations', models.IntegerField(default=0)),
                ('messages', models.IntegerField(default=0)),
                ('answered', models.IntegerField(default=0)),
                ('refused', models.IntegerField(default=0)),
                ('failed', models.IntegerField(default=0)),
                ('handed_off', models.IntegerField(default=0)),
                ('feedback_up', models.IntegerField(default=0)),
                ('feedback_down', models.IntegerField(default=0)),
                ('prompt_tokens', models.BigIntegerField(default=0)),
                ('completion_tokens', models.BigIntegerField(default=0)),
                ('embedding_tokens', models.BigIntegerField(default=0)),
                ('cost_micros', models.BigIntegerField(default=0)),
                ('latency', models.BinaryField(default=b'')),
                ('first_token', models.BinaryField(default=b'')),
                ('visitors', models.BinaryField(default=b'')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'at'], name='analytics_dailyusage_by_time')],
            },
        ),
        migrations.CreateModel(
            name='DigestSubscription',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('last_week', models.DateField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'user'), name='analytics_digest_once')],
            },
        ),
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('kind', models.CharField(choices=[('near_duplicate', 'Near Duplicate'), ('contradiction', 'Contradiction'), ('changed_at_origin', 'Changed At Origin')], max_length=20)),
                ('source_id', models.UUIDField()),
                ('score', models.FloatField(default=0)),
                ('data', models.JSONField(default=dict)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['chatbot', 'kind', '-score'], name='analytics_finding_by_kind')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='analytics_finding_chatbot_same_workspace', on_delete='CASCADE')],
            },
        ),
        migrations.CreateModel(
            name='HourlyCitations',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('chatbot_id', models.UUIDField()),
                ('source_id', models.UUIDField()),
                ('citations', models.IntegerField()),
                ('answers', models.IntegerField()),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'at'], name='analytics_citations_by_time')],
            },
        ),
        migrations.CreateModel(
            name='HourlyUsage',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(max_length=10)),
                ('chatbot_id', models.UUIDField(blank=True, null=True)),
                ('api_key_id', models.UUIDField(blank=True, null=True)),
                ('channel', models.CharField(blank=True, max_length=20)),
                ('model', models.CharField(blank=True, max_length=100)),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('lines', models.IntegerField(default=0)),
                ('conversations', models.IntegerField(default=0)),
                ('messages', models.IntegerField(default=0)),
                ('answered', models.IntegerField(default=0)),
                ('refused', models.IntegerField(default=0)),
                ('failed', models.IntegerField(default=0)),
                ('handed_off', models.IntegerField(default=0)),
                ('feedback_up', models.IntegerField(default=0)),
                ('feedback_down', models.IntegerField(default=0)),
                ('prompt_tokens', models.BigIntegerField(default=0)),
                ('completion_tokens', models.BigIntegerField(default=0)),
                ('embedding_tokens', models.BigIntegerField(default=0)),
                ('cost_micros', models.BigIntegerField(default=0)),
                ('latency', models.BinaryField(default=b'')),
                ('first_token', models.BinaryField(default=b'')),
                ('visitors', models.BinaryField(default=b'')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'at'], name='analytics_hourlyusage_by_time')],
            },
        ),
        migrations.AddIndex(
            model_name='questioncluster',
            index=models.Index(fields=['workspace', 'state', '-rank'], name='analytics_cluster_by_rank'),
        ),
        migrations.AddIndex(
            model_name='questioncluster',
            index=models.Index(fields=['chatbot'], name='analytics_cluster_of_chatbot'),
        ),
        migrations.AddIndex(
            model_name='questioncluster',
            index=models.Index(condition=models.Q(('is_stale', True)), fields=['id'], name='analytics_cluster_stale'),
        ),
        migrations.AddConstraint(
            model_name='questioncluster',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='analytics_questioncluster_tenant_key'),
        ),
        migrations.AddConstraint(
            model_name='questioncluster',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='analytics_cluster_chatbot_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddIndex(
            model_name='answerwork',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['available_at'], name='analytics_answerwork_open'),
        ),
        migrations.AddConstraint(
            model_name='answerwork',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='cluster', name='analytics_answerwork_cluster_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddIndex(
            model_name='unansweredquestion',
            index=models.Index(condition=models.Q(('cluster', None)), fields=['chatbot', 'id'], name='analytics_unanswered_waiting'),
        ),
        migrations.AddConstraint(
            model_name='unansweredquestion',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='analytics_unanswered_chatbot_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='unansweredquestion',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='message', name='analytics_unanswered_message_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='unansweredquestion',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='cluster', name='analytics_unanswered_cluster_same_workspace', on_delete='SET NULL'),
        ),
    ]
