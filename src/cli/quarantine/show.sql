-- rejected rows of one source table, by the run that met them
select load_id, reason, column_name, rows
from ops.quarantine
where source || '.' || table_name = '$table'
order by load_id, reason, column_name
