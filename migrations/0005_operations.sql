-- oldest-beside: 0000
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- A message that could not be handled. The unique key makes burying it twice one row. No foreign key:
-- a message may name an order that does not exist, which is one way to end here.
create table if not exists dead_letters (
  id bigint unsigned not null auto_increment,
  group_name varchar(32) character set ascii collate ascii_bin not null,
  message_id varchar(48) character set ascii collate ascii_bin not null,
  order_id bigint unsigned null,
  refund_id bigint unsigned null,
  amount_cents bigint not null default 0,
  currency varchar(3) character set ascii collate ascii_bin null,
  payload longtext not null,
  error varchar(2000) not null,
  attempts int not null,
  status varchar(16) character set ascii collate ascii_bin not null default 'DEAD',
  first_seen_at datetime(6) not null,
  resolved_at datetime(6) null,
  resolved_by varchar(128) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key dead_letters_message (group_name, message_id),
  key dead_letters_status (status, group_name),
  constraint dead_letters_status_known check (status in ('DEAD', 'RETRIED', 'DISCARDED'))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- One row a run of the importer: progress and counts while it runs and afterwards.
create table if not exists imports (
  id bigint unsigned not null auto_increment,
  source varchar(255) not null,
  status varchar(16) character set ascii collate ascii_bin not null default 'RUNNING',
  error varchar(2000) null,
  row_count bigint not null default 0,
  rows_rejected bigint not null default 0,
  orders bigint not null default 0,
  orders_new bigint not null default 0,
  orders_updated bigint not null default 0,
  orders_unchanged bigint not null default 0,
  orders_rejected bigint not null default 0,
  orders_conflict bigint not null default 0,
  published bigint not null default 0,
  finished_at datetime(6) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  constraint imports_status check (status in ('RUNNING', 'DONE', 'FAILED'))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
