"""Chatbots and their versions."""

import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    initial = True

    dependencies = [
        ('users', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Chatbot',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('name', models.CharField(max_length=200)),
                ('slug', models.SlugField(allow_unicode=True, max_length=80)),
                ('is_active', models.BooleanField(default=True)),
                ('configuration', models.JSONField(default=dict)),
                ('embedding_model', models.CharField(blank=True, help_text='Whose vectors answer; empty: none yet.', max_length=100)),
                ('knowledge_version', models.BigIntegerField(default=0, help_text='Raised by every change of what can be found.')),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', '-created_at'], name='chatbots_chatbot_by_workspace')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='chatbots_chatbot_tenant_key'), models.UniqueConstraint(condition=models.Q(('deleted_at', None)), fields=('workspace', 'slug'), name='chatbots_chatbot_slug_unique')],
            },
        ),
        migrations.CreateModel(
            name='ChatbotVersion',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('number', models.IntegerField()),
                ('configuration', models.JSONField()),
                ('note', models.CharField(blank=True, max_length=500)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='chatbots.chatbot')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='chatbots_chatbotversion_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='chatbots_chatbotversion_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('chatbot', 'number'), name='chatbots_chatbotversion_number_once')],
            },
        ),
        migrations.AddField(
            model_name='chatbot',
            name='published_version',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='chatbots.chatbotversion'),
        ),
        migrations.AddConstraint(
            model_name='chatbot',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='published_version', name='chatbots_chatbot_published_same_workspace', on_delete='SET NULL'),
        ),
    ]
