-- The statements of the engines. Parameters are psycopg's; every statement names its workspace and chatbot. What begins with "part_" is
-- no statement: queries.py puts the searches together from such parts.

-- name: knowledge
-- What the statistics say about a question: the chatbot's languages, most used first, its totals, how the inverted index calls it, in how
-- many chunks each of the terms is, and, when one of them is in none or it is asked for, the whole vocabulary as packed sparse vectors, one
-- behind the other: nothing for more terms than anybody would remember, null where it was not read since the totals are those that the
-- asker remembers.
WITH knowledge AS MATERIALIZED (
  SELECT languages, chunks, length_total, buckets, vocabulary
    FROM training_knowledgestatistics
   WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
),
asked AS MATERIALIZED (
  SELECT array_agg(frequency ORDER BY place) AS frequencies, coalesce(bool_or(frequency = 0), false) AS has_unknown
    FROM (SELECT place,
                 coalesce((SELECT -(frequencies <#> ('{' || term || ':1}/1000000000')::sparsevec)
                             FROM training_termstatistics AS bucket
                            WHERE bucket.chatbot_id = %(chatbot)s::uuid AND bucket.workspace_id = %(workspace)s::uuid
                              AND bucket.bucket = (term & (buckets - 1))), 0) AS frequency
            FROM knowledge
                 CROSS JOIN unnest(%(terms)s::int4[]) WITH ORDINALITY AS given(term, place)) AS looked_up
)
SELECT languages, chunks, length_total, uuid_hash(%(chatbot)s::uuid), frequencies,
       CASE WHEN (has_unknown OR %(wants_vocabulary)s::bool)
                 AND (chunks, length_total) IS DISTINCT FROM (%(remembered_chunks)s::int4, %(remembered_length)s::float8)
            THEN coalesce((SELECT string_agg(sparsevec_send(frequencies), '')
                             FROM training_termstatistics
                            WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
                              AND vocabulary <= %(most_terms)s::int4), '')
        END
  FROM knowledge CROSS JOIN asked;

-- name: part_narrowing
-- Hybrid search in one round trip: BM25 and cosine over the chatbot's live chunks, the best of each list scored by both,
-- z-scores mixed, each chunk at its best place in a current version, and how much of the question the hits cover. The weights of the
-- question's terms come from the statistics that were read before; a chunk's stored score · (base + stored·length) / (base + true·length)
-- is its BM25 score.
-- Whether anything is hidden from this caller, and whether what is left is little enough to be looked through whole.
-- When nothing is hidden, the set of allowed chunks is never built.
narrowing AS MATERIALIZED (
  SELECT needed,
         needed AND (%(document_ids)s::uuid[] IS NOT NULL OR open_chunks <= %(exact_chunks)s::int4) AS few
    FROM (SELECT coalesce(bool_or(NOT is_open), false) OR %(is_filtered)s::bool AS needed,
                 coalesce(sum(chunks_count) FILTER (WHERE is_open), 0) AS open_chunks
            FROM (SELECT chunks_count,
                         (%(source_ids)s::uuid[] IS NULL OR id = ANY (%(source_ids)s::uuid[]))
                         AND (%(access_tags)s::varchar[] IS NULL OR access_tags = '{}'
                              OR access_tags && %(access_tags)s::varchar[]) AS is_open
                    FROM training_trainingsource
                   WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
                     AND (%(source_ids)s::uuid[] IS NOT NULL OR %(access_tags)s::varchar[] IS NOT NULL)) AS sources
         ) AS counted
),
-- name: part_allowed
-- The chunks that the caller may see, when they are few.
allowed AS MATERIALIZED (
  SELECT DISTINCT placement.chunk_id
    FROM training_document AS document
         JOIN training_trainingsource AS source ON source.id = document.source_id
         JOIN training_placement AS placement ON placement.document_version_id = document.current_version_id
   WHERE (SELECT few FROM narrowing)
     AND document.workspace_id = %(workspace)s::uuid AND document.chatbot_id = %(chatbot)s::uuid
     AND (%(source_ids)s::uuid[] IS NULL OR document.source_id = ANY (%(source_ids)s::uuid[]))
     AND (%(document_ids)s::uuid[] IS NULL OR document.id = ANY (%(document_ids)s::uuid[]))
     AND (%(access_tags)s::varchar[] IS NULL OR source.access_tags = '{}' OR source.access_tags && %(access_tags)s::varchar[])
),
-- name: part_own_candidates
-- The best by words and the best by meaning, found in PostgreSQL.
-- How many of the best to look at: when much but not all is open, the closed ones are dropped from a longer list.
reach AS MATERIALIZED (
  SELECT %(candidates)s::int4 * CASE WHEN needed AND NOT few THEN %(reach)s::int4 ELSE 1 END AS rows FROM narrowing
),
-- Indexed chunks are looked up by terms (large_chatbots.lookups says which), as keys that no two chatbots share.
by_words AS MATERIALIZED (
  SELECT chunk_id, score
    FROM (SELECT chunk_id, score
            FROM (SELECT chunk_id, length, weights
                    FROM training_chunkterms AS chunk
                   WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND NOT is_indexed AND is_live
                     AND %(weights)s::sparsevec IS NOT NULL
                     AND (%(languages)s::text[] IS NULL OR language = ANY (%(languages)s::text[]))
                     AND (NOT (SELECT few FROM narrowing) OR chunk_id IN (SELECT chunk_id FROM allowed))
                   UNION ALL
                  -- No other index may help here: the inverted one is enough, and the way to all chunks is long.
                  SELECT chunk_id, length, weights
                    FROM training_chunkterms AS chunk
                   WHERE is_indexed AND is_live AND NOT (SELECT few FROM narrowing)
                     AND (training_search_terms(chatbot_id, weights) && %(rare)s::int8[]
                          OR training_search_terms(chatbot_id, weights) @> %(first_two)s::int8[]
                          OR training_search_terms(chatbot_id, weights) @> %(first_and_third)s::int8[]
                          OR training_search_terms(chatbot_id, weights) @> %(second_and_third)s::int8[]
                          OR training_search_terms(chatbot_id, weights) @> %(first_and_fourth)s::int8[])
                     AND NOT (chatbot_id IS DISTINCT FROM %(chatbot)s::uuid)
                     AND NOT (workspace_id IS DISTINCT FROM %(workspace)s::uuid)
                     AND (%(languages)s::text[] IS NULL OR language = ANY (%(languages)s::text[]))
                   UNION ALL
                  SELECT chunk.chunk_id, length, weights
                    FROM allowed
                         JOIN training_chunkterms AS chunk ON chunk.chunk_id = allowed.chunk_id
                   WHERE (SELECT few FROM narrowing) AND is_indexed AND is_live
                     AND chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid
                     AND %(weights)s::sparsevec IS NOT NULL
                     AND (%(languages)s::text[] IS NULL OR language = ANY (%(languages)s::text[]))) AS chunk
                 CROSS JOIN LATERAL (
                   SELECT -(weights <#> %(weights)s::sparsevec)
                          * (%(base)s::float8 + %(stored)s::float8 * length)
                          / (%(base)s::float8 + %(true)s::float8 * length) AS score) AS scoring
           ORDER BY score DESC, chunk_id
           LIMIT (SELECT rows FROM reach)) AS best
   WHERE score > 0
     AND ((SELECT few OR NOT needed FROM narrowing) OR EXISTS (
           SELECT 1
             FROM training_placement AS placement
                  JOIN training_document AS document ON document.current_version_id = placement.document_version_id
                  JOIN training_trainingsource AS source ON source.id = document.source_id
            WHERE placement.chunk_id = best.chunk_id
              AND document.workspace_id = %(workspace)s::uuid AND document.chatbot_id = %(chatbot)s::uuid
              AND (%(source_ids)s::uuid[] IS NULL OR document.source_id = ANY (%(source_ids)s::uuid[]))
              AND (%(access_tags)s::varchar[] IS NULL OR source.access_tags = '{}'
                   OR source.access_tags && %(access_tags)s::varchar[])))
   LIMIT %(candidates)s::int4
),
-- The parts of the chatbot's vectors in which to look, beside those that are in no part yet (-1).
probed AS MATERIALIZED (
  SELECT array_append(array_agg(cell), -1) AS cells
    FROM (SELECT cell
            FROM training_vectorcell
           WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND model = %(model)s::text
             AND NOT (SELECT few FROM narrowing)
           ORDER BY centroid <=> %(vector)s::halfvec
           LIMIT %(probes)s::int4) AS nearest
),
by_meaning AS MATERIALIZED (
  SELECT chunk_id, score
    FROM (SELECT chunk_id, 1 - (vector <=> %(vector)s::halfvec) AS score
            FROM (SELECT chunk_id, vector
                    FROM training_embedding AS embedding
                   WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND model = %(model)s::text
                     AND cell = ANY ((SELECT cells FROM probed)::int4[]) AND is_live
                     AND (NOT (SELECT few FROM narrowing) OR chunk_id IN (SELECT chunk_id FROM allowed))
                   UNION ALL
                  SELECT embedding.chunk_id, vector
                    FROM allowed
                         JOIN training_embedding AS embedding
                           ON embedding.chunk_id = allowed.chunk_id AND embedding.model = %(model)s::text
                   WHERE (SELECT few FROM narrowing) AND cell >= 0 AND is_live
                     AND chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid) AS embedding
           WHERE %(vector)s::halfvec IS NOT NULL
             AND (%(languages)s::text[] IS NULL OR EXISTS (
                   SELECT 1 FROM training_chunkterms AS chunk
                    WHERE chunk.chunk_id = embedding.chunk_id AND chunk.language = ANY (%(languages)s::text[])))
           ORDER BY score DESC, chunk_id
           LIMIT (SELECT rows FROM reach)) AS best
   WHERE (SELECT few OR NOT needed FROM narrowing) OR EXISTS (
           SELECT 1
             FROM training_placement AS placement
                  JOIN training_document AS document ON document.current_version_id = placement.document_version_id
                  JOIN training_trainingsource AS source ON source.id = document.source_id
            WHERE placement.chunk_id = best.chunk_id
              AND document.workspace_id = %(workspace)s::uuid AND document.chatbot_id = %(chatbot)s::uuid
              AND (%(source_ids)s::uuid[] IS NULL OR document.source_id = ANY (%(source_ids)s::uuid[]))
              AND (%(access_tags)s::varchar[] IS NULL OR source.access_tags = '{}'
                   OR source.access_tags && %(access_tags)s::varchar[]))
   LIMIT %(candidates)s::int4
),
-- name: part_given_candidates
-- The same two lists out of chunks that another index has named.
looked_at AS MATERIALIZED (
  SELECT chunk_id
    FROM (SELECT unnest(%(given)s::uuid[]) AS chunk_id WHERE NOT (SELECT few FROM narrowing)
           UNION
          SELECT chunk_id FROM allowed) AS named
   WHERE ((SELECT few OR NOT needed FROM narrowing) OR EXISTS (
           SELECT 1
             FROM training_placement AS placement
                  JOIN training_document AS document ON document.current_version_id = placement.document_version_id
                  JOIN training_trainingsource AS source ON source.id = document.source_id
            WHERE placement.chunk_id = named.chunk_id
              AND document.workspace_id = %(workspace)s::uuid AND document.chatbot_id = %(chatbot)s::uuid
              AND (%(source_ids)s::uuid[] IS NULL OR document.source_id = ANY (%(source_ids)s::uuid[]))
              AND (%(access_tags)s::varchar[] IS NULL OR source.access_tags = '{}'
                   OR source.access_tags && %(access_tags)s::varchar[])))
     AND (%(languages)s::text[] IS NULL OR EXISTS (
           SELECT 1 FROM training_chunkterms AS chunk
            WHERE chunk.chunk_id = named.chunk_id AND chunk.language = ANY (%(languages)s::text[])))
),
by_words AS MATERIALIZED (
  SELECT chunk_id, score
    FROM (SELECT chunk_id,
                 -(weights <#> %(weights)s::sparsevec)
                 * (%(base)s::float8 + %(stored)s::float8 * length)
                 / (%(base)s::float8 + %(true)s::float8 * length) AS score
            FROM looked_at
                 JOIN training_chunkterms AS chunk USING (chunk_id)
           WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND is_live
             AND %(weights)s::sparsevec IS NOT NULL
           ORDER BY score DESC, chunk_id
           LIMIT %(candidates)s::int4) AS best
   WHERE score > 0
),
by_meaning AS MATERIALIZED (
  SELECT chunk_id, 1 - (vector <=> %(vector)s::halfvec) AS score
    FROM looked_at
         JOIN training_embedding AS embedding USING (chunk_id)
   WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND model = %(model)s::text AND is_live
     AND %(vector)s::halfvec IS NOT NULL
   ORDER BY score DESC, chunk_id
   LIMIT %(candidates)s::int4
),

-- name: part_hits
-- Every candidate by both scores, the scores mixed, the best at their places.
scored AS MATERIALIZED (
  SELECT chunk_id,
         coalesce(by_words.score,
                  (SELECT -(chunk.weights <#> %(weights)s::sparsevec)
                          * (%(base)s::float8 + %(stored)s::float8 * chunk.length)
                          / (%(base)s::float8 + %(true)s::float8 * chunk.length)
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
terms AS MATERIALIZED (
  SELECT idf, ('{' || term || ':1}/1000000000')::sparsevec AS unit
    FROM unnest(%(terms)s::int4[], %(idf)s::float8[]) AS given(term, idf)
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
SELECT coverage.best,
       hits.chunk_id, hits.document_id, hits.source_id, hits.title, hits.uri, hits.page, hits.heading_path,
       chunktext.text, hits.char_start, hits.char_end, hits.dense, hits.sparse, hits.fused, coalesce(meanings.words, ''),
       chunktext.context
  FROM hits
       JOIN training_chunktext AS chunktext ON chunktext.id = hits.chunk_id
       LEFT JOIN training_wordmeanings AS meanings ON meanings.chunk_id = hits.chunk_id
       CROSS JOIN coverage
 ORDER BY hits.fused DESC, hits.chunk_id;

-- name: part_before_points
-- What must be known before a search in Qdrant: how many chunks, what is hidden from the caller, and which chunks Qdrant may not
-- have yet. When there are too many of these, all are looked for in PostgreSQL.
SELECT coalesce((SELECT chunks FROM training_knowledgestatistics
                  WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid), 0),
       needed, few,
       ARRAY(SELECT DISTINCT chunk_id
               FROM (SELECT chunk_id FROM training_pendingpoint
                      WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND chunk_id IS NOT NULL
                      LIMIT %(most_pending)s::int4 + 1) AS pending)
  FROM narrowing;

-- name: note_points
-- Chunks of which Qdrant must be told; in the transaction that changed them.
INSERT INTO training_pendingpoint (workspace_id, chatbot_id, chunk_id)
SELECT %(workspace)s::uuid, %(chatbot)s::uuid, unnest(%(chunk_ids)s::uuid[]);

-- name: note_all_points
-- Every live chunk of a chatbot, for Qdrant to be told of.
INSERT INTO training_pendingpoint (workspace_id, chatbot_id, chunk_id)
SELECT workspace_id, chatbot_id, chunk_id
  FROM training_chunkterms
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND is_live;

-- name: note_chatbot
-- A chatbot of which Qdrant must forget everything.
INSERT INTO training_pendingpoint (workspace_id, chatbot_id) VALUES (%(workspace)s::uuid, %(chatbot)s::uuid);

-- name: chatbots_with_pending_points
-- Chatbots of which Qdrant must be told something, those that wait longest first.
SELECT workspace_id, chatbot_id FROM training_pendingpoint GROUP BY 1, 2 ORDER BY min(id);

-- name: pending_points
-- The oldest changes of a chatbot. A row without a chunk: everything is to be forgotten.
SELECT id, chunk_id
  FROM training_pendingpoint
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
 ORDER BY id
 LIMIT %(most)s::int4;

-- name: drop_pending_points
-- Changes that Qdrant knows now.
DELETE FROM training_pendingpoint
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND id = ANY (%(ids)s::int8[]);

-- name: words_of_points
-- The words of those of the chunks that searches shall find.
SELECT chunk_id, language, weights
  FROM training_chunkterms
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND chunk_id = ANY (%(chunk_ids)s::uuid[])
   AND is_live;

-- name: vectors_of_points
-- The vectors of those of the chunks that searches shall find.
SELECT embedding.chunk_id, embedding.model, chunk.language, embedding.vector
  FROM training_embedding AS embedding
       LEFT JOIN training_chunkterms AS chunk ON chunk.chunk_id = embedding.chunk_id
 WHERE embedding.workspace_id = %(workspace)s::uuid AND embedding.chatbot_id = %(chatbot)s::uuid
   AND embedding.chunk_id = ANY (%(chunk_ids)s::uuid[]) AND embedding.is_live;

-- name: live_points
-- How many words and, by model, vectors a chatbot's searches may find; whether changes still wait.
SELECT (SELECT count(*) FROM training_chunkterms
         WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND is_live)::int4,
       (SELECT coalesce(jsonb_object_agg(model, vectors), '{}')
          FROM (SELECT model, count(*) AS vectors FROM training_embedding
                 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND is_live
                 GROUP BY model) AS counted),
       EXISTS (SELECT 1 FROM training_pendingpoint
                WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid);

-- name: drop_vectors
-- Remove some vectors of models that do not answer for a chatbot and are not about to; of which chunks.
WITH doomed AS (
  SELECT chunk_id, model FROM training_embedding
   WHERE chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid AND model <> ALL (%(keep)s::text[])
   ORDER BY chunk_id
   LIMIT %(most)s::int4
)
DELETE FROM training_embedding AS embedding USING doomed
 WHERE embedding.chunk_id = doomed.chunk_id AND embedding.model = doomed.model
RETURNING embedding.chunk_id;

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

-- name: add_words
-- Store what the words of chunks mean; those already there are left alone.
INSERT INTO training_wordmeanings (chunk_id, workspace_id, chatbot_id, words)
SELECT chunk_id, %(workspace)s::uuid, %(chatbot)s::uuid, words
  FROM unnest(%(chunk_ids)s::uuid[], %(words)s::bytea[]) AS new(chunk_id, words)
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

-- name: delete_words
-- Forget what the words of chunks mean.
DELETE FROM training_wordmeanings
 WHERE chunk_id = ANY (%(chunk_ids)s::uuid[])
   AND chatbot_id = %(chatbot)s::uuid AND workspace_id = %(workspace)s::uuid;

-- name: delete_chatbot_words
-- Forget what the words of a chatbot's chunks mean.
DELETE FROM training_wordmeanings WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid;

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
-- Take some of the noted changes, to be counted in the same transaction.
DELETE FROM training_termchange
 WHERE id IN (SELECT id FROM training_termchange
               WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
               LIMIT %(most)s::int4)
RETURNING chunks, length_total, languages, terms;

-- name: read_everything
-- All live chunks, and in the same snapshot which changes are noted, to count anew.
SELECT language, length, weights, NULL::int8 AS note
  FROM training_chunkterms
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND is_live
 UNION ALL
SELECT '', 0, NULL, id
  FROM training_termchange
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid;

-- name: drop_changes
-- Forget noted changes that are in what was counted anew.
DELETE FROM training_termchange
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND id = ANY (%(ids)s::int8[]);

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

-- name: outgrown_chatbots
-- Chatbots so large that searches should not look at all of their chunks, with many that are in no index yet, or with few cells.
SELECT workspace_id, chatbot_id
  FROM training_knowledgestatistics AS knowledge
 WHERE chunks >= %(large)s::int4
   AND (EXISTS (SELECT 1 FROM training_chunkterms AS chunk
                 WHERE chunk.workspace_id = knowledge.workspace_id AND chunk.chatbot_id = knowledge.chatbot_id
                   AND NOT chunk.is_indexed AND chunk.is_live
                OFFSET %(fresh)s::int4)
        OR EXISTS (SELECT 1 FROM training_embedding AS embedding
                    WHERE embedding.workspace_id = knowledge.workspace_id
                      AND embedding.chatbot_id = knowledge.chatbot_id AND embedding.cell = -1
                   OFFSET %(fresh)s::int4)
        OR (SELECT count(*) FROM training_vectorcell AS cell
             WHERE cell.workspace_id = knowledge.workspace_id AND cell.chatbot_id = knowledge.chatbot_id)
           BETWEEN 1 AND floor(sqrt(chunks) * %(few_cells)s::float8));

-- name: hold_index
-- Whether nobody else is at this chatbot's indexes; held until the transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended('chatsphere.index:' || %(chatbot)s::text, 0));

-- name: index_words
-- Enter some chunks into the inverted index. Rows that somebody holds are passed over.
UPDATE training_chunkterms
   SET is_indexed = true
 WHERE chunk_id IN (SELECT chunk_id
                      FROM training_chunkterms
                     WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
                       AND NOT is_indexed AND is_live
                     LIMIT %(most)s::int4
                       FOR UPDATE SKIP LOCKED);

-- name: merge_words
-- Bring what was just entered to its place in the inverted index: until then every search would read through it.
SELECT gin_clean_pending_list('training_terms_inverted');

-- name: embedding_models
-- The models of which the chatbot has vectors.
WITH RECURSIVE models AS (
    (SELECT model FROM training_embedding
      WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid
      ORDER BY model LIMIT 1)
    UNION ALL
    SELECT (SELECT embedding.model FROM training_embedding AS embedding
             WHERE embedding.workspace_id = %(workspace)s::uuid AND embedding.chatbot_id = %(chatbot)s::uuid
               AND embedding.model > models.model
             ORDER BY embedding.model LIMIT 1)
      FROM models
     WHERE models.model IS NOT NULL
)
SELECT model FROM models WHERE model IS NOT NULL;

-- name: cell_counts
-- How many live vectors of a model there may be, the newest generation of cells (-1: none), and how many cells it has.
SELECT coalesce((SELECT chunks FROM training_knowledgestatistics
                  WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid), 0)::int4,
       coalesce(max(cell) / %(generation)s::int4, -1)::int4,
       (count(*) FILTER (WHERE cell / %(generation)s::int4 = newest))::int4
  FROM (SELECT cell, max(cell) OVER () / %(generation)s::int4 AS newest
          FROM training_vectorcell
         WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND model = %(model)s::text) AS cells;

-- name: count_vectors
-- How many live vectors of a model there are. Looks at all of them.
SELECT count(*)::int4
  FROM training_embedding
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND model = %(model)s::text AND is_live;

-- name: sample_vectors
-- Vectors of a model drawn at random, to find centres.
SELECT vector
  FROM training_embedding
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND model = %(model)s::text AND is_live
 ORDER BY hashint8(uuid_hash(chunk_id)::int8)
 LIMIT %(most)s::int4;

-- name: add_cells
-- A new generation of cells; the older ones answer until their vectors have moved.
INSERT INTO training_vectorcell (chatbot_id, model, cell, workspace_id, centroid)
SELECT %(chatbot)s::uuid, %(model)s::text, cell, %(workspace)s::uuid, centroid
  FROM unnest(%(cells)s::int4[], %(centroids)s::halfvec[]) AS new(cell, centroid)
    ON CONFLICT DO NOTHING;

-- name: read_cells
-- The centres of the newest generation.
SELECT cell, centroid
  FROM training_vectorcell
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND model = %(model)s::text
   AND cell >= %(first)s::int4
 ORDER BY cell;

-- name: vectors_without_cell
-- Some vectors that are in no cell of the newest generation. Rows that somebody holds are passed over.
SELECT chunk_id, vector
  FROM training_embedding
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND model = %(model)s::text
   AND cell < %(first)s::int4
 LIMIT %(most)s::int4
   FOR UPDATE SKIP LOCKED;

-- name: set_cells
-- Put vectors into their cells.
UPDATE training_embedding AS embedding
   SET cell = new.cell
  FROM unnest(%(chunk_ids)s::uuid[], %(cells)s::int4[]) AS new(chunk_id, cell)
 WHERE embedding.chunk_id = new.chunk_id AND embedding.model = %(model)s::text
   AND embedding.chatbot_id = %(chatbot)s::uuid AND embedding.workspace_id = %(workspace)s::uuid;

-- name: drop_old_cells
-- Forget cells of earlier generations that no vector is in.
DELETE FROM training_vectorcell AS old
 WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid AND model = %(model)s::text
   AND cell < %(first)s::int4
   AND NOT EXISTS (SELECT 1 FROM training_embedding AS embedding
                    WHERE embedding.workspace_id = old.workspace_id AND embedding.chatbot_id = old.chatbot_id
                      AND embedding.model = old.model AND embedding.cell = old.cell);

-- name: delete_chatbot_cells
-- Forget a chatbot's cells.
DELETE FROM training_vectorcell WHERE workspace_id = %(workspace)s::uuid AND chatbot_id = %(chatbot)s::uuid;
