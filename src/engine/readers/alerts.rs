//! What alert rules say of closed months, or of the newest day, on one snapshot.
//!
//! Owns the judgement: volume gates come first (below them there is no data, and no data changes
//! nothing), then exemptions, then the threshold of the month. Must not know stored alerts,
//! silences or hooks.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use hub_domain::Error;
use hub_domain::alert::{AlertRule, Condition, Observation, Verdict};
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::{DimensionFilter, MetricsQuery, MetricsRow, Operator};
use hub_domain::page::PageRequest;
use rust_decimal::Decimal;

use super::Source;
use super::board::closed_month;
use super::decode::rows;
use super::metrics::{self, Visible, labels};

/// Period of observations about the newest data rather than about a month: there is one alert
/// per subject, which resolves when data comes and fires anew when it stops again.
pub const NEWEST: &str = "latest";

/// First days of the last `count` months that are over at the end of `day`, oldest first.
#[must_use]
pub fn closed_months(day: NaiveDate, count: u32) -> Vec<NaiveDate> {
    let mut months = Vec::new();
    let mut inside = closed_month(day);
    for _ in 0..count {
        let first = Grain::Month.start(inside);
        months.push(first);
        inside = first - Days::new(1);
    }
    months.reverse();
    months
}

/// A dimension of practitioners and the values kept.
type StaffFilter<'a> = (&'a str, &'a [String]);

/// A condition on a metric, as [`Condition::Metric`] holds it.
struct MetricCondition<'a> {
    rule: &'a AlertRule,
    metric: &'a str,
    subject: &'a str,
    filter: &'a BTreeMap<String, Vec<String>>,
    op: Operator,
    threshold: Decimal,
    threshold_by_month: &'a BTreeMap<String, Decimal>,
    min_denominator: Decimal,
    min_numerator: Option<Decimal>,
    min_volume: &'a BTreeMap<String, Decimal>,
    exempt_tenure_years: Option<u32>,
}

/// Observations of `rule` for the months that start on `months`, in order of month and subject.
/// Rules about late data judge the newest day and ignore `months`.
///
/// # Errors
/// `BadInput` when the rule names metrics or dimensions that do not exist.
pub async fn observe(
    source: &dyn Source,
    rule: &AlertRule,
    months: &[NaiveDate],
) -> Result<Vec<Observation>, Error> {
    match &rule.condition {
        Condition::Metric {
            metric,
            subject,
            filter,
            op,
            threshold,
            threshold_by_month,
            min_denominator,
            min_numerator,
            min_volume,
            exempt_tenure_years,
            months: _,
        } => {
            let condition = MetricCondition {
                rule,
                metric,
                subject,
                filter,
                op: *op,
                threshold: *threshold,
                threshold_by_month,
                min_denominator: *min_denominator,
                min_numerator: *min_numerator,
                min_volume,
                exempt_tenure_years: *exempt_tenure_years,
            };
            condition.observe(source, months).await
        }
        Condition::DataLate { source: table, time, subject, max_days } => {
            late(source, rule, table, time, subject, *max_days).await
        }
    }
}

impl MetricCondition<'_> {
    async fn observe(
        &self,
        source: &dyn Source,
        months: &[NaiveDate],
    ) -> Result<Vec<Observation>, Error> {
        let (Some(first), Some(last)) = (months.iter().min(), months.iter().max()) else {
            return Ok(Vec::new());
        };
        let staff = if is_practitioner(self.subject) {
            practitioners(source).await?
        } else {
            BTreeMap::new()
        };
        let (inside, of_staff) = self.split_filter(source)?;
        let range = DateRange::new(*first, DateRange::month_of(*last).to)?;
        let mut query = MetricsQuery {
            metrics: std::iter::once(self.metric)
                .chain(self.min_volume.keys().map(String::as_str))
                .map(str::to_owned)
                .collect(),
            group_by: vec![self.subject.to_owned()],
            grain: Some(Grain::Month),
            range,
            filter: inside,
            having: Vec::new(),
            compare: None,
            order_by: Vec::new(),
            approximate: false,
            page: PageRequest { first: PageRequest::MAX, after: None },
        };
        let mut observations = Vec::new();
        loop {
            let page = metrics::answer(source, &query, Visible::All).await?;
            let judged = page
                .rows
                .iter()
                .filter(|row| row.period.is_some_and(|period| months.contains(&period)));
            observations.extend(judged.filter_map(|row| self.judge(row, &staff, &of_staff)));
            match page.cursors.last() {
                Some(last) if page.has_next_page => query.page.after = Some(last.clone()),
                _ => return Ok(observations),
            }
        }
    }

    /// Filters the metric has, and filters only its practitioners have.
    fn split_filter(
        &self,
        source: &dyn Source,
    ) -> Result<(Vec<DimensionFilter>, Vec<StaffFilter<'_>>), Error> {
        let metric = source.definitions().catalogue.metric(self.metric)?;
        let (mut inside, mut of_staff) = (Vec::new(), Vec::new());
        for (dimension, values) in self.filter {
            if is_practitioner(self.subject) && !metric.dimensions.contains(dimension) {
                of_staff.push((dimension.as_str(), values.as_slice()));
                continue;
            }
            inside.push(DimensionFilter {
                dimension: dimension.clone(),
                any_of: Some(values.clone()),
                none_of: None,
                is_null: None,
            });
        }
        Ok((inside, of_staff))
    }

    /// The observation of one subject and month; none for subjects the rule is not about.
    fn judge(
        &self,
        row: &MetricsRow,
        staff: &BTreeMap<String, Practitioner>,
        of_staff: &[(&str, &[String])],
    ) -> Option<Observation> {
        let month = row.period?;
        let subject = row.dimensions.first()?;
        let id = subject.value.as_deref()?;
        let person = staff.get(id);
        let fits = |(dimension, values): &(&str, &[String])| {
            let own = person.and_then(|person| person.dimension(dimension));
            own.is_some_and(|own| values.iter().any(|value| value == own))
        };
        if !of_staff.iter().all(fits) {
            return None;
        }
        let period = month.format("%Y-%m").to_string();
        let threshold = self.threshold_by_month.get(&period).copied().unwrap_or(self.threshold);
        let (judged, gates) = row.values.split_first()?;
        let enough = judged.denominator.is_none_or(|it| it >= self.min_denominator)
            && self.min_numerator.is_none_or(|least| judged.numerator >= Some(least))
            && gates
                .iter()
                .zip(self.min_volume.values())
                .all(|(gate, least)| gate.value.is_some_and(|value| value >= *least));
        let exempt = match (self.exempt_tenure_years, person) {
            (Some(years), Some(person)) => person.years_on(month) >= years,
            _ => false,
        };
        let verdict = match judged.value {
            Some(value) if enough && !exempt => {
                if self.op.holds(value, threshold) {
                    Verdict::Breach
                } else {
                    Verdict::Healthy
                }
            }
            _ => Verdict::NoData,
        };
        Some(Observation {
            rule: self.rule.id.clone(),
            subject: format!("{}:{id}", subject_kind(self.subject)),
            subject_label: subject.label.clone(),
            site_id: site_of(self.subject, id, person),
            period,
            verdict,
            value: judged.value,
            threshold,
        })
    }
}

fn is_practitioner(dimension: &str) -> bool {
    matches!(dimension, "doctor" | "consultant")
}

/// Kind of subject an alert names: both practitioner dimensions hold practitioners.
fn subject_kind(dimension: &str) -> &str {
    if is_practitioner(dimension) { "practitioner" } else { dimension }
}

/// The site a subject belongs to; none for subjects that span sites.
fn site_of(dimension: &str, id: &str, person: Option<&Practitioner>) -> Option<String> {
    match dimension {
        "site" => Some(id.to_owned()),
        _ => person?.site.clone(),
    }
}

/// What rules need to know of a practitioner.
#[derive(Debug)]
struct Practitioner {
    hired_on: Option<NaiveDate>,
    site: Option<String>,
    brand: Option<String>,
    business_line: Option<String>,
}

impl Practitioner {
    fn dimension(&self, dimension: &str) -> Option<&str> {
        match dimension {
            "site" => self.site.as_deref(),
            "brand" => self.brand.as_deref(),
            "business_line" => self.business_line.as_deref(),
            _ => None,
        }
    }

    /// Full years since hiring on the last day of the month that starts on `month`.
    fn years_on(&self, month: NaiveDate) -> u32 {
        let end = DateRange::month_of(month).to;
        self.hired_on.and_then(|hired| end.years_since(hired)).unwrap_or_default()
    }
}

async fn practitioners(source: &dyn Source) -> Result<BTreeMap<String, Practitioner>, Error> {
    let sql = "select practitioner_id, hired_on, site_id, brand_id, business_line \
               from hub.practitioner";
    let mut staff = BTreeMap::new();
    for row in rows(&source.fetch(sql, Vec::new()).await?) {
        let text = |column| row.text_opt(column).map(|text| text.map(str::to_owned));
        let practitioner = Practitioner {
            hired_on: row.day_opt("hired_on")?,
            site: text("site_id")?,
            brand: text("brand_id")?,
            business_line: text("business_line")?,
        };
        staff.insert(row.text("practitioner_id")?.to_owned(), practitioner);
    }
    Ok(staff)
}

/// The statement behind a rule about late data: newest day per subject.
#[must_use]
pub fn late_sql(table: &str, time: &str, subject: &str) -> String {
    format!(
        "select {subject} as subject, max({time}) as newest from hub.{table} \
         where {subject} is not null group by {subject} order by {subject}"
    )
}

async fn late(
    source: &dyn Source,
    rule: &AlertRule,
    table: &str,
    time: &str,
    subject: &str,
    max_days: i64,
) -> Result<Vec<Observation>, Error> {
    let dimension = subject.strip_suffix("_id").unwrap_or(subject);
    let names: Vec<String> = vec![dimension.to_owned()];
    let sql = late_sql(table, time, subject);
    let (batches, labels) =
        futures::join!(source.fetch(&sql, Vec::new()), labels::load(source, &names));
    let (batches, labels) = (batches?, labels?);
    let today = source.snapshot().business_date;
    let mut observations = Vec::new();
    for row in rows(&batches) {
        let id = row.text("subject")?;
        let behind = row.day_opt("newest")?.map(|newest| (today - newest).num_days());
        let verdict = match behind {
            None => Verdict::NoData,
            Some(days) if days > max_days => Verdict::Breach,
            Some(_) => Verdict::Healthy,
        };
        observations.push(Observation {
            rule: rule.id.clone(),
            subject: format!("{}:{id}", subject_kind(dimension)),
            subject_label: labels.get(dimension, Some(id)),
            site_id: site_of(dimension, id, None),
            period: NEWEST.to_owned(),
            verdict,
            value: behind.map(Decimal::from),
            threshold: Decimal::from(max_days),
        });
    }
    Ok(observations)
}
