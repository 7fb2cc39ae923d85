-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- Refunds that their provider has made and taken back later, as where the customer's bank had no account of theirs any
-- more: each once, and FAILED from then on. refunds.processed_at stays when they were made. counted says whether it is
-- known that they are out of the figures again and that their customer is told: what is not is done again, and counts once
-- all the same. answer is what somebody decided about the money, which is still owed until then: paid_again, by the
-- refund again_id, or left.
create table if not exists returned_refunds (
  refund_id bigint unsigned not null,
  order_id bigint unsigned not null,
  provider varchar(32) character set ascii collate ascii_bin not null,
  amount_cents bigint not null,
  currency char(3) character set ascii collate ascii_bin not null,
  returned_at datetime(6) not null,
  counted tinyint unsigned not null default 0,
  answer varchar(12) character set ascii collate ascii_bin null,
  again_id bigint unsigned null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (refund_id),
  key returned_refunds_order (order_id),
  key returned_refunds_open (answer, refund_id),
  key returned_refunds_counted (counted, refund_id),
  constraint returned_refunds_of foreign key (refund_id) references refunds (id),
  constraint returned_refunds_order foreign key (order_id) references orders (id),
  constraint returned_refunds_amount check (amount_cents > 0),
  constraint returned_refunds_answer check (coalesce(answer, 'left') in ('paid_again', 'left')),
  constraint returned_refunds_again check ((coalesce(answer, 'left') = 'paid_again') = (again_id is not null))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What is given back directly at the provider to mend a discrepancy, noted before it is asked for: less than that is about where
-- some went back before.
create table if not exists discrepancy_mends (
  discrepancy_id bigint unsigned not null,
  amount_cents bigint not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (discrepancy_id),
  constraint discrepancy_mends_of foreign key (discrepancy_id) references discrepancies (id),
  constraint discrepancy_mends_amount check (amount_cents > 0)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
