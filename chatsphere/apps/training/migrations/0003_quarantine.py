"""Chunks that are held back until a person has looked at them."""

import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('chatbots', '0003_identity_secrets'),
        ('training', '0002_retrainings_and_sketches'),
        ('users', '0004_what_may_be_forgotten'),
    ]

    operations = [
        migrations.CreateModel(
            name='QuarantinedChunk',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('state', models.CharField(choices=[('held', 'Held'), ('released', 'Released')], default='held', max_length=10)),
                ('pattern', models.CharField(max_length=40)),
                ('excerpt', models.TextField()),
                ('decided_by', models.UUIDField(blank=True, null=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('chunk', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='quarantine', to='training.chunktext')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['chatbot', 'state'], name='training_quarantine_by_chatbot')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_quarantine_chatbot_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='chunk', name='training_quarantine_chunk_same_workspace', on_delete='CASCADE')],
            },
        ),
    ]
