-- Begins a rebuild of the figures: empties the shadow and sets the mark in one step, so that whatever is
-- counted from now on is counted in the shadow too, and nothing counted before is left in it.
--
-- KEYS[1]  rebuild mark       KEYS[2] set of the shadow's keys, which kpis_apply fills
-- ARGV[1]  rebuild's token    ARGV[2] ms until the mark expires unless it is renewed
-- ARGV[3]  JSON [key, ...]: further keys of the shadow, which a process of an older version left behind
-- Returns  1, or 0 if another rebuild is running

local token, ttl_ms = ARGV[1], ARGV[2]
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('UNLINK', key) end
for _, key in ipairs(cjson.decode(ARGV[3])) do redis.call('UNLINK', key) end
redis.call('UNLINK', KEYS[2])
redis.call('SET', KEYS[1], token, 'PX', ttl_ms)
return 1
