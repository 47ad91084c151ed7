"""Words of messages for the search in conversations."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('conversations', '0003_quotes_handoff_and_memory'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='message',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.search.SearchVector('content', config='simple'), condition=models.Q(('state', 'complete')), name='conversations_message_words'),
        ),
    ]
