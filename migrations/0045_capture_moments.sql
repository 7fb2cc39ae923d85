-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: 45 s (MariaDB), 42 s (MySQL) where money was held for each; nobody waits (measured with a
--   million on a busy machine, 2026-11-28, times ten)
--
-- When the money of an order is to be taken, where the order says so itself: `now` or `later`; null goes by the setting.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'payment_instructions' and column_name = 'capture'),
  'do 0',
  'alter table payment_instructions
    add column capture varchar(8) character set ascii collate ascii_bin null, algorithm = instant');
prepare migration from @statement;
execute migration;
deallocate prepare migration;

-- Held money whose time is over is looked for by that time: it may be shorter than the reservation's, so that no look at
-- reservations finds it when it has come.
set @statement = if(
  exists (
    select 1 from information_schema.statistics
    where table_schema = database() and table_name = 'payment_holds' and index_name = 'payment_holds_expiry'),
  'do 0',
  'alter table payment_holds
    add key payment_holds_expiry (status, expires_at), algorithm = inplace, lock = none');
prepare migration from @statement;
execute migration;
deallocate prepare migration;
