-- oldest-beside: 0009
-- locks: imports (a small table)
-- at ten million orders: at once
--
-- Who wanted an import to end. Left out where it has run before.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table imports
      add column cancelled_by varchar(128) null after cancel_requested')
  from information_schema.columns
  where table_schema = database() and table_name = 'imports' and column_name = 'cancelled_by');
prepare imports_change from @statement;
execute imports_change;
deallocate prepare imports_change;
