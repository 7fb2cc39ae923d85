-- oldest-beside: 0035
-- locks: nothing
-- at ten million orders: at once: columns of tables that hold a row a chargeback, a day of a provider, or what went back twice
--
-- gave_back_cents: what of its payment, which paid no order and was to be given back, went back by this chargeback, in the
-- payment's currency; 0 where it took money that was ours. Such a payment is over and moves no money by itself: its rows of
-- the ledger stay, and the chargeback's lead the money out. updated_at is indexed because the proof of what is recent looks
-- for chargebacks that have changed since a day was closed.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table chargebacks add column gave_back_cents bigint not null default 0 after lowers_revenue, algorithm = instant')
  from information_schema.columns
  where table_schema = database() and table_name = 'chargebacks' and column_name = 'gave_back_cents');
prepare returned from @statement;
execute returned;
deallocate prepare returned;

set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table chargebacks add key chargebacks_updated (updated_at), algorithm = inplace, lock = none')
  from information_schema.statistics
  where table_schema = database() and table_name = 'chargebacks' and index_name = 'chargebacks_updated');
prepare returned from @statement;
execute returned;
deallocate prepare returned;

-- What went back of a payment by chargebacks and otherwise is one row a payment, with what it comes to now; what went back by
-- hand and by its provider is another one, which may be of the same payment.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table money_given_twice
      add column by_chargeback tinyint as (case when chargeback_id is null then 0 else 1 end) virtual,
      algorithm = instant')
  from information_schema.columns
  where table_schema = database() and table_name = 'money_given_twice' and column_name = 'by_chargeback');
prepare returned from @statement;
execute returned;
deallocate prepare returned;

set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table money_given_twice add unique key money_given_twice_once (payment_id, by_chargeback),
      algorithm = inplace, lock = none')
  from information_schema.statistics
  where table_schema = database() and table_name = 'money_given_twice' and index_name = 'money_given_twice_once');
prepare returned from @statement;
execute returned;
deallocate prepare returned;

set @statement = (
  select if(count(*) = 0, 'do 0', '
    alter table money_given_twice drop key money_given_twice_payment, algorithm = inplace, lock = none')
  from information_schema.statistics
  where table_schema = database() and table_name = 'money_given_twice' and index_name = 'money_given_twice_payment');
prepare returned from @statement;
execute returned;
deallocate prepare returned;

-- What of a provider's payouts of a day stands in the ledger, by so many bookings.
set @statement = (
  select if(count(*) > 0, 'do 0', '
    alter table provider_days
      add column booked_payouts_cents bigint not null default 0 after bookings,
      add column payout_bookings smallint unsigned not null default 0 after booked_payouts_cents, algorithm = instant')
  from information_schema.columns
  where table_schema = database() and table_name = 'provider_days' and column_name = 'booked_payouts_cents');
prepare returned from @statement;
execute returned;
deallocate prepare returned;
