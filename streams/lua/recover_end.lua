-- Marks the streams as complete, unless the recovery lost its lock meanwhile: then Redis may have lost
-- its data again, or another process is recovering.
--
-- KEYS[1]  recover lock     KEYS[2] epoch
-- ARGV[1]  token of the lock's owner     ARGV[2] value of the epoch
-- Returns  1, or 0 if the lock is not held any more

local token, epoch = ARGV[1], ARGV[2]
if redis.call('GET', KEYS[1]) ~= token then return 0 end
redis.call('SET', KEYS[2], epoch)
redis.call('DEL', KEYS[1])
return 1
