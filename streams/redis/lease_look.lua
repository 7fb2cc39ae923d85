-- Tells whether somebody holds a lease; see lease_take.lua for what is cut.
--
-- KEYS[1]  the lease
-- Returns  1 or 0

local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local given_ms = tonumber(string.match(value, '^(%d+):'))
if given_ms and redis.call('PTTL', KEYS[1]) > given_ms then redis.call('PEXPIRE', KEYS[1], given_ms) end
return 1
