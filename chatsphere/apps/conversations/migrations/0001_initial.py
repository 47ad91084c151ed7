"""Conversations, messages, citations, feedback, traces."""

import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    initial = True

    dependencies = [
        ('chatbots', '0001_initial'),
        ('users', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Visitor',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('external_id', models.CharField(max_length=200)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('attributes', models.JSONField(default=dict)),
                ('is_verified', models.BooleanField(default=False)),
                ('last_seen_at', models.DateTimeField(auto_now_add=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='conversations_visitor_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='conversations_visitor_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('chatbot', 'external_id'), name='conversations_visitor_once')],
            },
        ),
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('channel', models.CharField(choices=[('api', 'Api'), ('widget', 'Widget'), ('console', 'Console'), ('openai', 'Openai'), ('mcp', 'Mcp'), ('cli', 'Cli'), ('evaluation', 'Evaluation')], default='api', max_length=12)),
                ('state', models.CharField(choices=[('bot', 'Bot'), ('handoff', 'Handoff'), ('closed', 'Closed')], default='bot', max_length=10)),
                ('title', models.CharField(blank=True, max_length=200)),
                ('user_id', models.UUIDField(blank=True, help_text='The person whose token started it.', null=True)),
                ('api_key_id', models.UUIDField(blank=True, null=True)),
                ('messages_count', models.IntegerField(default=0)),
                ('last_message_at', models.DateTimeField(auto_now_add=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='conversations', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('visitor', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='conversations', to='conversations.visitor')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', '-created_at'], name='conversations_by_workspace'), models.Index(fields=['chatbot', '-created_at'], name='conversations_by_chatbot'), models.Index(fields=['visitor'], name='conversations_by_visitor')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='conversations_conversation_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='conversations_conversation_chatbot_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='visitor', name='conversations_conversation_visitor_same_workspace', on_delete='SET NULL')],
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('role', models.CharField(choices=[('user', 'User'), ('assistant', 'Assistant'), ('agent', 'Agent')], max_length=10)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('complete', 'Complete'), ('cancelled', 'Cancelled'), ('failed', 'Failed')], default='complete', max_length=10)),
                ('content', models.TextField(blank=True)),
                ('finish_reason', models.CharField(blank=True, max_length=30)),
                ('grounded', models.BooleanField(blank=True, null=True)),
                ('unsupported', models.JSONField(default=list, help_text='Sentences of the answer that their passages do not bear out.')),
                ('error_type', models.CharField(blank=True, max_length=60)),
                ('error_message', models.TextField(blank=True)),
                ('model', models.CharField(blank=True, max_length=100)),
                ('version', models.IntegerField(blank=True, help_text="The chatbot's version that answered.", null=True)),
                ('prompt_tokens', models.IntegerField(default=0)),
                ('completion_tokens', models.IntegerField(default=0)),
                ('cost_micros', models.BigIntegerField(default=0)),
                ('currency', models.CharField(default='USD', max_length=3)),
                ('latency_ms', models.IntegerField(blank=True, null=True)),
                ('first_token_ms', models.IntegerField(blank=True, null=True)),
                ('author_id', models.UUIDField(blank=True, help_text="The person behind an agent's message.", null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('is_cancel_requested', models.BooleanField(db_default=False, default=False, help_text='Its run reads this every second.')),
                ('last_event', models.IntegerField(blank=True, help_text='Number of the last event of its stream.', null=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('conversation', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='conversations.conversation')),
                ('parent', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replies', to='conversations.message')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['conversation', 'id'], name='conversations_message_in_order'), models.Index(condition=models.Q(('state', 'pending')), fields=['lease_until'], name='conversations_message_pending')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='conversations_message_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='conversation', name='conversations_message_conversation_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='conversations_message_chatbot_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='parent', name='conversations_message_parent_same_workspace', on_delete='SET NULL')],
            },
        ),
        migrations.CreateModel(
            name='Feedback',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('rating', models.CharField(choices=[('up', 'Up'), ('down', 'Down')], max_length=4)),
                ('comment', models.TextField(blank=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('message', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='feedback', to='conversations.message')),
            ],
            options={
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='message', name='conversations_feedback_same_workspace', on_delete='CASCADE')],
            },
        ),
        migrations.CreateModel(
            name='Citation',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('index', models.SmallIntegerField()),
                ('source_id', models.UUIDField()),
                ('document_id', models.UUIDField()),
                ('chunk_id', models.UUIDField()),
                ('title', models.CharField(blank=True, max_length=500)),
                ('url', models.TextField(blank=True)),
                ('page', models.IntegerField(blank=True, null=True)),
                ('quote', models.TextField()),
                ('char_start', models.IntegerField()),
                ('char_end', models.IntegerField()),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('message', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='citations', to='conversations.message')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'source_id'], name='conversations_citation_source')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='message', name='conversations_citation_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('message', 'index'), name='conversations_citation_once')],
            },
        ),
        migrations.CreateModel(
            name='Trace',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('data', models.JSONField()),
                ('message', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='trace', to='conversations.message')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='message', name='conversations_trace_same_workspace', on_delete='CASCADE')],
            },
        ),
    ]
