"""Test sets with their revisions, evaluations, the gate of publishing."""

import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    initial = True

    dependencies = [
        ('chatbots', '0003_identity_secrets'),
        ('users', '0004_what_may_be_forgotten'),
    ]

    operations = [
        migrations.CreateModel(
            name='TestSet',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('name', models.CharField(max_length=200)),
                ('description', models.TextField(blank=True)),
                ('revision', models.IntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='TestQuestion',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('key', models.UUIDField(help_text='The question through all its edits.')),
                ('question', models.TextField()),
                ('expects', models.CharField(choices=[('answer', 'Answer'), ('refusal', 'Refusal')], default='answer', max_length=10)),
                ('answers', models.JSONField(default=list, help_text='Accepted answers; one is enough.')),
                ('passages', models.JSONField(default=list, help_text='Where the answer stands: source_id, document_id or quote.')),
                ('history', models.JSONField(default=list, help_text='Earlier messages, for a follow-up question.')),
                ('origin', models.CharField(choices=[('written', 'Written'), ('imported', 'Imported'), ('generated', 'Generated')], default='written', max_length=10)),
                ('since', models.IntegerField(default=1)),
                ('until', models.IntegerField(blank=True, null=True)),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('test_set', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='questions', to='evaluation.testset')),
            ],
        ),
        migrations.CreateModel(
            name='PublishGate',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tolerance', models.FloatField(default=0.0, help_text='How much a measure may fall, as a share: 0.02 is two points.')),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('chatbot', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('test_set', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evaluation.testset')),
            ],
        ),
        migrations.CreateModel(
            name='Generation',
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
                ('wanted', models.IntegerField()),
                ('with_model', models.BooleanField(default=False)),
                ('written_count', models.IntegerField(default=0)),
                ('requested_by', models.UUIDField(blank=True, null=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('test_set', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='generations', to='evaluation.testset')),
            ],
        ),
        migrations.CreateModel(
            name='Evaluation',
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
                ('revision', models.IntegerField(help_text='Of the test set.')),
                ('version', models.IntegerField(blank=True, null=True)),
                ('configuration', models.JSONField()),
                ('embedding_model', models.CharField(blank=True, max_length=100)),
                ('knowledge_version', models.BigIntegerField(default=0)),
                ('questions_count', models.IntegerField(default=0)),
                ('done_count', models.IntegerField(default=0)),
                ('summary', models.JSONField(default=dict)),
                ('requested_by', models.UUIDField(blank=True, null=True)),
                ('api_key_id', models.UUIDField(blank=True, null=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('test_set', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='evaluations', to='evaluation.testset')),
            ],
        ),
        migrations.CreateModel(
            name='Result',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('score', models.FloatField()),
                ('is_refused', models.BooleanField()),
                ('rank', models.IntegerField(blank=True, help_text='Of the first expected passage among those found.', null=True)),
                ('has_passages', models.BooleanField(default=False, help_text='Whether a rank could be measured at all.')),
                ('contained', models.BooleanField(blank=True, help_text='An accepted answer stands in the answer.', null=True)),
                ('f1', models.FloatField(blank=True, null=True)),
                ('statements', models.IntegerField(default=0, help_text='Cited statements.')),
                ('supported', models.IntegerField(default=0, help_text='Those that their passage bears out.')),
                ('finish_reason', models.CharField(blank=True, max_length=30)),
                ('probability', models.FloatField(blank=True, help_text='Of the refusal decision.', null=True)),
                ('features', models.JSONField(default=dict, help_text='What the refusal decision looked at.')),
                ('answer', models.TextField(blank=True)),
                ('citations', models.JSONField(default=list)),
                ('model', models.CharField(blank=True, max_length=100)),
                ('prompt_tokens', models.IntegerField(default=0)),
                ('completion_tokens', models.IntegerField(default=0)),
                ('cost_micros', models.BigIntegerField(default=0)),
                ('latency_ms', models.IntegerField(default=0)),
                ('evaluation', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='results', to='evaluation.evaluation')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('question', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evaluation.testquestion')),
            ],
            options={
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='evaluation', name='evaluation_result_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='question', name='evaluation_result_question_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('evaluation', 'question'), name='evaluation_result_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='testset',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='evaluation_testset_tenant_key'),
        ),
        migrations.AddConstraint(
            model_name='testset',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='evaluation_testset_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='testset',
            constraint=models.UniqueConstraint(fields=('chatbot', 'name'), name='evaluation_testset_name_once'),
        ),
        migrations.AddIndex(
            model_name='testquestion',
            index=models.Index(fields=['test_set', 'id'], name='evaluation_question_in_order'),
        ),
        migrations.AddConstraint(
            model_name='testquestion',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='evaluation_testquestion_tenant_key'),
        ),
        migrations.AddConstraint(
            model_name='testquestion',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='test_set', name='evaluation_testquestion_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='testquestion',
            constraint=models.UniqueConstraint(condition=models.Q(('until', None)), fields=('test_set', 'key'), name='evaluation_testquestion_one_now'),
        ),
        migrations.AddConstraint(
            model_name='publishgate',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='evaluation_gate_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='publishgate',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='test_set', name='evaluation_gate_set_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='publishgate',
            constraint=models.CheckConstraint(condition=models.Q(('tolerance__gte', 0), ('tolerance__lte', 1)), name='evaluation_gate_tolerance'),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['available_at'], name='evaluation_generation_open'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='evaluation_generation_chatbot_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='test_set', name='evaluation_generation_set_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='generation',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['queued', 'running'])), fields=('test_set',), name='evaluation_generation_one_open'),
        ),
        migrations.AddIndex(
            model_name='evaluation',
            index=models.Index(fields=['test_set', '-id'], name='evaluation_by_test_set'),
        ),
        migrations.AddIndex(
            model_name='evaluation',
            index=models.Index(fields=['chatbot'], name='evaluation_by_chatbot'),
        ),
        migrations.AddIndex(
            model_name='evaluation',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['available_at'], name='evaluation_open'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='evaluation_evaluation_tenant_key'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='evaluation_evaluation_chatbot_same_workspace', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='test_set', name='evaluation_evaluation_set_same_workspace', on_delete='CASCADE'),
        ),
    ]
