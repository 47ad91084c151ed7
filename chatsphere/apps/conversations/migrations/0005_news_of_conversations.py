"""The stream of a conversation: a person wrote, took it over, gave it back."""

import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('conversations', '0004_message_words'),
        ('users', '0008_flags'),
    ]

    operations = [
        migrations.CreateModel(
            name='News',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('number', models.IntegerField()),
                ('kind', models.CharField(choices=[('message.person', 'Person'), ('conversation.handoff', 'Handed Over'), ('conversation.returned', 'Given Back')], max_length=30)),
                ('conversation', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.conversation')),
                ('message', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.message')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('message__isnull', False)), fields=['message'], name='conversations_news_of_message')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='conversation', name='conversations_news_conversation_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='message', name='conversations_news_message_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('conversation', 'number'), name='conversations_news_once')],
            },
        ),
    ]
