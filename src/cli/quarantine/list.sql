-- rejected rows by source table, reason and column
select source, table_name, reason, column_name, sum(rows) as rows
from ops.quarantine
group by source, table_name, reason, column_name
order by source, table_name, reason, column_name
