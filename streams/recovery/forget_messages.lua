-- Forgets all messages and what is known of them, because the database is older than they are: they speak of rows
-- that are gone. Forgets as well that the streams are complete, so that a stop in between leaves Redis as one
-- that lost everything.
--
-- KEYS[1]  lease of recoveries     KEYS[2..] what is to be forgotten
-- ARGV[1]  value of the lease
-- Returns  1, or 0 if the lease is not held any more

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for first = 2, #KEYS, 1000 do
  redis.call('UNLINK', unpack(KEYS, first, math.min(first + 999, #KEYS)))
end
return 1
