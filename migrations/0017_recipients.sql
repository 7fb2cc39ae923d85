-- oldest-beside: 0009
-- locks: customers and, on MariaDB, orders (writes wait while they are written anew)
-- at ten million orders: 63 s, writes wait for up to 34 s (MariaDB); 582 s and 407 s (MySQL) (measured with a million,
--   2026-11-27, times ten)
--
-- The name and the address that an order was placed with: its messages go there, whatever other orders say of
-- the same customer. Most orders name what their customer was first known by, which never changes: then the
-- order's columns are null. So the index of addresses has only the others to keep up; with every order's address
-- in it, an import cost the database a tenth more.
--
-- Each statement looks first whether it is done, so that a migration that was interrupted can go on.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'customers' and column_name = 'first_email'),
  'do 0',
  'alter table customers
    add column first_name varchar(255) not null default (name),
    add column first_email varchar(255) not null default (email),
    add key customers_first_email (first_email)');
prepare migration from @statement;
execute migration;
deallocate prepare migration;

set @statement = if(
  exists (
    select 1 from information_schema.statistics
    where table_schema = database() and table_name = 'customers' and index_name = 'customers_email'),
  'drop index customers_email on customers',
  'do 0');
prepare migration from @statement;
execute migration;
deallocate prepare migration;

set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'orders' and column_name = 'recipient_email'),
  'do 0',
  'alter table orders
    add column recipient_name varchar(255) null,
    add column recipient_email varchar(255) null,
    add key orders_recipient_email (recipient_email)');
prepare migration from @statement;
execute migration;
deallocate prepare migration;

-- Who says a time far ahead must not have the last word for ever. Such times are refused since.
/* in steps of customers */
update customers
set described_by = '', updated_at = updated_at
where id between @step_first and @step_last
  and described_by > date_format(utc_timestamp() + interval 1 day, '%Y-%m-%d %H:%i:%s');

/* in steps of products */
update products
set described_by = '', updated_at = updated_at
where id between @step_first and @step_last
  and described_by > date_format(utc_timestamp() + interval 1 day, '%Y-%m-%d %H:%i:%s');

-- What a trial run would have taken, by currency; null for other runs.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'imports' and column_name = 'money'),
  'do 0',
  'alter table imports add column money json null after published');
prepare migration from @statement;
execute migration;
deallocate prepare migration;
