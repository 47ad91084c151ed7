-- name: write_event
-- An event of the caller's transaction.
INSERT INTO webhooks_event (id, workspace_id, type, schema_version, payload, chatbot_id, object_id, created_at, occurred_at)
VALUES (%(id)s, %(workspace_id)s, %(type)s, %(schema_version)s, %(payload)s, %(chatbot_id)s, %(object_id)s, now(), now())

-- name: claim_deliveries
-- Takes due deliveries for as many free slots: each endpoint gets a few at a time, one that fails only one. Oldest first.
WITH busy AS (
    SELECT endpoint_id, count(*) AS running
    FROM webhooks_delivery
    WHERE state = 'running' AND lease_until >= now()
    GROUP BY endpoint_id
), chosen AS (
    SELECT due.id
    FROM webhooks_endpoint AS endpoint
    LEFT JOIN busy ON busy.endpoint_id = endpoint.id
    CROSS JOIN LATERAL (
        SELECT waiting.id, waiting.available_at
        FROM webhooks_delivery AS waiting
        WHERE waiting.endpoint_id = endpoint.id AND waiting.state = 'queued' AND waiting.available_at <= now()
        ORDER BY waiting.available_at
        LIMIT greatest(
            CASE WHEN endpoint.failing_since IS NULL THEN %(healthy)s ELSE %(failing)s END - coalesce(busy.running, 0), 0
        )
    ) AS due
    WHERE endpoint.is_active
    ORDER BY due.available_at
    LIMIT %(slots)s
)
UPDATE webhooks_delivery AS delivery
SET state = 'running',
    attempt = delivery.attempt + 1,
    fence = delivery.fence + 1,
    lease_until = now() + make_interval(secs => %(lease)s),
    started_at = coalesce(delivery.started_at, now())
FROM chosen, webhooks_endpoint AS endpoint, webhooks_event AS event
WHERE delivery.id = chosen.id
  AND delivery.state = 'queued'
  AND endpoint.id = delivery.endpoint_id
  AND event.id = delivery.event_id
RETURNING delivery.id, delivery.workspace_id, delivery.attempt, delivery.errors, delivery.fence, delivery.endpoint_id,
    endpoint.url, endpoint.secret, endpoint.failing_since,
    CASE WHEN endpoint.previous_secret_until > now() THEN endpoint.previous_secret ELSE '' END AS previous_secret,
    event.id AS event_id, event.type, event.schema_version, event.occurred_at, event.payload::text AS payload,
    event.object_id, event.chatbot_id

-- name: requeue_crashed
-- Deliveries whose worker died go back to the queue; after too many deaths they have failed.
UPDATE webhooks_delivery
SET crashes = crashes + 1,
    lease_until = NULL,
    state = CASE WHEN crashes + 1 >= %(most)s THEN 'failed' ELSE 'queued' END,
    available_at = now(),
    finished_at = CASE WHEN crashes + 1 >= %(most)s THEN now() END,
    error_type = 'crashed',
    error_message = 'The worker died while it sent this.'
WHERE state = 'running' AND lease_until < now()

-- name: end_attempt
-- Writes what an attempt came to, if the delivery is still ours.
UPDATE webhooks_delivery
SET state = %(state)s,
    errors = %(errors)s,
    available_at = coalesce(now() + make_interval(secs => %(delay)s), available_at),
    finished_at = CASE WHEN %(state)s = 'queued' THEN NULL ELSE now() END,
    lease_until = NULL,
    error_type = %(error_type)s,
    error_message = %(error_message)s,
    response_status = %(status)s,
    duration_ms = %(duration_ms)s
WHERE id = %(id)s AND fence = %(fence)s AND state = 'running'

-- name: count_own_chatbots
-- How many of these chatbots the workspace has.
SELECT count(*) FROM chatbots_chatbot WHERE id = ANY(%(ids)s) AND workspace_id = %(workspace_id)s AND deleted_at IS NULL
