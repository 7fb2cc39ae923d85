-- Adds counters to a slot of time and to the totals.
--
-- KEYS[1]  hash of a period's slots     KEYS[2] hash of the totals
-- ARGV[1]  slot     ARGV[2] seconds that the period's hash is kept
-- ARGV[3]  JSON [[field, count], ...]
-- Returns  number of counters

local slot, kept_seconds, counts = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
for _, entry in ipairs(counts) do
  local field, count = entry[1], string.format('%.0f', entry[2])
  redis.call('HINCRBY', KEYS[1], slot .. ':' .. field, count)
  redis.call('HINCRBY', KEYS[2], field, count)
end
redis.call('EXPIRE', KEYS[1], kept_seconds)
return #counts
