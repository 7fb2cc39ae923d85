-- oldest-beside: 0009
-- locks: imports (a small table)
-- at ten million orders: at once
--
-- A run of the importer whose process died is marked so; until now readers told it by its silence alone. The
-- constraint is changed in one statement, which is left out where it has run before.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table imports
      drop constraint imports_status,
      add constraint imports_status check (
        status in (''RUNNING'', ''DONE'', ''FAILED'', ''CANCELLED'', ''INTERRUPTED''))')
  from information_schema.check_constraints
  where constraint_schema = database() and constraint_name = 'imports_status'
    and check_clause like '%INTERRUPTED%');
prepare imports_change from @statement;
execute imports_change;
deallocate prepare imports_change;
