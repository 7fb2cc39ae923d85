-- Acknowledges messages of one group and enqueues what follows from them, in one step: a message is
-- either still pending, or gone with its follow-ups in place. Publishing is the same without messages to
-- acknowledge.
--
-- A message that is not pending any more (another consumer finished it, or Redis lost the stream)
-- enqueues nothing: whoever finished it did so, or recovery will.
--
-- KEYS[1]      stream of the acknowledged messages
-- KEYS[2]      their money hash (currency -> cents)
-- KEYS[3]      their errors hash     KEYS[4] their error texts hash     KEYS[5] their retries set
-- KEYS[6]      their stats hash
-- KEYS[7..]    stream, scheduled set and money hash of each group that may get messages
-- ARGV[1]      group of the acknowledged messages
-- ARGV[2]      JSON [[id, currency, cents], ...]: what to acknowledge
-- ARGV[3]      JSON [[group index from 0, delay in ms, cause, currency, cents, fields, once id], ...]:
--              what to enqueue; cause is the position (from 1) of the message in ARGV[2] that it
--              follows, or 0; once id is an id that is enqueued at most once, or 0
-- ARGV[4]      prefix of the once bitmaps      ARGV[5] ids to a bitmap
-- ARGV[6]      stats counter to raise by the acknowledged ("" for none)
-- Returns      {acknowledged, enqueued}

local group, once_prefix, segment_size, counter = ARGV[1], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local acks, messages = cjson.decode(ARGV[2]), cjson.decode(ARGV[3])
local now_ms
local acknowledged, enqueued = 0, 0
local done, gone, money_out, money_in = {}, {}, {}, {}

for position, ack in ipairs(acks) do
  if redis.call('XACK', KEYS[1], group, ack[1]) == 1 then
    done[position] = true
    acknowledged = acknowledged + 1
    gone[#gone + 1] = ack[1]
    money_out[ack[2]] = (money_out[ack[2]] or 0) + ack[3]
  end
end

-- Lua's stack holds a few thousand values, so long lists go in pieces.
for first = 1, #gone, 1000 do
  local last = math.min(first + 999, #gone)
  redis.call('XDEL', KEYS[1], unpack(gone, first, last))
  if redis.call('EXISTS', KEYS[3]) == 1 then
    redis.call('HDEL', KEYS[3], unpack(gone, first, last))
    redis.call('HDEL', KEYS[4], unpack(gone, first, last))
    redis.call('ZREM', KEYS[5], unpack(gone, first, last))
  end
end

for _, message in ipairs(messages) do
  local target, delay_ms, cause = message[1], message[2], message[3]
  local currency, cents, fields, once_id = message[4], message[5], message[6], message[7]
  local wanted = cause == 0 or done[cause]
  if wanted and once_id ~= 0 then
    local segment = math.floor(once_id / segment_size)
    wanted = redis.call('SETBIT', once_prefix .. segment, once_id % segment_size, 1) == 0
  end
  if wanted then
    local stream, scheduled = KEYS[7 + 3 * target], KEYS[8 + 3 * target]
    local added = true
    if delay_ms > 0 then
      if not now_ms then
        local time = redis.call('TIME')
        now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
      end
      added = redis.call('ZADD', scheduled, 'NX', now_ms + delay_ms, cjson.encode(fields)) == 1
    else
      redis.call('XADD', stream, '*', unpack(fields))
    end
    if added then
      enqueued = enqueued + 1
      local sums = money_in[target] or {}
      money_in[target] = sums
      sums[currency] = (sums[currency] or 0) + cents
    end
  end
end

-- An order may be worth nothing, and the negative of 0 is "-0", which HINCRBY refuses.
local function add_money(key, sums, sign)
  for currency, cents in pairs(sums) do
    if cents ~= 0 then redis.call('HINCRBY', key, currency, string.format('%.0f', sign * cents)) end
  end
end
add_money(KEYS[2], money_out, -1)
for target, sums in pairs(money_in) do add_money(KEYS[9 + 3 * target], sums, 1) end
if counter ~= '' and acknowledged > 0 then
  redis.call('HINCRBY', KEYS[6], counter, acknowledged)
end
return {acknowledged, enqueued}
