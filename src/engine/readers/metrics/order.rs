//! Which rows of an answer are kept, in which order, and which page of them is shown.
//!
//! Owns `having`, ordering with ties broken by period and dimension values (values nobody has
//! come last in either direction), and cursors bound to one snapshot.

use std::cmp::Ordering;

use hub_domain::Error;
use hub_domain::metric::{MetricsQuery, MetricsRow};
use hub_domain::page::PageRequest;

use crate::readers::cursor::{CursorList, expired};

enum By {
    Period,
    Dimension(usize),
    Metric(usize),
}

/// Rows that keep `having`, in the order asked for.
pub(super) fn kept_and_sorted(
    mut rows: Vec<MetricsRow>,
    query: &MetricsQuery,
) -> Result<Vec<MetricsRow>, Error> {
    let position = |id: &str| query.metrics.iter().position(|metric| metric == id);
    for having in &query.having {
        let Some(index) = position(&having.metric) else {
            return Err(Error::bad_input_hint(
                format!("`having` names metric `{}`, which is not asked for", having.metric),
                format!("metrics asked for: {}", query.metrics.join(", ")),
            ));
        };
        rows.retain(|row| {
            row.values[index].value.is_some_and(|value| having.op.holds(value, having.value))
        });
    }
    let mut orders = Vec::with_capacity(query.order_by.len());
    for order in &query.order_by {
        let dimension = query.group_by.iter().position(|id| *id == order.by);
        let by = match (position(&order.by), dimension) {
            _ if order.by == "period" && query.grain.is_some() => By::Period,
            (Some(index), _) => By::Metric(index),
            (None, Some(index)) => By::Dimension(index),
            (None, None) => return Err(bad_order(&order.by, query)),
        };
        orders.push((by, order.descending));
    }
    rows.sort_by(|left, right| {
        let asked = orders.iter().map(|(by, descending)| compare(by, *descending, left, right));
        asked.fold(Ordering::Equal, Ordering::then).then_with(|| natural(left, right))
    });
    Ok(rows)
}

fn bad_order(by: &str, query: &MetricsQuery) -> Error {
    let mut valid: Vec<&str> = query.metrics.iter().chain(&query.group_by).map(|s| &**s).collect();
    if query.grain.is_some() {
        valid.push("period");
    }
    Error::bad_input_hint(
        format!("cannot order by `{by}`"),
        format!("valid orders of this query: {}", valid.join(", ")),
    )
}

fn compare(by: &By, descending: bool, left: &MetricsRow, right: &MetricsRow) -> Ordering {
    match by {
        By::Period => nulls_last(left.period, right.period, descending),
        By::Dimension(index) => nulls_last(
            left.dimensions[*index].value.as_ref(),
            right.dimensions[*index].value.as_ref(),
            descending,
        ),
        By::Metric(index) => {
            nulls_last(left.values[*index].value, right.values[*index].value, descending)
        }
    }
}

fn nulls_last<T: Ord>(left: Option<T>, right: Option<T>, descending: bool) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) if descending => right.cmp(&left),
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn natural(left: &MetricsRow, right: &MetricsRow) -> Ordering {
    let dimensions = left.dimensions.iter().zip(&right.dimensions);
    let first = left.period.cmp(&right.period);
    dimensions.fold(first, |order, (left, right)| {
        order.then_with(|| nulls_last(left.value.as_ref(), right.value.as_ref(), false))
    })
}

/// One page of `rows` with the cursor of each row, and whether rows follow.
pub(super) fn page(
    rows: Vec<MetricsRow>,
    query: &MetricsQuery,
    snapshot: u64,
) -> Result<(Vec<MetricsRow>, Vec<String>, bool), Error> {
    // Everything but the page itself orders and filters the list.
    let question = MetricsQuery { page: PageRequest::default(), ..query.clone() };
    let list = CursorList::of_snapshot(&["metrics", &format!("{question:?}")], snapshot);
    let start = match &query.page.after {
        None => 0,
        Some(cursor) => {
            let wanted = list.decode(cursor, query.group_by.len() + 1)?;
            // Gone rows can only mean other data or another policy.
            rows.iter().position(|row| key(row) == wanted).ok_or_else(expired)? + 1
        }
    };
    let first = query.page.first.min(PageRequest::MAX);
    let has_next_page = rows.len() - start > first;
    let rows: Vec<MetricsRow> = rows.into_iter().skip(start).take(first).collect();
    let cursors = rows.iter().map(|row| list.encode(key(row))).collect();
    Ok((rows, cursors, has_next_page))
}

fn key(row: &MetricsRow) -> Vec<Option<String>> {
    let period = row.period.map(|day| day.to_string());
    std::iter::once(period).chain(row.dimensions.iter().map(|it| it.value.clone())).collect()
}
