-- Leaves failed messages pending until a later time. Only messages that are still pending with this
-- consumer are delayed: what another has claimed is the other's.
--
-- KEYS[1]  stream              KEYS[2] retries set (id by due time in ms)
-- KEYS[3]  errors hash         KEYS[4] error texts hash          KEYS[5] stats hash
-- ARGV[1]  group               ARGV[2] consumer
-- ARGV[3]  JSON [[id, delay in ms, 1 if an error is to be counted else 0, text], ...]; where none is
--          counted, an engine was away, and the delivery is taken back: it was no try at all
-- Returns  number delayed; those with an error are added to the group's "retried"

local group, consumer = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local delayed, tries = 0, 0
for _, entry in ipairs(cjson.decode(ARGV[3])) do
  local id, delay_ms, counts, text = entry[1], entry[2], entry[3], entry[4]
  local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1, consumer)[1]
  if pending then
    redis.call('ZADD', KEYS[2], now_ms + delay_ms, id)
    if counts == 1 then
      redis.call('HINCRBY', KEYS[3], id, 1)
      redis.call('HSET', KEYS[4], id, text)
      tries = tries + 1
    else
      local deliveries = math.max(0, pending[4] - 1)
      redis.call('XCLAIM', KEYS[1], group, consumer, 0, id, 'RETRYCOUNT', deliveries, 'JUSTID')
    end
    delayed = delayed + 1
  end
end
if tries > 0 then redis.call('HINCRBY', KEYS[5], 'retried', tries) end
return delayed
