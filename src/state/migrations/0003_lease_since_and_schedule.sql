-- Since when the holder holds.
alter table lease add column since text not null default '';

-- How far each schedule has come: the newest start that ran or was passed over.
create table schedule (
  name text primary key,
  due text not null,            -- instant of that start
  through text not null         -- end of the interval it covered: a day, exclusive
);
