-- oldest-beside: 0009
-- locks: refunds and order_events (writes wait while refunds are looked through)
-- at ten million orders: 30 s, writes wait for up to 28 s (MariaDB); 38 s and 26 s (MySQL), with every twentieth order
--   refunded (measured with a million, 2026-11-27, times ten)
--
-- A refund's key belongs to who sent it, for a day, as all other keys do; until now one key was everybody's and for
-- ever. key_owner is null where the key is free again: what the row says of its key stays for those who look
-- for it. A younger row without an owner was written by a process of the version before. In one statement, which
-- is left out where it has run before.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table refunds
      add column key_owner varchar(128) character set utf8mb4 collate utf8mb4_bin null after idempotency_key,
      add unique key refunds_key_of_owner (idempotency_key, key_owner),
      drop key refunds_idempotency_key')
  from information_schema.columns
  where table_schema = database() and table_name = 'refunds' and column_name = 'key_owner');
prepare refunds_change from @statement;
execute refunds_change;
deallocate prepare refunds_change;

-- The timeline knows who sent them.
update refunds
join order_events on order_events.order_id = refunds.order_id and order_events.refund_id = refunds.id
  and order_events.event = 'refund_requested'
set refunds.key_owner = order_events.actor, refunds.updated_at = refunds.updated_at
where refunds.key_owner is null and refunds.idempotency_key is not null
  and refunds.created_at >= current_timestamp(6) - interval 24 hour;

-- Whoever may see their own imports only lists them by this.
set @statement = (
  select if(count(*) > 0, 'do 0', 'alter table imports add key imports_actor (actor)')
  from information_schema.statistics
  where table_schema = database() and table_name = 'imports' and index_name = 'imports_actor');
prepare imports_change from @statement;
execute imports_change;
deallocate prepare imports_change;

-- Who is signed in on the dashboard. id_hash is the SHA-256 of what the cookie says, token_print that of the hash which
-- the settings have: neither signs anybody in. Rows past their end are as good as gone.
create table if not exists sessions (
  id_hash binary(32) not null,
  token_print binary(32) not null,
  ends_at datetime(6) not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id_hash),
  key sessions_end (ends_at)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
