-- Takes a lease that nobody holds.
--
-- A time to live is kept as a moment of Redis' clock. One that was set while the clock was ahead would last
-- until the clock comes there, hours perhaps: what lives longer than it was given is cut to that.
--
-- KEYS[1]  the lease
-- ARGV[1]  value: the time to live in ms, a colon, a token of the owner     ARGV[2] time to live in ms
-- Returns  1, or 0 if another holds it

local value, ttl_ms = ARGV[1], ARGV[2]
if redis.call('SET', KEYS[1], value, 'NX', 'PX', ttl_ms) then return 1 end
local given_ms = tonumber(string.match(redis.call('GET', KEYS[1]), '^(%d+):'))
if given_ms and redis.call('PTTL', KEYS[1]) > given_ms then redis.call('PEXPIRE', KEYS[1], given_ms) end
return 0
