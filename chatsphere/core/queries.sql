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
