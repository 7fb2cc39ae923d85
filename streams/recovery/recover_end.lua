-- Marks the streams as complete, unless the recovery lost its lease meanwhile: then Redis may have lost
-- its data again, or another process is recovering.
--
-- KEYS[1]  lease of recoveries     KEYS[2] epoch
-- ARGV[1]  value of the lease      ARGV[2] value of the epoch
-- Returns  1, or 0 if the lease is not held any more

local lease, epoch = ARGV[1], ARGV[2]
if redis.call('GET', KEYS[1]) ~= lease then return 0 end
redis.call('SET', KEYS[2], epoch)
redis.call('DEL', KEYS[1])
return 1
