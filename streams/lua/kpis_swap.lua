-- Puts the rebuilt shadow figures in the place of the live ones and ends the rebuild, in one step.
--
-- KEYS[1]  rebuild mark
-- ARGV[1]  prefix of all keys     ARGV[2] the same, escaped for a pattern     ARGV[3] rebuild's token
-- Returns  1, or 0 if the rebuild is no longer current

local prefix, pattern, token = ARGV[1], ARGV[2], ARGV[3]
if redis.call('GET', KEYS[1]) ~= token then return 0 end
local replaced = { 'kpi:*', 'leaderboard:customers*', 'once:kpi-*', 'index:kpi' }
for _, part in ipairs(replaced) do
  for _, key in ipairs(redis.call('KEYS', pattern .. part)) do redis.call('UNLINK', key) end
end
local space = prefix .. 'shadow:'
for _, key in ipairs(redis.call('KEYS', pattern .. 'shadow:*')) do
  redis.call('RENAME', key, prefix .. string.sub(key, #space + 1))
end
redis.call('DEL', KEYS[1])
return 1
