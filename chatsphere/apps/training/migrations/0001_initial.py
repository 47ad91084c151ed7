"""Sources, documents, versions, chunks, runs, and the tables in which chunks are found."""

import chatsphere.apps.training.models.source
import chatsphere.core.identifiers
import chatsphere.core.tenancy
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import pgvector.django.extensions
import pgvector.django.halfvec
import pgvector.django.sparsevec
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    deploy = 'before'

    initial = True

    dependencies = [
        ('chatbots', '0001_initial'),
        ('users', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        pgvector.django.extensions.VectorExtension(
        ),
        migrations.CreateModel(
            name='ChunkText',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('content_hash', models.BinaryField(max_length=32)),
                ('context', models.TextField(blank=True)),
                ('text', models.TextField()),
                ('token_count', models.IntegerField()),
                ('language', models.CharField(blank=True, max_length=20)),
                ('kind', models.CharField(default='paragraph', max_length=12)),
                ('is_live', models.BooleanField(default=False)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='training_chunktext_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_chunktext_chatbot_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('chatbot', 'content_hash'), name='training_chunktext_once')],
            },
        ),
        migrations.CreateModel(
            name='TrainingSource',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('source_type', models.CharField(choices=[('text', 'Text'), ('file', 'File'), ('url', 'Web page'), ('sitemap', 'Sitemap'), ('crawl', 'Web site'), ('qa', 'Questions and answers')], max_length=10)),
                ('name', models.CharField(max_length=300)),
                ('uri', models.TextField(blank=True)),
                ('options', models.JSONField(default=dict, help_text='What its type needs: crawl limits, pairs, …')),
                ('file', models.FileField(blank=True, max_length=300, null=True, upload_to=chatsphere.apps.training.models.source.upload_path)),
                ('media_type', models.CharField(blank=True, max_length=150)),
                ('content_hash', models.BinaryField(blank=True, max_length=32, null=True)),
                ('access_tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, size=None)),
                ('refresh', models.CharField(choices=[('never', 'Never'), ('daily', 'Daily'), ('weekly', 'Weekly'), ('monthly', 'Monthly')], default='never', max_length=10)),
                ('next_refresh_at', models.DateTimeField(blank=True, null=True)),
                ('status', models.CharField(choices=[('queued', 'Queued'), ('fetching', 'Fetching'), ('parsing', 'Parsing'), ('chunking', 'Chunking'), ('embedding', 'Embedding'), ('ready', 'Ready'), ('partial', 'Partly ready'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('searchable', models.CharField(choices=[('none', 'None'), ('text', 'Text'), ('full', 'Full')], default='none', max_length=4)),
                ('progress_done', models.BigIntegerField(default=0)),
                ('progress_total', models.BigIntegerField(default=0)),
                ('progress_unit', models.CharField(default='chunks', max_length=20)),
                ('error_type', models.CharField(blank=True, max_length=60)),
                ('error_message', models.TextField(blank=True)),
                ('warnings', models.JSONField(default=list)),
                ('attempt', models.IntegerField(default=0)),
                ('documents_count', models.IntegerField(default=0)),
                ('chunks_count', models.IntegerField(default=0)),
                ('bytes', models.BigIntegerField(default=0)),
                ('tokens', models.BigIntegerField(default=0)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('last_synced_at', models.DateTimeField(blank=True, null=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='sources', to='chatbots.chatbot')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['chatbot', '-created_at'], name='training_source_by_chatbot')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='training_source_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_source_same_workspace', on_delete='CASCADE')],
            },
        ),
        migrations.CreateModel(
            name='Document',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('key', models.TextField(blank=True, default='')),
                ('title', models.CharField(blank=True, max_length=500)),
                ('uri', models.TextField(blank=True)),
                ('media_type', models.CharField(blank=True, max_length=150)),
                ('etag', models.CharField(blank=True, max_length=300)),
                ('last_modified', models.CharField(blank=True, max_length=100)),
                ('misses', models.SmallIntegerField(default=0)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('source', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='documents', to='training.trainingsource')),
            ],
            options={
                'indexes': [models.Index(fields=['chatbot'], name='training_document_by_chatbot')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='training_document_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_document_chatbot_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='source', name='training_document_source_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('source', 'key'), name='training_document_key_once')],
            },
        ),
        migrations.CreateModel(
            name='DocumentVersion',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('number', models.IntegerField(default=1)),
                ('content_hash', models.BinaryField(max_length=32)),
                ('text', models.TextField()),
                ('language', models.CharField(blank=True, max_length=20)),
                ('page_starts', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), blank=True, default=list, size=None)),
                ('links', models.JSONField(default=list)),
                ('warnings', models.JSONField(default=list)),
                ('is_partial', models.BooleanField(default=False)),
                ('is_complete', models.BooleanField(default=False, help_text='All its placements are written.')),
                ('report', models.JSONField(default=dict)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('document', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='training.document')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['chatbot'], name='training_version_by_chatbot')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='training_documentversion_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_documentversion_chatbot_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='document', name='training_documentversion_document_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('document', 'number'), name='training_documentversion_number_once')],
            },
        ),
        migrations.CreateModel(
            name='Embedding',
            fields=[
                ('pk', models.CompositePrimaryKey('chunk_id', 'model', blank=True, editable=False, primary_key=True, serialize=False)),
                ('model', models.CharField(max_length=200)),
                ('vector', pgvector.django.halfvec.HalfVectorField()),
                ('is_live', models.BooleanField()),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('chunk', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='training.chunktext')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'chatbot', 'model'], name='training_embedding_of_chatbot')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chunk', name='training_embedding_chunk_same_workspace', on_delete='CASCADE')],
            },
        ),
        migrations.CreateModel(
            name='KnowledgeStatistics',
            fields=[
                ('chatbot', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='chatbots.chatbot')),
                ('chunks', models.IntegerField()),
                ('length_total', models.FloatField()),
                ('languages', models.JSONField()),
                ('buckets', models.IntegerField()),
                ('vocabulary', models.IntegerField()),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_knowledgestatistics_same_workspace', on_delete='CASCADE')],
            },
        ),
        migrations.CreateModel(
            name='Placement',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('ordinal', models.IntegerField()),
                ('char_start', models.IntegerField()),
                ('char_end', models.IntegerField()),
                ('page', models.IntegerField(blank=True, null=True)),
                ('heading_path', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, size=None)),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('chunk', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='placements', to='training.chunktext')),
                ('document_version', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='placements', to='training.documentversion')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['chunk'], name='training_placement_by_chunk')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='document_version', name='training_placement_version_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='chunk', name='training_placement_chunk_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('document_version', 'ordinal'), name='training_placement_once'), models.CheckConstraint(condition=models.Q(('char_end__gt', models.F('char_start')), ('char_start__gte', 0)), name='training_placement_span')],
            },
        ),
        migrations.CreateModel(
            name='TermChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chunks', models.IntegerField()),
                ('length_total', models.FloatField()),
                ('languages', models.JSONField()),
                ('terms', models.BinaryField()),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['chatbot'], name='training_termchange_by_chatbot')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_termchange_same_workspace', on_delete='CASCADE')],
            },
        ),
        migrations.CreateModel(
            name='TermStatistics',
            fields=[
                ('pk', models.CompositePrimaryKey('chatbot_id', 'bucket', blank=True, editable=False, primary_key=True, serialize=False)),
                ('bucket', models.IntegerField()),
                ('frequencies', pgvector.django.sparsevec.SparseVectorField()),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_termstatistics_same_workspace', on_delete='CASCADE')],
            },
        ),
        migrations.CreateModel(
            name='Run',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('attempt', models.IntegerField(default=0, help_text='How often it was claimed.')),
                ('errors', models.IntegerField(default=0)),
                ('crashes', models.IntegerField(default=0)),
                ('fence', models.BigIntegerField(default=0)),
                ('priority', models.SmallIntegerField(default=0, help_text='Lower runs first.')),
                ('available_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('error_type', models.CharField(blank=True, max_length=60)),
                ('error_message', models.TextField(blank=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('kind', models.CharField(choices=[('train', 'Train'), ('sync', 'Sync')], default='train', max_length=10)),
                ('is_forced', models.BooleanField(default=False, help_text='Extract again even when the bytes did not change.')),
                ('progress_done', models.BigIntegerField(default=0)),
                ('progress_total', models.BigIntegerField(default=0)),
                ('progress_unit', models.CharField(default='chunks', max_length=20)),
                ('chunks_embedded', models.IntegerField(default=0)),
                ('chunks_reused', models.IntegerField(default=0)),
                ('tokens', models.BigIntegerField(default=0)),
                ('cost_micros', models.BigIntegerField(default=0)),
                ('steps', models.JSONField(default=dict)),
                ('chatbot', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('source', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='training.trainingsource')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['available_at'], name='training_run_open'), models.Index(fields=['source', '-created_at'], name='training_run_by_source'), models.Index(condition=models.Q(('state', 'queued')), fields=['workspace', 'priority', 'id'], name='training_run_queue'), models.Index(fields=['workspace', '-started_at'], name='training_run_served')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'id'), name='training_run_tenant_key'), chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_run_chatbot_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='source', name='training_run_source_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(condition=models.Q(('state__in', ['queued', 'running'])), fields=('source',), name='training_run_one_open_a_source')],
            },
        ),
        migrations.CreateModel(
            name='Page',
            fields=[
                ('id', models.UUIDField(default=chatsphere.core.identifiers.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('url', models.TextField()),
                ('depth', models.SmallIntegerField(default=0)),
                ('modified', models.CharField(blank=True, help_text='The lastmod of the sitemap.', max_length=100)),
                ('outcome', models.CharField(choices=[('waiting', 'Waiting'), ('kept', 'Kept'), ('alias', 'Alias'), ('skipped', 'Skipped'), ('gone', 'Gone'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('message', models.TextField(blank=True)),
                ('errors', models.SmallIntegerField(default=0)),
                ('listed_by', models.UUIDField(blank=True, null=True)),
                ('visited_by', models.UUIDField(blank=True, null=True)),
                ('chatbot', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
                ('source', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='pages', to='training.trainingsource')),
            ],
            options={
                'indexes': [models.Index(fields=['source', 'listed_by', 'depth', 'id'], name='training_page_in_order')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chatbot', name='training_page_chatbot_same_workspace', on_delete='CASCADE'), chatsphere.core.tenancy.SameWorkspace(field='source', name='training_page_source_same_workspace', on_delete='CASCADE'), models.UniqueConstraint(fields=('source', 'url'), name='training_page_once')],
            },
        ),
        migrations.CreateModel(
            name='ChunkTerms',
            fields=[
                ('chunk', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='training.chunktext')),
                ('language', models.CharField(blank=True, max_length=20)),
                ('length', models.FloatField()),
                ('weights', pgvector.django.sparsevec.SparseVectorField()),
                ('analysis', models.SmallIntegerField()),
                ('is_live', models.BooleanField()),
                ('chatbot', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chatbots.chatbot')),
                ('workspace', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'chatbot'], name='training_terms_of_chatbot')],
                'constraints': [chatsphere.core.tenancy.SameWorkspace(field='chunk', name='training_chunkterms_chunk_same_workspace', on_delete='CASCADE')],
            },
        ),
        migrations.AddField(
            model_name='document',
            name='current_version',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='training.documentversion'),
        ),
        migrations.AddConstraint(
            model_name='document',
            constraint=chatsphere.core.tenancy.SameWorkspace(field='current_version', name='training_document_current_same_workspace', on_delete='SET NULL'),
        ),
    ]
