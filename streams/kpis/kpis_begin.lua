-- Empties the shadow of a rebuild that has set its mark, in one step: whatever is counted from now on is
-- counted in the shadow too, and nothing counted before is left in it.
--
-- KEYS[1]  rebuild mark       KEYS[2] set of the shadow's keys, which kpis_apply fills
-- KEYS[3]  processes that are alive, see kpis_hold_basis.lua
-- KEYS[4..] keys of the shadow: those of the set, and further ones, which a process of an older version left behind
-- ARGV[1]  rebuild's token: the mark's value
-- ARGV[2]  basis of the caller
-- Returns  1, or 0 if the rebuild is no longer current, -1 if the set has keys that are not named, or the basis of the
--          processes that are alive if it is another one

local basis = ARGV[2]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], now_ms, '+inf')) do
  local held = string.match(member, '^(.*)|')
  if held ~= basis then return held end
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local named = {}
for at = 4, #KEYS do named[KEYS[at]] = true end
for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if not named[key] then return -1 end
end
for at = 4, #KEYS do redis.call('UNLINK', KEYS[at]) end
redis.call('UNLINK', KEYS[2])
return 1
