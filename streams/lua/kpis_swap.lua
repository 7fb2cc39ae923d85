-- Puts the rebuilt shadow figures in the place of the live ones and ends the rebuild, in one step.
--
-- KEYS[1]  rebuild mark       KEYS[2] set of the shadow's keys, which kpis_apply fills
-- ARGV[1]  prefix of all keys     ARGV[2] rebuild's token
-- ARGV[3]  JSON [key, ...]: live keys that the shadow has nothing for. One that was made since they were
--          looked for is in the shadow as well, because the mark was set
-- ARGV[4]  JSON [key, ...]: further keys of the shadow, from a process of an older version
-- Returns  1, or 0 if the rebuild is no longer current

local prefix, token = ARGV[1], ARGV[2]
if redis.call('GET', KEYS[1]) ~= token then return 0 end
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
redis.call('UNLINK', KEYS[1], KEYS[2])
return 1
