-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: at once: columns of tables that hold a row a report, or a day of a provider
--
-- Reports tell of money that providers hold back for a while, and of what they take off or add for reasons of their own. Both
-- are booked by provider, day and currency as payouts are: 7 a reserve, 8 an adjustment (ledger_entries.source).
insert ignore into ledger_accounts (id, name) values (11, 'reserves'), (12, 'suspense');

-- What a day's reports tell of both, and what of it stands in the ledger, by so many bookings. Days of before have it among
-- others until they are told of again.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table provider_days
      add column reserves_cents bigint not null default 0,
      add column adjustments_cents bigint not null default 0,
      add column booked_reserves_cents bigint not null default 0,
      add column reserve_bookings smallint unsigned not null default 0,
      add column booked_adjustments_cents bigint not null default 0,
      add column adjustment_bookings smallint unsigned not null default 0, algorithm = instant')
  from information_schema.columns
  where table_schema = database() and table_name = 'provider_days' and column_name = 'reserves_cents');
prepare provider_reserves from @statement;
execute provider_reserves;
deallocate prepare provider_reserves;

-- What somebody else approves of a report (fees) is four sums a currency: a report of many currencies takes more than before.
set @statement = (
  select if(count(*) = 0, 'do 0', '
    alter table reconciliations modify column fees varchar(8000) null, algorithm = inplace, lock = none')
  from information_schema.columns
  where table_schema = database() and table_name = 'reconciliations' and column_name = 'fees'
    and character_maximum_length < 8000);
prepare provider_reserves from @statement;
execute provider_reserves;
deallocate prepare provider_reserves;
