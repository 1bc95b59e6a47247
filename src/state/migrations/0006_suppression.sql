-- Rows of erased persons that their sources may still deliver. Only keyed hashes: without the
-- deployment's pseudonym key nobody can tell whose they are.
create table suppression (
  digest text primary key,
  since text not null
);
