-- Generic cell rate algorithm over several keys at once: all are charged or none.
-- KEYS[i] holds the theoretical arrival time of limit i in microseconds; ARGV holds pairs (microseconds a request, microseconds of the window).
-- Answers, for each key: 1 if there was room, microseconds until the window is empty again, microseconds to wait.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrivals, answers, has_room = {}, {}, true
for i, key in ipairs(KEYS) do
    local step, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local free_at = math.max(tonumber(redis.call('GET', key)) or now, now)
    if free_at > now + window then -- later than any request can have put it: the clock was set back
        free_at = now
    end
    local wait = free_at + step - window - now
    if wait > 0 then
        has_room = false
    end
    arrivals[i] = free_at + step
    answers[3 * i - 2] = wait > 0 and 0 or 1
    answers[3 * i - 1] = math.ceil(free_at - now)
    answers[3 * i] = math.max(0, math.ceil(wait))
end
if has_room then
    for i, key in ipairs(KEYS) do
        local left = math.ceil((arrivals[i] - now) / 1000)
        redis.call('SET', key, string.format('%.0f', arrivals[i]), 'PX', math.max(1, left))
        answers[3 * i - 1] = math.ceil(arrivals[i] - now)
    end
end
return answers
