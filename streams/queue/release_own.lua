-- Gives up whatever is pending with a consumer that lives and has nothing in hand, so that any consumer may
-- claim it at once; the delivery does not count. Delayed messages are idle on purpose and stay as they are.
--
-- KEYS[1]  stream     KEYS[2] retries set
-- ARGV[1]  group     ARGV[2] consumer     ARGV[3] idle time to pretend, in ms     ARGV[4] most messages
-- Returns  number given up

local group, consumer, idle_ms, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local given = 0
for _, entry in ipairs(redis.call('XPENDING', KEYS[1], group, '-', '+', most, consumer)) do
  local id = entry[1]
  if not redis.call('ZSCORE', KEYS[2], id) then
    local deliveries = math.max(0, entry[4] - 1)
    redis.call('XCLAIM', KEYS[1], group, consumer, 0, id, 'IDLE', idle_ms, 'RETRYCOUNT', deliveries, 'JUSTID')
    given = given + 1
  end
end
return given
