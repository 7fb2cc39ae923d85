-- Moves scheduled messages that are due into their stream. Redis' own clock decides, so hosts with wrong
-- clocks agree on what is due. What is due later than any delay could bring about was scheduled while that
-- clock was ahead: it is brought back to the longest delay.
--
-- KEYS[1]  scheduled set (messages by due time in ms)
-- KEYS[2]  stream
-- KEYS[3]  traces of scheduled messages (message -> traceparent)
-- ARGV[1]  most messages to move     ARGV[2] field of a stream entry that holds the message
-- ARGV[3]  field that holds its trace        ARGV[4] longest delay in ms
-- Returns  {moved, ms until the next is due or -1}

local most = tonumber(ARGV[1])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local latest_ms = now_ms + tonumber(ARGV[4])
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. latest_ms, '+inf', 'LIMIT', 0, most)) do
  redis.call('ZADD', KEYS[1], 'XX', latest_ms, member)
end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms, 'LIMIT', 0, most)
local traced = #due > 0 and redis.call('EXISTS', KEYS[3]) == 1
for _, member in ipairs(due) do
  local traceparent = traced and redis.call('HGET', KEYS[3], member)
  if traceparent then
    redis.call('XADD', KEYS[2], '*', ARGV[2], member, ARGV[3], traceparent)
    redis.call('HDEL', KEYS[3], member)
  else
    redis.call('XADD', KEYS[2], '*', ARGV[2], member)
  end
end
for first = 1, #due, 1000 do
  redis.call('ZREM', KEYS[1], unpack(due, first, math.min(first + 999, #due)))
end
local next_due = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if #next_due == 0 then return {#due, -1} end
return {#due, math.max(0, next_due[2] - now_ms)}
