-- Tags people gave by hand; one that ended stays as history.
create table manual_tag (
  tag_id integer primary key autoincrement,
  record_id text not null,
  tag text not null,
  value text,
  from_at text not null,
  to_at text,
  given_by text not null,
  ended_by text
);
create index manual_tag_record on manual_tag (record_id, tag);
