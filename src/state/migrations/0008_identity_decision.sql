-- What people decided about pairs of source records; the last word on a pair counts.
create table identity_decision (
  decision_id integer primary key autoincrement,
  left_record text not null,
  right_record text not null,
  -- same, different, withdrawn
  decision text not null,
  decided_by text not null,
  decided_at text not null
);
create index identity_decision_pair on identity_decision (left_record, right_record);
