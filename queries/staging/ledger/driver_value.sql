-- one row per cost driver, period and pair of departments
with driver as (
    select * from raw.ledger_driver_value
),

dept as (
    select * from hub.org_unit
)

select
    driver.driver || ':' || driver.period || ':' || driver.from_department || ':'
        || driver.to_department as driver_value_id,
    driver.driver,
    driver.period as month,
    -- `*`: units of the taker, whoever gives
    nullif(driver.from_department, '*') as from_dept_id,
    driver.to_department as to_dept_id,
    dept.site_id,
    driver.quantity
from driver
left join dept on driver.to_department = dept.org_unit_id
