-- oldest-beside: 0000
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- One payment row an order: the unique key is what makes a second charge for an order impossible to
-- record, whoever delivers a message twice.
create table if not exists payments (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  provider varchar(32) character set ascii collate ascii_bin not null,
  provider_ref varchar(128) character set utf8mb4 collate utf8mb4_bin not null,
  amount_cents bigint not null,
  status varchar(16) character set ascii collate ascii_general_ci not null,
  paid_at datetime(6) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key payments_order (order_id),
  unique key payments_provider_ref (provider, provider_ref),
  constraint payments_order foreign key (order_id) references orders (id),
  constraint payments_status check (status in ('SUCCEEDED', 'DECLINED', 'REVERSING', 'REVERSED')),
  constraint payments_amount_not_negative check (amount_cents >= 0)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- idempotency_key is unique over all orders: the same key under another order is another request.
-- request_hash is over what the request said, to tell a repetition from a mistake.
create table if not exists refunds (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  amount_cents bigint not null,
  reason varchar(255) null,
  status varchar(16) character set ascii collate ascii_bin not null default 'REQUESTED',
  failure_reason varchar(255) null,
  idempotency_key varchar(255) character set utf8mb4 collate utf8mb4_bin null,
  request_hash binary(16) null,
  processed_at datetime(6) null,
  unfinished tinyint as (case when status = 'REQUESTED' then 1 else null end) virtual,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key refunds_idempotency_key (idempotency_key),
  key refunds_order (order_id),
  key refunds_unfinished (unfinished),
  constraint refunds_order foreign key (order_id) references orders (id),
  constraint refunds_status check (status in ('REQUESTED', 'PROCESSED', 'FAILED')),
  constraint refunds_amount_positive check (amount_cents > 0),
  constraint refunds_processed_at check ((status = 'REQUESTED') = (processed_at is null))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
