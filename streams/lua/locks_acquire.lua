-- Takes the product locks of as many whole orders as it can: all locks of an order or none of them.
--
-- KEYS[1]  prefix of the lock keys, which end in the product's id
-- ARGV[1]  token of the owner     ARGV[2] time to live in ms
-- ARGV[3]  JSON [[product id, ...], ...]: an entry an order
-- Returns  {1 or 0 for each order}: whether its locks are held now

local prefix, token, ttl_ms = KEYS[1], ARGV[1], ARGV[2]
local mine, busy, result = {}, {}, {}
for position, products in ipairs(cjson.decode(ARGV[3])) do
  local free = true
  for _, product in ipairs(products) do
    if not mine[product] and busy[product] == nil then
      local owner = redis.call('GET', prefix .. product)
      busy[product] = owner and owner ~= token or false
    end
    if busy[product] then
      free = false
      break
    end
  end
  if free then
    for _, product in ipairs(products) do
      if not mine[product] then
        redis.call('SET', prefix .. product, token, 'PX', ttl_ms)
        mine[product] = true
      end
    end
  end
  result[position] = free and 1 or 0
end
return result
