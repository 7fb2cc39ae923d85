-- oldest-beside: 0009
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- How far the books are, so that an older database can be told from the one that Redis knows. ticks grows while
-- work goes on and is then written to Redis; ticked_at is when. After a loss the numbers up to the floors count
-- as used whether or not rows have them: Redis, clients or the payment provider may know of rows that are gone.
-- losses counts how often that happened.
create table if not exists books_marks (
  id tinyint unsigned not null,
  ticks bigint unsigned not null default 0,
  ticked_at datetime(6) not null default current_timestamp(6),
  orders_floor bigint unsigned not null default 0,
  refunds_floor bigint unsigned not null default 0,
  order_events_floor bigint unsigned not null default 0,
  losses int unsigned not null default 0,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  constraint books_marks_one_row check (id = 1)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

insert ignore into books_marks (id) values (1);

-- Every time that the database was found older than what Redis had published. What it lacks came about between
-- lost_from, the last tick that it knows of, and lost_until, the last one that Redis knows of; the counts are of
-- numbers that Redis had heard of and no row has, so they are upper bounds.
create table if not exists books_losses (
  id bigint unsigned not null auto_increment,
  lost_from datetime(6) not null,
  lost_until datetime(6) null,
  orders_lost bigint unsigned not null,
  refunds_lost bigint unsigned not null,
  steps_lost bigint unsigned not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
