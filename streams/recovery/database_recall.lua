-- Gives Redis back what a process has heard of the database by it, and what it does not know any more: it was flushed, or restarted
-- without its data. Nothing that Redis knows goes back by it.
--
-- KEYS[1]  marks of the database     KEYS[2] its ticks, see database_note.lua
-- ARGV[1]  ticks     ARGV[2] when the last was, a database time, or ""     ARGV[3] its name, or ""
-- ARGV[4]  installation, or ""     ARGV[5] JSON of the gaps, see domain/operation/database_age.ts
-- ARGV[6..] name of a table, its highest number, ...
-- Returns  1

if tonumber(ARGV[1]) > tonumber(redis.call('HGET', KEYS[1], 'ticks') or 0) then
  redis.call('HSET', KEYS[1], 'ticks', ARGV[1], 'ticked_at', ARGV[2])
  if ARGV[3] ~= '' then
    local tick = ARGV[1] .. ' ' .. ARGV[3]
    redis.call('HSET', KEYS[1], 'tick', tick)
    redis.call('ZADD', KEYS[2], ARGV[1], tick)
  end
end
if ARGV[4] ~= '' then redis.call('HSETNX', KEYS[1], 'installation', ARGV[4]) end
if ARGV[5] ~= '{}' then redis.call('HSETNX', KEYS[1], 'gaps', ARGV[5]) end
for i = 6, #ARGV, 2 do
  if tonumber(ARGV[i + 1]) > tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return 1
