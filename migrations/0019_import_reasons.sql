-- oldest-beside: 0009
-- locks: imports (a small table)
-- at ten million orders: at once
--
-- Why rows of an import were not taken: the most frequent reasons as JSON, so that a trial run, which keeps no rejects,
-- can tell them. Left out where it has run before.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table imports
      add column reasons text null after error')
  from information_schema.columns
  where table_schema = database() and table_name = 'imports' and column_name = 'reasons');
prepare imports_change from @statement;
execute imports_change;
deallocate prepare imports_change;
