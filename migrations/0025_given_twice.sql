-- oldest-beside: 0020
-- locks: nothing
-- at ten million orders: at once: a new table
--
-- Money that went back twice: a person gave a refund back, or the payment of an order that came to nothing, while its
-- provider did. It is booked once, and somebody has to get one of both back. ended_as says how that came out, null while
-- nobody has said so. Rows stay, so that a message which comes again tells nobody twice.
create table if not exists money_given_twice (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  refund_id bigint unsigned null,
  payment_id bigint unsigned null,
  amount_cents bigint not null,
  currency char(3) character set ascii collate ascii_bin not null,
  ended_as varchar(16) character set ascii collate ascii_bin null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key money_given_twice_refund (refund_id),
  unique key money_given_twice_payment (payment_id),
  key money_given_twice_order (order_id),
  key money_given_twice_open (ended_as, id),
  constraint money_given_twice_order foreign key (order_id) references orders (id),
  constraint money_given_twice_refund foreign key (refund_id) references refunds (id),
  constraint money_given_twice_payment foreign key (payment_id) references payments (id),
  constraint money_given_twice_either check ((refund_id is null) <> (payment_id is null)),
  constraint money_given_twice_ended_as check (ended_as in ('returned', 'written_off', 'only_once'))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
