-- Begins a rebuild of the figures: empties the shadow and sets the mark in one step, so that whatever is
-- counted from now on is counted in the shadow too, and nothing counted before is left in it.
--
-- KEYS[1]  rebuild mark       KEYS[2] set of the shadow's keys, which kpis_apply fills
-- KEYS[3]  processes that are alive, see kpis_hold_basis.lua
-- ARGV[1]  rebuild's token    ARGV[2] ms until the mark expires unless it is renewed
-- ARGV[3]  JSON [key, ...]: further keys of the shadow, which a process of an older version left behind
-- ARGV[4]  basis of the caller
-- Returns  1, or 0 if another rebuild is running, or the basis of the processes that are alive if it is
--          another one

local token, ttl_ms, basis = ARGV[1], ARGV[2], ARGV[4]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], now_ms, '+inf')) do
  local held = string.match(member, '^(.*)|')
  if held ~= basis then return held end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('UNLINK', key) end
for _, key in ipairs(cjson.decode(ARGV[3])) do redis.call('UNLINK', key) end
redis.call('UNLINK', KEYS[2])
redis.call('SET', KEYS[1], token, 'PX', ttl_ms)
return 1
