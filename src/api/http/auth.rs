//! Keys to principals. Without one nothing runs, and nobody learns why theirs does not hold.

use axum::http::{HeaderMap, StatusCode, header};
use hub_domain::ports::Authenticator;
use hub_domain::{Error, Principal};

use super::answer::Refusal;

/// Longest key that is looked up, in bytes.
const MAX_KEY: usize = 512;

/// The key in a header value `Bearer <key>`.
pub(super) fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    let usable = !key.is_empty() && key.len() <= MAX_KEY;
    (scheme.eq_ignore_ascii_case("bearer") && usable).then_some(key)
}

/// The principal of a request.
///
/// # Errors
/// 401 for every reason a key does not hold, 500 when that cannot be told.
pub(super) async fn principal(
    auth: &dyn Authenticator,
    headers: &HeaderMap,
    request_id: &str,
) -> Result<Principal, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (values.next(), values.next()) else { return Err(unauthenticated()) };
    let Some(key) = only.to_str().ok().and_then(bearer) else { return Err(unauthenticated()) };
    match auth.by_api_key(key).await {
        Ok(principal) => Ok(principal),
        Err(outage @ Error::Internal(_)) => Err(Refusal::internal(&outage, request_id)),
        Err(_) => Err(unauthenticated()),
    }
}

fn unauthenticated() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "sign in first")
        .hint("send `authorization: Bearer <key>`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_keys_are_read() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for wrong in ["abc", "Basic abc", "Bearer ", "Bearer"] {
            assert_eq!(bearer(wrong), None, "{wrong}");
        }
        assert_eq!(bearer(&format!("Bearer {}", "x".repeat(513))), None);
    }
}
