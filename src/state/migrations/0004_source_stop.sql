-- Sources whose reading an operator switched off; a row is there while the switch is.
create table source_stop (
  source text primary key,
  reason text not null,         -- empty when none was given
  stopped_at text not null
);
