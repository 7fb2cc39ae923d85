-- oldest-beside: 0028
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- What is over and done with, sealed: orders that have ended and refunds that are finished, once the day on which they did
-- is closed. A seal is over a piece of consecutive ids and has a checksum for each of its rows, so that a row which was
-- changed afterwards by anything else than this product is found and named. Sums of what is sealed stand beside them, so
-- that what is recent can be held against the figures and the stock without reading what is old.
--
-- Locks nothing that is there: five new tables, which a version before this one does not know and does not need.

-- checksums holds eight bytes a sealed row: its id less first_id, and its checksum, both as 32 bits, most significant
-- byte first. is_broken is 1 while a row of it is not as it was sealed.
create table if not exists seals (
  kind enum('order', 'refund') character set ascii collate ascii_bin not null,
  first_id bigint unsigned not null,
  last_id bigint unsigned not null,
  sealed_rows int unsigned not null,
  checksums mediumblob not null,
  is_broken tinyint not null default 0,
  proven_at datetime(6) not null default current_timestamp(6),
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (kind, first_id),
  key seals_proven (is_broken, proven_at)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Rows of ids that sealing has passed and that are not sealed: open, of a day that was not closed yet, or wrong. Of
-- payments those that were to be given back or decided about.
create table if not exists unsealed_rows (
  kind enum('order', 'refund', 'payment') character set ascii collate ascii_bin not null,
  id bigint unsigned not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (kind, id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What the sealed orders and refunds of a day count for in the figures; the day is that of the order's end, in the zone
-- of seal_marks.
create table if not exists sealed_days (
  day date not null,
  currency char(3) character set ascii collate ascii_bin not null,
  kind varchar(16) character set ascii collate ascii_bin not null,
  events bigint not null,
  cents decimal(38, 0) not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (day, currency, kind)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Units that sealed orders hold, less what sealed refunds have put back.
create table if not exists sealed_units (
  product_id bigint unsigned not null,
  qty bigint not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (product_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- How far sealing has come, each the highest id that it has passed. Whoever seals locks the row.
create table if not exists seal_marks (
  id tinyint unsigned not null,
  time_zone varchar(64) character set ascii collate ascii_bin null,
  orders_upto bigint unsigned not null default 0,
  refunds_upto bigint unsigned not null default 0,
  payments_upto bigint unsigned not null default 0,
  retries_upto bigint unsigned not null default 0,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  constraint seal_marks_one_row check (id = 1)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

insert ignore into seal_marks (id) values (1);
