-- oldest-beside: 0009
-- locks: refunds (writes wait while it gets its index)
-- at ten million orders: 1.4 s, writes wait for 1.3 s (MariaDB); 18 s and 3 s (MySQL), with every twentieth order
--   refunded (measured with a million, 2026-11-27, times ten)
--
-- What the payment provider knows charges and refunds by. Row ids are given anew after a restored dump or a
-- failover that lost the last commits, so no key may be made of them: keys are made of this database's own
-- name, which is drawn once and lives on in every dump, and of what the shop and the client call things.
--
-- Orders that were reserved before old_keys_until may have been charged under keys made of row ids, and keep these.
-- It is null while processes of the version before may still charge, which nobody knows here: the first process of
-- today's that takes payments looks.
create table if not exists installation (
  id tinyint unsigned not null,
  name char(64) character set ascii collate ascii_bin not null,
  old_keys_until datetime(6) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  constraint installation_only_one check (id = 1)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- In a variable, because replicas that repeat statements would draw another name.
set @installation_name = sha2(concat_ws(' ', uuid(), rand(), rand(), rand(), utc_timestamp(6),
  connection_id(), @@hostname, database()), 256);

insert into installation (id, name, old_keys_until)
select 1, @installation_name, null
from (select count(*) as installations from installation) known
where known.installations = 0;

-- Which order a provider's callback is about: it knows nothing but the key. Written before the provider is
-- asked, by gateways whose answers come as callbacks. No foreign key: what is found here is compared with
-- the order's own key before it counts. Begins with the provider, so that a look tells all of them.
create table if not exists charge_keys (
  provider varchar(32) character set ascii collate ascii_bin not null,
  charge_key varchar(64) character set ascii collate ascii_bin not null,
  order_id bigint unsigned not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (provider, charge_key)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Null for what was requested before then: its key is made of its id.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'refunds' and column_name = 'provider_key'),
  'do 0',
  'alter table refunds
    add column provider_key varchar(64) character set ascii collate ascii_bin null after request_hash,
    add unique key refunds_provider_key (provider_key)');
prepare migration from @statement;
execute migration;
deallocate prepare migration;
