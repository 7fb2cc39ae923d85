-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: at once: columns that are null, and a new table that holds a row a provider, day and pair of currencies
--
-- Providers settle what customers pay in one currency in that of their balance. What the customer paid or got back, signed
-- as gross_cents, stands beside it; null where nothing is converted, and for what was told before until a report tells of
-- it again.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table provider_movements
      add column customer_cents bigint null,
      add column customer_currency char(3) character set ascii collate ascii_bin null, algorithm = instant')
  from information_schema.columns
  where table_schema = database() and table_name = 'provider_movements' and column_name = 'customer_cents');
prepare converted_money from @statement;
execute converted_money;
deallocate prepare converted_money;

-- What somebody else approves of a report (fees) names conversions, too, in all currencies that customers paid in.
set @statement = (
  select if(count(*) = 0, 'do 0', '
    alter table reconciliations modify column fees varchar(12000) null, algorithm = inplace, lock = none')
  from information_schema.columns
  where table_schema = database() and table_name = 'reconciliations' and column_name = 'fees'
    and character_maximum_length < 12000);
prepare converted_money from @statement;
execute converted_money;
deallocate prepare converted_money;

-- Both currencies go through an account of their own, so that each comes to nothing by itself: 9 a conversion
-- (ledger_entries.source), whose source_id is the row of this table.
insert ignore into ledger_accounts (id, name) values (13, 'conversion');

-- What of a provider's day was converted from one currency to another and stands in the ledger: of the customers' money and
-- of what was settled, by so many movements of both.
create table if not exists provider_conversions (
  id bigint unsigned not null auto_increment,
  provider varchar(32) character set ascii collate ascii_bin not null,
  day date not null,
  customer_currency char(3) character set ascii collate ascii_bin not null,
  settled_currency char(3) character set ascii collate ascii_bin not null,
  booked_customer_cents bigint not null default 0,
  booked_settled_cents bigint not null default 0,
  bookings smallint unsigned not null default 0,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key provider_conversions_once (provider, day, customer_currency, settled_currency)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
