-- oldest-beside: 0028
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- People whose data were erased, and those whose erasure is not done yet.
--
-- Locks nothing that is there: two new tables. Expand only; a version before this one takes orders of erased people under
-- their names again, so none may run beside erasures.

-- One row an erasure. Until it is done it holds the texts by which what names the person is found in rejects, answers and
-- the like: whoever goes on after a crash has no other place left to learn them from.
create table if not exists erasures (
  id bigint unsigned not null auto_increment,
  customer_id bigint unsigned not null,
  searched json null,
  after_order_id bigint unsigned not null default 0,
  orders bigint unsigned not null default 0,
  actor varchar(128) not null,
  via varchar(16) character set ascii collate ascii_bin not null,
  address varchar(64) character set ascii collate ascii_bin null,
  finished_at datetime(6) null,
  unfinished tinyint as (case when finished_at is null then 1 else null end) virtual,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  key erasures_customer (customer_id),
  key erasures_unfinished (unfinished),
  constraint erasures_customer foreign key (customer_id) references customers (id),
  constraint erasures_done_without_texts check ((finished_at is null) = (searched is not null))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- By what an erased person is recognised in a file: keyed digests of the ids, never the ids. `key_print` says by which
-- key, so that a process with another one refuses to go on instead of letting names come back.
create table if not exists erased_keys (
  digest binary(32) not null,
  erasure_id bigint unsigned not null,
  customer_id bigint unsigned not null,
  key_print binary(8) not null,
  erased_at datetime(6) not null default current_timestamp(6),
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (digest),
  key erased_keys_erasure (erasure_id),
  key erased_keys_print (key_print),
  constraint erased_keys_erasure foreign key (erasure_id) references erasures (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
