-- Gives product locks back; a lock that expired and is another's by now is left alone.
--
-- KEYS[1]  prefix of the lock keys, which end in the product's id
-- ARGV[1]  token of the owner     ARGV[2..] product ids
-- Returns  number released

local prefix, token = KEYS[1], ARGV[1]
local released = 0
for i = 2, #ARGV do
  local key = prefix .. ARGV[i]
  if redis.call('GET', key) == token then
    redis.call('DEL', key)
    released = released + 1
  end
end
return released
