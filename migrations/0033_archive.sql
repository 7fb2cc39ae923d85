-- oldest-beside: 0028
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- Orders of closed months may be moved out of the way: what hangs on them goes into tables of the same columns, ids and
-- indexes, and its row in `orders` stays, as do its refunds, retries and payments at the source. So figures, lists and the
-- rule that an order is taken once go on by the tables that they always went by.
--
-- An order is in one place: it has its row here and nothing in the live tables of that name, or none here and nothing in
-- the archived ones. Whoever moves it holds the lock of its row in `orders`.
--
-- Locks nothing that is there: new tables. Expand only; a version before this one finds no items of what is archived, so
-- none may run once something is.
create table if not exists archived_orders (
  order_id bigint unsigned not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (order_id),
  constraint archived_orders_order foreign key (order_id) references orders (id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Rows keep the ids that they were given, so no table here gives any.
create table if not exists archived_order_items like order_items;
alter table archived_order_items modify id bigint unsigned not null;

create table if not exists archived_order_adjustments like order_adjustments;
alter table archived_order_adjustments modify id bigint unsigned not null;

create table if not exists archived_order_events like order_events;
alter table archived_order_events modify id bigint unsigned not null;

create table if not exists archived_payments like payments;
alter table archived_payments modify id bigint unsigned not null;

create table if not exists archived_notification_logs like notification_logs;
alter table archived_notification_logs modify id bigint unsigned not null;

create table if not exists archived_notification_attempts like notification_attempts;
alter table archived_notification_attempts modify id bigint unsigned not null;

create table if not exists archived_refund_lines like refund_lines;
alter table archived_refund_lines modify id bigint unsigned not null;

create table if not exists archived_refund_adjustments like refund_adjustments;
alter table archived_refund_adjustments modify id bigint unsigned not null;
