-- Looks whose turn it is to reserve: whether messages of a lane that came before some others are undecided yet.
--
-- Whatever was delivered and is not decided still stands in the stream, so what stands there between the mark and a
-- message came before it.
--
-- KEYS[1]  stream     KEYS[2] mark: id up to which all are decided, but those of KEYS[3]
-- KEYS[3]  hash of those that were passed over (id -> order id)
-- ARGV[1]  how a message begins that has a turn
-- ARGV[2]  group to tell, where it is not their turn, those that were passed over and for how long whoever has the last one
--          ahead gave no sign; '' to leave it out, as it is looked every few milliseconds
-- ARGV[3..] ids in their order: all of them, or the first of some that were read at once
-- Returns  {the last undecided id before the first of these or '', the mark or '', how many of these come before the
--          next undecided one of others, ms since the last sign or -1 where nobody has it, id, order id, ...}: those
--          that were passed over, with their orders

local beginning, group, call = ARGV[1], ARGV[2], redis.call
local mark = call('GET', KEYS[2]) or ''
local after_mark = mark == '' and '-' or '(' .. mark

local function has_turn(fields)
  for i = 2, #fields, 2 do
    if string.sub(fields[i], 1, #beginning) == beginning then return true end
  end
  return false
end

local function last_between(low, high)
  local above = '(' .. high
  while true do
    local entries = call('XREVRANGE', KEYS[1], above, low, 'COUNT', 10)
    if #entries == 0 then return '' end
    for _, entry in ipairs(entries) do
      if has_turn(entry[2]) then return entry[1] end
      above = '(' .. entry[1]
    end
  end
end

local before = last_between(after_mark, ARGV[3])
local count = 1
if before == '' then
  while ARGV[count + 3] do
    local other = last_between('(' .. ARGV[count + 2], ARGV[count + 3])
    if other ~= '' and #call('XREVRANGE', KEYS[1], other, after_mark, 'COUNT', 1) > 0 then break end
    count = count + 1
  end
end

local silent_ms = -1
if before ~= '' and group ~= '' then
  local holder = redis.pcall('XPENDING', KEYS[1], group, before, before, 1)
  if holder[1] then silent_ms = holder[1][3] end
end

local result = {before, mark, count, silent_ms}
if (before == '' or group ~= '') and call('EXISTS', KEYS[3]) == 1 then
  local passed = call('HGETALL', KEYS[3])
  for i = 1, #passed, 2 do
    if #call('XRANGE', KEYS[1], passed[i], passed[i]) == 0 then
      call('HDEL', KEYS[3], passed[i])
    else
      result[#result + 1] = passed[i]
      result[#result + 1] = passed[i + 1]
    end
  end
end
return result
