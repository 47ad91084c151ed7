"""What the words of chunks mean: filled when chunks are embedded by a model that tells. Chunks embedded before have no row and are ranked without."""

import chatsphere.core.tenancy
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [
        ('chatbots', '0004_budgets'),
        ('training', '0007_pending_points'),
        ('users', '0008_flags'),
    ]

    operations = [
        migrations.CreateModel(
            name='WordMeanings',
            fields=[
                ('chunk', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='training.chunktext')),
                ('words', models.BinaryField()),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'chatbot'], name='training_words_of_chatbot')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chunk', name='training_wordmeanings_chunk_same_workspace', on_delete='CASCADE')],
            },
        ),
    ]
