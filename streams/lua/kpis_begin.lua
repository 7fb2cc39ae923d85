-- Begins a rebuild of the figures: empties the shadow and sets the mark in one step, so that whatever is
-- counted from now on is counted in the shadow too, and nothing counted before is left in it.
--
-- KEYS[1]  rebuild mark
-- ARGV[1]  prefix of all keys, escaped for a pattern     ARGV[2] rebuild's token
-- ARGV[3]  ms until the mark expires unless it is renewed
-- Returns  1, or 0 if another rebuild is running

local pattern, token, ttl_ms = ARGV[1], ARGV[2], ARGV[3]
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for _, key in ipairs(redis.call('KEYS', pattern .. 'shadow:*')) do redis.call('UNLINK', key) end
redis.call('SET', KEYS[1], token, 'PX', ttl_ms)
return 1
