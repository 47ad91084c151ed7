"""The key of each workspace for its encrypted uploads."""

import chatsphere.core.encryption
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('users', '0005_catalog_version'),
    ]

    operations = [
        migrations.CreateModel(
            name='FileKey',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='users.workspace')),
                ('key', chatsphere.core.encryption.EncryptedTextField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
    ]
