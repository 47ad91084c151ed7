"""The latest marked hours are summed first: their index leads with the time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('analytics', '0002_marks_of_changes'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='change',
            name='analytics_change_of_workspace',
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(fields=['workspace_id', 'at'], name='analytics_change_by_time'),
        ),
    ]
