-- Counts events into the day's figures and the leaderboard, each at most once for its kind and id
-- however often it comes. While a rebuild is filling its shadow figures, they are counted there too.
--
-- KEYS[1]  rebuild mark (see streams/keys.ts; all other keys are derived from the prefix)
-- KEYS[2]  set of the shadow's keys: whoever swaps them must know them, and may ask no server for a list
-- ARGV[1]  prefix of all keys     ARGV[2] base currency     ARGV[3] ids to a once bitmap
-- ARGV[4]  "live", or the token of a rebuild that fills its shadow
-- ARGV[5]  JSON [[kind, id, day, currency, cents, customer id], ...] with kind paid, failed, refunded
-- Returns  number counted that had not been counted before; -1 if the rebuild is no longer current

local prefix, base, segment_size, target = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local events = cjson.decode(ARGV[5])
local rebuilding = redis.call('GET', KEYS[1])
if target ~= 'live' and rebuilding ~= target then return -1 end

local figures = {
  'revenue_cents', 'order_count', 'avg_order_value_cents', 'failed_order_count', 'refund_count', 'refund_amount_cents',
}

local function apply(space)
  local days, boards, counted = {}, {}, 0
  local touched = {}
  for _, event in ipairs(events) do
    local kind, id, day, currency, cents, customer = unpack(event)
    local once = kind == 'refunded' and 'once:kpi-refunds:' or 'once:kpi-orders:'
    local segment = math.floor(id / segment_size)
    local bitmap = space .. once .. segment
    touched[bitmap] = true
    if redis.call('SETBIT', bitmap, id % segment_size, 1) == 0 then
      counted = counted + 1
      local name = day .. ':' .. currency
      local sums = days[name]
      if not sums then
        sums = { day = day, currency = currency, revenue = 0, orders = 0, failed = 0, refunds = 0, refunded = 0 }
        days[name] = sums
      end
      if kind == 'failed' then
        sums.failed = sums.failed + 1
      else
        local sign = 1
        if kind == 'paid' then
          sums.orders = sums.orders + 1
        else
          sign = -1
          sums.refunds = sums.refunds + 1
          sums.refunded = sums.refunded + cents
        end
        sums.revenue = sums.revenue + sign * cents
        boards[currency] = boards[currency] or {}
        boards[currency][customer] = (boards[currency][customer] or 0) + sign * cents
      end
    end
  end

  for name, sums in pairs(days) do
    local key = space .. 'kpi:' .. sums.day .. ':'
    if sums.currency ~= base then key = key .. sums.currency .. ':' end
    local revenue = redis.call('INCRBY', key .. 'revenue_cents', string.format('%.0f', sums.revenue))
    local orders = redis.call('INCRBY', key .. 'order_count', sums.orders)
    local average = orders == 0 and 0 or math.floor(revenue / orders)
    redis.call('SET', key .. 'avg_order_value_cents', string.format('%.0f', average))
    redis.call('INCRBY', key .. 'failed_order_count', sums.failed)
    redis.call('INCRBY', key .. 'refund_count', sums.refunds)
    redis.call('INCRBY', key .. 'refund_amount_cents', string.format('%.0f', sums.refunded))
    redis.call('ZADD', space .. 'index:kpi', 0, name)
    touched[space .. 'index:kpi'] = true
    for _, figure in ipairs(figures) do touched[key .. figure] = true end
  end
  for currency, scores in pairs(boards) do
    local board = space .. 'leaderboard:customers'
    if currency ~= base then board = board .. ':' .. currency end
    touched[board] = true
    for customer, cents in pairs(scores) do
      redis.call('ZINCRBY', board, string.format('%.0f', cents), string.format('%.0f', customer))
    end
  end
  if space ~= prefix then
    for key in pairs(touched) do redis.call('SADD', KEYS[2], key) end
  end
  return counted
end

if target ~= 'live' then return apply(prefix .. 'shadow:') end
if rebuilding then apply(prefix .. 'shadow:') end
return apply(prefix)
