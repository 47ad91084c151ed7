"""Cells of vectors, by which large chatbots are searched."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import pgvector.django.halfvec
from django.db import migrations, models

import chatsphere.core.tenancy

# A chunk's terms as numbers that no two chatbots share: the chatbot's hash above, the term below.
FUNCTION = """
CREATE FUNCTION training_search_terms(chatbot uuid, weights sparsevec) RETURNS bigint[]
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN (SELECT array_agg(uuid_hash(chatbot)::bigint << 32 | split_part(entry, ':', 1)::bigint)
            FROM unnest(string_to_array(trim(leading '{' from split_part(weights::text, '}', 1)), ',')) AS entry
           WHERE entry <> '')
"""


class Migration(migrations.Migration):
    deploy = "before"

    dependencies = [
        ("chatbots", "0003_identity_secrets"),
        ("training", "0003_quarantine"),
        ("users", "0004_what_may_be_forgotten"),
    ]

    operations = [
        migrations.RunSQL(FUNCTION, reverse_sql="DROP FUNCTION training_search_terms(uuid, sparsevec)"),
        migrations.CreateModel(
            name="VectorCell",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "chatbot_id", "model", "cell", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("model", models.CharField(max_length=200)),
                ("cell", models.IntegerField()),
                ("centroid", pgvector.django.halfvec.HalfVectorField()),
                (
                    "chatbot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="chatbots.chatbot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="users.workspace",
                    ),
                ),
            ],
            options={
                "constraints": [
                    chatsphere.core.tenancy.SameWorkspace(
                        field="chatbot", name="training_vectorcell_same_workspace", on_delete="CASCADE"
                    )
                ],
            },
        ),
        migrations.RemoveIndex(
            model_name="chunkterms",
            name="training_terms_of_chatbot",
        ),
        migrations.RemoveIndex(
            model_name="embedding",
            name="training_embedding_of_chatbot",
        ),
        migrations.AddField(
            model_name="chunkterms",
            name="is_indexed",
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name="embedding",
            name="cell",
            field=models.IntegerField(db_default=-1),
        ),
        migrations.AddIndex(
            model_name="chunkterms",
            index=models.Index(fields=["workspace", "chatbot", "is_indexed"], name="training_terms_by_chatbot"),
        ),
        migrations.AddIndex(
            model_name="chunkterms",
            index=django.contrib.postgres.indexes.GinIndex(
                models.Func("chatbot", "weights", function="training_search_terms"),
                condition=models.Q(("is_indexed", True)),
                name="training_terms_inverted",
            ),
        ),
        migrations.AddIndex(
            model_name="embedding",
            index=models.Index(fields=["workspace", "chatbot", "model", "cell"], name="training_embedding_by_cell"),
        ),
    ]
