-- oldest-beside: 0006
-- locks: imports (a small table)
-- at ten million orders: at once
--
-- Imports that come over HTTP: who sent them, trial runs, cancelling, and the rows that were not taken. The
-- columns and the new status come in one statement, which is left out where it has run before.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table imports
      add column dry_run tinyint not null default 0 after source,
      add column actor varchar(128) null after dry_run,
      add column cancel_requested tinyint not null default 0 after actor,
      drop constraint imports_status,
      add constraint imports_status check (status in (''RUNNING'', ''DONE'', ''FAILED'', ''CANCELLED''))')
  from information_schema.columns
  where table_schema = database() and table_name = 'imports' and column_name = 'dry_run');
prepare imports_change from @statement;
execute imports_change;
deallocate prepare imports_change;

-- A rejects file in pieces that are one file when put together by their numbers.
create table if not exists import_rejects (
  import_id bigint unsigned not null,
  piece int not null,
  csv longtext not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (import_id, piece),
  constraint import_rejects_import foreign key (import_id) references imports (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
