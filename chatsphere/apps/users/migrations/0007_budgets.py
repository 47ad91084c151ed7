"""What the answers of a workspace may cost a day and a month."""

from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('users', '0006_file_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='workspace',
            name='budget_per_day',
            field=models.BigIntegerField(blank=True, help_text='What answers may cost a day, in micro-units; empty: any.', null=True),
        ),
        migrations.AddField(
            model_name='workspace',
            name='budget_per_month',
            field=models.BigIntegerField(blank=True, help_text='What answers may cost a month, in micro-units; empty: any.', null=True),
        ),
    ]
