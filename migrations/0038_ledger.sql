-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: at once: new tables; the consumers write what happened before, some hundred orders at a time
--
-- Double entry: every movement of money as rows that come to nothing together, a debit above zero and a credit below. Rows
-- are inserted in the transaction that moves the money, and never changed or deleted. What moved is told by its source: 1 a
-- payment (source_id: its surplus), 2 a refund, 3 money that went back twice, 4 a chargeback, 5 a fee, 6 a payout; step
-- counts the movements of one source. order_id is 0 for what belongs to no order.
--
-- The primary key is the once-key of a movement: nobody can book one a second time. It is written in the order of orders,
-- and has no id of its own and no foreign key, because two rows an order stand on the way of every settlement.
create table if not exists ledger_entries (
  order_id bigint unsigned not null,
  source tinyint unsigned not null,
  source_id bigint unsigned not null,
  step smallint unsigned not null,
  account tinyint unsigned not null,
  amount_cents bigint not null,
  currency char(3) character set ascii collate ascii_bin not null,
  day date not null,
  booked_at datetime(6) not null,
  primary key (order_id, source, source_id, step, account),
  key ledger_entries_day (day, account)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- The chart of accounts, for those who read the table above without this product. Its rows are those of the code.
create table if not exists ledger_accounts (
  id tinyint unsigned not null,
  name varchar(16) character set ascii collate ascii_bin not null,
  created_at datetime(6) not null default current_timestamp(6),
  primary key (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

insert ignore into ledger_accounts (id, name) values
  (1, 'clearing'), (2, 'customer'), (3, 'sales'), (4, 'adjustments'), (5, 'tax'), (6, 'refunds'),
  (7, 'chargebacks'), (8, 'fees'), (9, 'write_offs'), (10, 'bank');

-- Closed days, piece by piece: rows of one account, of orders behind the first up to the last id. checksums holds eight
-- bytes an order: its id less the first of the piece's, and the checksum of its rows, both as 32 bits, most significant byte
-- first. digest is over the digest of the piece before, and all rows of this one, so no piece can be changed alone.
create table if not exists ledger_seals (
  number bigint unsigned not null,
  day date not null,
  account tinyint unsigned not null,
  after_order_id bigint not null,
  upto_order_id bigint unsigned not null,
  first_order_id bigint unsigned not null,
  sealed_rows int unsigned not null,
  checksums mediumblob not null,
  digest binary(32) not null,
  is_broken tinyint not null default 0,
  proven_at datetime(6) not null default current_timestamp(6),
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (number),
  key ledger_seals_day (day, number),
  key ledger_seals_proven (is_broken, proven_at)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What the sealed rows of a day come to, so that the balance of years is read without its rows.
create table if not exists ledger_days (
  day date not null,
  account tinyint unsigned not null,
  currency char(3) character set ascii collate ascii_bin not null,
  sealed_rows bigint unsigned not null,
  debit_cents decimal(38, 0) not null,
  credit_cents decimal(38, 0) not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (day, account, currency)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- How far the ledger is: orders up to orders_upto have their rows of before this table was; is_complete once all have.
-- closed_day is the last day that is closed: nothing is booked on
-- it any more. sealed_day is the last one whose rows are all sealed.
create table if not exists ledger_marks (
  id tinyint unsigned not null,
  orders_upto bigint unsigned not null default 0,
  is_complete tinyint not null default 0,
  closed_day date null,
  sealed_day date null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  constraint ledger_marks_one_row check (id = 1)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Where there are no orders yet, nothing happened before.
set @nothing_before = not exists (select 1 from orders);
insert ignore into ledger_marks (id, is_complete) values (1, coalesce(@nothing_before, 0));
