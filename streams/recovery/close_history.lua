-- Closes what the database has lost: from now on nothing is published, counted or noted that has a number of a row
-- which it does not have. What was heard before stays as it is.
--
-- KEYS[1]  lease of recoveries     KEYS[2] marks of the database     KEYS[3] its ticks, by tick
-- ARGV[1]  value of the lease      ARGV[2] JSON of the gaps, see domain/operation/database_age.ts
-- ARGV[3]  the last tick that the database has: Redis forgets those after it
-- Returns  1, or 0 if the lease is not held any more

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'gaps', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '(' .. ARGV[3], '+inf')
return 1
