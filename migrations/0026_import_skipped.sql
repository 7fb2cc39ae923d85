-- oldest-beside: 0020
-- locks: imports (a small table)
-- at ten million orders: at once
--
-- How many orders of a file were passed over because their source says that they are over and done with. Left out where it
-- has run before.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table imports
      add column orders_skipped bigint not null default 0 after orders_conflict')
  from information_schema.columns
  where table_schema = database() and table_name = 'imports' and column_name = 'orders_skipped');
prepare imports_change from @statement;
execute imports_change;
deallocate prepare imports_change;
