-- Lets a lock live on; one that expired, and may be another's by now, is left alone.
--
-- KEYS[1]  the lock
-- ARGV[1]  token of the owner     ARGV[2] time to live in ms
-- Returns  1 if the lock is still its owner's, else 0

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
