-- oldest-beside: 0020
-- locks: audit_log (a small table)
-- at ten million orders: at once
--
-- What happens outside the database, such as a pause, is told of before it is done: begun, and then what came of it.
-- Left out where it has run before.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table audit_log
      drop constraint audit_log_outcome,
      add constraint audit_log_outcome check (
        outcome in (''begun'', ''done'', ''unchanged'', ''refused'', ''failed''))')
  from information_schema.check_constraints
  where constraint_schema = database() and constraint_name = 'audit_log_outcome'
    and check_clause like '%begun%');
prepare audit_change from @statement;
execute audit_change;
deallocate prepare audit_change;
