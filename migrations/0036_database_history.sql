-- oldest-beside: 0028
-- locks: nothing
-- at ten million orders: at once: new tables, and one that holds a row for each loss
--
-- The history of this database: a name for each of its latest ticks (books_marks), drawn at random. Redis keeps them
-- as well. Two servers that went different ways after one moment count the same ticks, and call them by other names.
create table if not exists books_ticks (
  tick bigint unsigned not null,
  name char(16) character set ascii collate ascii_bin not null,
  created_at datetime(6) not null default current_timestamp(6),
  primary key (tick)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- A loss stays open until somebody has reconciled it. heard is the last tick that Redis knew of, with its name: what is
-- found again after a crash is the same loss. Of orders, orders_lost counts those that were acknowledged for certain, and
-- numbers_lost the numbers that may have been in use.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table books_losses
      add column heard varchar(64) character set ascii collate ascii_bin null after id,
      add column numbers_lost bigint unsigned null after steps_lost,
      add column reconciled_at datetime(6) null after numbers_lost,
      add column reconciled_by varchar(255) null after reconciled_at,
      add column note varchar(255) null after reconciled_by,
      add unique key books_losses_heard (heard)')
  from information_schema.columns
  where table_schema = database() and table_name = 'books_losses' and column_name = 'reconciled_at');
prepare database_history from @statement;
execute database_history;
deallocate prepare database_history;

-- Versions before told of a loss for a day, and no longer.
update books_losses
set reconciled_at = created_at, reconciled_by = 'a version before 0036'
where heard is null and reconciled_at is null and created_at < current_timestamp(6) - interval 1 day;

-- The first numbers that a loss took: of orders that were acknowledged, and of refunds. No foreign key on what is gone.
create table if not exists books_lost_rows (
  loss_id bigint unsigned not null,
  kind varchar(16) character set ascii collate ascii_bin not null,
  number bigint unsigned not null,
  created_at datetime(6) not null default current_timestamp(6),
  primary key (loss_id, kind, number)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Numbers that went with commits which this database does not have, by table (or ticks): after the first, up to the second.
create table if not exists books_gaps (
  name varchar(32) character set ascii collate ascii_bin not null,
  after_number bigint unsigned not null,
  up_to bigint unsigned not null,
  created_at datetime(6) not null default current_timestamp(6),
  primary key (name, up_to)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
