-- The statements of the pgvector engine. Parameters are psycopg's; every statement names its workspace and chatbot.

-- name: knowledge
-- What a question must know before it is analysed: the chatbot's languages, most used first.
SELECT languages
  FROM training_knowledgestatistics
 WHERE workspace_id = %(workspace)s AND chatbot_id = %(chatbot)s;

-- name: search
-- Hybrid search in one round trip: BM25 and cosine over the chatbot's live chunks, the best of each list scored by both,
-- z-scores mixed, each chunk at its best place in a current version, and the figures of the refusal decision.
WITH knowledge AS MATERIALIZED (
  SELECT coalesce(max(chunks), 0)::float8 AS chunks,
         coalesce(max(CASE WHEN chunks > 0 THEN greatest(1, length_total / chunks) END),
                  %(reference_length)s::float8) AS average_length,
         coalesce(max(buckets), 1) AS buckets
    FROM training_knowledgestatistics
   WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
),
terms AS MATERIALIZED (
  SELECT asked.term, asked.count, asked.unit,
         ln(1 + (greatest(chunks, frequency) - frequency + 0.5) / (frequency + 0.5)) AS idf
    FROM (SELECT term, count, ('{' || term || ':1}/1000000000')::sparsevec AS unit
            FROM unnest(%(terms)s::int4[], %(counts)s::int4[]) AS given(term, count)) AS asked
         CROSS JOIN knowledge
         LEFT JOIN training_termstatistics AS bucket
                ON bucket.chatbot_id = %(chatbot)s::uuid AND bucket.workspace_id = %(workspace)s::uuid
               AND bucket.bucket = (asked.term & (knowledge.buckets - 1))
         CROSS JOIN LATERAL (SELECT coalesce(-(bucket.frequencies <#> asked.unit), 0) AS frequency) AS known
),
question AS MATERIALIZED (
  SELECT ('{' || string_agg(term || ':' || (idf * count)::float4, ',') || '}/1000000000')::sparsevec AS weights,
         coalesce(sum(idf), 0) AS idf_total
    FROM terms
),
-- A chunk's stored score · (base + stored·length) / (base + true·length) is its BM25 score.
norms AS MATERIALIZED (
  SELECT 1 + k1 * (1 - b) AS base, k1 * b / %(reference_length)s::float8 AS stored, k1 * b / average_length AS "true"
    FROM knowledge, (SELECT %(k1)s::float8 AS k1, %(b)s::float8 AS b) AS constants
),
-- Whether anything is hidden from this caller. When nothing is, the set of allowed chunks is never built.
narrowing AS MATERIALIZED (
  SELECT %(is_filtered)s::bool OR EXISTS (
    SELECT 1 FROM training_trainingsource
     WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
       AND access_tags <> '{}' AND NOT access_tags && %(access_tags)s::varchar[]
  ) AS needed
),
allowed AS MATERIALIZED (
  SELECT placement.chunk_id
    FROM training_document AS document
         JOIN training_trainingsource AS source ON source.id = document.source_id
         JOIN training_placement AS placement ON placement.document_version_id = document.current_version_id
   WHERE document.workspace_id = %(workspace)s::uuid AND document.chatbot_id = %(chatbot)s::uuid
     AND (%(source_ids)s::uuid[] IS NULL OR document.source_id = ANY (%(source_ids)s::uuid[]))
     AND (%(document_ids)s::uuid[] IS NULL OR document.id = ANY (%(document_ids)s::uuid[]))
     AND (%(access_tags)s::varchar[] IS NULL OR source.access_tags = '{}' OR source.access_tags && %(access_tags)s::varchar[])
),
by_words AS MATERIALIZED (
  SELECT chunk_id, score
    FROM (SELECT chunk_id,
                 -(weights <#> (SELECT weights FROM question))
                 * ((SELECT base FROM norms) + (SELECT stored FROM norms) * length)
                 / ((SELECT base FROM norms) + (SELECT "true" FROM norms) * length) AS score
            FROM training_chunkterms AS chunk
           WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND is_live
             AND (SELECT weights FROM question) IS NOT NULL
             AND (%(languages)s::text[] IS NULL OR language = ANY (%(languages)s::text[]))
             AND (NOT (SELECT needed FROM narrowing) OR chunk_id IN (SELECT chunk_id FROM allowed))
           ORDER BY score DESC, chunk_id
           LIMIT %(candidates)s::int4) AS best
   WHERE score > 0
),
by_meaning AS MATERIALIZED (
  SELECT chunk_id, 1 - (vector <=> %(vector)s::halfvec) AS score
    FROM training_embedding AS embedding
   WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND is_live AND model = %(model)s::text
     AND %(vector)s::halfvec IS NOT NULL
     AND (%(languages)s::text[] IS NULL OR EXISTS (
           SELECT 1 FROM training_chunkterms AS chunk
            WHERE chunk.chunk_id = embedding.chunk_id AND chunk.language = ANY (%(languages)s::text[])))
     AND (NOT (SELECT needed FROM narrowing) OR chunk_id IN (SELECT chunk_id FROM allowed))
   ORDER BY score DESC, chunk_id
   LIMIT %(candidates)s::int4
),
scored AS MATERIALIZED (
  SELECT chunk_id,
         coalesce(by_words.score,
                  (SELECT -(chunk.weights <#> (SELECT weights FROM question))
                          * ((SELECT base FROM norms) + (SELECT stored FROM norms) * chunk.length)
                          / ((SELECT base FROM norms) + (SELECT "true" FROM norms) * chunk.length)
                     FROM training_chunkterms AS chunk
                    WHERE chunk.chunk_id = candidate.chunk_id),
                  0) AS sparse,
         coalesce(by_meaning.score,
                  (SELECT 1 - (embedding.vector <=> %(vector)s::halfvec)
                     FROM training_embedding AS embedding
                    WHERE embedding.chunk_id = candidate.chunk_id AND embedding.model = %(model)s::text)) AS dense
    FROM (SELECT chunk_id FROM by_words UNION SELECT chunk_id FROM by_meaning) AS candidate
         LEFT JOIN by_words USING (chunk_id)
         LEFT JOIN by_meaning USING (chunk_id)
),
-- A chunk without a vector is taken for an average one.
ranked AS (
  SELECT chunk_id, sparse, dense,
         %(sparse_share)s::float8 * coalesce((sparse - sparse_mean) / nullif(sparse_deviation, 0), 0)
         + %(dense_share)s::float8 * coalesce((dense - dense_mean) / nullif(dense_deviation, 0), 0) AS fused
    FROM scored
         CROSS JOIN (SELECT avg(sparse) AS sparse_mean, stddev_pop(sparse) AS sparse_deviation,
                            avg(dense) AS dense_mean, stddev_pop(dense) AS dense_deviation
                       FROM scored) AS moments
   ORDER BY fused DESC, chunk_id
),
hits AS MATERIALIZED (
  SELECT ranked.*, place.*
    FROM ranked
         CROSS JOIN LATERAL (
           SELECT document.id AS document_id, document.source_id, document.title, document.uri,
                  placement.page, placement.heading_path, placement.char_start, placement.char_end
             FROM training_placement AS placement
                  JOIN training_documentversion AS version ON version.id = placement.document_version_id
                  JOIN training_document AS document
                    ON document.id = version.document_id AND document.current_version_id = version.id
                  JOIN training_trainingsource AS source ON source.id = document.source_id
            WHERE placement.chunk_id = ranked.chunk_id
              AND document.workspace_id = %(workspace)s::uuid AND document.chatbot_id = %(chatbot)s::uuid
              AND (%(source_ids)s::uuid[] IS NULL OR document.source_id = ANY (%(source_ids)s::uuid[]))
              AND (%(document_ids)s::uuid[] IS NULL OR document.id = ANY (%(document_ids)s::uuid[]))
              AND (%(access_tags)s::varchar[] IS NULL OR source.access_tags = '{}'
                   OR source.access_tags && %(access_tags)s::varchar[])
            ORDER BY document.id DESC, placement.ordinal
            LIMIT 1) AS place
   ORDER BY fused DESC, ranked.chunk_id
   LIMIT %(limit)s::int4
),
coverage AS (
  SELECT coalesce(max(covered), 0) AS best
    FROM (SELECT sum(idf) AS covered
            FROM hits
                 JOIN training_chunkterms AS chunk USING (chunk_id)
                 CROSS JOIN terms
           WHERE chunk.weights <#> terms.unit < 0
           GROUP BY hits.chunk_id) AS covering
)
SELECT question.idf_total, coverage.best / nullif(question.idf_total, 0), knowledge.chunks::int4,
       hits.chunk_id, hits.document_id, hits.source_id, hits.title, hits.uri, hits.page, hits.heading_path,
       chunktext.text, hits.char_start, hits.char_end, hits.dense, hits.sparse, hits.fused
  FROM question
       CROSS JOIN coverage
       CROSS JOIN knowledge
       LEFT JOIN (hits JOIN training_chunktext AS chunktext ON chunktext.id = hits.chunk_id) ON true
 ORDER BY hits.fused DESC, hits.chunk_id;

-- name: add_texts
-- Index chunks by their words; those already there are left alone. Returns the new ones.
INSERT INTO training_chunkterms (chunk_id, workspace_id, chatbot_id, language, length, weights, analysis, is_live)
SELECT chunk_id, %(workspace)s::uuid, %(chatbot)s::uuid, language, length, weights, %(analysis)s::int2, %(is_live)s::bool
  FROM unnest(%(chunk_ids)s::uuid[], %(languages)s::text[], %(lengths)s::float8[], %(weights)s::sparsevec[])
       AS new(chunk_id, language, length, weights)
    ON CONFLICT DO NOTHING
RETURNING chunk_id;

-- name: add_vectors
-- Store vectors of one embedding model; those already there are left alone.
INSERT INTO training_embedding (chunk_id, model, workspace_id, chatbot_id, vector, is_live)
SELECT chunk_id, %(model)s::text, %(workspace)s::uuid, %(chatbot)s::uuid, vector, %(is_live)s::bool
  FROM unnest(%(chunk_ids)s::uuid[], %(vectors)s::halfvec[]) AS new(chunk_id, vector)
    ON CONFLICT DO NOTHING;

-- name: set_live_texts
-- Show or hide chunks in word search; returns the ones that changed, for the statistics.
UPDATE training_chunkterms
   SET is_live = %(is_live)s::bool
 WHERE chunk_id = ANY (%(chunk_ids)s::uuid[]) AND is_live <> %(is_live)s::bool
   AND chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid
RETURNING language, length, weights;

-- name: set_live_vectors
-- Show or hide chunks in vector search, for every embedding model.
UPDATE training_embedding
   SET is_live = %(is_live)s::bool
 WHERE chunk_id = ANY (%(chunk_ids)s::uuid[]) AND is_live <> %(is_live)s::bool
   AND chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid;

-- name: delete_texts
-- Forget chunks' words; returns the live ones, for the statistics.
WITH gone AS (
  DELETE FROM training_chunkterms
   WHERE chunk_id = ANY (%(chunk_ids)s::uuid[])
     AND chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid
  RETURNING language, length, weights, is_live
)
SELECT language, length, weights FROM gone WHERE is_live;

-- name: delete_vectors
-- Forget chunks' vectors of every embedding model.
DELETE FROM training_embedding
 WHERE chunk_id = ANY (%(chunk_ids)s::uuid[])
   AND chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid;

-- name: delete_chatbot_vectors
-- Forget a chatbot's vectors.
DELETE FROM training_embedding WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid;

-- name: delete_chatbot_texts
-- Forget a chatbot's words.
DELETE FROM training_chunkterms WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid;

-- name: delete_chatbot_changes
-- Forget what a chatbot's statistics still had to count.
DELETE FROM training_termchange WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid;

-- name: delete_buckets
-- Forget a chatbot's document frequencies, before they are written anew or with the chatbot.
DELETE FROM training_termstatistics WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid;

-- name: delete_knowledge
-- Forget a chatbot's totals.
DELETE FROM training_knowledgestatistics WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid;

-- name: add_change
-- Note what a transaction added to or took from the statistics. Only inserts: writers never wait for each other.
INSERT INTO training_termchange (workspace_id, chatbot_id, chunks, length_total, languages, terms)
VALUES (%(workspace)s::uuid, %(chatbot)s::uuid, %(chunks)s::int4, %(length_total)s::float8, %(languages)s::jsonb,
        %(terms)s::bytea);

-- name: lock_statistics
-- One refresh of a chatbot at a time; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('chatsphere.statistics:' || %(chatbot)s::text, 0));

-- name: statistics_balance
-- Live chunks there are, and live chunks counted or noted, in one snapshot: they differ when rows went past this engine.
SELECT (SELECT count(*) FROM training_chunkterms
         WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND is_live)
       = coalesce((SELECT chunks FROM training_knowledgestatistics
                    WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid), 0)
       + coalesce((SELECT sum(chunks) FROM training_termchange
                    WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid), 0);

-- name: take_changes
-- Take the noted changes, to be counted in the same transaction.
DELETE FROM training_termchange
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
RETURNING chunks, length_total, languages, terms;

-- name: take_everything
-- Read all live chunks and drop the noted changes in one snapshot, to count anew.
WITH dropped AS (
  DELETE FROM training_termchange WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
)
SELECT language, length, weights
  FROM training_chunkterms
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND is_live;

-- name: read_totals
-- The chatbot's totals as they were last counted.
SELECT chunks, length_total, languages, buckets, vocabulary
  FROM training_knowledgestatistics
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid;

-- name: write_totals
-- Keep the chatbot's new totals.
INSERT INTO training_knowledgestatistics
       (chatbot_id, workspace_id, chunks, length_total, languages, buckets, vocabulary, updated_at)
VALUES (%(chatbot)s::uuid, %(workspace)s::uuid, %(chunks)s::int4, %(length_total)s::float8, %(languages)s::jsonb,
        %(buckets)s::int4, %(vocabulary)s::int4, now())
    ON CONFLICT (chatbot_id) DO UPDATE
       SET chunks = excluded.chunks, length_total = excluded.length_total, languages = excluded.languages,
           buckets = excluded.buckets, vocabulary = excluded.vocabulary, updated_at = excluded.updated_at;

-- name: read_buckets
-- The document frequencies of some buckets.
SELECT bucket, frequencies
  FROM training_termstatistics
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND bucket = ANY (%(buckets)s::int4[]);

-- name: write_buckets
-- Keep the new document frequencies of some buckets.
INSERT INTO training_termstatistics (chatbot_id, bucket, workspace_id, frequencies)
SELECT %(chatbot)s::uuid, bucket, %(workspace)s::uuid, frequencies
  FROM unnest(%(buckets)s::int4[], %(frequencies)s::sparsevec[]) AS new(bucket, frequencies)
    ON CONFLICT (chatbot_id, bucket) DO UPDATE SET frequencies = excluded.frequencies;
