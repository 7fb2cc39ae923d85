-- oldest-beside: 0020
-- locks: 5,000 orders at a time (writes to them wait)
-- at ten million orders: 125 s, writes wait for up to 0.1 s (MariaDB); 790 s and 1.4 s (MySQL) (measured with a
--   million, 2026-11-27, times ten)
--
-- Every order keeps the name and address that it was placed with in its own row, for whoever reads the table. Null
-- stands for what its customer was first known by, in rows of a version before; an address that is null where the
-- name is not stands for none.
--
-- Addresses other than what the customer was first known by are found by a small table of their own: an index of
-- them on orders, most of whose entries were null, cost an import three microseconds an order.
create table if not exists order_addresses (
  order_id bigint unsigned not null,
  email varchar(255) not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (order_id),
  key order_addresses_email (email),
  constraint order_addresses_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

/* in steps of orders */
insert ignore into order_addresses (order_id, email)
select orders.id, orders.recipient_email
from orders
straight_join customers on customers.id = orders.customer_id
where orders.id between @step_first and @step_last
  and orders.recipient_email is not null
  and binary orders.recipient_email <> binary customers.first_email;

/* in steps of orders */
update orders
straight_join customers on customers.id = orders.customer_id
set orders.recipient_name = coalesce(orders.recipient_name, customers.first_name),
  orders.recipient_email = coalesce(orders.recipient_email, customers.first_email),
  orders.updated_at = orders.updated_at
where orders.id between @step_first and @step_last
  and (orders.recipient_name is null or orders.recipient_email is null);

set @statement = if(
  exists (
    select 1 from information_schema.statistics
    where table_schema = database() and table_name = 'orders' and index_name = 'orders_recipient_email'),
  'drop index orders_recipient_email on orders',
  'do 0');
prepare migration from @statement;
execute migration;
deallocate prepare migration;
