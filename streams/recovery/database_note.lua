-- Notes how far the database is: nothing that is noted ever goes back. What is of another history than what was noted last is
-- not noted, neither are ticks that went with a history which was left.
--
-- KEYS[1]  marks of the database (tick, ticks, ticked_at, installation, gaps, and the highest number of each table)
-- KEYS[2]  its ticks: sorted set of "tick name" by tick
-- ARGV[1]  JSON [[tick, name], ...]: its latest ticks, the latest first; empty where they have no names
-- ARGV[2]  ticks     ARGV[3] when the last was, a database time     ARGV[4] its installation
-- ARGV[5]  ticks to keep
-- ARGV[6]  1 where a person or a recovery has said that this database counts, else 0
-- ARGV[7..] name of a table, its highest number, ...
-- Returns  0 if it is of another history, else 1

local own, ticks = cjson.decode(ARGV[1]), tonumber(ARGV[2])
local known = redis.call('HMGET', KEYS[1], 'ticks', 'tick', 'gaps')
local known_ticks, known_tick = tonumber(known[1] or 0), known[2]
if ARGV[6] ~= '1' then
  if known[3] then
    for _, gap in ipairs(cjson.decode(known[3]).ticks or {}) do
      if ticks > gap[1] and ticks <= gap[2] then return 0 end
    end
  end
  -- A version before notes ticks without a name: there is nothing to hold these against.
  if known_tick and #own > 0 and string.match(known_tick, '^%d+') == string.format('%.0f', known_ticks) then
    -- Another process has noted a later one meanwhile, or this database is behind, which the next look finds.
    if known_ticks > ticks then return 1 end
    local oldest = own[#own][1]
    if known_ticks >= oldest then
      local found = false
      for _, tick in ipairs(own) do
        if known_tick == string.format('%.0f', tick[1]) .. ' ' .. tick[2] then found = true end
      end
      if not found then return 0 end
    end
  end
end
if ticks > known_ticks then
  redis.call('HSET', KEYS[1], 'ticks', ARGV[2], 'ticked_at', ARGV[3])
end
if ticks >= known_ticks and #own > 0 and own[1][1] == ticks then
  local name = ARGV[2] .. ' ' .. own[1][2]
  redis.call('HSET', KEYS[1], 'tick', name)
  redis.call('ZADD', KEYS[2], ticks, name)
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[5]))
end
redis.call('HSET', KEYS[1], 'installation', ARGV[4])
for i = 7, #ARGV, 2 do
  local number = redis.call('HGET', KEYS[1], ARGV[i])
  if not number or tonumber(ARGV[i + 1]) > tonumber(number) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return 1
