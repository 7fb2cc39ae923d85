-- oldest-beside: 0028
-- locks: nothing
-- at ten million orders: at once: new tables
--
-- Endpoints of webhooks that are managed over the API, what is to be posted to each, and how far the feed was read for them.
--
-- Locks nothing that is there: three new tables. Expand only: a version before this one posts nothing to them and disturbs nothing.

-- Both secrets, sealed where the settings have a key for it, sign until previous_until. from_step and from_movement are where the feed stood when the endpoint was switched
-- on: what happened before is not posted.
create table if not exists webhook_endpoints (
  id bigint unsigned not null auto_increment,
  url varchar(1024) character set ascii collate ascii_bin not null,
  url_hash binary(32) as (unhex(sha2(url, 256))) stored,
  description varchar(255) not null default '',
  types json not null,
  secret varchar(255) character set ascii collate ascii_bin not null,
  previous_secret varchar(255) character set ascii collate ascii_bin null,
  previous_until datetime(6) null,
  enabled tinyint not null default 1,
  disabled_reason varchar(255) null,
  from_step bigint unsigned not null,
  from_movement bigint unsigned not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key webhook_endpoints_url (url_hash),
  constraint webhook_endpoints_secrets check ((previous_secret is null) = (previous_until is null))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- What is to be posted, and what became of it: one row an endpoint and event, the once-key. It holds no body, which is read from
-- the feed for each try, so that nobody is named here. While a process posts, claim is its mark and due_at the end of its lease.
create table if not exists webhook_deliveries (
  id bigint unsigned not null auto_increment,
  endpoint_id bigint unsigned not null,
  event_id varchar(64) character set ascii collate ascii_bin not null,
  status varchar(16) character set ascii collate ascii_bin not null default 'WAITING',
  due_at datetime(6) null,
  claim binary(16) null,
  attempts int unsigned not null default 0,
  attempted_at datetime(6) null,
  duration_ms int unsigned null,
  status_code int null,
  error varchar(500) null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  unique key webhook_deliveries_once (endpoint_id, event_id),
  key webhook_deliveries_due (endpoint_id, status, due_at, id),
  constraint webhook_deliveries_endpoint foreign key (endpoint_id)
    references webhook_endpoints (id) on delete cascade,
  constraint webhook_deliveries_status check (status in ('WAITING', 'SENT', 'GIVEN_UP')),
  constraint webhook_deliveries_waiting check ((status = 'WAITING') = (due_at is not null))
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

-- How far the feed was put on that list, one row. It moves in the transaction of the rows, and only from where it was read.
create table if not exists webhook_position (
  id tinyint not null,
  step_id bigint unsigned not null,
  movement_id bigint unsigned not null,
  told int unsigned not null,
  created_at datetime(6) not null default current_timestamp(6),
  updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
  primary key (id),
  constraint webhook_position_one check (id = 1)
) engine = innodb default charset = utf8mb4 collate = utf8mb4_unicode_ci;

insert ignore into webhook_position (id, step_id, movement_id, told) values (1, 0, 0, 0);
