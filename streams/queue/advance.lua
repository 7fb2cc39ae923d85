-- Acknowledges messages of one group and enqueues what follows from them, in one step: a message is
-- either still pending, or gone with its follow-ups in place. Publishing is the same without messages to
-- acknowledge.
--
-- A message that is not pending any more (another consumer finished it, or Redis lost the stream)
-- enqueues nothing: whoever finished it did so. What looks at something that only this consumer knows of has
-- no cause, and is enqueued whatever became of the message.
--
-- KEYS[1]      stream of the acknowledged messages
-- KEYS[2]      their scheduled set   KEYS[3] their weights (unit -> amount)
-- KEYS[4]      their errors hash     KEYS[5] their error texts hash     KEYS[6] their retries set
-- KEYS[7]      their group's stats hash
-- KEYS[8]      traces of scheduled messages (message -> traceparent)
-- KEYS[9..]    stream, scheduled set and weights for each entry of ARGV[3]; then the once bitmaps of the ids of
--              ARGV[3], which are put together here from ARGV[4]; and a last key, where there are marks: their hash
-- ARGV[1]      group of the acknowledged messages
-- ARGV[2]      JSON [[id, ...], [unit, ...], [amount, ...]]: what to acknowledge
-- ARGV[3]      JSON [[delay in ms, [cause, ...], [unit, ...], [amount, ...], [message, ...], [once id, ...],
--              [trace, ...]], ...]: what to enqueue, in order; cause is the position (from 1) of the
--              message in ARGV[2] that it follows, or 0; once id is an id that is enqueued at most once,
--              or 0; traces are traceparents, "" for none, or all left out
-- ARGV[4]      prefix of the once bitmaps      ARGV[5] ids to a bitmap
-- ARGV[6]      stats counter to raise by the acknowledged ("" for none)
-- ARGV[7]      field of a stream entry that holds the message     ARGV[8] field that holds its trace
-- ARGV[9..]    field of the marks, least number that it is to have, and so on; 0 says nothing
-- Returns      {acknowledged, enqueued}, or {-1, 0} and nothing is done, where one of these numbers lies within a gap:
--              the hash's field "gaps" is JSON {field: [[after, up to], ...]}

local group, once_prefix, segment_size, counter = ARGV[1], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local field, trace_field = ARGV[7], ARGV[8]
local ids, units, amounts_out = unpack(cjson.decode(ARGV[2]))
local columns = cjson.decode(ARGV[3])
local call = redis.call
local stream = KEYS[1]
local acknowledged, enqueued = 0, 0

local gaps = #ARGV > 8 and call('HGET', KEYS[#KEYS], 'gaps')
if gaps then
  gaps = cjson.decode(gaps)
  for position = 9, #ARGV, 2 do
    local number = tonumber(ARGV[position + 1])
    for _, gap in ipairs(gaps[ARGV[position]] or {}) do
      if number > gap[1] and number <= gap[2] then return {-1, 0} end
    end
  end
end
local done, gone, weight_out = {}, {}, {}

-- Adds to the weights what is an exact number. A message may weigh nothing, and the negative of 0 is "-0", which
-- HINCRBY refuses. It also refuses what would be beyond its 64 bits: the sum stays at its end then, and messages
-- go on all the same, because a queue's weight is only shown.
local function add_weight(key, unit, amount, sign)
  if amount == 0 then return end
  local reply = redis.pcall('HINCRBY', key, unit, string.format('%.0f', sign * amount))
  if type(reply) == 'table' and reply.err then
    call('HSET', key, unit, sign > 0 and '9223372036854775807' or '0')
  end
end

-- Sums are written before they are no exact number any more.
local most_exact = 9007199254740991

for position, id in ipairs(ids) do
  if call('XACK', stream, group, id) == 1 then
    done[position] = true
    acknowledged = acknowledged + 1
    gone[acknowledged] = id
    local unit, amount = units[position], amounts_out[position]
    local sum = weight_out[unit] or 0
    if sum + amount > most_exact then
      add_weight(KEYS[3], unit, sum, -1)
      sum = 0
    end
    weight_out[unit] = sum + amount
  end
end

-- Ids of today and equal length compare as texts, which is ten times cheaper: the dash stands 14th.
local function is_before(a, b)
  if #a == #b and string.byte(a, 14) == 45 and string.byte(b, 14) == 45 then return a < b end
  local a_ms, a_seq = string.match(a, '(%d+)-(%d+)')
  local b_ms, b_seq = string.match(b, '(%d+)-(%d+)')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms < b_ms or (a_ms == b_ms and tonumber(a_seq) < tonumber(b_seq))
end

-- Trimming the stream's front costs a hundredth of deleting one by one. Whatever was delivered and is
-- not pending is finished, so all before the first pending message may go; usually that is all.
local rest = gone
if acknowledged > 0 then
  local first_pending = call('XPENDING', stream, group)[2]
  local last = gone[1]
  for _, id in ipairs(gone) do
    if is_before(last, id) then last = id end
  end
  if first_pending and is_before(first_pending, last) then
    call('XTRIM', stream, 'MINID', '=', first_pending)
    rest = {}
    for _, id in ipairs(gone) do
      if is_before(first_pending, id) then rest[#rest + 1] = id end
    end
  else
    local ms, seq = string.match(last, '(%d+)-(%d+)')
    call('XTRIM', stream, 'MINID', '=', ms .. '-' .. string.format('%.0f', seq + 1))
    rest = {}
  end
end

-- Lua's stack holds a few thousand values, so long lists go in pieces.
for first = 1, #rest, 1000 do
  call('XDEL', stream, unpack(rest, first, math.min(first + 999, #rest)))
end
if acknowledged > 0 and call('EXISTS', KEYS[4], KEYS[6]) > 0 then
  for first = 1, #gone, 1000 do
    local last = math.min(first + 999, #gone)
    call('HDEL', KEYS[4], unpack(gone, first, last))
    call('HDEL', KEYS[5], unpack(gone, first, last))
    call('ZREM', KEYS[6], unpack(gone, first, last))
  end
end

for unit, amount in pairs(weight_out) do add_weight(KEYS[3], unit, amount, -1) end

for position, column in ipairs(columns) do
  local delay_ms, causes, units, amounts, texts, once_ids, traces = unpack(column)
  local to, scheduled, weights = KEYS[6 + 3 * position], KEYS[7 + 3 * position], KEYS[8 + 3 * position]
  local due_ms
  if delay_ms > 0 then
    local time = call('TIME')
    due_ms = time[1] * 1000 + math.floor(time[2] / 1000) + delay_ms
  end
  local traced = #traces > 0
  local weight_in = {}
  for index, cause in ipairs(causes) do
    local wanted = cause == 0 or done[cause]
    local once_id = once_ids[index]
    if wanted and once_id ~= 0 then
      local segment = math.floor(once_id / segment_size)
      wanted = call('SETBIT', once_prefix .. segment, once_id % segment_size, 1) == 0
    end
    local traceparent = traced and traces[index]
    if wanted and due_ms then
      -- The same message again never moves it away, but it may bring one nearer that was scheduled while
      -- Redis' clock was ahead.
      wanted = call('ZADD', scheduled, 'LT', due_ms, texts[index]) == 1
      if wanted and traceparent and traceparent ~= '' then
        call('HSET', KEYS[8], texts[index], traceparent)
      end
    elseif wanted and traceparent and traceparent ~= '' then
      call('XADD', to, '*', field, texts[index], trace_field, traceparent)
    elseif wanted then
      call('XADD', to, '*', field, texts[index])
    end
    if wanted then
      enqueued = enqueued + 1
      local unit = units[index]
      local sum = weight_in[unit] or 0
      if sum + amounts[index] > most_exact then
        add_weight(weights, unit, sum, 1)
        sum = 0
      end
      weight_in[unit] = sum + amounts[index]
    end
  end
  for unit, sum in pairs(weight_in) do add_weight(weights, unit, sum, 1) end
end
-- An empty queue weighs nothing: what crashes and losses left over in the sums is put right, by one that lost its
-- messages as well.
if #ids > 0 and call('XLEN', stream) == 0 and call('ZCARD', KEYS[2]) == 0 then
  for _, unit in ipairs(call('HKEYS', KEYS[3])) do call('HSET', KEYS[3], unit, 0) end
end
for position = 9, #ARGV, 2 do
  local name, number = ARGV[position], tonumber(ARGV[position + 1])
  if number > 0 and number > tonumber(call('HGET', KEYS[#KEYS], name) or 0) then
    call('HSET', KEYS[#KEYS], name, ARGV[position + 1])
  end
end
if counter ~= '' and acknowledged > 0 then call('HINCRBY', KEYS[7], counter, acknowledged) end
return {acknowledged, enqueued}
