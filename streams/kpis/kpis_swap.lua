-- Puts the rebuilt shadow figures in the place of the live ones and ends the rebuild, in one step.
--
-- KEYS[1]  rebuild mark       KEYS[2] set of the shadow's keys, which kpis_apply fills
-- KEYS[3]  basis of the figures     KEYS[4] processes that are alive, see kpis_hold_basis.lua
-- KEYS[5..] all keys of the shadow, those whose place they take, and those of ARGV[3]
-- ARGV[1]  prefix of all keys     ARGV[2] rebuild's token
-- ARGV[3]  JSON [key, ...]: live keys that the shadow has nothing for. One that was made since they were
--          looked for is in the shadow as well, because the mark was set
-- ARGV[4]  JSON [key, ...]: further keys of the shadow, from a process of an older version
-- ARGV[5]  basis of the caller
-- Returns  1, or 0 if the rebuild is no longer current, or processes of another basis are alive; -1 if the shadow has keys
--          that are not named

local prefix, token, basis = ARGV[1], ARGV[2], ARGV[5]
if redis.call('GET', KEYS[1]) ~= token then return 0 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], now_ms, '+inf')) do
  local held = string.match(member, '^(.*)|')
  if held ~= basis then return 0 end
end
local named = {}
for at = 5, #KEYS do named[KEYS[at]] = true end
for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if not named[key] then return -1 end
end
for _, key in ipairs(cjson.decode(ARGV[4])) do redis.call('SADD', KEYS[2], key) end
local space = prefix .. 'shadow:'
for _, key in ipairs(cjson.decode(ARGV[3])) do
  local shadow = space .. string.sub(key, #prefix + 1)
  if redis.call('SISMEMBER', KEYS[2], shadow) == 0 then redis.call('UNLINK', key) end
end
for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if redis.call('EXISTS', key) == 1 then
    redis.call('RENAME', key, prefix .. string.sub(key, #space + 1))
  end
end
redis.call('SET', KEYS[3], basis)
redis.call('UNLINK', KEYS[1], KEYS[2])
return 1
