-- Gives locks back; a lock that expired and is another's by now is left alone.
--
-- KEYS[1]  prefix of the lock keys, which end in the product's id
-- ARGV[1]  token of the owner     ARGV[2..] product ids
-- Returns  number released

local prefix, token = KEYS[1], ARGV[1]
local released = 0
-- Lua's stack holds a few thousand values, so long lists go in pieces.
for first = 2, #ARGV, 1000 do
  local keys, own = {}, {}
  for i = first, math.min(first + 999, #ARGV) do keys[#keys + 1] = prefix .. ARGV[i] end
  for i, owner in ipairs(redis.call('MGET', unpack(keys))) do
    if owner == token then own[#own + 1] = keys[i] end
  end
  if #own > 0 then released = released + redis.call('DEL', unpack(own)) end
end
return released
