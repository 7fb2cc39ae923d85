-- Tells that messages are still being worked on, so that nobody takes them over. Touches only what is
-- still pending with this consumer: a beat must never steal a message back from a new owner. Also asked before
-- what can't be taken back, for whether a message is still this consumer's.
--
-- KEYS[1]  stream
-- ARGV[1]  group     ARGV[2] consumer     ARGV[3..] message ids
-- Returns  the ids that are lost

local group, consumer = ARGV[1], ARGV[2]
local lost = {}
for i = 3, #ARGV do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], group, id, id, 1, consumer) == 1 then
    redis.call('XCLAIM', KEYS[1], group, consumer, 0, id, 'IDLE', 0, 'JUSTID')
  else
    lost[#lost + 1] = id
  end
end
return lost
