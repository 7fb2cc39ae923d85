-- Releases messages in hand so that any other consumer may claim them at once, as if this one had been
-- silent for long; the delivery does not count. What another has claimed is the other's.
--
-- KEYS[1]  stream
-- ARGV[1]  group     ARGV[2] consumer     ARGV[3] idle time to pretend, in ms     ARGV[4..] message ids
-- Returns  number released

local group, consumer, idle_ms = ARGV[1], ARGV[2], ARGV[3]
local released = 0
for i = 4, #ARGV do
  local id = ARGV[i]
  local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1, consumer)
  if #pending == 1 then
    local deliveries = math.max(0, pending[1][4] - 1)
    redis.call('XCLAIM', KEYS[1], group, consumer, 0, id, 'IDLE', idle_ms, 'RETRYCOUNT', deliveries, 'JUSTID')
    released = released + 1
  end
end
return released
