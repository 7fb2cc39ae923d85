-- Adds what figures and places were found to lack. Sums go on being counted meanwhile: what is added is right all the same,
-- because it is the difference at one moment.
--
-- KEYS[1]  rebuild mark       KEYS[2] index of the days     KEYS[3..] every key that ARGV names
-- ARGV[1]  token of the mark, which the caller holds, so that no figures were swapped since they were compared
-- ARGV[2]  JSON [[key, what is to be added, as text], ...] of figures that are sums
-- ARGV[3]  JSON [[key of an average, key of a sum, key of a count], ...]
-- ARGV[4]  JSON [[key of a leaderboard, member, what is to be added, as text, or "" for no place], ...]
-- ARGV[5]  JSON [member of the index, ...]
-- Returns  1, or 0 if the mark is another's

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for _, figure in ipairs(cjson.decode(ARGV[2])) do
  if type(redis.pcall('INCRBY', figure[1], figure[2])) ~= 'number' then return 0 end
end
for _, figure in ipairs(cjson.decode(ARGV[3])) do
  local sum, count = unpack(redis.call('MGET', figure[2], figure[3]))
  local cents, events = tonumber(sum or 0), tonumber(count or 0)
  if math.abs(cents) > 9007199254740991 then return 0 end
  redis.call('SET', figure[1], events == 0 and '0' or string.format('%.0f', math.floor(cents / events)))
end
for _, place in ipairs(cjson.decode(ARGV[4])) do
  if place[3] == '' then redis.call('ZREM', place[1], place[2])
  else redis.call('ZINCRBY', place[1], place[3], place[2]) end
end
for _, name in ipairs(cjson.decode(ARGV[5])) do redis.call('ZADD', KEYS[2], 0, name) end
return 1
