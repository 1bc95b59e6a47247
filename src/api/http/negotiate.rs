//! Which media types come in and go out.
//!
//! Choice where GraphQL over HTTP leaves one: without `Accept`, or with `*/*`, the answer is
//! `application/json`, as plain clients expect; where a client takes both, the newer type wins.
//! The status codes are the same for both.

use axum::http::{HeaderMap, StatusCode, header};

use super::answer::Refusal;

/// Media type of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`.
    GraphQl,
    /// `application/json`.
    Json,
}

impl Media {
    /// Value of `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }
}

/// The media type the caller takes.
///
/// # Errors
/// 406 when it takes none of ours.
pub(super) fn answer_media(headers: &HeaderMap) -> Result<Media, Refusal> {
    let mut ranges = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        let text = value.to_str().unwrap_or_default();
        ranges.extend(text.split(',').filter_map(MediaRange::parse));
    }
    if !headers.contains_key(header::ACCEPT) {
        return Ok(Media::Json);
    }
    let quality = |media: Media| {
        let matching = ranges.iter().filter_map(|range| range.rank(media));
        matching.max_by_key(|(precision, _)| *precision)
    };
    // Order matters: `max_by_key` keeps the last of equals, the newer type.
    [Media::Json, Media::GraphQl]
        .into_iter()
        .filter_map(|media| {
            let (precision, quality) = quality(media)?;
            // A wildcard names no type, so it asks for the plain one.
            let named = u16::from(precision == 2 || media == Media::Json);
            (quality > 0).then_some((media, (quality, named)))
        })
        .max_by_key(|(_, rank)| *rank)
        .map(|(media, _)| media)
        .ok_or_else(|| {
            Refusal::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", "no media type to answer in")
                .hint("accept `application/graphql-response+json` or `application/json`")
        })
}

/// One part of an `Accept` header.
struct MediaRange {
    kind: String,
    /// Thousandths.
    quality: u16,
}

impl MediaRange {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        let mut quality = 1_000;
        for part in parts {
            let (name, value) = part.split_once('=')?;
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = thousandths(value.trim())?,
                "charset" if !is_utf8(value) => return None,
                _ => {}
            }
        }
        Some(Self { kind, quality })
    }

    /// How precisely this part names `media` (0 `*/*`, 1 `application/*`, 2 in full), with its
    /// quality.
    fn rank(&self, media: Media) -> Option<(u8, u16)> {
        let precision = match (self.kind.as_str(), media) {
            ("*/*", _) => 0,
            ("application/*", _) => 1,
            ("application/json", Media::Json)
            | ("application/graphql-response+json", Media::GraphQl) => 2,
            _ => return None,
        };
        Some((precision, self.quality))
    }
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let scaled = format!("{whole}{fraction:0<3}").parse().ok()?;
    (digits && scaled <= 1_000).then_some(scaled)
}

fn is_utf8(value: &str) -> bool {
    value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
}

/// Refuses every body that is not plain JSON. A form or plain text could be sent by a foreign
/// page without a preflight; compressed bodies could grow without bound.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Refusal> {
    let refusal = Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        "the body must be JSON",
    )
    .hint("send `content-type: application/json`, uncompressed");
    let encoded = headers.get(header::CONTENT_ENCODING);
    if encoded.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(refusal);
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return Err(refusal) };
    let text = only.to_str().unwrap_or_default();
    match MediaRange::parse(text) {
        Some(range) if range.kind == "application/json" => Ok(()),
        _ => Err(refusal),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn chosen(accept: &'static str) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        answer_media(&headers).ok()
    }

    #[test]
    fn accept_is_honoured() {
        let newer = Some(Media::GraphQl);
        let plain = Some(Media::Json);
        assert_eq!(answer_media(&HeaderMap::new()).ok(), plain);
        assert_eq!(chosen("*/*"), plain);
        assert_eq!(chosen("application/*"), plain);
        assert_eq!(chosen("application/json"), plain);
        assert_eq!(chosen("application/graphql-response+json"), newer);
        assert_eq!(chosen("application/graphql-response+json, */*"), newer);
        assert_eq!(chosen("application/json, application/graphql-response+json"), newer);
        let preferred = "application/json;q=0.9, application/graphql-response+json;q=0.1";
        assert_eq!(chosen(preferred), plain);
        assert_eq!(chosen("application/json;q=0, application/*"), newer);
        assert_eq!(chosen("text/html, application/json; charset=utf-8"), plain);
        assert_eq!(chosen("text/html"), None);
        assert_eq!(chosen("application/json; charset=latin1"), None);
        assert_eq!(chosen(""), None);
    }
}
