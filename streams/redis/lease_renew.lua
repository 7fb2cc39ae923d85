-- Lets a lease live on; one that ended, and may be another's by now, is left alone.
--
-- KEYS[1]  the lease
-- ARGV[1]  its owner's value     ARGV[2] time to live in ms
-- Returns  1 if the lease is still its owner's, else 0

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
