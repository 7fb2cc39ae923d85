-- oldest-beside: 0028
-- locks: nothing
-- at ten million orders: at once: a new table
--
-- The processes that work on this database, and which version each is: the newest migration that it knows. Each says
-- every few seconds that it is there (seen_at) and looks whether the database still takes it (schema_state); one that is
-- too old stops, and its row goes. Whoever migrates waits for that, or until an old process has been silent for so long
-- that it takes nothing any more without looking first.
create table if not exists processes (
  id char(24) character set ascii collate ascii_bin not null,
  name varchar(255) not null,
  knows int not null,
  seen_at datetime(6) not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
