-- Statements of the ingest pipeline. Run with `database.rows` on Django's connection, inside the caller's transaction.

-- name: living_chatbot
-- A row when a chatbot of a workspace is alive, as `ChatbotQuerySet.alive` has it.
SELECT chatbot.id
  FROM chatbots_chatbot AS chatbot
  JOIN users_workspace AS workspace ON workspace.id = chatbot.workspace_id
 WHERE chatbot.id = %(chatbot)s::uuid AND chatbot.workspace_id = %(workspace)s::uuid AND chatbot.deleted_at IS NULL
   AND workspace.deleted_at IS NULL AND NOT workspace.is_suspended;

-- name: claim_next
-- The next run by fairness: urgent before patient (waiting five minutes makes urgent), then the workspace that was served longest
-- ago. Vectors that wait for texts of their workspace, and long documents that have had a slice, are behind what their own workspace
-- adds alone: beside other workspaces they are as urgent as their document was. Several candidates a workspace, so that workers who ask
-- at the same time do not all find the same row locked. While no other workspace waits, small documents of the same chatbot come along:
-- they are trained together. Web sources are left while as many as may be worked on at once are (`slots.py`); only where one waits are those counted.
WITH RECURSIVE workspaces AS (
    (SELECT workspace_id FROM training_run WHERE state = 'queued' ORDER BY workspace_id LIMIT 1)
    UNION ALL
    SELECT (SELECT run.workspace_id
              FROM training_run AS run
             WHERE run.state = 'queued' AND run.workspace_id > workspaces.workspace_id
             ORDER BY run.workspace_id
             LIMIT 1)
      FROM workspaces
     WHERE workspaces.workspace_id IS NOT NULL
),
candidates AS (
    SELECT waiting.id,
           row_number() OVER (PARTITION BY workspaces.workspace_id ORDER BY waiting.priority, waiting.id) AS place,
           CASE WHEN waiting.available_at < now() - interval '5 minutes' THEN 0
                WHEN waiting.progress_unit = 'chunks' AND waiting.progress_total > 0 THEN waiting.priority %% %(patience)s
                ELSE waiting.priority END AS urgency,
           (SELECT max(served.started_at) FROM training_run AS served
             WHERE served.workspace_id = workspaces.workspace_id) AS served_at
      FROM workspaces
     CROSS JOIN LATERAL (
           SELECT run.id, run.priority, run.available_at, run.progress_unit, run.progress_total
             FROM training_run AS run
            WHERE run.workspace_id = workspaces.workspace_id AND run.state = 'queued' AND run.available_at <= now()
              AND (run.progress_unit <> 'pages'
                   OR (SELECT count(*) FROM training_run AS busy
                        WHERE busy.state = 'running' AND busy.progress_unit = 'pages' AND busy.lease_until > now()) < %(web)s)
            ORDER BY run.priority, run.id
            LIMIT 8) AS waiting
     WHERE workspaces.workspace_id IS NOT NULL
),
chosen AS (
    SELECT run.id, run.chatbot_id, run.workspace_id, run.priority, run.source_id
      FROM training_run AS run
      JOIN candidates ON candidates.id = run.id
     WHERE run.state = 'queued'
     ORDER BY candidates.urgency, candidates.place, candidates.served_at NULLS FIRST, run.id
     LIMIT 1
       FOR UPDATE OF run SKIP LOCKED
),
peers AS (
    SELECT run.id
      FROM chosen
      JOIN training_run AS run ON run.workspace_id = chosen.workspace_id AND run.priority = chosen.priority
      JOIN training_trainingsource AS source ON source.id = run.source_id
     WHERE run.state = 'queued' AND run.available_at <= now() AND run.chatbot_id = chosen.chatbot_id AND run.id <> chosen.id
       AND (SELECT count(*) FROM workspaces WHERE workspace_id IS NOT NULL) = 1
       AND (source.source_type IN ('text', 'qa') OR source.media_type = ANY (%(small_types)s))
       AND source.bytes <= %(small)s AND pg_column_size(source.options) <= %(small)s
       AND EXISTS (SELECT 1 FROM training_trainingsource AS first
                    WHERE first.id = chosen.source_id AND first.bytes <= %(small)s AND pg_column_size(first.options) <= %(small)s
                      AND (first.source_type IN ('text', 'qa') OR first.media_type = ANY (%(small_types)s)))
     ORDER BY run.id
     LIMIT %(peers)s
       FOR UPDATE OF run SKIP LOCKED
),
claimed AS (
    UPDATE training_run AS run
       SET state = 'running', attempt = run.attempt + 1, fence = run.fence + 1, started_at = coalesce(run.started_at, now()),
           lease_until = now() + %(lease)s::interval
     WHERE run.id IN (SELECT id FROM chosen UNION ALL SELECT id FROM peers)
    RETURNING run.id, run.source_id, run.attempt
),
told AS (
    UPDATE training_trainingsource AS source
       SET status = CASE WHEN source.source_type IN ('text', 'file', 'qa') THEN 'parsing' ELSE 'fetching' END,
           attempt = claimed.attempt, error_type = '', error_message = '', updated_at = now()
      FROM claimed
     WHERE source.id = claimed.source_id
)
SELECT id FROM claimed;

-- name: count_alone
-- Until the transaction ends no other worker counts runs of the web.
SELECT pg_advisory_xact_lock(hashtextextended('chatsphere.training.web', 0));

-- name: count_web_runs
-- Runs of web sources that others work on.
SELECT count(*) AS others
  FROM training_run
 WHERE state = 'running' AND progress_unit = 'pages' AND lease_until > now() AND id <> %(run)s;

-- name: claimed_run
-- All that a worker must know of the runs it has claimed.
SELECT run.id, run.workspace_id, run.chatbot_id, run.source_id, run.kind, run.is_forced, run.created_at, run.attempt, run.errors,
       run.crashes, run.fence, run.state, run.priority, run.progress_done, run.progress_total, run.chunks_embedded, run.chunks_reused,
       run.tokens, run.steps, chatbot.embedding_model, chatbot.configuration, chatbot.deleted_at,
       source.source_type, source.name, source.uri, source.options, source.file, source.media_type, source.bytes, source.refresh,
       source.searchable, source.status, source.last_synced_at
  FROM training_run AS run
  JOIN training_trainingsource AS source ON source.id = run.source_id
  JOIN chatbots_chatbot AS chatbot ON chatbot.id = run.chatbot_id
 WHERE run.id = ANY (%(runs)s)
 ORDER BY run.id;

-- name: texts_wait
-- A row when documents of the same workspace are due of which not even the text is known yet. Those of others are no reason to let
-- vectors wait: behind a queue of 100,000 a small customer's only document would wait for them.
SELECT 1 AS one
  FROM training_run
 WHERE workspace_id = %(workspace)s AND state = 'queued' AND available_at <= now() AND priority < %(patience)s
 LIMIT 1;

-- name: somebody_waits
-- A row when a file, text or questions that somebody has just added have found no free worker.
SELECT 1 AS one
  FROM training_run
 WHERE state = 'queued' AND available_at <= now() - make_interval(secs => %(seconds)s) AND priority <= %(priority)s
   AND progress_unit <> 'pages'
 LIMIT 1;

-- name: list_again
-- Known pages of a web source are listed by this run; one that is read as it would be now and has the date that it had counts as visited.
UPDATE training_page AS page
   SET listed_by = %(run)s, depth = listed.depth, modified = listed.modified,
       visited_by = CASE WHEN listed.is_current AND page.modified = listed.modified AND page.outcome = %(kept)s
                         THEN %(run)s ELSE page.visited_by END
  FROM unnest(%(urls)s::text[], %(depths)s::int[], %(dates)s::text[], %(current)s::bool[])
       AS listed (url, depth, modified, is_current)
 WHERE page.source_id = %(source)s AND page.url = listed.url AND page.listed_by IS DISTINCT FROM %(run)s;

-- name: just_begun
-- Chatbots in whose training the first document came in less than a minute ago.
SELECT chatbot_id
  FROM training_run
 WHERE state IN ('queued', 'running')
 GROUP BY chatbot_id
HAVING min(created_at) > now() - interval '1 minute';

-- name: versions_of
-- Documents of sources with their versions, newest first; one row without a version when a document has none.
SELECT document.source_id, document.id AS document_id, document.current_version_id, version.id, version.number, version.content_hash,
       version.created_at, version.language, version.is_complete, version.is_partial, version.warnings, version.report
  FROM training_document AS document
  LEFT JOIN training_documentversion AS version ON version.document_id = document.id
 WHERE document.source_id = ANY (%(sources)s) AND document.key = %(key)s
 ORDER BY version.number DESC;

-- name: requeue_crashed
-- Runs whose worker is gone go back to the queue, with a crash noted; those that crashed too often are left to the sweep.
-- They were due when they were claimed, so they are due now, whatever a clock that was set back since made of that moment.
UPDATE training_run
   SET state = 'queued', crashes = crashes + 1, lease_until = NULL, available_at = least(available_at, now())
 WHERE id IN (SELECT id FROM training_run
               WHERE state = 'running' AND lease_until < now() AND crashes + 1 < %(most)s
               ORDER BY id
                 FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: hold_and_add
-- Lock a run, prove that it is still ours, and take the chatbot's knowledge lock together with other adders: they do not wait
-- for each other. No row: the run is not ours any more.
WITH held AS MATERIALIZED (
    SELECT id FROM training_run WHERE id = %(run)s AND fence = %(fence)s AND state = 'running' FOR UPDATE
)
SELECT pg_advisory_xact_lock_shared(hashtextextended('chatsphere.knowledge:' || %(chatbot)s::text, 0)) FROM held;

-- name: hold_all_and_add
-- The same for several runs, locked in the order of their ids: a row for each that is still ours.
WITH held AS MATERIALIZED (
    SELECT run.id
      FROM training_run AS run
      JOIN unnest(%(runs)s::uuid[], %(fences)s::int8[]) AS ours(id, fence) ON ours.id = run.id AND ours.fence = run.fence
     WHERE run.state = 'running'
     ORDER BY run.id
       FOR UPDATE OF run
)
SELECT id, pg_advisory_xact_lock_shared(hashtextextended('chatsphere.knowledge:' || %(chatbot)s::text, 0)) FROM held;

-- name: hold_alone
-- The same, with the knowledge lock for oneself.
WITH held AS MATERIALIZED (
    SELECT id FROM training_run WHERE id = %(run)s AND fence = %(fence)s AND state = 'running' FOR UPDATE
)
SELECT pg_advisory_xact_lock(hashtextextended('chatsphere.knowledge:' || %(chatbot)s::text, 0)) FROM held;

-- name: knowledge_lock
-- Held by everyone who takes chunks away from a chatbot, or switches them: alone.
SELECT pg_advisory_xact_lock(hashtextextended('chatsphere.knowledge:' || %(chatbot)s::text, 0));

-- name: tell
-- How far runs are, in their own rows and at their sources; it counts as progress, so that earlier errors and crashes are forgotten.
-- `rows` is a JSON array of reports.
WITH report AS MATERIALIZED (
    SELECT *
      FROM jsonb_to_recordset(%(rows)s::jsonb)
           AS report(run uuid, source uuid, done int8, total int8, embedded int4, reused int4, tokens int8, steps jsonb)
),
told AS (
    UPDATE training_run AS run
       SET progress_done = done, progress_total = total, chunks_embedded = embedded, chunks_reused = reused,
           tokens = report.tokens, steps = report.steps, errors = 0, crashes = 0, lease_until = now() + %(lease)s::interval
      FROM report
     WHERE run.id = report.run
)
UPDATE training_trainingsource AS source
   SET status = %(status)s, searchable = coalesce(%(searchable)s, searchable), progress_done = done, progress_total = total,
       updated_at = now()
  FROM report
 WHERE source.id = report.source;

-- name: succeed
-- End runs well: their reports, and what of their sources answers now. `rows` is a JSON array of reports.
WITH report AS MATERIALIZED (
    SELECT *
      FROM jsonb_to_recordset(%(rows)s::jsonb)
           AS report(run uuid, source uuid, done int8, total int8, embedded int4, reused int4, tokens int8, steps jsonb, status text,
                     warnings jsonb, bytes int8, digest text, media_type text, refresh_after interval)
),
ended AS (
    UPDATE training_run AS run
       SET state = 'succeeded', error_type = '', error_message = '', lease_until = NULL, finished_at = now(),
           progress_done = done, progress_total = total, chunks_embedded = embedded, chunks_reused = reused,
           tokens = report.tokens, steps = report.steps
      FROM report
     WHERE run.id = report.run
),
counts AS (
    SELECT report.source, count(DISTINCT document.id) AS documents, count(placement.id) AS chunks,
           coalesce(sum(chunk.token_count), 0) AS tokens
      FROM report
      LEFT JOIN training_document AS document ON document.source_id = report.source AND document.current_version_id IS NOT NULL
      LEFT JOIN training_placement AS placement ON placement.document_version_id = document.current_version_id
      LEFT JOIN training_chunktext AS chunk ON chunk.id = placement.chunk_id
     GROUP BY report.source
)
UPDATE training_trainingsource AS source
   SET status = report.status, searchable = CASE WHEN counts.documents = 0 THEN 'none' ELSE 'full' END, error_type = '', error_message = '', warnings = report.warnings,
       progress_done = done, progress_total = total, documents_count = counts.documents, chunks_count = counts.chunks,
       tokens = counts.tokens, bytes = report.bytes, content_hash = decode(digest, 'hex'), media_type = report.media_type,
       last_synced_at = now(), next_refresh_at = now() + report.refresh_after, updated_at = now()
  FROM report JOIN counts ON counts.source = report.source
 WHERE source.id = report.source
RETURNING source.id, source.documents_count, source.chunks_count;

-- name: recount
-- A visit of a web source that did not end well has counted pages that it did not keep, and may have let others go: count what answers.
WITH counts AS (
    SELECT count(DISTINCT document.id) AS documents, count(placement.id) AS chunks, coalesce(sum(chunk.token_count), 0) AS tokens
      FROM training_document AS document
      JOIN training_placement AS placement ON placement.document_version_id = document.current_version_id
      JOIN training_chunktext AS chunk ON chunk.id = placement.chunk_id
     WHERE document.source_id = %(source)s
)
UPDATE training_trainingsource AS source
   SET documents_count = counts.documents, chunks_count = counts.chunks, tokens = counts.tokens,
       searchable = CASE WHEN counts.documents = 0 THEN 'none' ELSE source.searchable END,
       bytes = (SELECT coalesce(sum((version.report ->> 'bytes')::int8), 0)
                  FROM training_document AS document
                  JOIN training_documentversion AS version ON version.id = document.current_version_id
                 WHERE document.source_id = source.id)
  FROM counts
 WHERE source.id = %(source)s AND source.source_type IN ('url', 'sitemap', 'crawl')
RETURNING source.id;

-- name: add_chunk_texts
-- New chunk texts of a chatbot, in the order of their hashes, so that two adders never wait for each other crosswise.
INSERT INTO training_chunktext (id, workspace_id, created_at, chatbot_id, content_hash, context, text, token_count, language,
                                kind, is_live)
SELECT id, %(workspace)s::uuid, now(), %(chatbot)s::uuid, content_hash, context, text, token_count, language, kind, %(is_live)s::bool
  FROM unnest(%(ids)s::uuid[], %(hashes)s::bytea[], %(contexts)s::text[], %(texts)s::text[], %(token_counts)s::int4[],
              %(languages)s::text[], %(kinds)s::text[]) AS new(id, content_hash, context, text, token_count, language, kind)
 ORDER BY content_hash
    ON CONFLICT (chatbot_id, content_hash) DO NOTHING;

-- name: find_chunk_texts
-- Chunk texts that a chatbot has already.
SELECT id, content_hash, is_live
  FROM training_chunktext
 WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND content_hash = ANY (%(hashes)s::bytea[]);

-- name: show_chunk_texts
-- Make hidden chunk texts live, locked in the order of their ids. Returns those that changed.
WITH hidden AS (
    SELECT id
      FROM training_chunktext
     WHERE id = ANY (%(ids)s::uuid[]) AND chatbot_id = %(chatbot)s::uuid AND NOT is_live
     ORDER BY id
       FOR NO KEY UPDATE
)
UPDATE training_chunktext AS chunk SET is_live = true FROM hidden WHERE chunk.id = hidden.id
RETURNING chunk.id;

-- name: hide_chunk_texts
-- Make chunk texts invisible that stand in no current version any more.
UPDATE training_chunktext SET is_live = false WHERE id = ANY (%(ids)s::uuid[]) AND chatbot_id = %(chatbot)s::uuid AND is_live;

-- name: delete_chunk_texts
-- Forget chunk texts; their words and vectors are gone already.
DELETE FROM training_chunktext WHERE id = ANY (%(ids)s::uuid[]) AND chatbot_id = %(chatbot)s::uuid;

-- name: lock_hidden_texts
-- How many of some chunk texts are there, and which of them are hidden. These stay so until the transaction ends. Shown ones are not locked:
-- who hides or deletes needs the knowledge lock alone.
WITH hidden AS MATERIALIZED (
    SELECT id
      FROM training_chunktext
     WHERE id = ANY (%(ids)s::uuid[]) AND chatbot_id = %(chatbot)s::uuid AND NOT is_live
     ORDER BY id
       FOR SHARE
)
SELECT (SELECT array_agg(id) FROM hidden) AS hidden,
       (SELECT count(*) FROM training_chunktext WHERE id = ANY (%(ids)s::uuid[]) AND chatbot_id = %(chatbot)s::uuid) AS texts;

-- name: texts_shown
-- Of chunk texts those that are there, and whether searches find them.
SELECT id, is_live FROM training_chunktext WHERE id = ANY (%(ids)s::uuid[]) AND chatbot_id = %(chatbot)s::uuid;

-- name: missing_vectors
-- The next chunks of a version that have no vector of a model yet, in the order of the text.
SELECT placement.ordinal, chunk.id, chunk.context, chunk.text, chunk.token_count
  FROM training_placement AS placement
  JOIN training_chunktext AS chunk ON chunk.id = placement.chunk_id
 WHERE placement.document_version_id = %(version)s::uuid AND placement.ordinal > %(after)s
   AND NOT EXISTS (SELECT 1 FROM training_embedding AS embedding
                    WHERE embedding.chunk_id = chunk.id AND embedding.model = %(model)s)
 ORDER BY placement.ordinal
 LIMIT %(limit)s;

-- name: missing_vectors_of_all
-- Chunks of versions that have no vector of a model yet, each once, the shortest first: batches of like length are embedded fastest.
-- `place` says in which of the versions it stands first, counted from 1.
SELECT placed.place, chunk.id, chunk.context, chunk.text, chunk.token_count
  FROM (SELECT placement.chunk_id, min(version.place) AS place
          FROM unnest(%(versions)s::uuid[]) WITH ORDINALITY AS version(id, place)
          JOIN training_placement AS placement ON placement.document_version_id = version.id
         GROUP BY placement.chunk_id) AS placed
  JOIN training_chunktext AS chunk ON chunk.id = placed.chunk_id
 WHERE NOT EXISTS (SELECT 1 FROM training_embedding AS embedding
                    WHERE embedding.chunk_id = chunk.id AND embedding.model = %(model)s)
 ORDER BY chunk.token_count, chunk.id;

-- name: release_all
-- Runs go back to the queue, due at once, so many steps behind, and without a mark against them, not even an attempt.
UPDATE training_run
   SET state = 'queued', lease_until = NULL, available_at = now(), attempt = attempt - 1, priority = priority + %(patience)s
 WHERE id = ANY (%(runs)s) AND state = 'running';

-- name: count_vectors
-- Distinct chunks of a version, and how many of them have a vector of a model.
SELECT count(*) AS chunks, count(embedding.chunk_id) AS embedded
  FROM (SELECT DISTINCT chunk_id FROM training_placement WHERE document_version_id = %(version)s::uuid) AS placed
  LEFT JOIN training_embedding AS embedding ON embedding.chunk_id = placed.chunk_id AND embedding.model = %(model)s;

-- name: chunks_of_version
-- The chunk texts of a version.
SELECT DISTINCT chunk_id FROM training_placement WHERE document_version_id = %(version)s::uuid;

-- name: take_versions
-- Delete the placements of versions; returns the chunk texts that stood there.
DELETE FROM training_placement WHERE document_version_id = ANY (%(versions)s::uuid[]) RETURNING chunk_id;

-- name: delete_versions
-- Forget versions whose placements are gone.
DELETE FROM training_documentversion WHERE id = ANY (%(versions)s::uuid[]);

-- name: versions_of_sources
-- All versions of what sources have brought.
SELECT version.id
  FROM training_document AS document
  JOIN training_documentversion AS version ON version.document_id = document.id
 WHERE document.source_id = ANY (%(sources)s::uuid[]);

-- name: has_many_places
-- A row when versions have more placements than so many.
SELECT 1 AS one FROM training_placement WHERE document_version_id = ANY (%(versions)s::uuid[]) OFFSET %(many)s LIMIT 1;

-- name: take_your_time
-- What this transaction does may take long, whatever the time limit of the process is.
SELECT set_config('statement_timeout', %(milliseconds)s, true);

-- name: take_many_versions
-- Delete the placements of versions; returns of the chunk texts that stood there those that must be hidden now: they stand elsewhere, in
-- no current version. Those that stand nowhere are leftovers.
WITH taken AS (
    DELETE FROM training_placement WHERE document_version_id = ANY (%(versions)s::uuid[]) RETURNING chunk_id
),
elsewhere AS MATERIALIZED (
    SELECT other.chunk_id, other.document_version_id
      FROM training_placement AS other
     WHERE other.chunk_id IN (SELECT chunk_id FROM taken) AND other.document_version_id <> ALL (%(versions)s::uuid[])
)
SELECT elsewhere.chunk_id
  FROM elsewhere
  JOIN training_documentversion AS version ON version.id = elsewhere.document_version_id
  LEFT JOIN training_document AS document ON document.id = version.document_id AND document.current_version_id = version.id
 GROUP BY elsewhere.chunk_id
HAVING NOT bool_or(document.id IS NOT NULL);

-- name: released_chunks
-- Of chunk texts that lost a place: those that have none any more, and those that have none in a current version.
SELECT chunk.id, placed.anywhere, chunk.is_live
  FROM training_chunktext AS chunk
 CROSS JOIN LATERAL (
       SELECT count(*) > 0 AS anywhere, coalesce(bool_or(document.id IS NOT NULL), false) AS currently
         FROM training_placement AS placement
         JOIN training_documentversion AS version ON version.id = placement.document_version_id
         LEFT JOIN training_document AS document
           ON document.id = version.document_id AND document.current_version_id = version.id
        WHERE placement.chunk_id = chunk.id) AS placed
 WHERE chunk.id = ANY (%(ids)s::uuid[]) AND chunk.chatbot_id = %(chatbot)s::uuid AND NOT placed.currently;

-- name: placed_of
-- Of chunk texts those that stand somewhere.
SELECT DISTINCT chunk_id FROM training_placement WHERE chunk_id = ANY (%(ids)s::uuid[]);

-- name: counting_can_wait
-- A row when a chatbot's terms were counted a short while ago, by the size of its vocabulary (a million terms: ten seconds), nothing was taken
-- away from it, and a run is about to bring more.
SELECT 1 AS one
  FROM training_knowledgestatistics AS knowledge
 WHERE knowledge.chatbot_id = %(chatbot)s::uuid
   AND knowledge.updated_at > now() - knowledge.vocabulary * interval '10 microseconds'
   AND NOT EXISTS (SELECT 1 FROM training_termchange AS note WHERE note.chatbot_id = knowledge.chatbot_id AND note.terms = '')
   AND EXISTS (SELECT 1 FROM training_run AS run
                WHERE run.chatbot_id = knowledge.chatbot_id AND run.state IN ('queued', 'running'));

-- name: note_leftovers
-- Chunk texts of a chatbot are left that stand nowhere: no search finds them, and a worker forgets them. The note counts nothing.
INSERT INTO training_termchange (workspace_id, chatbot_id, chunks, length_total, languages, terms)
VALUES (%(workspace)s::uuid, %(chatbot)s::uuid, 0, 0, '{}', '');

-- name: has_leftovers
-- A row when there is such a note.
SELECT 1 AS one FROM training_termchange WHERE chatbot_id = %(chatbot)s::uuid AND terms = '' LIMIT 1;

-- name: some_leftovers
-- Some chunk texts that stand nowhere.
SELECT chunk.id
  FROM training_chunktext AS chunk
 WHERE chunk.chatbot_id = %(chatbot)s::uuid AND chunk.workspace_id = %(workspace)s::uuid
   AND NOT EXISTS (SELECT 1 FROM training_placement AS placement WHERE placement.chunk_id = chunk.id)
 LIMIT %(most)s;

-- name: drop_leftover_notes
-- All are forgotten.
DELETE FROM training_termchange WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND terms = '';

-- name: raise_knowledge_version
-- What can be found has changed. The last statement of its transaction: every writer of the chatbot waits here.
UPDATE chatbots_chatbot SET knowledge_version = knowledge_version + 1 WHERE id = %(chatbot)s::uuid;

-- name: delete_sources
-- Forget sources whose placements are gone, with their runs, documents and versions (by the keys of the database).
DELETE FROM training_trainingsource WHERE id = ANY (%(sources)s::uuid[]);

-- name: show_source
-- A source as the API shows it, for whoever follows its progress.
SELECT source.id, source.workspace_id, source.chatbot_id, source.source_type, source.name, source.uri, source.media_type,
       source.access_tags, source.refresh, source.status, source.searchable, source.progress_done, source.progress_total,
       source.progress_unit, source.error_type, source.error_message, source.warnings, source.attempt, source.documents_count,
       source.chunks_count, source.bytes, source.tokens, source.created_at, source.updated_at, source.last_synced_at
  FROM training_trainingsource AS source
  JOIN chatbots_chatbot AS chatbot ON chatbot.id = source.chatbot_id
 WHERE source.id = %(source)s AND source.workspace_id = %(workspace)s AND chatbot.deleted_at IS NULL
   AND (%(chatbots)s::uuid[] IS NULL OR source.chatbot_id = ANY (%(chatbots)s::uuid[]));

-- name: find_abandoned_versions
-- Versions that answer nothing and that no open run is about to bring in.
SELECT version.id
  FROM training_documentversion AS version
  JOIN training_document AS document ON document.id = version.document_id
 WHERE version.chatbot_id = %(chatbot)s AND document.current_version_id IS DISTINCT FROM version.id
   AND NOT EXISTS (SELECT 1 FROM training_run AS run
                    WHERE run.source_id = document.source_id AND run.state IN ('queued', 'running'));

-- name: find_unplaced_chunks
-- Chunk texts that stand nowhere, and that no worker is about to forget.
SELECT chunk.id
  FROM training_chunktext AS chunk
 WHERE chunk.chatbot_id = %(chatbot)s
   AND NOT EXISTS (SELECT 1 FROM training_placement AS placement WHERE placement.chunk_id = chunk.id)
   AND NOT EXISTS (SELECT 1 FROM training_termchange AS note WHERE note.chatbot_id = %(chatbot)s AND note.terms = '');

-- name: find_stray_words
-- Indexed words without a chunk text.
SELECT words.chunk_id AS id
  FROM training_chunkterms AS words
 WHERE words.chatbot_id = %(chatbot)s
   AND NOT EXISTS (SELECT 1 FROM training_chunktext AS chunk WHERE chunk.id = words.chunk_id);

-- name: find_stray_vectors
-- Vectors without a chunk text.
SELECT vector.chunk_id AS id
  FROM training_embedding AS vector
 WHERE vector.chatbot_id = %(chatbot)s
   AND NOT EXISTS (SELECT 1 FROM training_chunktext AS chunk WHERE chunk.id = vector.chunk_id);

-- name: find_wrongly_hidden
-- Chunks of current versions that searches do not see, by their text, their words or a vector.
SELECT DISTINCT chunk.id
  FROM training_document AS document
  JOIN training_placement AS placement ON placement.document_version_id = document.current_version_id
  JOIN training_chunktext AS chunk ON chunk.id = placement.chunk_id
  LEFT JOIN training_chunkterms AS words ON words.chunk_id = chunk.id
  LEFT JOIN training_embedding AS vector ON vector.chunk_id = chunk.id
 WHERE document.chatbot_id = %(chatbot)s AND NOT (chunk.is_live AND coalesce(words.is_live, true) AND coalesce(vector.is_live, true));

-- name: find_wrongly_shown
-- Placed chunks that searches see although they stand in no current version.
SELECT DISTINCT chunk.id
  FROM training_chunktext AS chunk
  LEFT JOIN training_chunkterms AS words ON words.chunk_id = chunk.id
  LEFT JOIN training_embedding AS vector ON vector.chunk_id = chunk.id
 WHERE chunk.chatbot_id = %(chatbot)s AND (chunk.is_live OR words.is_live OR vector.is_live)
   AND EXISTS (SELECT 1 FROM training_placement AS placement WHERE placement.chunk_id = chunk.id)
   AND NOT EXISTS (SELECT 1
                     FROM training_placement AS placement
                     JOIN training_documentversion AS version ON version.id = placement.document_version_id
                     JOIN training_document AS document
                       ON document.id = version.document_id AND document.current_version_id = version.id
                    WHERE placement.chunk_id = chunk.id);

-- name: find_unindexed
-- Chunk texts whose words are not indexed.
SELECT chunk.id
  FROM training_chunktext AS chunk
 WHERE chunk.chatbot_id = %(chatbot)s
   AND NOT EXISTS (SELECT 1 FROM training_chunkterms AS words WHERE words.chunk_id = chunk.id);

-- name: set_chunk_texts
-- Show or hide chunk texts.
UPDATE training_chunktext SET is_live = %(is_live)s WHERE id = ANY (%(ids)s::uuid[]) AND chatbot_id = %(chatbot)s;

-- name: read_chunk_texts
-- What is indexed of chunk texts.
SELECT id, context, text, language, is_live
  FROM training_chunktext
 WHERE id = ANY (%(ids)s::uuid[]) AND chatbot_id = %(chatbot)s;

-- name: outdated_documents
-- Documents whose answering version was cut in another way than is wanted now, with the chunks and tokens they have. Pairs of questions
-- and answers are never cut.
SELECT count(DISTINCT document.id) AS documents, count(placement.id) AS chunks, coalesce(sum(chunk.token_count), 0) AS tokens
  FROM training_document AS document
  JOIN training_trainingsource AS source ON source.id = document.source_id AND source.source_type <> 'qa'
  JOIN training_documentversion AS version ON version.id = document.current_version_id
  LEFT JOIN training_placement AS placement ON placement.document_version_id = version.id
  LEFT JOIN training_chunktext AS chunk ON chunk.id = placement.chunk_id
 WHERE document.chatbot_id = %(chatbot)s AND version.report -> 'chunking' IS DISTINCT FROM %(chunking)s::jsonb;

-- name: outdated_sources
-- Sources with such documents, except those that a retraining has already had trained again; whether each has an open run.
SELECT source.id, EXISTS (SELECT 1 FROM training_run AS run
                           WHERE run.source_id = source.id AND run.state IN ('queued', 'running')) AS is_busy
  FROM training_trainingsource AS source
 WHERE source.chatbot_id = %(chatbot)s AND source.source_type <> 'qa'
   AND EXISTS (SELECT 1
                 FROM training_document AS document
                 JOIN training_documentversion AS version ON version.id = document.current_version_id
                WHERE document.source_id = source.id
                  AND version.report -> 'chunking' IS DISTINCT FROM %(chunking)s::jsonb)
   AND NOT EXISTS (SELECT 1 FROM training_run AS run
                    WHERE run.source_id = source.id AND run.kind = 'retrain' AND run.created_at >= %(since)s
                      AND run.state NOT IN ('queued', 'running'))
 ORDER BY source.id;

-- name: count_missing_of_chatbot
-- Chunks that are found and have no vector of a model, their tokens, and how many are found in all.
SELECT count(*) FILTER (WHERE embedding.chunk_id IS NULL) AS chunks,
       coalesce(sum(chunk.token_count) FILTER (WHERE embedding.chunk_id IS NULL), 0) AS tokens, count(*) AS "all"
  FROM training_chunktext AS chunk
  LEFT JOIN training_embedding AS embedding ON embedding.chunk_id = chunk.id AND embedding.model = %(model)s
 WHERE chunk.chatbot_id = %(chatbot)s AND chunk.is_live;

-- name: missing_of_chatbot
-- The next chunks that are found and have no vector of a model.
SELECT chunk.id, chunk.context, chunk.text, chunk.token_count
  FROM training_chunktext AS chunk
 WHERE chunk.chatbot_id = %(chatbot)s AND chunk.is_live AND chunk.id > %(after)s
   AND NOT EXISTS (SELECT 1 FROM training_embedding AS embedding
                    WHERE embedding.chunk_id = chunk.id AND embedding.model = %(model)s)
 ORDER BY chunk.id
 LIMIT %(limit)s;

-- name: count_untold_of_chatbot
-- Chunks that are found by a model's vectors while nothing is known of what their words mean, their tokens, and how many are found in all.
SELECT count(*) FILTER (WHERE words.chunk_id IS NULL) AS chunks,
       coalesce(sum(chunk.token_count) FILTER (WHERE words.chunk_id IS NULL), 0) AS tokens, count(*) AS "all"
  FROM training_chunktext AS chunk
  JOIN training_embedding AS embedding ON embedding.chunk_id = chunk.id AND embedding.model = %(model)s
  LEFT JOIN training_wordmeanings AS words ON words.chunk_id = chunk.id
 WHERE chunk.chatbot_id = %(chatbot)s AND chunk.is_live;

-- name: untold_of_chatbot
-- The next of those chunks.
SELECT chunk.id, chunk.context, chunk.text, chunk.token_count
  FROM training_chunktext AS chunk
 WHERE chunk.chatbot_id = %(chatbot)s AND chunk.is_live AND chunk.id > %(after)s
   AND EXISTS (SELECT 1 FROM training_embedding AS embedding
                WHERE embedding.chunk_id = chunk.id AND embedding.model = %(model)s)
   AND NOT EXISTS (SELECT 1 FROM training_wordmeanings AS words WHERE words.chunk_id = chunk.id)
 ORDER BY chunk.id
 LIMIT %(limit)s;

-- name: embedding_speed
-- Tokens and seconds of the last runs of a workspace that embedded with a model.
SELECT sum(tokens)::float8 AS tokens, sum(seconds)::float8 AS seconds
  FROM (SELECT run.tokens, (run.steps -> 'embed' ->> 'seconds')::float8 AS seconds
          FROM training_run AS run
          JOIN chatbots_chatbot AS chatbot ON chatbot.id = run.chatbot_id AND chatbot.embedding_model = %(model)s
         WHERE run.workspace_id = %(workspace)s AND run.state = 'succeeded' AND run.tokens > 0
         ORDER BY run.started_at DESC
         LIMIT 20) AS recent;

-- name: hold_retraining
-- Lock a retraining, prove that it is still ours, and take the chatbot's knowledge lock together with other adders.
WITH held AS MATERIALIZED (
    SELECT id FROM training_retraining WHERE id = %(run)s AND fence = %(fence)s AND state = 'running' FOR UPDATE
)
SELECT pg_advisory_xact_lock_shared(hashtextextended('chatsphere.knowledge:' || %(chatbot)s::text, 0)) FROM held;

-- name: hold_retraining_alone
-- The same, with the knowledge lock for oneself.
WITH held AS MATERIALIZED (
    SELECT id FROM training_retraining WHERE id = %(run)s AND fence = %(fence)s AND state = 'running' FOR UPDATE
)
SELECT pg_advisory_xact_lock(hashtextextended('chatsphere.knowledge:' || %(chatbot)s::text, 0)) FROM held;

-- name: answer_by_model
-- From this commit on another model's vectors answer.
UPDATE chatbots_chatbot
   SET embedding_model = %(model)s, knowledge_version = knowledge_version + 1
 WHERE id = %(chatbot)s::uuid;

-- name: restart_runs
-- Runs of a chatbot that are being worked on begin their step again: they may have asked for its model before it changed.
UPDATE training_run
   SET state = 'queued', fence = fence + 1, lease_until = NULL, available_at = now()
 WHERE chatbot_id = %(chatbot)s AND state = 'running'
RETURNING id;

-- name: queue_positions
-- Places of sources in the queue of their workspace.
SELECT source_id, position
  FROM (SELECT source_id, row_number() OVER (ORDER BY priority, id) AS position
          FROM training_run
         WHERE workspace_id = %(workspace)s AND state = 'queued') AS queue
 WHERE source_id = ANY (%(sources)s::uuid[]);

-- name: like_documents
-- Documents of the same chatbot, answering now, whose versions share a band with these versions; some for each.
SELECT mine.document_id, mine.sketch AS mine, others.sketch AS other, others.id AS other_id, others.source_id, others.title
  FROM training_documentversion AS mine
 CROSS JOIN LATERAL (
       SELECT document.id, document.source_id, document.title, version.sketch
         FROM training_documentversion AS version
         JOIN training_document AS document ON document.current_version_id = version.id
        WHERE version.bands && mine.bands AND version.chatbot_id = mine.chatbot_id AND version.document_id <> mine.document_id
        LIMIT 20) AS others
 WHERE mine.id = ANY (%(versions)s::uuid[]) AND mine.bands <> '{}';
