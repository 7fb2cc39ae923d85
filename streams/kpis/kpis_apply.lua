-- Counts events into the day's figures and the leaderboard, each at most once for its kind and id
-- however often it comes. While a rebuild is filling its shadow figures, they are counted there too.
--
-- Sums of money are exact, however large: Lua's numbers are to 2^53, Redis' integers to 2^63, and beyond
-- that a sum is kept as the text of its digits. Scores of the leaderboard are exact to 2^53.
--
-- Figures of one basis (base currency and time zone) are never mixed with those of another: nothing is
-- counted into figures that were counted by another one.
--
-- KEYS[1]  rebuild mark (see streams/redis/keys.ts)
-- KEYS[2]  set of the shadow's keys: whoever swaps them must know them, and may ask no server for a list
-- KEYS[3]  basis of the figures     KEYS[4] marks of the database
-- KEYS[5..] bitmaps, figures, leaderboards and index that the events touch, in the live figures and in the shadow; they
--          are put together here from the prefix, and named so that a cluster knows of each
-- ARGV[1]  prefix of all keys     ARGV[2] base currency     ARGV[3] ids to a once bitmap
-- ARGV[4]  "live", or the token of a rebuild that fills its shadow
-- ARGV[5]  JSON [[kind, id, day, currency, cents, customer id, retry], ...], the kind as its place among the kinds;
--          retry is left out but of an order that was taken up again, whose event goes by the id of that: 1 for its
--          end since then, -1 for its failure before, which is taken out of the figures; and -2 of a refund that its
--          provider took back, which is taken out as well
-- ARGV[6]  basis of the caller
-- ARGV[7]  highest step of the timelines that was committed, 0 for none: its mark is raised to it
-- ARGV[8]  JSON [kinds, sums, averages], flat because it is read at every call:
--          kinds ["order", "refund" or "chargeback", 1, 0 or -1 as the cents move the customer's place, ...]
--          sums [[figure, kind, 1 or -1 as the cents are added, 0 to count, ...], ...]
--          averages [[figure, of a figure, by a figure], ...]
-- ARGV[9]  only for a rebuild, and then ARGV[5] is an empty list: JSON {of, segment, first, days, boards} of many events
--          of one bitmap, added up: days [[kind, day, currency, events, cents], ...], boards {currency: [customer, cents, ...]}
-- ARGV[10] with ARGV[9]: bytes of the bitmap from byte ARGV[9].first on, a bit for each of these events
-- Returns  number counted that had not been counted before; -1 if the rebuild is no longer current; -2 if
--          the figures are of another basis; -3 if some events of ARGV[9] were counted before: then none was counted now;
--          -4 if the step of ARGV[7] lies within a gap (see streams/queue/advance.lua): it is of a database that does not count

local prefix, base, segment_size, target = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local events = cjson.decode(ARGV[5])
local basis = ARGV[6]
local kinds, figures, averages = unpack(cjson.decode(ARGV[8]))
local rebuilding, kept = unpack(redis.call('MGET', KEYS[1], KEYS[3]))
if target ~= 'live' and rebuilding ~= target then return -1 end
if target == 'live' then
  local gaps = redis.call('HGET', KEYS[4], 'gaps')
  for _, gap in ipairs(gaps and cjson.decode(gaps).order_events or {}) do
    if tonumber(ARGV[7]) > gap[1] and tonumber(ARGV[7]) <= gap[2] then return -4 end
  end
  if kept and kept ~= basis then return -2 end
  if not kept then redis.call('SET', KEYS[3], basis) end
  -- A rebuild by another basis would miss these events: it begins anew, if it still may.
  if rebuilding and string.sub(rebuilding, -#basis - 1) ~= '|' .. basis then
    redis.call('DEL', KEYS[1])
    rebuilding = false
  end
end

local max_exact = 9007199254740991

-- Digits of two texts without signs, added; or the smaller taken from the larger.
local function combine(a, b, sign)
  local digits, carry = {}, 0
  for at = 0, math.max(#a, #b) - 1 do
    local left = at < #a and string.byte(a, #a - at) - 48 or 0
    local right = at < #b and string.byte(b, #b - at) - 48 or 0
    local sum = left + sign * right + carry
    carry = sum < 0 and -1 or sum > 9 and 1 or 0
    digits[#digits + 1] = sum - 10 * carry
  end
  if carry > 0 then digits[#digits + 1] = carry end
  local text = string.gsub(string.reverse(table.concat(digits)), '^0+', '')
  return text == '' and '0' or text
end

local function is_less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

-- Adds two integers that are given as texts.
local function add_texts(a, b)
  local a_minus, b_minus = string.sub(a, 1, 1) == '-', string.sub(b, 1, 1) == '-'
  if a_minus then a = string.sub(a, 2) end
  if b_minus then b = string.sub(b, 2) end
  if a_minus == b_minus then
    local sum = combine(a, b, 1)
    return a_minus and sum ~= '0' and '-' .. sum or sum
  end
  if is_less(a, b) then a, b, a_minus = b, a, b_minus end
  local difference = combine(a, b, -1)
  return a_minus and difference ~= '0' and '-' .. difference or difference
end

-- Adds cents to a figure, exact texts of integers both.
local function add(key, cents)
  local reply = redis.pcall('INCRBY', key, cents)
  if type(reply) == 'number' then return reply end
  local before = redis.call('GET', key) or '0'
  -- What is no number at all is not worth failing for: verification finds it, and the figures are counted anew.
  if not string.match(before, '^-?%d+$') then before = '0' end
  local sum = add_texts(before, cents)
  redis.call('SET', key, sum)
  return math.huge
end

-- Rounded down. Division of numbers is exact while they are; beyond that it goes digit by digit.
local function average(key, sum, count)
  if count == 0 then return '0' end
  if math.abs(sum) <= max_exact then return string.format('%.0f', math.floor(sum / count)) end
  local text = redis.call('GET', key)
  local minus = string.sub(text, 1, 1) == '-'
  local digits, rest = {}, 0
  for digit in string.gmatch(text, '%d') do
    rest = rest * 10 + tonumber(digit)
    digits[#digits + 1] = math.floor(rest / count)
    rest = rest % count
  end
  local quotient = string.gsub(table.concat(digits), '^0+', '')
  if quotient == '' then quotient = '0' end
  if not minus then return quotient end
  return add_texts('-' .. quotient, rest > 0 and '-1' or '0')
end

-- Adds what the events of a day come to. Numbers are added up as long as that is exact.
local function add_events(key, by_kind, figure)
  local sum = 0
  for at = 2, #figure, 2 do
    local events, sign = by_kind[figure[at]], figure[at + 1]
    if events then
      local part = sign == 0 and events.count or sign * events.cents
      if sign ~= 0 and events.full then
        for _, cents in ipairs(events.full) do add(key, string.format('%.0f', sign * cents)) end
      end
      local both = sum + part
      if both > max_exact or both < -max_exact then
        add(key, string.format('%.0f', sum))
        both = part
      end
      sum = both
    end
  end
  return add(key, string.format('%.0f', sum))
end

local marks = { order = 'once:kpi-orders:', refund = 'once:kpi-refunds:', chargeback = 'once:kpi-chargebacks:' }
local together = ARGV[9] and cjson.decode(ARGV[9])

-- Marks the events that come together, all or none.
local function mark_together(space)
  local key = space .. marks[together.of] .. string.format('%.0f', together.segment)
  local bytes, first = ARGV[10], together.first
  local there = redis.call('GETRANGE', key, first, first + #bytes - 1)
  if string.find(there, '[^%z]') then
    local merged = {}
    for at = 1, #bytes do
      local new, old = string.byte(bytes, at), string.byte(there, at) or 0
      if bit.band(new, old) ~= 0 then return nil end
      merged[at] = string.char(bit.bor(new, old))
    end
    bytes = table.concat(merged)
  end
  redis.call('SETRANGE', key, first, bytes)
  return key
end
local retry_marks = { [1] = 'once:kpi-again:', [-1] = 'once:kpi-undone:', [-2] = 'once:kpi-returned:' }

local function apply(space)
  local days, boards, counted = {}, {}, 0
  local in_shadow = space ~= prefix
  local touched = {}
  if together then
    local key = mark_together(space)
    if not key then return -3 end
    touched[key] = true
    for _, sum in ipairs(together.days) do
      local kind, day, currency, count, cents = unpack(sum)
      local name = day .. ':' .. currency
      days[name] = days[name] or { day = day, currency = currency, by_kind = {} }
      days[name].by_kind[kind] = { count = count, cents = cents }
      counted = counted + count
    end
    for currency, places in pairs(together.boards) do
      local board = {}
      for at = 1, #places, 2 do board[places[at]] = places[at + 1] end
      boards[currency] = board
    end
  end
  -- Most events have the bitmap, the day and the currency of the one before, which are looked up once.
  local bitmap, bitmap_once, bitmap_segment
  local sums, board, sums_day, sums_currency
  for _, event in ipairs(events) do
    local kind, id, day, currency, cents, customer, retry = unpack(event)
    local once = retry and retry_marks[retry] or marks[kinds[2 * kind - 1]]
    local segment = math.floor(id / segment_size)
    if segment ~= bitmap_segment or once ~= bitmap_once then
      bitmap, bitmap_once, bitmap_segment = space .. once .. segment, once, segment
      if in_shadow then touched[bitmap] = true end
    end
    if redis.call('SETBIT', bitmap, id % segment_size, 1) == 0 then
      counted = counted + 1
      if day ~= sums_day or currency ~= sums_currency then
        sums_day, sums_currency = day, currency
        local name = day .. ':' .. currency
        days[name] = days[name] or { day = day, currency = currency, by_kind = {} }
        sums, board = days[name].by_kind, boards[currency] or {}
        boards[currency] = board
      end
      local of_kind = sums[kind]
      if not of_kind then
        of_kind = { count = 0, cents = 0 }
        sums[kind] = of_kind
      end
      local sign = retry and retry < 0 and -1 or 1
      of_kind.count = of_kind.count + sign
      local sum = of_kind.cents + sign * cents
      if sum > max_exact or sum < -max_exact then
        of_kind.full = of_kind.full or {}
        table.insert(of_kind.full, of_kind.cents)
        sum = sign * cents
      end
      of_kind.cents = sum
      local move = kinds[2 * kind]
      if move ~= 0 then board[customer] = (board[customer] or 0) + move * sign * cents end
    end
  end

  for name, sum in pairs(days) do
    local key = space .. 'kpi:' .. sum.day .. ':'
    if sum.currency ~= base then key = key .. sum.currency .. ':' end
    local totals = {}
    for _, figure in ipairs(figures) do
      local name_of = key .. figure[1]
      totals[figure[1]] = add_events(name_of, sum.by_kind, figure)
      if in_shadow then touched[name_of] = true end
    end
    for _, figure in ipairs(averages) do
      local name_of, of, by = key .. figure[1], figure[2], figure[3]
      redis.call('SET', name_of, average(key .. of, totals[of], totals[by]))
      if in_shadow then touched[name_of] = true end
    end
    redis.call('ZADD', space .. 'index:kpi', 0, name)
    if in_shadow then touched[space .. 'index:kpi'] = true end
  end
  for currency, places in pairs(boards) do
    local key = space .. 'leaderboard:customers'
    if currency ~= base then key = key .. ':' .. currency end
    for customer, cents in pairs(places) do
      redis.call('ZINCRBY', key, string.format('%.0f', cents), string.format('%.0f', customer))
    end
    -- A key that is not made must not pass for one that takes the place of a live one.
    if next(places) then touched[key] = true end
  end
  if in_shadow then
    for key in pairs(touched) do redis.call('SADD', KEYS[2], key) end
  end
  return counted
end

if target ~= 'live' then return apply(prefix .. 'shadow:') end
local step = tonumber(ARGV[7])
if step > 0 and step > tonumber(redis.call('HGET', KEYS[4], 'order_events') or 0) then
  redis.call('HSET', KEYS[4], 'order_events', ARGV[7])
end
if rebuilding then apply(prefix .. 'shadow:') end
return apply(prefix)
