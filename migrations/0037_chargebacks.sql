-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: at once: new tables, and a column of one that holds a row for what went back twice
--
-- Chargebacks: charges that their customers contested at their bank. A row is what the provider said last, by its own
-- name for it; told_at is when the provider said so, by which what comes late is told from what is new. charge_ref and
-- further_ref are the provider's names for the charge, either of which a payment may have; order_id and payment_id are
-- null while no payment here has one of them. withdrawn_at is when its money was first taken from us; null while it was only asked about.
-- lowers_revenue says when it lowers revenue, as the settings said when it came. No foreign key on the payment, which may be archived.
create table if not exists chargebacks (
  id bigint unsigned not null auto_increment,
  provider varchar(32) character set ascii collate ascii_bin not null,
  provider_ref varchar(128) character set utf8mb4 collate utf8mb4_bin not null,
  charge_ref varchar(128) character set utf8mb4 collate utf8mb4_bin not null,
  further_ref varchar(128) character set utf8mb4 collate utf8mb4_bin null,
  order_id bigint unsigned null,
  payment_id bigint unsigned null,
  state varchar(24) character set ascii collate ascii_bin not null,
  amount_cents bigint not null,
  currency char(3) character set ascii collate ascii_bin not null,
  reason varchar(64) null,
  due_by datetime(6) null,
  opened_at datetime(6) not null,
  withdrawn_at datetime(6) null,
  told_at datetime(6) not null,
  lowers_revenue varchar(8) character set ascii collate ascii_bin not null,
  changes int unsigned not null default 0,
  seen_at datetime(6) null,
  seen_by varchar(255) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key chargebacks_once (provider, provider_ref),
  key chargebacks_order (order_id),
  key chargebacks_state (state, due_by, id),
  key chargebacks_unknown (order_id, seen_at, id),
  constraint chargebacks_order foreign key (order_id) references orders (id),
  constraint chargebacks_amount check (amount_cents >= 0),
  constraint chargebacks_state check (state in ('warning_needs_response', 'warning_under_review', 'warning_closed',
    'needs_response', 'under_review', 'won', 'lost', 'prevented')),
  constraint chargebacks_lowers check (lowers_revenue in ('opened', 'lost', 'never'))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Every movement of a chargeback's money, append-only: opened and changed tell its amount, held what is withheld
-- from us, lost what is gone; each with its sign, so that the sums are what is so now. The moves of one change are
-- numbered, so that none is written twice. counts says whether it belongs to the figures, counted whether it is known to be in them: one
-- that is not is counted again, and counts once all the same.
create table if not exists chargeback_movements (
  id bigint unsigned not null auto_increment,
  chargeback_id bigint unsigned not null,
  change_number int unsigned not null,
  move_number tinyint unsigned not null,
  order_id bigint unsigned not null,
  kind varchar(8) character set ascii collate ascii_bin not null,
  amount_cents bigint not null,
  currency char(3) character set ascii collate ascii_bin not null,
  happened_at datetime(6) not null,
  counts tinyint unsigned not null,
  counted tinyint unsigned not null default 0,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key chargeback_movements_once (chargeback_id, change_number, move_number),
  key chargeback_movements_order (order_id),
  key chargeback_movements_open (counted, id),
  constraint chargeback_movements_of foreign key (chargeback_id) references chargebacks (id),
  constraint chargeback_movements_order foreign key (order_id) references orders (id),
  constraint chargeback_movements_kind check (kind in ('opened', 'changed', 'held', 'lost'))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What went back by a chargeback and otherwise as well: the chargeback; null of what went back by hand and by its provider.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table money_given_twice add column chargeback_id bigint unsigned null after payment_id, algorithm = instant')
  from information_schema.columns
  where table_schema = database() and table_name = 'money_given_twice' and column_name = 'chargeback_id');
prepare chargebacks from @statement;
execute chargebacks;
deallocate prepare chargebacks;
