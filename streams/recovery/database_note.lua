-- Notes how far the database is: nothing that is noted ever goes back.
--
-- KEYS[1]  marks of the database (ticks, ticked_at, and the highest number of each table)
-- ARGV[1]  ticks     ARGV[2] when the last was, a database time
-- ARGV[3..] name of a table, its highest number, ...
-- Returns  1

local known = redis.call('HGET', KEYS[1], 'ticks')
if not known or tonumber(ARGV[1]) > tonumber(known) then
  redis.call('HSET', KEYS[1], 'ticks', ARGV[1], 'ticked_at', ARGV[2])
end
for i = 3, #ARGV, 2 do
  local number = redis.call('HGET', KEYS[1], ARGV[i])
  if not number or tonumber(ARGV[i + 1]) > tonumber(number) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return 1
