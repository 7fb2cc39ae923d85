-- oldest-beside: 0020
-- locks: imports (a small table)
-- at ten million orders: at once
--
-- By which profile a file was read, and the plan that its preview ended with: what tells afterwards why an order was
-- booked as it was. Left out where it has run before.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table imports
      add column profile varchar(64) character set utf8mb4 collate utf8mb4_bin null after dry_run,
      add column plan char(64) character set ascii collate ascii_bin null after profile')
  from information_schema.columns
  where table_schema = database() and table_name = 'imports' and column_name = 'plan');
prepare imports_change from @statement;
execute imports_change;
deallocate prepare imports_change;
