-- Takes the product locks of as many whole orders as it can: all locks of an order or none of them, and
-- none at all if that would be too few orders.
--
-- A lock that lives longer than it was given was set while Redis' clock was ahead: it is cut to its time.
--
-- KEYS[1]  prefix of the lock keys, which end in the product's id
-- ARGV[1]  token of the owner     ARGV[2] time to live in ms
-- ARGV[3]  orders that have to get theirs, or none is taken
-- ARGV[4]  JSON [[product id, ...], ...]: an entry an order
-- Returns  {busy, 1 or 0 for each order}: an id of a product that is another's, or 0; whether the order's
--          locks were taken

local prefix, token, ttl_ms, least = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local orders = cjson.decode(ARGV[4])

local all, keys = {}, {}
local key_of, is_busy, is_mine = {}, {}, {}
for _, products in ipairs(orders) do
  for _, product in ipairs(products) do
    if not key_of[product] then
      key_of[product] = prefix .. product
      all[#all + 1] = product
      keys[#keys + 1] = key_of[product]
    end
  end
end
local busy = 0
-- Lua's stack holds a few thousand values, so long lists go in pieces.
for first = 1, #keys, 1000 do
  local last = math.min(first + 999, #keys)
  for offset, owner in ipairs(redis.call('MGET', unpack(keys, first, last))) do
    if owner and owner ~= token then
      busy = all[first + offset - 1]
      is_busy[busy] = true
      local key = keys[first + offset - 1]
      if redis.call('PTTL', key) > tonumber(ttl_ms) then redis.call('PEXPIRE', key, ttl_ms) end
    end
  end
end

local free, count = {}, 0
for position, products in ipairs(orders) do
  free[position] = true
  for _, product in ipairs(products) do
    if is_busy[product] then
      free[position] = false
      break
    end
  end
  if free[position] then
    count = count + 1
  end
end

local result = { busy }
for position, products in ipairs(orders) do
  local is_taken = free[position] and count >= least
  if is_taken then
    for _, product in ipairs(products) do
      if not is_mine[product] then
        redis.call('SET', key_of[product], token, 'PX', ttl_ms)
        is_mine[product] = true
      end
    end
  end
  result[position + 1] = is_taken and 1 or 0
end
return result
