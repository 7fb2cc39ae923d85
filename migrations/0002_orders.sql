-- oldest-beside: 0000
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- content_hash is over what an order says (customer id, currency, placed_at, items), so that the same
-- order sent again is recognised without reading its items.
--
-- unfinished is 1 while work is left and null afterwards: sweeps find open orders by its index, which
-- moves once in an order's life; an index on status would move at every transition.
create table if not exists orders (
  id bigint unsigned not null auto_increment,
  external_order_id varchar(64) character set utf8mb4 collate utf8mb4_bin not null,
  customer_id bigint unsigned not null,
  status varchar(16) character set ascii collate ascii_bin not null default 'PENDING',
  failure_reason varchar(32) character set ascii collate ascii_bin null,
  currency char(3) character set ascii collate ascii_bin not null,
  total_cents bigint not null,
  refunded_cents bigint not null default 0,
  content_hash binary(16) not null,
  placed_at datetime(6) not null,
  reserved_at datetime(6) null,
  settled_at datetime(6) null,
  unfinished tinyint as (case when settled_at is null then 1 else null end) virtual,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key orders_external_order_id (external_order_id),
  key orders_customer (customer_id),
  key orders_unfinished (unfinished),
  constraint orders_customer foreign key (customer_id) references customers (id),
  constraint orders_status check (
    status in ('PENDING', 'RESERVED', 'PAID', 'FAILED', 'CANCELLED')),
  constraint orders_failure_reason check (
    (status = 'FAILED') = (failure_reason is not null)),
  constraint orders_settled_when_finished check (
    (status in ('PENDING', 'RESERVED')) = (settled_at is null)),
  constraint orders_total_not_negative check (total_cents >= 0),
  constraint orders_refund_within_total check (refunded_cents between 0 and total_cents),
  constraint orders_only_paid_refunded check (status = 'PAID' or refunded_cents = 0)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

create table if not exists order_items (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  product_id bigint unsigned not null,
  unit_price_cents bigint not null,
  qty int not null,
  subtotal_cents bigint not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  key order_items_order (order_id),
  key order_items_product (product_id),
  constraint order_items_order foreign key (order_id) references orders (id),
  constraint order_items_product foreign key (product_id) references products (id),
  constraint order_items_qty_positive check (qty > 0),
  constraint order_items_subtotal check (subtotal_cents = unit_price_cents * qty)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- The timeline: one row a step, written in the transaction of the step itself. actor is the consumer,
-- command or caller that did it; attempt is the delivery count of the message behind it.
create table if not exists order_events (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  refund_id bigint unsigned null,
  event varchar(32) character set ascii collate ascii_bin not null,
  detail varchar(255) null,
  actor varchar(128) not null,
  attempt int not null default 1,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  key order_events_order (order_id),
  constraint order_events_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
