-- one row per node of the organisation tree
with org as (
    select * from raw.his_t_org
),

placed as (
    select
        node.*,
        parent.jgbm as parent_code,
        case node.jgjb
            when 2 then node.jgbm when 3 then parent.jgbm when 4 then above.jgbm
        end as brand_id,
        case node.jgjb when 3 then node.jgbm when 4 then parent.jgbm end as site_id,
        coalesce(node.cs, parent.cs) as city
    from org as node
    left join org as parent on node.sjid = parent.jgid
    left join org as above on parent.sjid = above.jgid
)

select
    jgbm as org_unit_id,
    jgbm as code,
    jgmc as name,
    case jgjb
        when 1 then 'group' when 2 then 'brand' when 3 then 'site' else 'department'
    end as level,
    parent_code as parent_id,
    brand_id,
    site_id,
    case jglx when 1 then 'hospital' when 2 then 'clinic' when 3 then 'postpartum_center' end
        as site_type,
    case ywx
        when 1 then 'obgyn' when 2 then 'pediatrics' when 3 then 'aesthetic'
        when 4 then 'dental' when 5 then 'postpartum' when 9 then 'other'
    end as business_line,
    case kslb
        when 1 then 'clinical' when 2 then 'med_tech' when 3 then 'med_support' when 4 then 'admin'
    end as dept_cost_class,
    frdm as legal_entity,
    city,
    mj as area_m2,
    kyrq as opened_on,
    jgid as his_org_id
from placed
