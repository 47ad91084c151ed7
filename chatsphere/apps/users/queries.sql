-- name: person_of_session
-- Who stands behind a session, and their role in the workspace asked for (or their default, or their oldest one).
SELECT s.id AS session_id, u.id AS user_id, u.email AS label, m.workspace_id, m.role, m.is_suspended
FROM users_session s
JOIN users_user u ON u.id = s.user_id AND u.is_active
LEFT JOIN LATERAL (
    SELECT m.workspace_id, m.role, w.is_suspended
    FROM users_membership m
    JOIN users_workspace w ON w.id = m.workspace_id AND w.deleted_at IS NULL
    WHERE m.user_id = u.id AND (%(workspace_id)s::uuid IS NULL OR m.workspace_id = %(workspace_id)s::uuid)
    ORDER BY (m.workspace_id = u.default_workspace_id) DESC NULLS LAST, m.id
    LIMIT 1
) m ON true
WHERE s.id = %(session_id)s AND s.user_id = %(user_id)s AND s.ended_at IS NULL AND s.expires_at > now()

-- name: key_by_id
-- A key that is neither revoked nor expired, with the chatbots it is bound to.
SELECT k.id AS api_key_id, k.workspace_id, k.kind, k.name AS label, k.secret_hash, k.scopes, k.all_chatbots, w.is_suspended,
       ARRAY(SELECT l.chatbot_id FROM users_apikeychatbot l WHERE l.api_key_id = k.id) AS chatbot_ids,
       (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute') AS is_stale
FROM users_apikey k
JOIN users_workspace w ON w.id = k.workspace_id AND w.deleted_at IS NULL
WHERE k.id = %(key_id)s AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())

-- name: touch_key
-- Notes the use at most once a minute; the hash moves to the newest encryption key on the way.
UPDATE users_apikey SET last_used_at = now(), secret_hash = %(secret_hash)s
WHERE id = %(key_id)s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
