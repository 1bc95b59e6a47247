-- Every change of an alert, in order: how other processes learn of it.
create table alert_event (
  seq integer primary key,
  body text not null            -- the alert after the change, as JSON
);
