-- Counts a try of messages that others hold, or takes it back: whoever dies of one of them must not do so for ever, see
-- domain/messages/retry.ts. Their owners and how long they are idle stay as they are.
--
-- KEYS[1]  stream     KEYS[2] errors hash
-- ARGV[1]  group      ARGV[2] 1 to count, -1 to take back     ARGV[3] crashes from which on a message is a suspect
-- ARGV[4..] message ids
-- Returns  for each 1, or 0 for one that is a suspect, which no other may try, and is not counted

local group, change, suspect_from = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local result = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1)[1]
  result[#result + 1] = 1
  if pending then
    local owner, idle_ms, deliveries = pending[2], pending[3], pending[4]
    local errors = tonumber(redis.call('HGET', KEYS[2], id) or 0)
    if change > 0 and deliveries - errors >= suspect_from then
      result[#result] = 0
    else
      local tries = math.max(0, deliveries + change)
      redis.call('XCLAIM', KEYS[1], group, owner, 0, id, 'IDLE', idle_ms, 'RETRYCOUNT', tries, 'JUSTID')
    end
  end
end
return result
