-- Claims delayed messages whose time has come, and notes that this consumer is alive: it is called in
-- every turn, and not every server counts a read that finds nothing as a sign of life.
--
-- Times that lie further ahead than they can were written while Redis' clock was ahead: messages that are due
-- later than the longest delay allows are brought back to it, and signs of life from then are forgotten; who
-- lives gives another in its next turn.
--
-- KEYS[1]  stream     KEYS[2] retries set     KEYS[3] errors hash     KEYS[4] error texts hash
-- KEYS[5]  set of live consumers (name by the time in ms of their last sign)
-- KEYS[6]  stream of the group's live lane
-- ARGV[1]  group      ARGV[2] consumer        ARGV[3] most messages
-- ARGV[4]  name of the consumer that helps this one    ARGV[5] for how many ms a sign of life counts
-- ARGV[6]  longest time in ms for which a message is delayed
-- Returns  {ms until the next is due or -1, other live consumers, ms since the live lane last got a message or -1,
--          entry, ...}, an entry being {id, deliveries, errors, last error text, {field, value, ...}}

local group, consumer, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local helper, alive_ms = ARGV[4], tonumber(ARGV[5])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[5], now_ms, consumer)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '(' .. (now_ms + alive_ms), '+inf')
local latest_ms = now_ms + tonumber(ARGV[6])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. latest_ms, '+inf', 'LIMIT', 0, 1000)) do
  redis.call('ZADD', KEYS[2], 'XX', latest_ms, id)
end
local others = 0
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], now_ms - alive_ms, '+inf')) do
  if name ~= consumer and name ~= helper then others = others + 1 end
end
-- A stream knows the id that it gave last, also when it is empty.
local live_ms = -1
local live = redis.pcall('XINFO', 'STREAM', KEYS[6])
if not live.err then
  for i = 1, #live, 2 do
    if live[i] == 'last-generated-id' then
      live_ms = math.max(0, now_ms - tonumber(string.match(live[i + 1], '%d+')))
    end
  end
end
local result = {-1, others, live_ms}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms, 'LIMIT', 0, most)) do
  redis.call('ZREM', KEYS[2], id)
  local claimed = redis.call('XCLAIM', KEYS[1], group, consumer, 0, id)
  if claimed[1] then
    local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1)
    result[#result + 1] = {
      id,
      pending[1][4],
      tonumber(redis.call('HGET', KEYS[3], id) or 0),
      redis.call('HGET', KEYS[4], id) or '',
      claimed[1][2],
    }
  end
end
local next_due = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if #next_due > 0 then result[1] = math.max(0, next_due[2] - now_ms) end
return result
