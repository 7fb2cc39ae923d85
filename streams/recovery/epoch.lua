-- Tells which server this is, and for which server the streams were last found complete. Asked by a
-- script because that reaches the node of a cluster that holds the keys.
--
-- The run id changes with every start of a server, the replication id with every promotion of a replica:
-- after either, the last writes that were acknowledged may be gone.
--
-- KEYS[1]  epoch
-- Returns  {this server, value of the epoch or ""}

local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local replication = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or ''
return {server .. ':' .. replication, redis.call('GET', KEYS[1]) or ''}
