-- name: person_of_session
-- Who stands behind a session, and their role in the workspace asked for (or their default, or their oldest one).
SELECT s.id AS session_id, u.id AS user_id, u.email AS label, m.workspace_id, m.role, m.is_suspended, m.catalog_version,
       m.second_factor_required AND NOT EXISTS (
           SELECT 1 FROM users_secondfactor f WHERE f.user_id = u.id AND f.enabled_at IS NOT NULL
       ) AS lacks_second_factor
FROM users_session s
JOIN users_user u ON u.id = s.user_id AND u.is_active
LEFT JOIN LATERAL (
    SELECT m.workspace_id, m.role, w.is_suspended, w.second_factor_required, w.catalog_version
    FROM users_membership m
    JOIN users_workspace w ON w.id = m.workspace_id AND w.deleted_at IS NULL
    WHERE m.user_id = u.id AND (%(workspace_id)s::uuid IS NULL OR m.workspace_id = %(workspace_id)s::uuid)
    ORDER BY (m.workspace_id = u.default_workspace_id) DESC NULLS LAST, m.id
    LIMIT 1
) m ON true
WHERE s.id = %(session_id)s AND s.user_id = %(user_id)s AND s.ended_at IS NULL AND s.expires_at > statement_timestamp()

-- name: key_by_id
-- A key that is neither revoked nor expired, with the chatbots it is bound to.
SELECT k.id AS api_key_id, k.workspace_id, k.kind, k.name AS label, k.secret_hash, k.scopes, k.all_chatbots, w.is_suspended, w.catalog_version,
       ARRAY(SELECT l.chatbot_id FROM users_apikeychatbot l WHERE l.api_key_id = k.id) AS chatbot_ids,
       (k.last_used_at IS NULL OR k.last_used_at < statement_timestamp() - interval '1 minute') AS is_stale
FROM users_apikey k
JOIN users_workspace w ON w.id = k.workspace_id AND w.deleted_at IS NULL
WHERE k.id = %(key_id)s AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp())

-- name: identity_secrets
-- The secrets with which a customer's server may sign who the visitors of this chatbot are.
SELECT s.secret FROM chatbots_identitysecret s
JOIN chatbots_chatbot c ON c.id = s.chatbot_id AND c.deleted_at IS NULL
WHERE s.workspace_id = %(workspace_id)s AND s.chatbot_id = %(chatbot_id)s AND s.revoked_at IS NULL
  AND (s.expires_at IS NULL OR s.expires_at > statement_timestamp())
ORDER BY s.id DESC

-- name: a_deleted_chatbot
-- One of these chatbots that was deleted; no new key is made for it.
SELECT id FROM chatbots_chatbot WHERE id = ANY(%(ids)s) AND workspace_id = %(workspace_id)s AND deleted_at IS NOT NULL LIMIT 1

-- name: touch_key
-- Notes the use at most once a minute; the hash moves to the newest encryption key on the way.
UPDATE users_apikey SET last_used_at = statement_timestamp(), secret_hash = %(secret_hash)s
WHERE id = %(key_id)s AND (last_used_at IS NULL OR last_used_at < statement_timestamp() - interval '1 minute')

-- name: claim_quota
-- Claims units of several metrics at once, all checked against the plan: held for a request, or used at once. Rows of metrics that have
-- no room come back without a counter; the caller then rolls back. Counters are locked in the order of their metrics.
WITH place AS (
    SELECT date_trunc('month', now() AT TIME ZONE w.time_zone)::date AS month, (now() AT TIME ZONE w.time_zone)::date AS day,
           COALESCE(w.usage_limit, p.messages_per_month) AS messages, p.tokens_per_month AS tokens,
           p.messages_per_chatbot_per_day AS chatbot_messages, p.storage_bytes AS storage, p.chatbots,
           w.budget_per_day, w.budget_per_month
    FROM users_workspace w JOIN users_plan p ON p.code = w.plan_id
    WHERE w.id = %(workspace_id)s
), wanted AS MATERIALIZED (
    SELECT a.id, a.held_id, a.kind, a.metric, a.units, a.chatbot_id,
           CASE WHEN a.kind IN ('messages', 'tokens', 'budget_month') THEN month
                WHEN a.kind IN ('chatbot_messages', 'budget_day', 'chatbot_budget', 'visitor_budget') THEN day
                ELSE DATE '2000-01-01' END AS period,
           CASE a.kind WHEN 'messages' THEN messages WHEN 'tokens' THEN tokens WHEN 'chatbot_messages' THEN chatbot_messages
                WHEN 'storage' THEN storage WHEN 'chatbots' THEN chatbots
                WHEN 'budget_day' THEN budget_per_day WHEN 'budget_month' THEN budget_per_month
                WHEN 'chatbot_budget' THEN (SELECT b.budget_per_day FROM chatbots_chatbot b
                                            WHERE b.id = a.chatbot_id AND b.workspace_id = %(workspace_id)s)
                WHEN 'visitor_budget' THEN (SELECT b.visitor_budget_per_day FROM chatbots_chatbot b
                                            WHERE b.id = a.chatbot_id AND b.workspace_id = %(workspace_id)s) END AS most
    FROM unnest(%(ids)s::uuid[], %(held_ids)s::uuid[], %(kinds)s::text[], %(metrics)s::text[], %(units)s::bigint[],
                %(chatbots)s::uuid[]) AS a(id, held_id, kind, metric, units, chatbot_id), place
), asked AS MATERIALIZED (
    SELECT * FROM wanted WHERE kind <> 'visitor_budget' OR most IS NOT NULL  -- visitors are many: none is counted in vain
), claimed AS (
    INSERT INTO users_quotacounter AS c (id, workspace_id, metric, period, used, reserved, warned, created_at)
    SELECT id, %(workspace_id)s, metric, period, CASE WHEN %(is_held)s THEN 0 ELSE units END,
           CASE WHEN %(is_held)s THEN units ELSE 0 END, 0, now()
    FROM asked WHERE most IS NULL OR units <= most
    ORDER BY metric
    ON CONFLICT (workspace_id, metric, period) DO UPDATE
    SET used = c.used + excluded.used, reserved = c.reserved + excluded.reserved
    WHERE (SELECT a.most IS NULL OR c.used + c.reserved + a.units <= a.most FROM asked a WHERE a.metric = excluded.metric)
    RETURNING c.id, c.metric, c.used, c.reserved, c.warned
), held AS (
    INSERT INTO users_quotareservation (id, workspace_id, request_key, metric, period, units, expires_at, created_at)
    SELECT a.held_id, %(workspace_id)s, %(request_key)s, a.metric, a.period, a.units, now() + interval '1 hour', now()
    FROM asked a JOIN claimed USING (metric)
    WHERE %(is_held)s
)
SELECT a.kind, a.metric, a.period, a.most, a.units, a.chatbot_id, c.id AS counter_id, c.used + c.reserved AS total, c.warned
FROM asked a LEFT JOIN claimed c USING (metric)

-- name: settle_quota
-- Ends the reservation of a request: what was really used stays, the rest is free again. Without a reservation nothing happens.
WITH gone AS (
    DELETE FROM users_quotareservation
    WHERE workspace_id = %(workspace_id)s AND request_key = %(request_key)s
    RETURNING metric, period, units
), locked AS MATERIALIZED (
    SELECT c.id, g.units AS held, COALESCE(
               a.units, CASE WHEN g.metric ~ '^(budget_|spent:)' THEN %(cost)s::bigint END, CASE WHEN %(is_released)s THEN 0 ELSE g.units END) AS actual
    FROM gone g
    JOIN users_quotacounter c ON c.workspace_id = %(workspace_id)s AND c.metric = g.metric AND c.period = g.period
    LEFT JOIN unnest(%(metrics)s::text[], %(units)s::bigint[]) AS a(metric, units) ON a.metric = g.metric
    ORDER BY c.metric
    FOR UPDATE OF c
)
UPDATE users_quotacounter c SET used = c.used + l.actual, reserved = c.reserved - l.held
FROM locked l WHERE c.id = l.id
RETURNING c.metric

-- name: give_back_quota
-- Frees units of a metric that counts what is there now (chatbots, storage).
UPDATE users_quotacounter SET used = GREATEST(0, used - %(units)s)
WHERE workspace_id = %(workspace_id)s AND metric = %(metric)s AND period = DATE '2000-01-01'

-- name: counted_now
-- What a counter of things that are there stands at, beside its limit. Below 80 percent it may warn again.
UPDATE users_quotacounter c SET warned = CASE WHEN l.most * 80 > (c.used + c.reserved) * 100 THEN 0 ELSE c.warned END
FROM (SELECT CASE %(metric)s WHEN 'storage' THEN p.storage_bytes WHEN 'chatbots' THEN p.chatbots END AS most
      FROM users_workspace w JOIN users_plan p ON p.code = w.plan_id WHERE w.id = %(workspace_id)s) l
WHERE c.workspace_id = %(workspace_id)s AND c.metric = %(metric)s AND c.period = DATE '2000-01-01'
RETURNING c.id AS counter_id, c.metric AS kind, c.metric, c.period, l.most, c.used + c.reserved AS total, c.warned,
          NULL::uuid AS chatbot_id

-- name: note_warning
-- True for the first who tells of this level in this period.
UPDATE users_quotacounter SET warned = %(level)s WHERE id = %(counter_id)s AND warned < %(level)s RETURNING id

-- name: release_expired_quota
-- Frees what requests held that never came to an end.
WITH gone AS (
    DELETE FROM users_quotareservation WHERE id IN (
        SELECT id FROM users_quotareservation WHERE expires_at < now() LIMIT 1000 FOR UPDATE SKIP LOCKED
    ) RETURNING workspace_id, metric, period, units
), sums AS MATERIALIZED (
    SELECT workspace_id, metric, period, sum(units)::bigint AS units FROM gone GROUP BY 1, 2, 3
)
UPDATE users_quotacounter c SET reserved = c.reserved - s.units
FROM sums s WHERE c.workspace_id = s.workspace_id AND c.metric = s.metric AND c.period = s.period
RETURNING c.id

-- name: record_usage
-- A line of the ledger; a repeated one changes nothing.
INSERT INTO users_usagerecord (
    id, workspace_id, created_at, kind, request_key, occurred_at, chatbot_id, conversation_id, message_id, visitor_id, api_key_id, user_id,
    channel, model, prompt_tokens, completion_tokens, embedding_tokens, cost_micros, currency, latency_ms, first_token_ms, finish_reason
) VALUES (
    %(id)s, %(workspace_id)s, now(), %(kind)s, %(request_key)s, COALESCE(%(occurred_at)s, now()), %(chatbot_id)s, %(conversation_id)s,
    %(message_id)s, %(visitor_id)s, %(api_key_id)s, %(user_id)s, %(channel)s, %(model)s, %(prompt_tokens)s, %(completion_tokens)s,
    %(embedding_tokens)s, %(cost_micros)s, %(currency)s, %(latency_ms)s, %(first_token_ms)s, %(finish_reason)s
) ON CONFLICT (workspace_id, request_key) DO NOTHING
RETURNING id

-- name: admit_attempt
-- A leaky bucket in one statement: a row comes back when there was room and nobody is locked out.
INSERT INTO users_attemptlimit AS a (key, free_at, failures, updated_at)
VALUES (%(key)s, statement_timestamp() + %(step)s * interval '1 microsecond', 0, statement_timestamp())
ON CONFLICT (key) DO UPDATE
SET free_at = CASE WHEN a.free_at BETWEEN statement_timestamp() AND statement_timestamp() + %(window)s * interval '1 microsecond'
        THEN a.free_at ELSE statement_timestamp() END + %(step)s * interval '1 microsecond', updated_at = statement_timestamp()
WHERE a.free_at <= statement_timestamp() + (%(window)s - %(step)s) * interval '1 microsecond'
   OR a.free_at > statement_timestamp() + %(window)s * interval '1 microsecond' -- only a clock that was set back leaves such a time
RETURNING key

-- name: wait_for_attempt
-- Seconds until the bucket has room.
SELECT GREATEST(0, EXTRACT(EPOCH FROM free_at - statement_timestamp()) - (%(window)s - %(step)s) / 1000000.0)::float AS seconds
FROM users_attemptlimit WHERE key = %(key)s

-- name: seconds_locked
-- Seconds for which a pair of account and address is still locked out.
SELECT EXTRACT(EPOCH FROM locked_until - statement_timestamp())::float AS seconds
FROM users_attemptlimit WHERE key = %(key)s AND locked_until > statement_timestamp()

-- name: note_failure
-- One more wrong password in a row; from the tenth on each locks for twice as long as the one before, an hour at most.
INSERT INTO users_attemptlimit AS a (key, free_at, failures, updated_at)
VALUES (%(key)s, statement_timestamp(), 1, statement_timestamp())
ON CONFLICT (key) DO UPDATE
SET failures = CASE WHEN a.updated_at < statement_timestamp() - interval '1 day' THEN 1 ELSE a.failures + 1 END,
    locked_until = CASE WHEN a.updated_at >= statement_timestamp() - interval '1 day' AND a.failures + 1 >= %(most)s
        THEN statement_timestamp() + LEAST(60, 2 ^ LEAST(a.failures + 1 - %(most)s, 10)) * interval '1 minute' END,
    updated_at = statement_timestamp()
RETURNING failures

-- name: forget_failures
DELETE FROM users_attemptlimit WHERE key = %(key)s

-- name: forget_old_attempts
DELETE FROM users_attemptlimit WHERE updated_at < statement_timestamp() - interval '2 days'

-- name: current_quota
-- What is used of each metric now, beside its limit.
SELECT m.metric, NULLIF(m.period, DATE '2000-01-01') AS period, COALESCE(c.used, 0) AS used, COALESCE(c.reserved, 0) AS reserved, m.most AS limit
FROM users_workspace w
JOIN users_plan p ON p.code = w.plan_id
CROSS JOIN LATERAL (VALUES
    (1, 'messages', date_trunc('month', now() AT TIME ZONE w.time_zone)::date, COALESCE(w.usage_limit, p.messages_per_month)),
    (2, 'tokens', date_trunc('month', now() AT TIME ZONE w.time_zone)::date, p.tokens_per_month),
    (3, 'storage', DATE '2000-01-01', p.storage_bytes),
    (4, 'chatbots', DATE '2000-01-01', p.chatbots),
    (5, 'budget_day', (now() AT TIME ZONE w.time_zone)::date, w.budget_per_day),
    (6, 'budget_month', date_trunc('month', now() AT TIME ZONE w.time_zone)::date, w.budget_per_month)
) AS m(place, metric, period, most)
LEFT JOIN users_quotacounter c ON c.workspace_id = w.id AND c.metric = m.metric AND c.period = m.period
WHERE w.id = %(workspace_id)s AND (m.place < 5 OR m.most IS NOT NULL)
ORDER BY m.place

-- name: flags
-- What operators said about features, with the workspaces they named.
SELECT f.name, f.everyone, f.percent,
       ARRAY(SELECT w.workspace_id FROM users_flag_workspaces w WHERE w.flag_id = f.id) AS on_for,
       ARRAY(SELECT w.workspace_id FROM users_flag_not_workspaces w WHERE w.flag_id = f.id) AS off_for
FROM users_flag f
