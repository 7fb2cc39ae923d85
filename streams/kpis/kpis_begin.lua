-- Empties the shadow of a rebuild that has set its mark, in one step: whatever is counted from now on is
-- counted in the shadow too, and nothing counted before is left in it.
--
-- KEYS[1]  rebuild mark       KEYS[2] set of the shadow's keys, which kpis_apply fills
-- KEYS[3]  processes that are alive, see kpis_hold_basis.lua
-- ARGV[1]  rebuild's token: the mark's value
-- ARGV[2]  JSON [key, ...]: further keys of the shadow, which a process of an older version left behind
-- ARGV[3]  basis of the caller
-- Returns  1, or 0 if the rebuild is no longer current, or the basis of the processes that are alive if it
--          is another one

local basis = ARGV[3]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], now_ms, '+inf')) do
  local held = string.match(member, '^(.*)|')
  if held ~= basis then return held end
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('UNLINK', key) end
for _, key in ipairs(cjson.decode(ARGV[2])) do redis.call('UNLINK', key) end
redis.call('UNLINK', KEYS[2])
return 1
