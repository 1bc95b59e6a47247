//! Funnels over small tables: by hand, then against the rule of the domain.

use chrono::NaiveDate;
use hub_domain::analysis::funnel as rule;
use hub_domain::funnel::{FunnelEntry, FunnelMode};
use hub_domain::metric::DimensionFilter;
use proptest::prelude::*;

use super::*;
use crate::readers::testing::{Fixture, day};

const STEPS: [&str; 7] = ["lead", "contacted", "booked", "arrived", "consult", "won", "paid"];
const EVENTS: &str = "lead_id, channel_id, entry_on, at, step";

fn march(id: &str) -> FunnelQuery {
    FunnelQuery {
        id: id.into(),
        range: DateRange::month_of(day("2026-03-01")),
        breakdown: None,
        breakdown_at: None,
        filter: Vec::new(),
    }
}

fn reached(steps: &[StepCount]) -> Vec<u64> {
    steps.iter().map(|step| step.reached).collect()
}

#[tokio::test]
async fn a_funnel_counts_units_by_step_and_channel() {
    let fixture = Fixture::new("2026-03-31");
    let rows = "('1a', 'c1', '2026-03-01', '2026-03-01T01:00:00', 'lead'), \
                ('1a', 'c1', '2026-03-01', '2026-03-02T01:00:00', 'contacted'), \
                ('1a', 'c1', '2026-03-01', '2026-05-02T01:00:00', 'booked'), \
                ('2b', 'c2', '2026-03-02', '2026-03-02T01:00:00', 'lead'), \
                ('1c', 'c1', '2026-03-01', '2026-03-01T01:00:00', 'contacted')";
    fixture.fill("lead_event_step", EVENTS, rows).await;
    let by_channel = FunnelQuery { breakdown: Some("channel".into()), ..march("F1") };
    let answer = answer(&fixture, &by_channel).await.expect("a funnel");
    assert_eq!(
        reached(&answer.total.steps),
        [2, 1, 0, 0, 0, 0, 0],
        "the booking came after the window"
    );
    let channels: Vec<_> = answer.series.iter().map(|it| it.value.as_deref()).collect();
    assert_eq!(channels, [Some("c1"), Some("c2")]);
    assert_eq!(answer.mature_through, day("2026-03-01"));
    assert_eq!(reached(&answer.total.mature)[..2], [1, 1]);
    assert_eq!(reached(&answer.total.open)[..2], [1, 0], "entered on the second of March");
    assert_eq!(answer.total.steps[1].median_seconds, Some(86_400));
    assert_eq!(answer.total.steps[2].median_seconds, None);
}

#[tokio::test]
async fn what_a_funnel_does_not_know_is_refused() {
    let fixture = Fixture::new("2026-03-31");
    let by = |breakdown: &str| FunnelQuery { breakdown: Some(breakdown.into()), ..march("F1") };
    let at = |step: &str| FunnelQuery {
        breakdown_at: Some(BreakdownAt::Step(step.into())),
        ..march("F1")
    };
    let filter = DimensionFilter { dimension: "doctor".into(), ..DimensionFilter::default() };
    let filtered = FunnelQuery { filter: vec![filter], ..march("F1") };
    for wrong in [march("F8"), by("doctor"), at("no_such"), filtered] {
        let refused = answer(&fixture, &wrong).await;
        assert!(matches!(refused, Err(Error::BadInput { hint: Some(_), .. })), "{wrong:?}");
    }
}

/// Half the contacts come within a day, nine of ten within 2.6: days 1, 1, 2, 3 by interpolation.
#[tokio::test]
async fn times_to_a_step_are_interpolated() {
    let fixture = Fixture::new("2026-06-30");
    let rows: Vec<String> = [("a", 2), ("b", 2), ("c", 3), ("d", 4)]
        .iter()
        .map(|(lead, on)| {
            format!(
                "('{lead}', 'c', '2026-03-01', '2026-03-01T00:00:00', 'lead'), \
                 ('{lead}', 'c', '2026-03-01', '2026-03-0{on}T00:00:00', 'contacted')"
            )
        })
        .collect();
    fixture.fill("lead_event_step", EVENTS, &rows.join(", ")).await;
    let answer = answer(&fixture, &march("F1")).await.expect("a funnel");
    let contacted = &answer.total.mature[1];
    assert_eq!(contacted.median_seconds, Some(129_600), "between one day and two");
    assert_eq!(contacted.p90_seconds, Some(233_280), "2.7 days");
    assert_eq!(answer.total.steps[0].median_seconds, None, "nothing lies before the first step");
}

const TOUCHES: &str = "event_id, visitor_id, channel_id, biz_date, at, step";

/// The person came by one channel and shared by another; who entered in February is left out.
#[tokio::test]
async fn a_breakdown_takes_the_first_or_the_last_step() {
    let fixture = Fixture::new("2026-12-31");
    let rows = "('1', 'p', 'C1', '2026-03-01', '2026-03-01T01:00:00', 'touched'), \
                ('2', 'p', 'C2', '2026-03-02', '2026-03-02T01:00:00', 'engaged'), \
                ('3', 'p', 'C3', '2026-03-05', '2026-03-05T01:00:00', 'arrived'), \
                ('4', 'q', 'C1', '2026-02-27', '2026-02-27T01:00:00', 'touched'), \
                ('5', 'q', 'C1', '2026-03-02', '2026-03-02T01:00:00', 'engaged')";
    fixture.fill("person_event_step", TOUCHES, rows).await;
    let by = |at: BreakdownAt| FunnelQuery {
        breakdown: Some("channel".into()),
        breakdown_at: Some(at),
        ..march("F9")
    };
    for (at, channel) in [
        (BreakdownAt::FirstStep, Some("C1")),
        (BreakdownAt::LastStep, Some("C3")),
        (BreakdownAt::Step("engaged".into()), Some("C2")),
        (BreakdownAt::Step("shared".into()), None),
    ] {
        let answer = answer(&fixture, &by(at)).await.expect("a funnel");
        assert_eq!(reached(&answer.total.steps), [1, 1, 1, 0]);
        let values: Vec<_> = answer.series.iter().map(|it| it.value.as_deref()).collect();
        assert_eq!(values, [channel]);
        assert_eq!(answer.series[0].steps, answer.total.steps);
    }
}

/// An examination before its order: the attempt ends with the consultation.
#[tokio::test]
async fn an_excluded_event_ends_the_attempt() {
    let fixture = Fixture::new("2026-12-31");
    let event = |visit: &str, minute: u32, step: &str| {
        format!("('{visit}', '2026-03-01', '2026-03-01T01:{minute:02}:00', '{step}')")
    };
    let rows = [
        event("good", 0, "triage"),
        event("good", 10, "consult"),
        event("good", 20, "plan"),
        event("good", 30, "order"),
        event("good", 40, "pay"),
        event("good", 50, "service"),
        event("skip", 0, "triage"),
        event("skip", 10, "consult"),
        event("skip", 15, "service"),
        event("skip", 20, "plan"),
        event("skip", 30, "order"),
    ];
    fixture.fill("visit_event_step", "visit_id, entry_on, at, step", &rows.join(", ")).await;
    let answer = answer(&fixture, &march("F3")).await.expect("a funnel");
    assert_eq!(reached(&answer.total.steps), [2, 2, 1, 1, 1, 1, 0]);
}

/// Every mode and entry, with and without a cohort column and held channels.
fn variants() -> impl Strategy<Value = (FunnelMode, FunnelEntry, bool, bool)> {
    let modes = vec![FunnelMode::Ordered, FunnelMode::StrictOrder, FunnelMode::AnyOrder];
    let entries = vec![FunnelEntry::Longest, FunnelEntry::First, FunnelEntry::Each];
    (prop::sample::select(modes), prop::sample::select(entries), any::<bool>(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn sql_funnels_equal_the_rule(
        found in prop::collection::vec((0..6_u8, -20..45_i64, 0..8_usize, 0..2_u8), 1..60),
        (mode, entry, by_cohort, held) in variants(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let fixture = Fixture::new("2026-03-31");
            let on = |after: &i64| -> NaiveDate { day("2026-03-01") + chrono::TimeDelta::days(*after) };
            let rows: Vec<String> = found
                .iter()
                .map(|(lead, after, step, channel)| {
                    let step = STEPS.get(*step).unwrap_or(&"chat");
                    format!(
                        "('{lead}', 'c{channel}', '2026-03-01', '{}T00:00:00', '{step}')",
                        on(after)
                    )
                })
                .collect();
            fixture.fill("lead_event_step", EVENTS, &rows.join(", ")).await;
            let mut defined = fixture.definitions().funnels[0].clone();
            (defined.mode, defined.entry) = (mode, entry);
            defined.cohort = by_cohort.then(|| "entry_on".to_owned());
            defined.hold_constant = if held { vec!["channel_id".into()] } else { Vec::new() };
            let query = march("F1");
            let mature = day("2026-03-10");
            let (sql, params) =
                statement::statement(&defined, &query, mature).expect("a statement");
            let batches = fixture.fetch(&sql, params).await.expect("an answer");
            let counted = |all: i64, is_mature: bool| {
                let row = rows_of(&batches, all, is_mature);
                row.map_or_else(|| vec![0; 7], |row| reached(&counts(&defined, row).expect("counts")))
            };
            let in_march = |at: i64| (0..31).contains(&(at / 86_400_000_000));
            let mut expected = [vec![0; 7], vec![0; 7], vec![0; 7]];
            for lead in 0..6 {
                let own = found.iter().filter(|(it, ..)| *it == lead);
                let mut own: Vec<rule::Event> = own
                    .map(|(_, after, step, channel)| {
                        let at = after * 86_400_000_000;
                        let step = u8::try_from(*step).ok().filter(|step| *step < 7);
                        let mut event = rule::Event::new(at, step.unwrap_or(rule::FOREIGN));
                        event.enters = by_cohort || (*after >= 0 && in_march(at));
                        event.key = if held { u32::from(*channel) } else { 0 };
                        event
                    })
                    .collect();
                for attempt in rule::attempts(&mut own, &defined.rule()) {
                    let matured = attempt[0].at <= 9 * 86_400_000_000;
                    for place in [0, if matured { 1 } else { 2 }] {
                        expected[place][..attempt.len()].iter_mut().for_each(|count| *count += 1);
                    }
                }
            }
            assert_eq!(counted(1, false), expected[0], "all of {defined:?}");
            assert_eq!(counted(0, true), expected[1], "mature of {defined:?}");
            assert_eq!(counted(0, false), expected[2], "open of {defined:?}");
        });
    }
}

fn rows_of(
    batches: &[arrow::record_batch::RecordBatch],
    all_ages: i64,
    is_mature: bool,
) -> Option<Row<'_>> {
    rows(batches).find(|row| {
        row.int("all_ages").expect("a number") == all_ages
            && (all_ages == 1 || row.flag("is_mature").expect("a flag") == is_mature)
    })
}
