-- one row per person brought by a customer and each customer above, up to sixteen
with named as (
    select
        referred_person_id as child,
        referrer_person_id as parent,
        row_number() over (partition by referred_person_id order by at, referral_id) as nth
    from hub.referral
    where referrer_kind = 'customer' and referrer_person_id is not null
        and referred_person_id <> referrer_person_id
),

-- everybody is brought by one person: the first who named them
parent as (
    select child, parent from named where nth = 1
),

chain as (
    select
        p1.child,
        unnest(make_array(
            p1.parent, p2.parent, p3.parent, p4.parent, p5.parent, p6.parent, p7.parent,
            p8.parent, p9.parent, p10.parent, p11.parent, p12.parent, p13.parent, p14.parent,
            p15.parent, p16.parent
        )) as ancestor,
        unnest(make_array(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)) as distance
    from parent as p1
    left join parent as p2 on p1.parent = p2.child
    left join parent as p3 on p2.parent = p3.child
    left join parent as p4 on p3.parent = p4.child
    left join parent as p5 on p4.parent = p5.child
    left join parent as p6 on p5.parent = p6.child
    left join parent as p7 on p6.parent = p7.child
    left join parent as p8 on p7.parent = p8.child
    left join parent as p9 on p8.parent = p9.child
    left join parent as p10 on p9.parent = p10.child
    left join parent as p11 on p10.parent = p11.child
    left join parent as p12 on p11.parent = p12.child
    left join parent as p13 on p12.parent = p13.child
    left join parent as p14 on p13.parent = p14.child
    left join parent as p15 on p14.parent = p15.child
    left join parent as p16 on p15.parent = p16.child
)

-- around a circle everybody is above everybody, themselves too
select
    child as person_id,
    ancestor as ancestor_id,
    cast(min(distance) as bigint) as distance
from chain
where ancestor is not null
group by child, ancestor
