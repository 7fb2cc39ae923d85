-- oldest-beside: 0000
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- Who buys and what is sold. Ids that come from shops compare byte by byte (utf8mb4_bin): "a1" and
-- "A1" are two orders, and no collation rule of one engine may decide otherwise.
--
-- described_by is the order, as "placed_at external_order_id", whose e-mail, name or price a row carries.
-- Later orders win, so the books are the same whatever the order of files and of rows in them.

create table if not exists customers (
  id bigint unsigned not null auto_increment,
  external_id varchar(64) character set utf8mb4 collate utf8mb4_bin not null,
  email varchar(255) not null,
  name varchar(255) not null,
  described_by varchar(96) character set utf8mb4 collate utf8mb4_bin not null default '',
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key customers_external_id (external_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- received_qty is every unit a product ever got; received_qty - stock_qty is what reserved and paid
-- orders hold. The two checks are the last guard against overselling and against giving back twice.
create table if not exists products (
  id bigint unsigned not null auto_increment,
  sku varchar(64) character set utf8mb4 collate utf8mb4_bin not null,
  name varchar(255) not null,
  price_cents bigint not null,
  described_by varchar(96) character set utf8mb4 collate utf8mb4_bin not null default '',
  stock_qty bigint not null,
  received_qty bigint not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key products_sku (sku),
  constraint products_price_not_negative check (price_cents >= 0),
  constraint products_never_oversold check (stock_qty >= 0),
  constraint products_never_given_back_twice check (stock_qty <= received_qty)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
