-- oldest-beside: 0009
-- locks: nothing
-- at ten million orders: at once: a column without a copy, and new tables
--
-- On how many channels an event was told. All rows of an event are written by one statement, so that a row of
-- which fewer brothers are there than it names proves that one was lost.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'notification_logs' and column_name = 'channels'),
  'do 0',
  'alter table notification_logs add column channels tinyint unsigned not null default 1');
prepare add_channels from @statement;
execute add_channels;
deallocate prepare add_channels;

-- What is still to be sent, and what was given up: the work list beside the large history, so that the history
-- needs no index for it. due_at is null where it was given up. While a process sends, claim is its mark and due_at the
-- end of its lease; whoever finds due_at past may send it, also after a crash. attempts counts the failures
-- since the notification was written or replayed.
create table if not exists notification_deliveries (
  notification_log_id bigint unsigned not null,
  channel varchar(16) character set ascii collate ascii_bin not null,
  due_at datetime(6) null,
  claim binary(16) null,
  attempts int unsigned not null default 0,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (notification_log_id),
  key notification_deliveries_due (channel, due_at),
  constraint notification_deliveries_log foreign key (notification_log_id)
    references notification_logs (id) on delete cascade
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Every try to send something, with what the receiver said.
create table if not exists notification_attempts (
  id bigint unsigned not null auto_increment,
  notification_log_id bigint unsigned not null,
  attempted_at datetime(6) not null,
  duration_ms int unsigned not null,
  success tinyint not null,
  status_code int null,
  reply varchar(500) null,
  error varchar(1000) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  key notification_attempts_log (notification_log_id, id),
  constraint notification_attempts_log foreign key (notification_log_id)
    references notification_logs (id) on delete cascade
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Endpoints that said 410 Gone, by the hash of their URL, which may hold a secret. created_at is when it was said.
create table if not exists disabled_endpoints (
  url_hash binary(32) not null,
  origin varchar(255) not null,
  reason varchar(255) not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (url_hash)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
