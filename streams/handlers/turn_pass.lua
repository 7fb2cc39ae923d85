-- Notes that all messages of a lane are decided up to one of them, but those that are named. The mark never goes back.
--
-- KEYS[1]  mark       KEYS[2] hash of those that were passed over (id -> order id)
-- ARGV[1]  id of the last one     ARGV[2..] id, order id, ... of those that are not decided
-- Returns  how many are passed over now

local function is_before(a, b)
  local a_ms, a_seq = string.match(a, '(%d+)-(%d+)')
  local b_ms, b_seq = string.match(b, '(%d+)-(%d+)')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms < b_ms or (a_ms == b_ms and tonumber(a_seq) < tonumber(b_seq))
end

local mark = redis.call('GET', KEYS[1])
if not mark or is_before(mark, ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return redis.call('HLEN', KEYS[2])
