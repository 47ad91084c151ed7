"""Runs that are worked on are counted by what they are: only so many are of the web at the same time. A handful of entries."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = "before"
    atomic = False

    dependencies = [("training", "0008_word_meanings")]

    operations = [
        AddIndexConcurrently(
            model_name="run",
            index=models.Index(
                fields=["progress_unit"], condition=models.Q(state="running"), name="training_run_in_hand"
            ),
        ),
    ]
