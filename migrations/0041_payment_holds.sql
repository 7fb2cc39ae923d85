-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: at once: a new table
--
-- Money that a provider holds for an order and has not taken: authorised, to be captured later. One row a charge key, so
-- that what an edit has superseded is told from the order's own. expires_at is when an order that was not captured ends; it
-- is written once, with the first answer, and is never later than the provider says. looked_at is when the provider was
-- asked last whether it still holds the money. No foreign key, as in charge_keys: it is written without a lock of the order.
create table if not exists payment_holds (
  charge_key varchar(64) character set ascii collate ascii_bin not null,
  order_id bigint unsigned not null,
  provider varchar(32) character set ascii collate ascii_bin not null,
  provider_ref varchar(128) character set utf8mb4 collate utf8mb4_bin not null,
  amount_cents bigint not null,
  currency char(3) character set ascii collate ascii_bin not null,
  status varchar(16) character set ascii collate ascii_bin not null default 'HELD',
  expires_at datetime(6) not null,
  looked_at datetime(6) not null default current_timestamp(6),
  capture_requested_at datetime(6) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (charge_key),
  key payment_holds_order (order_id),
  key payment_holds_open (status, order_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
