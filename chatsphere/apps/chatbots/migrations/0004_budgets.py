"""What the answers of a chatbot and of each of its visitors may cost."""

from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    dependencies = [
        ('chatbots', '0003_identity_secrets'),
    ]

    operations = [
        migrations.AddField(
            model_name='chatbot',
            name='budget_per_day',
            field=models.BigIntegerField(blank=True, help_text='What its answers may cost a day, in micro-units; empty: any.', null=True),
        ),
        migrations.AddField(
            model_name='chatbot',
            name='visitor_budget_per_day',
            field=models.BigIntegerField(blank=True, help_text='What answers to one visitor may cost a day, in micro-units; empty: any.', null=True),
        ),
    ]
