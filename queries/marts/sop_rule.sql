-- one row per rule about the steps of a visit: reference data, one procedure (SOP) for first visits
-- and one for all others
select rule_id, sop, step, kind, other_step
from (
    values
        ('F1', 'first_visit', 'triage', 'required', null),
        ('F2', 'first_visit', 'consult', 'required', null),
        ('F3', 'first_visit', 'consult', 'after', 'triage'),
        ('F4', 'first_visit', 'order', 'after', 'consult'),
        ('F5', 'first_visit', 'pay', 'after', 'order'),
        ('F6', 'first_visit', 'exam', 'after', 'order'),
        ('F7', 'first_visit', 'treat', 'after', 'order'),
        ('F8', 'first_visit', 'sterilise', 'follows', 'treat'),
        ('R1', 'return_visit', 'triage', 'required', null),
        ('R2', 'return_visit', 'treat', 'after', 'triage'),
        ('R3', 'return_visit', 'pay', 'after', 'order'),
        ('R4', 'return_visit', 'exam', 'after', 'order'),
        ('R5', 'return_visit', 'sterilise', 'follows', 'treat')
) as rule (rule_id, sop, step, kind, other_step)
