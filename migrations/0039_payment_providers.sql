-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- Which of several payment providers an order's money is asked of. Written once, before the first request, so that no
-- change of the settings asks another provider for money that the first may have taken. Where there is one provider only
-- nothing is written. No foreign key, as in charge_keys: it is written without a lock of the order.
create table if not exists order_providers (
  order_id bigint unsigned not null,
  provider varchar(32) character set ascii collate ascii_bin not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (order_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Every try to move money at a provider that is asked one by one, with its answer. same is a hash of all that a try says:
-- one that is repeated with the same answer, as during an outage, is one row that counts its times, from created_at to
-- updated_at. No id of its own, because rows are inserted or counted by one statement, which loses rows on Galera where ids are
-- drawn.
create table if not exists payment_attempts (
  order_id bigint unsigned not null,
  same binary(16) not null,
  refund_id bigint unsigned null,
  provider varchar(32) character set ascii collate ascii_bin not null,
  kind varchar(16) character set ascii collate ascii_bin not null,
  attempt_key varchar(64) character set ascii collate ascii_bin not null,
  outcome varchar(16) character set ascii collate ascii_bin not null,
  amount_cents bigint not null,
  currency char(3) character set ascii collate ascii_bin not null,
  provider_ref varchar(128) character set utf8mb4 collate utf8mb4_bin null,
  says varchar(255) null,
  times int unsigned not null default 1,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (order_id, same)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What an order that is to be charged is paid with. method is the provider's token of a payment method of the customer,
-- customer the provider's name for the customer. Orders that say nothing of it have no row.
create table if not exists payment_instructions (
  order_id bigint unsigned not null,
  method_type varchar(32) character set ascii collate ascii_bin null,
  method varchar(255) character set utf8mb4 collate utf8mb4_bin null,
  customer varchar(255) character set utf8mb4 collate utf8mb4_bin null,
  description varchar(500) null,
  metadata text null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (order_id),
  constraint payment_instructions_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Where a customer has to do something before an order's money moves. Written when the provider says so; the order's
-- payment settles it, whatever stands here.
create table if not exists payment_actions (
  order_id bigint unsigned not null,
  url varchar(2048) null,
  expires_at datetime(6) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (order_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
