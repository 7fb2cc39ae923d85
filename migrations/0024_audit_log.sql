-- oldest-beside: 0020
-- locks: dead_letters (a small table)
-- at ten million orders: at once
--
-- What operators did and tried to do: one row an action, whether by the dashboard, over HTTP or by a command. Rows are
-- written in the transaction of the action and never changed; an account that may only select and insert here is enough.
-- Who did it is the name of a token or of a user of commands, never a secret, and what it was about is an id of ours:
-- no name, no address of a customer, no text that somebody typed.
--
-- Lists walk down the ids, each by the index of what it is asked for; the last column of each is the id by itself.
create table if not exists audit_log (
  id bigint unsigned not null auto_increment,
  actor varchar(128) not null,
  via varchar(16) character set ascii collate ascii_bin not null,
  address varchar(64) character set ascii collate ascii_bin null,
  action varchar(48) character set ascii collate ascii_bin not null,
  subject_kind varchar(24) character set ascii collate ascii_bin not null,
  subject_id varchar(64) character set utf8mb4 collate utf8mb4_bin not null,
  outcome varchar(16) character set ascii collate ascii_bin not null,
  detail varchar(255) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  key audit_log_actor (actor, action),
  key audit_log_actor_latest (actor),
  key audit_log_action (action),
  key audit_log_subject (subject_kind, subject_id),
  constraint audit_log_outcome check (outcome in ('done', 'unchanged', 'refused', 'failed')),
  constraint audit_log_via check (via in ('token', 'session', 'open', 'command'))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- An order's page shows the dead letters that are about it, and lists of those that wait walk down their ids.
set @statement = (
  select if(count(*) > 0, 'do 0', 'alter table dead_letters
    add key dead_letters_order (order_id), add key dead_letters_waiting (status)')
  from information_schema.statistics
  where table_schema = database() and table_name = 'dead_letters' and index_name = 'dead_letters_order');
prepare dead_letters_change from @statement;
execute dead_letters_change;
deallocate prepare dead_letters_change;
