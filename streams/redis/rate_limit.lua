-- Counts a request of one caller: as many as the limit may come at once, and they are forgotten evenly over
-- a minute (generic cell rate algorithm). Only the moment is kept at which all will be forgotten.
--
-- KEYS[1]  that moment in microseconds, as text
-- ARGV[1]  limit: requests a minute, at least 1
-- Returns  1 if the request may go on else 0, requests left, milliseconds until all are forgotten,
--          milliseconds until the next may come (0 if one may now)

local minute_us = 60000000
local limit = tonumber(ARGV[1])
local interval_us = minute_us / limit
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local forgotten_us = math.max(now_us, tonumber(redis.call('GET', KEYS[1]) or 0))
-- No caller has more to be forgotten than a minute's worth: the clock was ahead when this was written.
if forgotten_us > now_us + minute_us then forgotten_us = now_us end
local allowed = 0
if forgotten_us + interval_us - minute_us <= now_us then
  allowed = 1
  forgotten_us = forgotten_us + interval_us
  local left_ms = math.ceil((forgotten_us - now_us) / 1000)
  redis.call('SET', KEYS[1], string.format('%.0f', forgotten_us), 'PX', left_ms)
end
local used_us = forgotten_us - now_us
return {
  allowed,
  math.max(0, math.floor((minute_us - used_us) / interval_us)),
  math.ceil(used_us / 1000),
  math.max(0, math.ceil((used_us + interval_us - minute_us) / 1000)),
}
