-- Operational state. Portable types only: the same schema serves SQLite and PostgreSQL.
-- Instants are RFC 3339 text in UTC, so that they sort as text.
create table run (
  id text primary key,
  kind text not null,
  business_date text not null,
  started_at text not null,
  status text not null,
  body text not null            -- the whole run as JSON
);
create index run_by_start on run (started_at, id);

create table api_key (
  id text primary key,          -- public part, shown in lists and logs
  hash text not null,           -- SHA-256 of the whole key; the key itself is never stored
  user_name text not null,
  role text not null,
  sites text not null,          -- JSON: null for all, or a list of org codes
  created_at text not null,
  revoked_at text
);

create table alert (
  id text primary key,
  rule text not null,
  subject text not null,
  site_id text,
  state text not null,
  fired_at text not null,
  body text not null            -- the whole alert as JSON
);
create index alert_by_fired on alert (fired_at, id);

create table evaluation (
  snapshot_id bigint primary key,
  at text not null
);

create table delivery (
  id text primary key,          -- webhook-id, constant over retries
  hook text not null,
  alert_id text not null references alert (id),
  body text not null,           -- the exact bytes signed and sent
  status text not null,         -- pending, delivered, dead
  attempts bigint not null,
  next_attempt_at text,
  last_result text,
  created_at text not null
);
create index delivery_due on delivery (status, next_attempt_at);

create table access (
  seq integer primary key,
  at text not null,
  user_name text not null,
  role text not null,
  operation text not null,
  purpose text,
  person_count bigint not null,
  query_hash text
);

create table lease (
  name text primary key,
  holder text not null,
  token bigint not null,        -- fencing token, grows with every takeover
  expires_at text not null
);
