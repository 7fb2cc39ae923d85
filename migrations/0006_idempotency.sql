-- oldest-beside: 0000
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- Keys that callers send to make repeating safe. A row is claimed when a request begins, and gets its answer in
-- the transaction of the change itself: both are there or neither. claim tells requests apart that came with
-- one key; whoever no longer holds it must not commit. A claim that was not held on to (claimed_until) belonged
-- to a process that died, and may be taken over. Rows older than a day are as good as gone.
-- No id of its own: requests with one key wait for each other here, and must not hold a counter meanwhile.
create table if not exists idempotency_keys (
  owner varchar(128) character set ascii collate ascii_bin not null,
  idempotency_key varchar(255) character set ascii collate ascii_bin not null,
  request_hash binary(32) not null,
  claim binary(16) not null,
  claimed_until datetime(6) not null,
  answer longtext null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (owner, idempotency_key),
  key idempotency_keys_age (created_at)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
