-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- Reports of a provider's books, or its own list, that were held against ours. The same file over the same days is the
-- same row, however often it is brought: its lines count once (provider_movements).
create table if not exists reconciliations (
  id bigint unsigned not null auto_increment,
  provider varchar(32) character set ascii collate ascii_bin not null,
  source varchar(8) character set ascii collate ascii_bin not null,
  name varchar(255) not null,
  digest binary(32) not null,
  period_from datetime(6) not null,
  period_to datetime(6) not null,
  state varchar(12) character set ascii collate ascii_bin not null,
  lines_read bigint not null default 0,
  lines_agreed bigint not null default 0,
  found bigint not null default 0,
  actor varchar(128) not null,
  error varchar(255) null,
  finished_at datetime(6) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key reconciliations_once (provider, digest, period_from, period_to),
  constraint reconciliations_state check (state in ('RUNNING', 'DONE', 'FAILED'))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- Money that moved at a provider, as its reports say it, each once. subject_id is the payment (charge, reversal), the
-- refund or the discrepancy (mend) that it is of, and part is nothing then: of one of these there is one movement, and a
-- second one is a discrepancy. subject_id is 0 while nothing of ours is known that it is of, and for what is of no order;
-- part is a digest of the provider's name for it then. entry is a digest of the report's own id of the line, null where
-- the provider's list said it. No id of its own: reports are loaded by INSERT … SELECT, which loses rows on Galera where
-- ids are drawn. gross_cents, fee_cents and net_cents are signed as they change the balance.
create table if not exists provider_movements (
  kind varchar(12) character set ascii collate ascii_bin not null,
  subject_id bigint unsigned not null,
  part binary(16) not null,
  provider varchar(32) character set ascii collate ascii_bin not null,
  entry binary(16) null,
  happened_at datetime(6) not null,
  currency char(3) character set ascii collate ascii_bin not null,
  gross_cents bigint not null,
  fee_cents bigint not null,
  net_cents bigint not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (kind, subject_id, part),
  key provider_movements_time (provider, happened_at)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- The days, in UTC, that reports cover, and until when: the last one may be told of in part.
create table if not exists reconciled_days (
  provider varchar(32) character set ascii collate ascii_bin not null,
  day date not null,
  covered_from datetime(6) not null,
  covered_until datetime(6) not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (provider, day)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What a provider's days come to, by its own reports: sums of provider_movements, written anew whenever a report tells of
-- the day. booked_fees_cents is what of its fees stands in the ledger, by so many bookings.
create table if not exists provider_days (
  id bigint unsigned not null auto_increment,
  provider varchar(32) character set ascii collate ascii_bin not null,
  day date not null,
  currency char(3) character set ascii collate ascii_bin not null,
  movements bigint not null,
  charges_cents bigint not null,
  refunds_cents bigint not null,
  chargebacks_cents bigint not null,
  other_cents bigint not null,
  fees_cents bigint not null,
  net_cents bigint not null,
  booked_fees_cents bigint not null default 0,
  bookings smallint unsigned not null default 0,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key provider_days_once (provider, day, currency)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What the provider's books and ours do not agree about, each once (identity is a digest of what it is about), until it is
-- explained or mended. their_… is what the provider says, our_… what we have; null where one says nothing. action is what
-- was proposed, and is carried out once it is approved: with one pair of eyes by whoever proposes it. mend_key is the key
-- of a refund that mends it. No foreign keys: what stays here names rows that a restored dump may have lost.
create table if not exists discrepancies (
  id bigint unsigned not null auto_increment,
  reconciliation_id bigint unsigned not null,
  provider varchar(32) character set ascii collate ascii_bin not null,
  kind varchar(32) character set ascii collate ascii_bin not null,
  identity binary(16) not null,
  state varchar(12) character set ascii collate ascii_bin not null default 'OPEN',
  day date not null,
  movement varchar(12) character set ascii collate ascii_bin not null,
  part binary(16) null,
  order_id bigint unsigned null,
  payment_id bigint unsigned null,
  refund_id bigint unsigned null,
  reference varchar(64) character set utf8mb4 collate utf8mb4_bin null,
  charge_ref varchar(128) character set utf8mb4 collate utf8mb4_bin null,
  refund_ref varchar(128) character set utf8mb4 collate utf8mb4_bin null,
  movement_key varchar(64) character set ascii collate ascii_bin null,
  entry varchar(128) character set utf8mb4 collate utf8mb4_bin null,
  their_cents bigint null,
  their_currency char(3) character set ascii collate ascii_bin null,
  their_fee_cents bigint null,
  their_net_cents bigint null,
  their_time datetime(6) null,
  our_cents bigint null,
  our_currency char(3) character set ascii collate ascii_bin null,
  our_time datetime(6) null,
  action varchar(12) character set ascii collate ascii_bin null,
  note varchar(255) null,
  proposed_by varchar(128) null,
  proposed_at datetime(6) null,
  approved_by varchar(128) null,
  approved_at datetime(6) null,
  answer varchar(255) null,
  mend_key varchar(64) character set ascii collate ascii_bin null,
  ended_at datetime(6) null,
  unended tinyint as (case when ended_at is null then 1 else null end) virtual,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key discrepancies_once (identity),
  unique key discrepancies_mend_key (mend_key),
  key discrepancies_unended (unended, id),
  key discrepancies_order (order_id),
  key discrepancies_reconciliation (reconciliation_id),
  constraint discrepancies_state check (state in ('OPEN', 'EXPLAINED', 'MENDED')),
  constraint discrepancies_ended check ((state = 'OPEN') = (ended_at is null))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;
