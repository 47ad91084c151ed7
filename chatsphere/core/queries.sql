-- name: begin_request
-- A row comes back for the one who may do the work: the key is new, has run out, or its worker died ten minutes ago.
INSERT INTO core_idempotencyrecord AS r (id, owner, key, fingerprint, status, content_type, body, locked_until, expires_at)
VALUES (%(id)s, %(owner)s, %(key)s, %(fingerprint)s, NULL, '', '', statement_timestamp() + interval '10 minutes',
        statement_timestamp() + interval '24 hours')
ON CONFLICT (owner, key) DO UPDATE
SET id = excluded.id, fingerprint = excluded.fingerprint, status = NULL, content_type = '', body = '',
    locked_until = excluded.locked_until, expires_at = excluded.expires_at
WHERE r.expires_at < statement_timestamp()
   OR (r.status IS NULL AND r.locked_until < statement_timestamp() AND r.fingerprint = excluded.fingerprint)
RETURNING id

-- name: earlier_request
-- What is known of a key that somebody else began with.
SELECT fingerprint, status, content_type, body FROM core_idempotencyrecord WHERE owner = %(owner)s AND key = %(key)s

-- name: finish_request
-- Keeps the answer.
UPDATE core_idempotencyrecord SET status = %(status)s, content_type = %(content_type)s, body = %(body)s WHERE id = %(id)s

-- name: forget_request
-- The request did nothing: it may be sent again.
DELETE FROM core_idempotencyrecord WHERE id = %(id)s

-- name: forget_expired_requests
DELETE FROM core_idempotencyrecord WHERE id IN (
    SELECT id FROM core_idempotencyrecord WHERE expires_at < statement_timestamp() LIMIT 5000 FOR UPDATE SKIP LOCKED
)

-- name: tables_to_vacuum
-- Tables whose dead rows nobody cleans up, or that were never analysed: autovacuum is off, too slow, or held up.
SELECT relname AS name, n_dead_tup AS dead, n_live_tup AS live, last_autovacuum, last_autoanalyze
FROM pg_stat_user_tables
WHERE (n_dead_tup > %(dead)s AND n_dead_tup > 0.3 * n_live_tup)
   OR (n_live_tup > %(dead)s AND last_autoanalyze IS NULL AND last_analyze IS NULL)
ORDER BY n_dead_tup DESC

-- name: holders_of_vacuum
-- What keeps dead rows alive: transactions open for long, replication slots that nobody reads, prepared transactions.
SELECT format('connection %%s of %%s', pid, usename) AS name, extract(epoch FROM statement_timestamp() - xact_start)::float8 AS seconds
FROM pg_stat_activity
WHERE xact_start < statement_timestamp() - make_interval(secs => %(seconds)s) AND backend_type = 'client backend' AND datname = current_database()
UNION ALL
SELECT format('replication slot %%s', slot_name), NULL FROM pg_replication_slots WHERE NOT active
UNION ALL
SELECT format('prepared transaction %%s', gid), extract(epoch FROM statement_timestamp() - prepared)::float8
FROM pg_prepared_xacts WHERE database = current_database()

-- name: age_of_transaction_ids
-- How much of the two thousand million transaction numbers is used up before old rows must be frozen.
SELECT age(datfrozenxid)::bigint AS age FROM pg_database WHERE datname = current_database()
