-- Forgets a consumer that holds nothing; one that does must stay, or its messages would be lost.
--
-- KEYS[1]  stream     KEYS[2] set of live consumers (name by the time in ms of their last sign)
-- ARGV[1]  group     ARGV[2] consumer ("" for every consumer)     ARGV[3] least idle time in ms
-- Returns  number removed

local group, name, least_idle_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local removed = 0
if name == '' then
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms - least_idle_ms)
else
  redis.call('ZREM', KEYS[2], name)
end
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
  local fields = {}
  for i = 1, #info, 2 do fields[info[i]] = info[i + 1] end
  if (name == '' or fields.name == name) and fields.pending == 0 and fields.idle >= least_idle_ms then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, fields.name)
    removed = removed + 1
  end
end
return removed
