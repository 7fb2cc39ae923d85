-- oldest-beside: 0020
-- locks: on MariaDB orders and refunds (writes wait while they are written anew)
-- at ten million orders: 21 s, writes wait for up to 20 s (MariaDB); 1 s and 0.2 s (MySQL) (measured with a million,
--   2026-11-27, times ten)
--
-- What the customer agreed to pay, beside the items: signed amounts of the order as a whole, in minor units. A tax
-- that the prices contain is included, and adds nothing to the total.
--
-- The table is there since disputed payments can be accepted, which is the kind payment_difference. Others need no
-- label: a kind has a name of its own.
set @statement = if(
  exists (
    select 1 from information_schema.table_constraints
    where table_schema = database() and table_name = 'order_adjustments'
      and constraint_name = 'order_adjustments_kind'),
  'do 0',
  'alter table order_adjustments
    modify column label varchar(255) null,
    add constraint order_adjustments_kind check (kind in (
      ''shipping'', ''tax'', ''discount'', ''tip'', ''fee'', ''gift_wrap'', ''other'', ''payment_difference''))');
prepare migration from @statement;
execute migration;
deallocate prepare migration;

-- How an order stands at its source: due is charged, paid is recorded and never charged, none costs nothing. retries
-- counts how often an order that failed for want of stock was taken up again, and retry_id is the latest of its rows in
-- order_retries. revision counts how often its source changed it after its first message was sent. backordered is 1 while
-- it waits for stock: then it has rows in order_shortages that say for which products, and no message.
--
-- All columns at once, here and in refunds: MariaDB writes a table with an indexed virtual column anew for it, and
-- nobody else writes to it meanwhile.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'orders' and column_name = 'payment_status'),
  'do 0',
  'alter table orders
    add column payment_status enum(''due'', ''paid'', ''none'') character set ascii collate ascii_bin
      not null default ''due'',
    add column language varchar(35) character set ascii collate ascii_bin null,
    add column retries int unsigned not null default 0,
    add column revision int unsigned not null default 0,
    add column retry_id bigint unsigned null,
    add column backordered tinyint not null default 0');
prepare migration from @statement;
execute migration;
deallocate prepare migration;

-- Payments that were made at the source, before the order came. One payment pays one order.
create table if not exists source_payments (
  order_id bigint unsigned not null,
  provider varchar(32) character set ascii collate ascii_bin not null,
  reference varchar(128) character set utf8mb4 collate utf8mb4_bin not null,
  paid_at datetime(6) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (order_id),
  unique key source_payments_reference (provider, reference),
  constraint source_payments_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Customers without an id at the shop: told apart by their e-mail or, without one, by their order.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'customers' and column_name = 'guest'),
  'do 0',
  'alter table customers add column guest tinyint not null default 0');
prepare migration from @statement;
execute migration;
deallocate prepare migration;

-- by_hand: no configured provider can give the money back, so a person does and says so. 1 waits for one, 2 was given
-- back by one, 3 was refused by one; 0 goes through the provider. itemized: the refund has rows in refund_lines or
-- refund_adjustments, which are read for such refunds alone.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'refunds' and column_name = 'by_hand'),
  'do 0',
  'alter table refunds
    add column by_hand tinyint not null default 0,
    add column itemized tinyint not null default 0');
prepare migration from @statement;
execute migration;
deallocate prepare migration;

-- Money that a person has to give back: a refund, or the payment of an order that came to nothing. The work list beside
-- the large histories, so that these need no index for it; what is done leaves it.
create table if not exists refunds_by_hand (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  refund_id bigint unsigned null,
  payment_id bigint unsigned null,
  provider varchar(32) character set ascii collate ascii_bin not null,
  amount_cents bigint not null,
  currency char(3) character set ascii collate ascii_bin not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key refunds_by_hand_refund (refund_id),
  unique key refunds_by_hand_payment (payment_id),
  key refunds_by_hand_order (order_id),
  constraint refunds_by_hand_order foreign key (order_id) references orders (id),
  constraint refunds_by_hand_refund foreign key (refund_id) references refunds (id),
  constraint refunds_by_hand_payment foreign key (payment_id) references payments (id),
  constraint refunds_by_hand_either check ((refund_id is null) <> (payment_id is null))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- 1 where there was no address to send it to: it is over, and nobody tries.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'notification_logs' and column_name = 'no_address'),
  'do 0',
  'alter table notification_logs add column no_address tinyint not null default 0');
prepare migration from @statement;
execute migration;
deallocate prepare migration;

-- What a refund is for, where it says so: units of items, and parts of adjustments. restock is what was asked for;
-- restocked is 1 once the units are back in stock, which is when the refund is processed.
create table if not exists refund_lines (
  id bigint unsigned not null auto_increment,
  refund_id bigint unsigned not null,
  order_item_id bigint unsigned not null,
  qty int not null,
  amount_cents bigint not null,
  restock tinyint not null default 0,
  restocked tinyint not null default 0,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  key refund_lines_refund (refund_id),
  key refund_lines_item (order_item_id),
  constraint refund_lines_refund foreign key (refund_id) references refunds (id),
  constraint refund_lines_item foreign key (order_item_id) references order_items (id),
  constraint refund_lines_qty_positive check (qty > 0),
  constraint refund_lines_amount_not_negative check (amount_cents >= 0)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

create table if not exists refund_adjustments (
  id bigint unsigned not null auto_increment,
  refund_id bigint unsigned not null,
  kind varchar(16) character set ascii collate ascii_bin not null,
  amount_cents bigint not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  key refund_adjustments_refund (refund_id),
  constraint refund_adjustments_refund foreign key (refund_id) references refunds (id),
  constraint refund_adjustments_amount_positive check (amount_cents > 0)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- A product's units as they came in, were corrected, or came back by a refund, and by whom. What orders reserve and
-- release is in their items and timelines; writing it here as well would cost every order a row.
create table if not exists stock_movements (
  id bigint unsigned not null auto_increment,
  product_id bigint unsigned not null,
  kind varchar(16) character set ascii collate ascii_bin not null,
  qty bigint not null,
  stock_qty bigint not null,
  order_id bigint unsigned null,
  refund_id bigint unsigned null,
  actor varchar(128) not null,
  detail varchar(255) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  key stock_movements_product (product_id, id),
  constraint stock_movements_product foreign key (product_id) references products (id),
  constraint stock_movements_kind check (kind in ('received', 'corrected', 'returned'))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What an order ran short of. waiting is 1 while the order is backordered: it stays PENDING, and is taken up by itself
-- when the product gets units, first those that were placed first. Its rows are gone once it is taken up again, or
-- cancelled.
create table if not exists order_shortages (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  product_id bigint unsigned not null,
  missing_qty bigint not null,
  placed_at datetime(6) not null,
  waiting tinyint not null default 0,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key order_shortages_once (order_id, product_id),
  key order_shortages_queue (waiting, product_id, placed_at, order_id),
  key order_shortages_product (product_id, order_id),
  constraint order_shortages_order foreign key (order_id) references orders (id),
  constraint order_shortages_product foreign key (product_id) references products (id),
  constraint order_shortages_missing_positive check (missing_qty > 0)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Files that add units to products, by what they say: how far each was applied, written in the transaction of the units
-- themselves, so that a file whose process was killed goes on where it stopped, and one that was applied is not applied
-- a second time unless somebody says so (round counts those times). Files that set units can be repeated and leave no row.
create table if not exists stock_files (
  id bigint unsigned not null auto_increment,
  digest binary(32) not null,
  round int unsigned not null,
  name varchar(255) not null,
  actor varchar(128) not null,
  rows_done bigint not null default 0,
  rows_changed bigint not null default 0,
  rows_unchanged bigint not null default 0,
  products_created bigint not null default 0,
  units_received bigint not null default 0,
  units_corrected bigint not null default 0,
  finished_at datetime(6) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key stock_files_digest (digest, round)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Rows of such a file that the database had something against, as an unknown SKU: whoever goes on with it tells them all.
create table if not exists stock_file_rejects (
  stock_file_id bigint unsigned not null,
  line bigint unsigned not null,
  reason varchar(255) not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (stock_file_id, line),
  constraint stock_file_rejects_file foreign key (stock_file_id) references stock_files (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Each time that an order which failed for want of stock was taken up again: what it had failed as, for the figures,
-- which count by this row's id what follows. previous_id is the row of the time before, null at the first.
create table if not exists order_retries (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  number int unsigned not null,
  previous_id bigint unsigned null,
  customer_id bigint unsigned not null,
  currency char(3) character set ascii collate ascii_bin not null,
  total_cents bigint not null,
  failed_at datetime(6) not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key order_retries_once (order_id, number),
  constraint order_retries_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Charges of orders that were changed after their money may have been asked for, so that another amount is to be paid:
-- whatever comes of them goes back. revision is the order's whose charge it was; outcome is null until the provider has
-- said what became of it.
create table if not exists superseded_charges (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  revision int unsigned not null,
  charge_key varchar(64) character set ascii collate ascii_bin not null,
  amount_cents bigint not null,
  currency char(3) character set ascii collate ascii_bin not null,
  outcome enum('declined', 'succeeded') character set ascii collate ascii_bin null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key superseded_charges_once (order_id, revision),
  constraint superseded_charges_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
