-- Says that a process is alive which counts the figures by a basis (base currency and time zone), unless
-- processes are alive that count them by another one.
--
-- KEYS[1]  sorted set of the processes that are alive: "basis|process" by the ms at which they count as ended
-- ARGV[1]  the process's basis     ARGV[2] its name     ARGV[3] ms until it counts as ended
-- Returns  the basis of the processes that are alive: its own, or another

local basis, name, ttl_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local held = string.match(member, '^(.*)|')
  if held ~= basis then return held end
end
redis.call('ZADD', KEYS[1], now_ms + ttl_ms, basis .. '|' .. name)
redis.call('PEXPIRE', KEYS[1], ttl_ms)
return basis
