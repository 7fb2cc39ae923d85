-- oldest-beside: 0000
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- The history of what customers were told. event names one happening (order.paid, order.failed,
-- order.cancelled, refund.processed:17), so the unique key is the once-key of every notification.
create table if not exists notification_logs (
  id bigint unsigned not null auto_increment,
  order_id bigint unsigned not null,
  customer_id bigint unsigned not null,
  refund_id bigint unsigned null,
  event varchar(48) character set ascii collate ascii_bin not null,
  channel varchar(16) character set ascii collate ascii_bin not null,
  status varchar(16) character set ascii collate ascii_bin not null,
  total_cents bigint not null,
  payload json not null,
  success tinyint not null default 0,
  error varchar(1000) null,
  sent_at datetime(6) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key notification_logs_once (order_id, event, channel),
  constraint notification_logs_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
