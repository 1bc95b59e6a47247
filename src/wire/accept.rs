//! Which form an answer takes.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// Forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Array of row objects.
    Json,
    /// Header line and rows.
    Csv,
    /// Arrow IPC stream.
    Arrow,
}

impl Form {
    /// In order of preference where the caller has none.
    const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Arrow];

    /// `Content-Type` of the form.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    fn matches(self, range: &str) -> bool {
        let own = self.content_type().split(';').next().unwrap_or_default();
        match range.split_once('/') {
            Some(("*", "*")) => true,
            Some((kind, "*")) => own.split('/').next() == Some(kind),
            _ => own == range,
        }
    }

    /// The form the caller likes best; none when no form is acceptable.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let ranges: Vec<(String, u32)> = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(range)
            .collect();
        if ranges.is_empty() && !headers.contains_key(ACCEPT) {
            return Some(Self::Json);
        }
        let mut best: Option<(Self, u32)> = None;
        for form in Self::ALL {
            let fit = ranges.iter().filter(|(range, _)| form.matches(range));
            // The most specific range decides, as RFC 9110 says.
            let Some((_, quality)) = fit.max_by_key(|(range, _)| specific(range)) else { continue };
            if *quality > 0 && best.is_none_or(|(_, before)| *quality > before) {
                best = Some((form, *quality));
            }
        }
        best.map(|(form, _)| form)
    }
}

fn specific(range: &str) -> u8 {
    match range.split_once('/') {
        Some(("*", _)) => 0,
        Some((_, "*")) => 1,
        _ => 2,
    }
}

/// A media range and its quality in thousandths.
fn range(text: &str) -> Option<(String, u32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let quality =
        parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality = match quality {
        Some(text) => (text.parse::<f32>().ok()?.clamp(0.0, 1.0) * 1000.0) as u32,
        None => 1000,
    };
    Some((name, quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accept: Option<&str>) -> Option<Form> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, accept.parse().expect("a header value"));
        }
        Form::of(&headers)
    }

    #[test]
    fn the_best_liked_form_wins() {
        assert_eq!(form(None), Some(Form::Json));
        assert_eq!(form(Some("*/*")), Some(Form::Json));
        assert_eq!(form(Some("text/*")), Some(Form::Csv));
        assert_eq!(form(Some("text/csv;q=0.5, application/json;q=0.4")), Some(Form::Csv));
        assert_eq!(form(Some("application/json;q=0, */*;q=0.1")), Some(Form::Csv));
        assert_eq!(form(Some("application/vnd.apache.arrow.stream")), Some(Form::Arrow));
        assert_eq!(form(Some("image/png")), None);
    }
}
