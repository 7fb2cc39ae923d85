-- oldest-beside: 0009
-- locks: payments (writes wait while it is written anew), on MySQL orders as well
-- at ten million orders: 33 s, writes wait for up to 32 s (MariaDB); 1,514 s and 1,510 s (MySQL) (measured with a
--   million, 2026-11-27, times ten)
--
-- Money that fits no order as it stands: taken in another amount or currency than was asked for, or a second
-- time. It stands in payments as it was taken, DISPUTED, until a person decides.
--
-- surplus is 0 for the one payment that an order is settled by, and counts up for further money, which settles
-- nothing; the unique key stays what makes a second charge that counts impossible to record. currency is null
-- where it is the order's.
--
-- Each statement looks first whether it is done, so that a migration that was interrupted can go on.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'payments' and column_name = 'surplus'),
  'do 0',
  'alter table payments
    drop constraint payments_status,
    add column surplus int unsigned not null default 0,
    add column currency char(3) character set ascii collate ascii_bin null,
    add unique key payments_order_once (order_id, surplus),
    drop key payments_order,
    add constraint payments_status check (status in (
      ''SUCCEEDED'', ''DECLINED'', ''REVERSING'', ''REVERSED'', ''DISPUTED'', ''DISMISSED'')),
    add constraint payments_surplus_settles_nothing check (
      surplus = 0 or status not in (''SUCCEEDED'', ''DECLINED''))');
prepare dispute from @statement;
execute dispute;
deallocate prepare dispute;

-- What waits for a decision: the work list beside the large history, so that the history needs no index for it.
create table if not exists payment_disputes (
  payment_id bigint unsigned not null,
  order_id bigint unsigned not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (payment_id),
  key payment_disputes_order (order_id),
  constraint payment_disputes_payment foreign key (payment_id) references payments (id),
  constraint payment_disputes_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What an order's total has besides its items. included is 1 for what the items' prices hold already.
create table if not exists order_adjustments (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  kind varchar(32) character set ascii collate ascii_bin not null,
  label varchar(255) not null,
  amount_cents bigint not null,
  included tinyint not null default 0,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  key order_adjustments_order (order_id),
  constraint order_adjustments_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- One letter a cause: cause is a hash of what the message was about. Only letters that wait for a decision are
-- in the unique key, so what was decided about once can die again.
set @statement = if(
  exists (
    select 1 from information_schema.columns
    where table_schema = database() and table_name = 'dead_letters' and column_name = 'open_cause'),
  'do 0',
  'alter table dead_letters
    add column cause binary(16) null,
    add column open_cause binary(16) as (case when status = ''DEAD'' then cause else null end) virtual,
    add unique key dead_letters_open_cause (open_cause)');
prepare dispute from @statement;
execute dispute;
deallocate prepare dispute;
