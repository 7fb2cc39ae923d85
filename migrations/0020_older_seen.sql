-- oldest-beside: 0009
-- locks: installation (one row)
-- at ten million orders: at once
--
-- When a process was last seen alive that charges under keys made of row ids although their time is over: one that
-- stood still, or was started again. What was reserved until then may have been charged by it. Left out where it
-- has run before.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table installation
      add column older_seen_at datetime(6) null after old_keys_until')
  from information_schema.columns
  where table_schema = database() and table_name = 'installation' and column_name = 'older_seen_at');
prepare installation_change from @statement;
execute installation_change;
deallocate prepare installation_change;
