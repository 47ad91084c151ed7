"""Quotes of citations, handing over to a person, what is remembered of a conversation."""

from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('conversations', '0002_visitors_and_privacy'),
    ]

    operations = [
        migrations.AddField(
            model_name='citation',
            name='quotes',
            field=models.JSONField(db_default=[], default=list, help_text='All quotes of the passage, the first included.'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='handed_off_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='conversation',
            name='handoff_reason',
            field=models.CharField(blank=True, db_default='', help_text='Why a person was asked for.', max_length=40),
        ),
        migrations.AddField(
            model_name='conversation',
            name='handoff_summary',
            field=models.TextField(blank=True, db_default='', help_text='What it is about, for that person.'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='memory',
            field=models.TextField(blank=True, db_default='', help_text='Older turns in short, written by the chat model.'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='memory_until',
            field=models.UUIDField(blank=True, help_text='The last message that the memory holds.', null=True),
        ),
    ]
