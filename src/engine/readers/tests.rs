//! Funnels, costs and alerts over small tables.

use chrono::NaiveDate;
use hub_domain::Error;
use hub_domain::alert::{Observation, Verdict};
use hub_domain::cost::CostDimension;
use rust_decimal::Decimal;

use super::testing::{Fixture, day};
use super::{Source, alerts, cost};

#[tokio::test]
async fn cost_shares_add_up_to_the_total() {
    let fixture = Fixture::new("2026-03-31");
    let rows = "('2026-03', 'D1', 'A', 'labour', 600), ('2026-03', 'D1', 'A', 'drug', 300), \
                ('2026-03', 'D2', 'B', 'labour', 100), ('2026-02', 'D1', 'A', 'labour', 50)";
    fixture.fill("cost_direct", "month, dept_id, site_id, cost_class, amount_fen", rows).await;
    let units = "('G', 'G', 'group', null, '集团'), ('A', 'A', 'site', 'G', '甲'), \
                 ('D1', 'D1', 'department', 'A', '牙科')";
    fixture.fill("org_unit", "org_unit_id, code, level, parent_id, name", units).await;
    let by_class = cost::structure(&fixture, "2026-03", None, CostDimension::CostClass).await;
    let by_class = by_class.expect("costs");
    assert_eq!(by_class.total.0, 1000);
    assert_eq!(by_class.rows[0].label, "人员经费");
    assert_eq!(by_class.rows[0].share, Some(Decimal::new(7, 1)));
    let year = cost::structure(&fixture, "2026", Some("A"), CostDimension::Month).await;
    let year = year.expect("costs");
    let months: Vec<(&str, i64)> =
        year.rows.iter().map(|row| (row.key.as_str(), row.amount.0)).collect();
    assert_eq!(months, [("2026-02", 50), ("2026-03", 900)]);
    assert_eq!(year.full, None, "a snapshot from before allocation");
    let missing = cost::structure(&fixture, "2026", Some("X"), CostDimension::Site).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_period_with_a_refused_month_has_no_full_cost() {
    let fixture = Fixture::new("2026-03-31");
    let rows = "('2026-03', 'D1', 'A', 'labour', 600), ('2026-03', 'D2', 'A', 'labour', 400)";
    fixture.fill("cost_direct", "month, dept_id, site_id, cost_class, amount_fen", rows).await;
    let full = "('2026-03', 'D1', 'A', 'labour', 0, 600), ('2026-03', 'D1', 'A', 'labour', 1, 400)";
    fixture.fill("cost_full", "month, dept_id, site_id, cost_class, level, amount_fen", full).await;
    let runs = "('2026-02', 'three_level', true, 'refused'), \
                ('2026-02', 'direct', false, 'allocated'), \
                ('2026-03', 'three_level', true, 'allocated')";
    fixture.fill("cost_run", "month, method, is_published, status", runs).await;
    let month = cost::structure(&fixture, "2026-03", None, CostDimension::Department).await;
    let month = month.expect("costs");
    let full: Vec<_> = month.rows.iter().map(|row| row.full.map(|fen| fen.0)).collect();
    assert_eq!(full, [Some(1000), Some(0)], "D2 passed its cost on");
    let year = cost::structure(&fixture, "2026", None, CostDimension::Month).await;
    let year = year.expect("costs");
    assert_eq!((year.full, year.rows[0].full, year.total.0), (None, None, 1000));
}

async fn observed(fixture: &Fixture, rule: &str, months: &[&str]) -> Vec<Observation> {
    let rules = &fixture.definitions().rules;
    let rule = rules.iter().find(|it| it.id == rule).expect("a rule");
    let months: Vec<NaiveDate> = months.iter().map(|month| day(month)).collect();
    alerts::observe(fixture, rule, &months).await.expect("observations")
}

fn verdicts(observations: &[Observation]) -> Vec<(&str, &str, Verdict)> {
    observations.iter().map(|it| (it.subject.as_str(), it.period.as_str(), it.verdict)).collect()
}

#[tokio::test]
async fn too_few_consults_are_no_data_and_never_a_verdict() {
    let fixture = Fixture::new("2026-03-31");
    let mut rows = Vec::new();
    for (doctor, won, lost, line) in
        [("1", 7, 3, "dental"), ("2", 8, 2, "dental"), ("3", 0, 9, "dental"), ("4", 0, 20, "obgyn")]
    {
        for index in 0..won + lost {
            let id = format!("{doctor}-{index}");
            let won = index < won;
            rows.push(format!("('{id}', 'A', '2026-03-10', '{doctor}', 'first', {won}, '{line}')"));
        }
    }
    let columns = "consult_id, site_id, biz_date, doctor_id, visit_type, is_won, business_line";
    fixture.fill("consult", columns, &rows.join(", ")).await;
    let seen = observed(&fixture, "R1", &["2026-03-01"]).await;
    let expected = [
        ("practitioner:1", "2026-03", Verdict::Breach),
        ("practitioner:2", "2026-03", Verdict::Healthy),
        ("practitioner:3", "2026-03", Verdict::NoData),
    ];
    assert_eq!(verdicts(&seen), expected);
    assert_eq!(seen[0].value, Some(Decimal::new(7, 1)));
}

#[tokio::test]
async fn long_served_doctors_and_other_lines_are_not_judged_on_referrals() {
    let fixture = Fixture::new("2026-03-31");
    let mut rows = Vec::new();
    for doctor in 1..=4 {
        for person in 0..12 {
            rows.push(format!("('{doctor}-{person}', 'p{person}', 'A', '2026-02-10', '{doctor}')"));
        }
    }
    let columns = "visit_id, person_id, site_id, biz_date, doctor_id";
    fixture.fill("visit", columns, &rows.join(", ")).await;
    let referred: Vec<String> =
        (0..4).map(|id| format!("('{id}', 'doctor', '2', 'x{id}', '2026-03-05')")).collect();
    let columns = "referral_id, referrer_kind, referrer_practitioner_id, referred_person_id, \
                   biz_date";
    fixture.fill("referral", columns, &referred.join(", ")).await;
    let staff = "('1', '2024-01-01', 'dental'), ('2', '2024-01-01', 'dental'), \
                 ('3', '2021-03-31', 'dental'), ('4', '2024-01-01', 'obgyn')";
    fixture.fill("practitioner", "practitioner_id, hired_on, business_line", staff).await;
    let seen = observed(&fixture, "R4", &["2026-03-01"]).await;
    let expected = [
        ("practitioner:1", "2026-03", Verdict::Breach),
        ("practitioner:2", "2026-03", Verdict::Healthy),
        ("practitioner:3", "2026-03", Verdict::NoData),
    ];
    assert_eq!(verdicts(&seen), expected, "4 of 12 is exactly one third");
}

#[tokio::test]
async fn a_silent_site_is_late_under_one_lasting_identity() {
    let fixture = Fixture::new("2026-03-31");
    let rows = "('1', 'A', '2026-03-31'), ('2', 'B', '2026-03-20'), ('3', 'B', '2026-03-01')";
    fixture.fill("earned_line", "earned_id, site_id, biz_date", rows).await;
    let seen = observed(&fixture, "data_late", &[]).await;
    let expected =
        [("site:A", alerts::NEWEST, Verdict::Healthy), ("site:B", alerts::NEWEST, Verdict::Breach)];
    assert_eq!(verdicts(&seen), expected);
    assert_eq!(seen[1].value, Some(Decimal::from(11)));
}

#[tokio::test]
async fn every_rule_of_the_project_runs_on_empty_tables() {
    let fixture = Fixture::new("2026-03-31");
    for rule in fixture.definitions().rules.clone() {
        let seen = observed(&fixture, &rule.id, &["2026-02-01", "2026-03-01"]).await;
        assert!(seen.iter().all(|it| it.verdict == Verdict::NoData), "{}", rule.id);
    }
}
