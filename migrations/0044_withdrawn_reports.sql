-- oldest-beside: 0035
-- locks: reconciliations and discrepancies (small tables: a row a report, and what does not agree)
-- at ten million orders: an index of what providers told is built, beside which work goes on; all else at once
--
-- Reports that were read by mistake can be taken back, and their fees wait for a second person where two are asked for.
-- fees_wait is 1 until somebody else has approved the report, and 2 until what they approved is booked; fees is what the
-- report says of them, by currency, as JSON. withdrawal_by asked first for the report to be taken back; withdrawn_from and
-- withdrawn_until are the first and the last moment of what it told. is_noted says that all of its lines are known as
-- its own (provider_movements.reconciliation_id): of a report that was read before, once it has been brought again. A report of which another one, that is taken back,
-- had told first is FAILED until it is brought again.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table reconciliations
      add column is_noted tinyint not null default 0 after found,
      add column fees_wait tinyint not null default 0 after is_noted,
      add column fees varchar(1024) null after fees_wait,
      add column approved_by varchar(128) null after fees,
      add column approved_at datetime(6) null after approved_by,
      add column withdrawal_by varchar(128) null after approved_at,
      add column withdrawal_at datetime(6) null after withdrawal_by,
      add column withdrawn_from datetime(6) null after withdrawal_at,
      add column withdrawn_until datetime(6) null after withdrawn_from,
      drop constraint reconciliations_state,
      add constraint reconciliations_states
        check (state in (''RUNNING'', ''DONE'', ''FAILED'', ''WITHDRAWING'', ''WITHDRAWN''))')
  from information_schema.columns
  where table_schema = database() and table_name = 'reconciliations' and column_name = 'fees_wait');
prepare withdrawn_reports from @statement;
execute withdrawn_reports;
deallocate prepare withdrawn_reports;

-- Which report told first of a movement; null for what was told before anybody noted it, until a report tells of it again.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table provider_movements add column reconciliation_id bigint unsigned null, algorithm = instant')
  from information_schema.columns
  where table_schema = database() and table_name = 'provider_movements' and column_name = 'reconciliation_id');
prepare withdrawn_reports from @statement;
execute withdrawn_reports;
deallocate prepare withdrawn_reports;

set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table provider_movements add key provider_movements_report (reconciliation_id),
      algorithm = inplace, lock = none')
  from information_schema.statistics
  where table_schema = database() and table_name = 'provider_movements' and index_name = 'provider_movements_report');
prepare withdrawn_reports from @statement;
execute withdrawn_reports;
deallocate prepare withdrawn_reports;

-- Which other reports have told of a movement: the very same (is_same), so that it is theirs where the first one is taken
-- back, or something else about it, so that they have to be brought again. Rows of overlapping reports alone.
create table if not exists provider_retellings (
  kind varchar(12) character set ascii collate ascii_bin not null,
  subject_id bigint unsigned not null,
  part binary(16) not null,
  reconciliation_id bigint unsigned not null,
  is_same tinyint not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (kind, subject_id, part, reconciliation_id),
  key provider_retellings_report (reconciliation_id)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What went to the bank is no fee and no other movement. Days of before have it among others until they are told of again.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table provider_days
      add column payouts_cents bigint not null default 0, algorithm = instant')
  from information_schema.columns
  where table_schema = database() and table_name = 'provider_days' and column_name = 'payouts_cents');
prepare withdrawn_reports from @statement;
execute withdrawn_reports;
deallocate prepare withdrawn_reports;

-- Where a fee differs: gross, fee and net as the report has them, in the currency of the balance, and what was told before or
-- what gross and fee come to. And an index for each way in which discrepancies are listed by their ids.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table discrepancies
      add column their_gross_cents bigint null,
      add column settled_currency char(3) character set ascii collate ascii_bin null,
      add column our_fee_cents bigint null,
      add column our_net_cents bigint null')
  from information_schema.columns
  where table_schema = database() and table_name = 'discrepancies' and column_name = 'our_net_cents');
prepare withdrawn_reports from @statement;
execute withdrawn_reports;
deallocate prepare withdrawn_reports;

set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table discrepancies
      add column being_mended tinyint
        as (case when ended_at is null and approved_at is not null then 1 else null end) virtual')
  from information_schema.columns
  where table_schema = database() and table_name = 'discrepancies' and column_name = 'being_mended');
prepare withdrawn_reports from @statement;
execute withdrawn_reports;
deallocate prepare withdrawn_reports;

set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table discrepancies
      add key discrepancies_being_mended (being_mended, id),
      add key discrepancies_state (state, id),
      add key discrepancies_kind (kind, id),
      add key discrepancies_kind_state (kind, state, id),
      add key discrepancies_day (unended, provider, day),
      add key discrepancies_found (reconciliation_id, unended),
      add key discrepancies_provider (provider, id),
      add key discrepancies_provider_state (provider, state, id), algorithm = inplace, lock = none')
  from information_schema.statistics
  where table_schema = database() and table_name = 'discrepancies' and index_name = 'discrepancies_state');
prepare withdrawn_reports from @statement;
execute withdrawn_reports;
deallocate prepare withdrawn_reports;
