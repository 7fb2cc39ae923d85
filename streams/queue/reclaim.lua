-- Reclaims messages whose consumer gave no sign for a while. Delayed messages are idle on purpose and
-- are passed over. Of messages that have outlived several consumers only one is taken at a time, that
-- which was tried least: one of them may be what kills its consumers, and must not take the others along.
--
-- What was handed out while Redis' clock was ahead seems to be handed out this very moment until the clock
-- comes there again. With a consumer that gave no sign of life its time is set to now.
--
-- KEYS[1]  stream     KEYS[2] retries set     KEYS[3] errors hash     KEYS[4] error texts hash
-- KEYS[5]  set of live consumers (name by the time in ms of their last sign)
-- ARGV[1]  group      ARGV[2] consumer        ARGV[3] idle time in ms     ARGV[4] most messages
-- ARGV[5]  most pending entries to look at
-- ARGV[6]  where to begin: '-', or what the last call returned for it
-- ARGV[7]  crashes from which on a message is a suspect
-- Returns  {where the next call begins, entry, ...}, an entry being
--          {id, deliveries, errors, last error text, {field, value, ...}}

local group, consumer = ARGV[1], ARGV[2]
local idle_ms, most, most_seen = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local start, suspect_from, result, seen = ARGV[6], tonumber(ARGV[7]), {}, 0
local suspect

local function claim(id, deliveries, errors)
  local claimed = redis.call('XCLAIM', KEYS[1], group, consumer, idle_ms, id)
  if claimed[1] then
    local text = redis.call('HGET', KEYS[4], id) or ''
    result[#result + 1] = {id, deliveries, errors, text, claimed[1][2]}
  end
end

while #result < most and seen < most_seen do
  local page = redis.call('XPENDING', KEYS[1], group, 'IDLE', idle_ms, start, '+', 100)
  if #page == 0 then
    start = '-'
    break
  end
  for _, entry in ipairs(page) do
    if #result == most then break end
    local id = entry[1]
    start = '(' .. id
    seen = seen + 1
    if not redis.call('ZSCORE', KEYS[2], id) then
      local errors = tonumber(redis.call('HGET', KEYS[3], id) or 0)
      local crashes = entry[4] - errors
      if crashes < suspect_from then
        claim(id, entry[4] + 1, errors)
      elseif not suspect or crashes < suspect.crashes then
        suspect = {id = id, crashes = crashes, deliveries = entry[4] + 1, errors = errors}
      end
    end
  end
end
if suspect and #result < most then claim(suspect.id, suspect.deliveries, suspect.errors) end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
  local fields = {}
  for i = 1, #info, 2 do fields[info[i]] = info[i + 1] end
  local sign_ms = tonumber(redis.call('ZSCORE', KEYS[5], fields.name) or 0)
  if fields.pending > 0 and (sign_ms < now_ms - idle_ms or sign_ms > now_ms + idle_ms) then
    for _, entry in ipairs(redis.call('XPENDING', KEYS[1], group, '-', '+', most_seen, fields.name)) do
      if entry[3] == 0 then
        local tried = {'RETRYCOUNT', entry[4], 'JUSTID'}
        redis.call('XCLAIM', KEYS[1], group, fields.name, 0, entry[1], 'IDLE', 0, unpack(tried))
      end
    end
  end
end

table.insert(result, 1, start)
return result
