-- one row per rule of the order in which a visit's steps should happen
-- this file is the configuration: kind before: `step` asks for `other_step` at or before its first
-- time; kind after: `step` asks for `other_step` at or after its last time
select *
from (
    values
    ('triage_before_consult', 'consult', 'before', 'triage', '先分诊后咨询'),
    ('triage_before_exam', 'exam', 'before', 'triage', '先分诊后检查'),
    ('order_before_exam', 'exam', 'before', 'order', '先开单后检查'),
    ('order_before_pay', 'pay', 'before', 'order', '先开单后收费'),
    ('sterilise_after_treat', 'treat', 'after', 'sterilise', '治疗后消毒')
) as rule (rule_id, step, kind, other_step, label_zh)
