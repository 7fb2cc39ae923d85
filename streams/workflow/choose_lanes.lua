-- Decides how many of several callers' orders go by the live lane. While few messages wait in it all do. Once there is a
-- crowd, each caller has a small share of it in a second, so that whoever floods it is sent into the bulk lane, and
-- whoever does not is not kept waiting.
--
-- KEYS[1]  hash: caller -> orders that it brought into a crowd; forgotten a second after the first
-- KEYS[2..] live streams whose messages are counted
-- ARGV[1]  messages that are a crowd     ARGV[2] orders of a caller that may come into one within a second
-- ARGV[3..] caller, number of its orders, and so on
-- Returns  for each caller how many of them go by the live lane

local crowd, share = tonumber(ARGV[1]), tonumber(ARGV[2])
local waiting = 0
for i = 2, #KEYS do waiting = waiting + redis.call('XLEN', KEYS[i]) end
local live = {}
for i = 3, #ARGV, 2 do
  local orders = tonumber(ARGV[i + 1])
  if waiting >= crowd then
    local before = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
    orders = math.min(orders, math.max(0, share - before))
    if orders > 0 then redis.call('HINCRBY', KEYS[1], ARGV[i], orders) end
    if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], 1000) end
  end
  live[#live + 1] = orders
end
return live
