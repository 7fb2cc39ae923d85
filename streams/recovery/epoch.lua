-- Tells which server this is, and for which server the streams were last found complete. Asked by a
-- script because that reaches the node of a cluster that holds the keys.
--
-- The run id changes with every start of a server, the replication id with every promotion of a replica:
-- after either, the last writes that were acknowledged may be gone.
--
-- KEYS[1]  epoch
-- Returns  {this server, value of the epoch or ""}

-- Some users may not ask: they have no name for the server, and the sweep finds what it lost.
local function told(section, pattern)
  local reply = redis.pcall('INFO', section)
  return type(reply) == 'string' and string.match(reply, pattern) or ''
end

local server = told('server', 'run_id:(%w+)') .. ':' .. told('replication', 'master_replid:(%w+)')
return {server, redis.call('GET', KEYS[1]) or ''}
