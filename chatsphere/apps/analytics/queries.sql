-- name: take_changes
-- All marks of some hours of a workspace, the latest first: of each hour how many, and the answers in them as the text of an array, which
-- goes back as it is. Whoever reads them sums these hours in the same transaction.
WITH latest AS MATERIALIZED (
    SELECT DISTINCT date_trunc('hour', at, %(time_zone)s) AS hour
    FROM (SELECT at FROM analytics_change WHERE workspace_id = %(workspace_id)s ORDER BY at DESC LIMIT %(most)s) AS marks
    ORDER BY 1 DESC LIMIT %(most_hours)s
), gone AS (
    DELETE FROM analytics_change USING latest
    WHERE workspace_id = %(workspace_id)s
      AND at >= (SELECT min(hour) FROM latest) AND at < (SELECT max(hour) + interval '1 hour' FROM latest)
      AND date_trunc('hour', at, %(time_zone)s) = latest.hour
    RETURNING latest.hour, message_id
)
SELECT hour, count(*) AS marks, coalesce(array_agg(message_id) FILTER (WHERE message_id IS NOT NULL), '{}')::text AS message_ids
FROM gone GROUP BY hour ORDER BY hour

-- name: mark_everything
-- After a change of the time zone: every hour of the workspace begins at another instant.
INSERT INTO analytics_change (workspace_id, at)
SELECT DISTINCT workspace_id, date_trunc('hour', occurred_at, %(time_zone)s) FROM users_usagerecord WHERE workspace_id = %(workspace_id)s
UNION
SELECT DISTINCT workspace_id, date_trunc('hour', created_at, %(time_zone)s) FROM conversations_conversation
WHERE workspace_id = %(workspace_id)s

-- name: roll_hours
-- Sums these hours of a workspace anew from the ledger, the ratings and the conversations.
WITH hours AS (
    SELECT unnest(%(hours)s::timestamptz[]) AS at
), usage AS MATERIALIZED (
    SELECT hours.at, u.kind, coalesce(u.chatbot_id, %(nobody)s) AS chatbot_id, coalesce(u.api_key_id, %(nobody)s) AS api_key_id,
           u.channel, u.model, u.currency, u.finish_reason, u.visitor_id, u.prompt_tokens, u.completion_tokens, u.embedding_tokens,
           u.cost_micros, f.rating,
           CASE WHEN u.latency_ms IS NOT NULL THEN ceil(ln(greatest(u.latency_ms, 1)::float8) / ln(%(gamma)s::float8)) END::int2 AS latency,
           CASE WHEN u.first_token_ms IS NOT NULL THEN ceil(ln(greatest(u.first_token_ms, 1)::float8) / ln(%(gamma)s::float8)) END::int2 AS first_token
    FROM hours
    JOIN users_usagerecord u ON u.workspace_id = %(workspace_id)s
        AND u.occurred_at >= hours.at AND u.occurred_at < hours.at + interval '1 hour'
        AND date_trunc('hour', u.occurred_at, %(time_zone)s) = hours.at
    LEFT JOIN conversations_feedback f ON f.message_id = u.message_id AND f.workspace_id = u.workspace_id AND u.kind = 'chat'
), sums AS (
    SELECT at, kind, chatbot_id, api_key_id, channel, model, currency, count(*) AS lines,
           count(*) FILTER (WHERE kind = 'chat') AS messages,
           count(*) FILTER (WHERE kind = 'chat' AND finish_reason IN ('stop', 'length')) AS answered,
           count(*) FILTER (WHERE kind = 'chat' AND finish_reason = 'refused_no_context') AS refused,
           count(*) FILTER (WHERE kind = 'chat' AND finish_reason = 'error') AS failed,
           count(*) FILTER (WHERE kind = 'chat' AND finish_reason = 'handoff') AS handed_off,
           count(*) FILTER (WHERE rating = 'up') AS feedback_up,
           count(*) FILTER (WHERE rating = 'down') AS feedback_down,
           sum(prompt_tokens)::bigint AS prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens,
           sum(embedding_tokens)::bigint AS embedding_tokens, sum(cost_micros)::bigint AS cost_micros,
           string_agg(DISTINCT substring(uuid_send(visitor_id) FROM 9), ''::bytea) AS visitors
    FROM usage GROUP BY at, kind, chatbot_id, api_key_id, channel, model, currency
), latencies AS (
    SELECT at, kind, chatbot_id, api_key_id, channel, model, currency,
           string_agg(int2send(latency) || int4send(n), ''::bytea ORDER BY latency) AS histogram
    FROM (SELECT at, kind, chatbot_id, api_key_id, channel, model, currency, latency, count(*)::int4 AS n FROM usage
          WHERE latency IS NOT NULL AND kind = 'chat' GROUP BY at, kind, chatbot_id, api_key_id, channel, model, currency, latency) AS counted
    GROUP BY at, kind, chatbot_id, api_key_id, channel, model, currency
), first_tokens AS (
    SELECT at, kind, chatbot_id, api_key_id, channel, model, currency,
           string_agg(int2send(first_token) || int4send(n), ''::bytea ORDER BY first_token) AS histogram
    FROM (SELECT at, kind, chatbot_id, api_key_id, channel, model, currency, first_token, count(*)::int4 AS n FROM usage
          WHERE first_token IS NOT NULL AND kind = 'chat'
          GROUP BY at, kind, chatbot_id, api_key_id, channel, model, currency, first_token) AS counted
    GROUP BY at, kind, chatbot_id, api_key_id, channel, model, currency
), begun AS (
    SELECT hours.at, c.chatbot_id, coalesce(c.api_key_id, %(nobody)s) AS api_key_id, c.channel, count(*) AS conversations
    FROM hours
    JOIN conversations_conversation c ON c.workspace_id = %(workspace_id)s
        AND c.created_at >= hours.at AND c.created_at < hours.at + interval '1 hour'
        AND date_trunc('hour', c.created_at, %(time_zone)s) = hours.at
    GROUP BY hours.at, c.chatbot_id, c.api_key_id, c.channel
)
INSERT INTO analytics_hourlyusage (
    workspace_id, at, kind, chatbot_id, api_key_id, channel, model, currency, lines, conversations, messages, answered, refused, failed,
    handed_off, feedback_up, feedback_down, prompt_tokens, completion_tokens, embedding_tokens, cost_micros, latency, first_token, visitors
)
SELECT %(workspace_id)s, at, kind, nullif(chatbot_id, %(nobody)s), nullif(api_key_id, %(nobody)s), channel, model, currency, lines, 0,
       messages, answered, refused, failed, handed_off, feedback_up, feedback_down, prompt_tokens, completion_tokens, embedding_tokens,
       cost_micros, coalesce(latencies.histogram, ''), coalesce(first_tokens.histogram, ''), coalesce(visitors, '')
FROM sums
LEFT JOIN latencies USING (at, kind, chatbot_id, api_key_id, channel, model, currency)
LEFT JOIN first_tokens USING (at, kind, chatbot_id, api_key_id, channel, model, currency)
UNION ALL
SELECT %(workspace_id)s, at, 'begun', chatbot_id, nullif(api_key_id, %(nobody)s), channel, '', '', 0, conversations,
       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', ''
FROM begun

-- name: roll_citations
-- Counts the sources that answers of these hours cite.
INSERT INTO analytics_hourlycitations (workspace_id, at, chatbot_id, source_id, citations, answers)
SELECT %(workspace_id)s, hours.at, u.chatbot_id, c.source_id, count(*), count(DISTINCT c.message_id)
FROM unnest(%(hours)s::timestamptz[]) AS hours (at)
JOIN users_usagerecord u ON u.workspace_id = %(workspace_id)s
    AND u.occurred_at >= hours.at AND u.occurred_at < hours.at + interval '1 hour'
    AND date_trunc('hour', u.occurred_at, %(time_zone)s) = hours.at
JOIN conversations_citation c ON c.message_id = u.message_id AND c.workspace_id = u.workspace_id
WHERE u.kind = 'chat' AND u.channel <> 'evaluation' AND u.chatbot_id IS NOT NULL
GROUP BY hours.at, u.chatbot_id, c.source_id

-- name: merge_days
-- The hours of some days, added up; histograms and visitors are joined, not yet compact.
SELECT date_trunc('day', at, %(time_zone)s) AS at, kind, chatbot_id, api_key_id, channel, model, currency,
       sum(lines)::int AS lines, sum(conversations)::int AS conversations, sum(messages)::int AS messages, sum(answered)::int AS answered,
       sum(refused)::int AS refused, sum(failed)::int AS failed, sum(handed_off)::int AS handed_off, sum(feedback_up)::int AS feedback_up,
       sum(feedback_down)::int AS feedback_down, sum(prompt_tokens)::bigint AS prompt_tokens,
       sum(completion_tokens)::bigint AS completion_tokens, sum(embedding_tokens)::bigint AS embedding_tokens,
       sum(cost_micros)::bigint AS cost_micros, string_agg(latency, '') AS latency, string_agg(first_token, '') AS first_token,
       string_agg(visitors, '') AS visitors
FROM analytics_hourlyusage
WHERE workspace_id = %(workspace_id)s AND at >= %(since)s AND at < %(until)s
  AND date_trunc('day', at, %(time_zone)s) = ANY(%(days)s)
GROUP BY 1, kind, chatbot_id, api_key_id, channel, model, currency

-- name: overview
-- Sums by period: whole days from the roll-ups of days, the hours at both ends from those of hours.
SELECT CASE WHEN %(interval)s::text = 'hour' THEN at ELSE date_trunc(%(interval)s::text, at, %(time_zone)s) END AS at,
       sum(conversations)::bigint AS conversations, sum(messages)::bigint AS messages,
       sum(answered)::bigint AS answered, sum(refused)::bigint AS refused, sum(failed)::bigint AS failed,
       sum(handed_off)::bigint AS handed_off, sum(feedback_up)::bigint AS feedback_up, sum(feedback_down)::bigint AS feedback_down,
       sum(prompt_tokens)::bigint AS prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens,
       sum(embedding_tokens)::bigint AS embedding_tokens, sum(cost_micros)::bigint AS cost, string_agg(latency, '') AS latency,
       string_agg(first_token, '') AS first_token, string_agg(visitors, '') AS visitors
FROM (
    SELECT * FROM analytics_dailyusage
    WHERE workspace_id = %(workspace_id)s AND at >= %(first_day)s AND at < %(last_day)s
    UNION ALL
    SELECT * FROM analytics_hourlyusage
    WHERE workspace_id = %(workspace_id)s AND at >= %(since)s AND at < %(until)s AND (at < %(first_day)s OR at >= %(last_day)s)
) AS summed
WHERE channel <> 'evaluation' AND (%(chatbots)s::uuid[] IS NULL OR chatbot_id = ANY(%(chatbots)s::uuid[]))
GROUP BY 1 ORDER BY 1

-- name: currencies
-- Costs of a period by currency, dearest first.
SELECT currency, sum(cost_micros)::bigint AS cost FROM (
    SELECT currency, cost_micros, chatbot_id, channel FROM analytics_dailyusage
    WHERE workspace_id = %(workspace_id)s AND at >= %(first_day)s AND at < %(last_day)s
    UNION ALL
    SELECT currency, cost_micros, chatbot_id, channel FROM analytics_hourlyusage
    WHERE workspace_id = %(workspace_id)s AND at >= %(since)s AND at < %(until)s AND (at < %(first_day)s OR at >= %(last_day)s)
) AS summed
WHERE cost_micros <> 0 AND (%(chatbots)s::uuid[] IS NULL OR chatbot_id = ANY(%(chatbots)s::uuid[]))
GROUP BY currency ORDER BY cost DESC, currency

-- name: collect_questions
-- Puts the questions of these answers into the inbox whose answer was none, or none that somebody liked.
INSERT INTO analytics_unansweredquestion (id, workspace_id, chatbot_id, message_id, text, reason, asked_at, model, created_at)
SELECT a.id, a.workspace_id, a.chatbot_id, a.id, left(q.content, 2000),
       CASE WHEN f.rating = 'down' THEN 'feedback_down' WHEN a.finish_reason = 'refused_no_context' THEN 'refused'
            WHEN k.state = 'handoff' OR a.finish_reason = 'handoff' THEN 'handoff' ELSE 'low_score' END,
       a.created_at, '', now()
FROM conversations_message a
JOIN conversations_message q ON q.id = a.parent_id AND q.role = 'user' AND q.content <> ''
JOIN conversations_conversation k ON k.id = a.conversation_id AND k.channel <> 'evaluation'
LEFT JOIN conversations_feedback f ON f.message_id = a.id
LEFT JOIN conversations_trace t ON t.message_id = a.id
WHERE a.workspace_id = %(workspace_id)s AND a.id = ANY(%(ids)s::uuid[]) AND a.role = 'assistant' AND a.state = 'complete'
  AND (f.rating = 'down' OR f.rating IS NULL AND (
       a.finish_reason IN ('refused_no_context', 'handoff') OR a.grounded = false
       OR k.state = 'handoff' AND a.id = (SELECT max(m.id::text)::uuid FROM conversations_message m
                                          WHERE m.conversation_id = k.id AND m.role = 'assistant')
       OR (t.data -> 'decision' ->> 'probability')::float8 < %(low_score)s AND a.finish_reason = 'stop'))
ON CONFLICT (message_id) DO UPDATE SET reason = excluded.reason WHERE analytics_unansweredquestion.reason <> excluded.reason

-- name: forget_mended
-- Takes a question out again whose answer somebody rated up, or took the bad rating back of.
DELETE FROM analytics_unansweredquestion u
USING conversations_message a LEFT JOIN conversations_feedback f ON f.message_id = a.id
WHERE u.workspace_id = %(workspace_id)s AND u.message_id = ANY(%(ids)s::uuid[]) AND a.id = u.message_id
  AND (f.rating = 'up' OR f.rating IS NULL AND u.reason = 'feedback_down')

-- name: forget_erased
-- Drops the results of answering whose messages were deleted or erased.
UPDATE analytics_answerwork w
SET results = (
    SELECT coalesce(jsonb_agg(each.result ORDER BY each.place) FILTER (WHERE m.id IS NOT NULL), '[]')
    FROM jsonb_array_elements(w.results) WITH ORDINALITY AS each (result, place)
    LEFT JOIN conversations_message m ON m.id = (each.result -> 'before' ->> 'message_id')::uuid)
WHERE w.workspace_id = %(workspace_id)s AND EXISTS (
    SELECT FROM jsonb_array_elements(w.results) AS each (result)
    WHERE NOT EXISTS (SELECT FROM conversations_message m WHERE m.id = (each.result -> 'before' ->> 'message_id')::uuid))

-- name: usage
-- Lines of a report by some of the dimensions; the caller puts their names in, from a list of its own.
SELECT {dimensions}, sum(lines)::bigint AS lines, sum(messages)::bigint AS messages, sum(answered)::bigint AS answered,
       sum(refused)::bigint AS refused, sum(prompt_tokens)::bigint AS prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens,
       sum(embedding_tokens)::bigint AS embedding_tokens, sum(cost_micros)::bigint AS cost, currency
FROM (
    SELECT * FROM analytics_dailyusage
    WHERE workspace_id = %(workspace_id)s AND at >= %(first_day)s AND at < %(last_day)s
    UNION ALL
    SELECT * FROM analytics_hourlyusage
    WHERE workspace_id = %(workspace_id)s AND at >= %(since)s AND at < %(until)s AND (at < %(first_day)s OR at >= %(last_day)s)
) AS summed
WHERE kind <> 'begun' AND (%(chatbots)s::uuid[] IS NULL OR chatbot_id = ANY(%(chatbots)s::uuid[]))
GROUP BY {dimensions}, currency
ORDER BY {ordering}

-- name: sources
-- Every source of the living chatbots with how often it was cited in the period, least often first.
SELECT s.id, s.chatbot_id AS chatbot, s.name, s.source_type, s.status, s.searchable, s.chunks_count, s.created_at, s.last_synced_at,
       s.refresh, coalesce(cited.citations, 0) AS citations, coalesce(cited.answers, 0) AS answers, cited.last_cited_at,
       coalesce(cited.citations, 0) = 0 AS never_cited,
       s.source_type IN ('url', 'sitemap', 'crawl') AND coalesce(s.last_synced_at, s.created_at) < now() - %(stale_after)s AS stale
FROM training_trainingsource s
JOIN chatbots_chatbot b ON b.id = s.chatbot_id AND b.deleted_at IS NULL
LEFT JOIN (
    SELECT source_id, sum(citations)::bigint AS citations, sum(answers)::bigint AS answers, max(at) AS last_cited_at
    FROM analytics_hourlycitations
    WHERE workspace_id = %(workspace_id)s AND at >= %(since)s AND at < %(until)s
    GROUP BY source_id
) AS cited ON cited.source_id = s.id
WHERE s.workspace_id = %(workspace_id)s AND (%(chatbots)s::uuid[] IS NULL OR s.chatbot_id = ANY(%(chatbots)s::uuid[]))
  AND (%(state)s = '' OR %(state)s = 'cited' AND cited.citations > 0 OR %(state)s = 'never_cited' AND cited.citations IS NULL
       OR %(state)s = 'stale' AND s.source_type IN ('url', 'sitemap', 'crawl')
          AND coalesce(s.last_synced_at, s.created_at) < now() - %(stale_after)s)
ORDER BY citations DESC, s.id
