-- Empties the shadow of a rebuild that has set its mark, in one step: whatever is counted from now on is
-- counted in the shadow too, and nothing counted before is left in it.
--
-- KEYS[1]  rebuild mark       KEYS[2] set of the shadow's keys, which kpis_apply fills
-- ARGV[1]  rebuild's token: the mark's value
-- ARGV[2]  JSON [key, ...]: further keys of the shadow, which a process of an older version left behind
-- Returns  1, or 0 if the rebuild is no longer current

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('UNLINK', key) end
for _, key in ipairs(cjson.decode(ARGV[2])) do redis.call('UNLINK', key) end
redis.call('UNLINK', KEYS[2])
return 1
