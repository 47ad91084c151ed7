-- name: open_turn
-- What a turn must know of its chatbot, its conversation and what was said before. No row: the chatbot is not there (or deleted).
WITH RECURSIVE bot AS (
    SELECT c.id, c.is_active, c.embedding_model, c.knowledge_version, COALESCE(v.configuration, c.configuration) AS configuration, v.number
    FROM chatbots_chatbot c
    JOIN users_workspace w ON w.id = c.workspace_id AND w.deleted_at IS NULL AND NOT w.is_suspended
    LEFT JOIN chatbots_chatbotversion v ON v.id = c.published_version_id
    WHERE c.workspace_id = %(workspace_id)s AND c.deleted_at IS NULL
      AND (c.id = %(chatbot_id)s::uuid OR c.slug = %(slug)s::text)
), conversation AS (
    SELECT k.id, k.state, k.channel, k.memory, k.memory_until, CASE WHEN v.is_verified THEN v.external_id END AS owner
    FROM conversations_conversation k JOIN bot ON bot.id = k.chatbot_id
    LEFT JOIN conversations_visitor v ON v.id = k.visitor_id
    WHERE k.workspace_id = %(workspace_id)s AND k.id = %(conversation_id)s::uuid
), chain AS (
    (SELECT m.id, m.parent_id, m.role, m.state, m.content, 1 AS depth
     FROM conversations_message m JOIN conversation k ON m.conversation_id = k.id
     WHERE %(follows)s::uuid IS NULL OR m.id = %(follows)s::uuid
     ORDER BY m.id DESC LIMIT 1)
    UNION ALL
    SELECT m.id, m.parent_id, m.role, m.state, m.content, chain.depth + 1
    FROM chain JOIN conversations_message m ON m.id = chain.parent_id
    WHERE chain.depth < %(depth)s
)
SELECT bot.id AS chatbot_id, bot.is_active, bot.embedding_model, bot.knowledge_version, bot.configuration, bot.number AS version,
       conversation.id AS conversation_id, conversation.state AS conversation_state,
       conversation.channel AS channel, conversation.owner AS owner,
       conversation.memory, conversation.memory_until,
       (SELECT id FROM chain WHERE depth = 1) AS last_message_id,
       (SELECT jsonb_agg(jsonb_build_array(role, left(content, 2000)) ORDER BY depth DESC) FROM chain
        WHERE state <> 'pending' AND content <> '') AS history,
       ARRAY(SELECT id FROM chain WHERE state <> 'pending' AND content <> '' ORDER BY depth DESC) AS history_ids
FROM bot LEFT JOIN conversation ON true;

-- name: write_turn
-- The visitor, the conversation when it is new, the question when it is new, and the pending answer.
WITH visitor AS (
    INSERT INTO conversations_visitor AS known
        (id, workspace_id, chatbot_id, external_id, name, email, attributes, is_verified, created_at, last_seen_at)
    SELECT %(visitor_row)s, %(workspace_id)s, %(chatbot_id)s, %(external_id)s::text, %(visitor_name)s, %(visitor_email)s,
           %(attributes)s, %(is_verified)s, now(), now()
    WHERE %(external_id)s::text IS NOT NULL
    ON CONFLICT (chatbot_id, external_id, is_verified) DO UPDATE SET
        last_seen_at = now(),
        name = CASE WHEN excluded.name = '' THEN known.name ELSE excluded.name END,
        email = CASE WHEN excluded.email = '' THEN known.email ELSE excluded.email END,
        attributes = CASE WHEN %(most_attributes)s < (SELECT count(*) FROM jsonb_object_keys(known.attributes || excluded.attributes))
                            OR %(longest_attributes)s < length((known.attributes || excluded.attributes)::text)
                          THEN excluded.attributes  -- what was told last is what counts
                          ELSE known.attributes || excluded.attributes END
    RETURNING id
), begun AS (
    INSERT INTO conversations_conversation
        (id, workspace_id, chatbot_id, visitor_id, channel, state, title, user_id, api_key_id, messages_count, created_at, last_message_at)
    SELECT %(conversation_id)s, %(workspace_id)s, %(chatbot_id)s, (SELECT id FROM visitor), %(channel)s, 'bot', %(title)s,
           %(user_id)s, %(api_key_id)s, 2, now(), now()
    WHERE %(is_new)s
), continued AS (
    UPDATE conversations_conversation
    SET messages_count = messages_count + CASE WHEN %(is_asked)s THEN 2 ELSE 1 END, last_message_at = now(),
        visitor_id = COALESCE(visitor_id, (SELECT id FROM visitor))
    WHERE NOT %(is_new)s AND id = %(conversation_id)s AND workspace_id = %(workspace_id)s
), question AS (
    INSERT INTO conversations_message
        (id, workspace_id, chatbot_id, conversation_id, parent_id, role, state, content, finish_reason, unsupported, error_type,
         error_message, model, prompt_tokens, completion_tokens, cost_micros, currency, created_at)
    SELECT %(question_id)s, %(workspace_id)s, %(chatbot_id)s, %(conversation_id)s, %(parent_id)s::uuid, 'user', 'complete',
           %(text)s, '', '[]', '', '', '', 0, 0, 0, 'USD', %(created_at)s
    WHERE %(is_asked)s
)
INSERT INTO conversations_message
    (id, workspace_id, chatbot_id, conversation_id, parent_id, role, state, content, finish_reason, unsupported, error_type,
     error_message, model, version, prompt_tokens, completion_tokens, cost_micros, currency, created_at, lease_until)
VALUES (%(answer_id)s, %(workspace_id)s, %(chatbot_id)s, %(conversation_id)s, %(question_id)s, 'assistant', 'pending', '', '', '[]',
        '', '', '', %(version)s, 0, 0, 0, 'USD', %(created_at)s, now() + interval '20 seconds')
RETURNING (SELECT id FROM visitor) AS visitor_id;

-- name: keep_turns
-- The partial texts of runs that go on, what must be known to book them, and their leases. A run that gets no row back was ended by somebody else.
UPDATE conversations_message m
SET content = part.content, last_event = part.last_event, model = part.model, prompt_tokens = part.prompt_tokens,
    first_token_ms = part.first_token_ms, lease_until = now() + interval '20 seconds'
FROM unnest(%(ids)s::uuid[], %(contents)s::text[], %(last_events)s::int[], %(models)s::text[], %(prompts)s::int[], %(first_tokens)s::int[])
    AS part (id, content, last_event, model, prompt_tokens, first_token_ms)
WHERE m.id = part.id AND m.state = 'pending'
RETURNING m.id, m.is_cancel_requested;

-- name: finish_turn
-- The end of an answer with its citations and its trace; no row when it was ended before.
WITH message AS (
    UPDATE conversations_message
    SET state = %(state)s, content = %(content)s, finish_reason = %(finish_reason)s, grounded = %(grounded)s,
        unsupported = %(unsupported)s, error_type = %(error_type)s, error_message = %(error_message)s, model = %(model)s,
        prompt_tokens = %(prompt_tokens)s, completion_tokens = %(completion_tokens)s, cost_micros = %(cost_micros)s,
        currency = %(currency)s, latency_ms = %(latency_ms)s, first_token_ms = %(first_token_ms)s,
        last_event = %(last_event)s, lease_until = NULL
    WHERE id = %(answer_id)s AND workspace_id = %(workspace_id)s AND state = 'pending'
    RETURNING id, workspace_id
), cited AS (
    INSERT INTO conversations_citation
        (id, workspace_id, message_id, index, source_id, document_id, chunk_id, title, url, page, quote, quotes, char_start, char_end, created_at)
    SELECT c.id, message.workspace_id, message.id, c.index, c.source_id, c.document_id, c.chunk_id, c.title, c.url, c.page, c.quote, c.quotes,
           c.char_start, c.char_end, now()
    FROM message, jsonb_to_recordset(%(citations)s) AS c (id uuid, index smallint, source_id uuid, document_id uuid, chunk_id uuid,
         title text, url text, page int, quote text, quotes jsonb, char_start int, char_end int)
), traced AS (
    INSERT INTO conversations_trace (id, workspace_id, message_id, data, created_at)
    SELECT %(trace_id)s, message.workspace_id, message.id, %(trace)s, now() FROM message
)
SELECT id FROM message;

-- name: find_answer
-- An answer with its citations, for those who come back to it.
SELECT m.id, m.chatbot_id, m.conversation_id, m.parent_id, m.state, m.content, m.finish_reason, m.grounded, m.unsupported, m.model, m.version,
       m.prompt_tokens, m.completion_tokens, m.cost_micros, m.currency, m.latency_ms, m.created_at, m.error_type, m.error_message,
       m.last_event, k.channel, CASE WHEN v.is_verified THEN v.external_id END AS owner,
       (SELECT json_agg(json_build_object('index', c.index, 'source_id', c.source_id, 'document_id', c.document_id,
                'chunk_id', c.chunk_id, 'title', c.title, 'url', c.url, 'page', c.page, 'quote', c.quote,
                'char_start', c.char_start, 'char_end', c.char_end, 'quotes',  -- jsonb sorts its keys: they are put as they were sent
                (SELECT COALESCE(json_agg(json_build_object('quote', q -> 'quote', 'char_start', q -> 'char_start', 'char_end', q -> 'char_end')
                                          ORDER BY place), '[]')
                 FROM jsonb_array_elements(c.quotes) WITH ORDINALITY AS quotes (q, place))) ORDER BY c.index)
        FROM conversations_citation c WHERE c.message_id = m.id) AS citations
FROM conversations_message m
JOIN conversations_conversation k ON k.id = m.conversation_id
LEFT JOIN conversations_visitor v ON v.id = k.visitor_id
JOIN chatbots_chatbot b ON b.id = m.chatbot_id AND b.deleted_at IS NULL
WHERE m.id = %(id)s AND m.workspace_id = %(workspace_id)s AND m.role = 'assistant';

-- name: find_question
-- What an answer answered, to answer it again.
SELECT a.chatbot_id, a.conversation_id, k.channel, CASE WHEN v.is_verified THEN v.external_id END AS owner,
       q.id AS question_id, q.parent_id AS follows, q.content AS text
FROM conversations_message a
JOIN conversations_conversation k ON k.id = a.conversation_id
LEFT JOIN conversations_visitor v ON v.id = k.visitor_id
JOIN conversations_message q ON q.id = a.parent_id AND q.role = 'user'
WHERE a.id = %(id)s AND a.workspace_id = %(workspace_id)s AND a.role = 'assistant';

-- name: ended_turns
-- Which of these answers have come to an end.
SELECT id FROM conversations_message WHERE id = ANY(%(ids)s) AND state <> 'pending';

-- name: ask_to_cancel
-- Tells the run of a pending answer to stop, in whichever process it lives.
UPDATE conversations_message SET is_cancel_requested = true
WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND state = 'pending'
RETURNING id;

-- name: close_abandoned
-- Answers whose run died: their lease ran out.
WITH dead AS MATERIALIZED (
    SELECT id FROM conversations_message WHERE state = 'pending' AND lease_until < now()
    ORDER BY lease_until LIMIT %(most)s FOR UPDATE SKIP LOCKED
),
set_back AS ( -- a lease is twenty seconds long: a clock was set back, and one whose run is alive is renewed within a second
    UPDATE conversations_message SET lease_until = now() + interval '20 seconds'
    WHERE state = 'pending' AND lease_until > now() + interval '1 minute'
)
UPDATE conversations_message m
SET state = 'failed', finish_reason = 'error', error_type = 'interrupted', error_message = %(message)s, lease_until = NULL,
    last_event = -(coalesce(m.last_event, 0) + 1)  -- at least; the first who reads the end fixes its number
FROM dead, conversations_conversation k
WHERE m.id = dead.id AND k.id = m.conversation_id
RETURNING m.id, m.workspace_id, m.chatbot_id, m.conversation_id, m.content, m.created_at, m.model, m.prompt_tokens, m.first_token_ms,
          k.channel, k.visitor_id, k.api_key_id, k.user_id;

-- name: count_abandoned
-- What an answer had used whose run died.
UPDATE conversations_message SET completion_tokens = %(completion_tokens)s, cost_micros = %(cost_micros)s, currency = %(currency)s
WHERE id = %(message_id)s AND workspace_id = %(workspace_id)s;

-- name: number_the_end
-- The number of the last event of a run that died, behind everything that anybody is known to have seen of it.
UPDATE conversations_message SET last_event = greatest(-last_event, %(seen)s::int + 1)
WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND last_event < 0
RETURNING last_event;

-- name: open_search
-- What a search must know of its chatbot.
SELECT c.id AS chatbot_id, c.name, c.embedding_model, c.knowledge_version, COALESCE(v.configuration, c.configuration) AS configuration
FROM chatbots_chatbot c
JOIN users_workspace w ON w.id = c.workspace_id AND w.deleted_at IS NULL AND NOT w.is_suspended
LEFT JOIN chatbots_chatbotversion v ON v.id = c.published_version_id
WHERE c.workspace_id = %(workspace_id)s AND c.id = %(chatbot_id)s AND c.deleted_at IS NULL;

-- name: configuration_of_page
-- How the chatbot of a publishable key is set up, which says what pages may use it.
SELECT COALESCE(v.configuration, c.configuration) AS configuration
FROM chatbots_chatbot c
LEFT JOIN chatbots_chatbotversion v ON v.id = c.published_version_id
WHERE c.workspace_id = %(workspace_id)s AND c.id = ANY(%(ids)s) AND c.deleted_at IS NULL;

-- name: list_chatbots
-- The chatbots that the OpenAI-compatible door offers as models.
SELECT c.id, c.slug, c.name, c.created_at
FROM chatbots_chatbot c
JOIN users_workspace w ON w.id = c.workspace_id AND w.deleted_at IS NULL AND NOT w.is_suspended
WHERE c.workspace_id = %(workspace_id)s AND c.deleted_at IS NULL AND c.is_active
ORDER BY c.id DESC LIMIT 1000;

-- name: delete_conversation
-- With its messages, citations, feedback and traces, which cascade in the database.
DELETE FROM conversations_conversation WHERE id = %(id)s AND workspace_id = %(workspace_id)s;

-- name: find_asked
-- A question of a visitor, to ask it in other words.
SELECT q.chatbot_id, q.conversation_id, k.channel, CASE WHEN v.is_verified THEN v.external_id END AS owner, q.parent_id AS follows
FROM conversations_message q
JOIN conversations_conversation k ON k.id = q.conversation_id
LEFT JOIN conversations_visitor v ON v.id = k.visitor_id
JOIN chatbots_chatbot b ON b.id = q.chatbot_id AND b.deleted_at IS NULL
WHERE q.id = %(id)s AND q.workspace_id = %(workspace_id)s AND q.role = 'user';

-- name: find_to_replay
-- A question with what was said before it, the chatbot's configuration, and that of the wanted version.
WITH RECURSIVE question AS (
    SELECT q.id, q.parent_id, q.content, a.chatbot_id, a.conversation_id
    FROM conversations_message a JOIN conversations_message q ON q.id = a.parent_id AND q.role = 'user'
    WHERE a.id = %(id)s AND a.workspace_id = %(workspace_id)s AND a.role = 'assistant'
), chain AS (
    SELECT m.id, m.parent_id, m.role, m.state, m.content, 1 AS depth
    FROM question JOIN conversations_message m ON m.id = question.parent_id
    UNION ALL
    SELECT m.id, m.parent_id, m.role, m.state, m.content, chain.depth + 1
    FROM chain JOIN conversations_message m ON m.id = chain.parent_id
    WHERE chain.depth < 50
)
SELECT question.chatbot_id, question.conversation_id, question.content AS text, k.channel,
       CASE WHEN v.is_verified THEN v.external_id END AS owner, b.configuration, b.embedding_model,
       (SELECT n.configuration FROM chatbots_chatbotversion n
        WHERE n.workspace_id = %(workspace_id)s AND n.chatbot_id = b.id AND n.number = %(number)s::int) AS wanted,
       (SELECT jsonb_agg(jsonb_build_array(role, left(content, 2000)) ORDER BY depth DESC) FROM chain
        WHERE state <> 'pending' AND content <> '') AS history
FROM question
JOIN conversations_conversation k ON k.id = question.conversation_id
LEFT JOIN conversations_visitor v ON v.id = k.visitor_id
JOIN chatbots_chatbot b ON b.id = question.chatbot_id AND b.deleted_at IS NULL;

-- name: released_chunks
-- Which of these suspicious chunks somebody has read and released.
SELECT chunk_id FROM training_quarantinedchunk
WHERE chunk_id = ANY(%(ids)s) AND workspace_id = %(workspace_id)s AND state = 'released';

-- name: neighbours
-- The chunks right before and after found ones, in the same section of the same current version, as far as this reader may find them.
SELECT found.rank::int, place.ordinal < own.ordinal AS is_before, place.chunk_id, chunk.text, chunk.context, place.page, place.char_start, place.char_end
FROM unnest(%(chunk_ids)s::uuid[], %(document_ids)s::uuid[], %(starts)s::int[]) WITH ORDINALITY
        AS found(chunk_id, document_id, char_start, rank)
JOIN training_document d ON d.id = found.document_id AND d.workspace_id = %(workspace_id)s AND d.chatbot_id = %(chatbot_id)s
JOIN training_trainingsource s ON s.id = d.source_id
    AND (%(access_tags)s::varchar[] IS NULL OR s.access_tags = '{}' OR s.access_tags && %(access_tags)s::varchar[])
JOIN training_placement own ON own.document_version_id = d.current_version_id
    AND own.chunk_id = found.chunk_id AND own.char_start = found.char_start
JOIN training_placement place ON place.document_version_id = own.document_version_id
    AND place.ordinal IN (own.ordinal - 1, own.ordinal + 1) AND place.heading_path = own.heading_path
JOIN training_chunktext chunk ON chunk.id = place.chunk_id
JOIN training_chunkterms terms ON terms.chunk_id = place.chunk_id AND terms.is_live
    AND terms.workspace_id = %(workspace_id)s AND terms.chatbot_id = %(chatbot_id)s
ORDER BY found.rank, place.ordinal;

-- name: pages_within
-- For stretches of documents with pages: the page on which each begins, and where further ones begin inside it.
SELECT found.rank::int,
       (SELECT count(*) FROM unnest(v.page_starts) AS starts (place) WHERE starts.place <= found.char_start)::int AS page,
       ARRAY(SELECT starts.place FROM unnest(v.page_starts) AS starts (place)
              WHERE starts.place > found.char_start AND starts.place < found.char_end ORDER BY starts.place) AS breaks
FROM unnest(%(document_ids)s::uuid[], %(starts)s::int[], %(ends)s::int[]) WITH ORDINALITY
        AS found(document_id, char_start, char_end, rank)
JOIN training_document d ON d.id = found.document_id AND d.workspace_id = %(workspace_id)s AND d.chatbot_id = %(chatbot_id)s
JOIN training_documentversion v ON v.id = d.current_version_id AND v.page_starts <> '{}';

-- name: keep_memory
-- Older turns in short; an empty text leaves what is there.
UPDATE conversations_conversation SET memory = %(memory)s, memory_until = %(until)s
WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND %(memory)s <> '';

-- name: find_conversation
-- A conversation for those who follow its stream, with how its chatbot is set up.
SELECT k.id, k.chatbot_id, k.channel, CASE WHEN v.is_verified THEN v.external_id END AS owner,
       COALESCE(n.configuration, c.configuration) AS configuration
FROM conversations_conversation k
JOIN chatbots_chatbot c ON c.id = k.chatbot_id AND c.deleted_at IS NULL
LEFT JOIN chatbots_chatbotversion n ON n.id = c.published_version_id
LEFT JOIN conversations_visitor v ON v.id = k.visitor_id
WHERE k.id = %(id)s AND k.workspace_id = %(workspace_id)s;

-- name: news_of_conversations
-- What became new in followed conversations, in order; one that is gone has no row, one without news a row without a number.
SELECT k.id AS conversation_id, e.number, e.kind, e.created_at, m.id AS message_id, m.parent_id, m.content, m.created_at AS written_at
FROM unnest(%(ids)s::uuid[], %(seen)s::int[]) AS followed (id, seen)
JOIN conversations_conversation k ON k.id = followed.id
JOIN chatbots_chatbot c ON c.id = k.chatbot_id AND c.deleted_at IS NULL
LEFT JOIN conversations_news e ON e.conversation_id = k.id AND e.number > followed.seen
LEFT JOIN conversations_message m ON m.id = e.message_id
ORDER BY k.id, e.number;
