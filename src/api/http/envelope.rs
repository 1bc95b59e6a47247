//! The JSON around a document: `{query, operationName, variables, extensions}`.

use async_graphql::Variables;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::Refusal;
use crate::state::Limits;

/// Longest operation name, in bytes.
const MAX_NAME: usize = 256;

/// One GraphQL request. Unknown members are ignored, members twice are an error.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    pub(super) query: String,
    #[serde(default, rename = "operationName")]
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    /// Read so that a wrong shape is refused; nothing uses it.
    #[serde(default, rename = "extensions")]
    _extensions: Option<Map<String, Value>>,
}

fn malformed(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
        .hint("send one JSON object with `query`, and `variables` as an object")
}

/// Reads a body.
///
/// # Errors
/// 400 for everything that is not one JSON object with a `query` text.
pub(super) fn parse(body: &[u8]) -> Result<Envelope, Refusal> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{') => {}
        Some(b'[') => {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "BATCHING_DISABLED",
                "batches are not taken",
            )
            .hint("send one operation per request; one operation may ask for many fields"));
        }
        _ => return Err(malformed("the body is not a JSON object")),
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => malformed("the body is not a GraphQL request"),
        _ => malformed("the body is not JSON"),
    })
}

impl Envelope {
    /// The name of the wanted operation; an empty one is none.
    pub(super) fn wanted(&self) -> Option<&str> {
        self.operation_name.as_deref().filter(|name| !name.is_empty())
    }

    /// Refuses more than a request may carry beside its document.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), Refusal> {
        let refuse =
            |code, message: &str| Err(Refusal::new(StatusCode::BAD_REQUEST, code, message));
        if self.operation_name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
            return refuse("BAD_REQUEST", "the operation name is too long");
        }
        let Some(variables) = &self.variables else { return Ok(()) };
        if variables.len() > limits.variables {
            return refuse("TOO_MANY_VARIABLES", "too many variables");
        }
        if variables.values().any(|value| has_long_list(value, limits.list_items)) {
            return refuse("VARIABLES_TOO_LARGE", "a list in the variables is too long");
        }
        let bytes = serde_json::to_vec(variables).map_or(usize::MAX, |json| json.len());
        if bytes > limits.variable_bytes {
            return refuse("VARIABLES_TOO_LARGE", "the variables are too large");
        }
        Ok(())
    }

    /// Whether a variable is given, and not as null.
    pub(super) fn has_value(&self, name: &str) -> bool {
        let given = self.variables.as_ref().and_then(|variables| variables.get(name));
        given.is_some_and(|value| !value.is_null())
    }

    /// The variables as async-graphql takes them.
    pub(super) fn variables(&mut self) -> Variables {
        Variables::from_json(Value::Object(self.variables.take().unwrap_or_default()))
    }
}

/// serde_json refuses JSON nested deeper than 128, so this recursion is bounded.
fn has_long_list(value: &Value, items: usize) -> bool {
    match value {
        Value::Array(list) => {
            list.len() > items || list.iter().any(|item| has_long_list(item, items))
        }
        Value::Object(members) => members.values().any(|member| has_long_list(member, items)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_object_with_a_query_is_read() {
        assert!(parse(br#" {"query":"{a}","unknown":1,"variables":null}"#).is_ok());
        let wrong: [&[u8]; 11] = [
            br#"{"query":null}"#,
            b"[]",
            b"{}",
            br#""x""#,
            br#"{"query":{}}"#,
            b"{\"query\":\"\xff\"}",
            b"\xef\xbb\xbf{\"query\":\"{a}\"}",
            br#"{"query":"{a}","query":"{b}"}"#,
            br#"{"query":"{a}","variables":[]}"#,
            br#"{"query":"{a}"} x"#,
            b"",
        ];
        for body in wrong {
            let refusal = parse(body).expect_err("malformed");
            assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn deep_json_is_refused_not_followed() {
        let deep = format!(
            r#"{{"query":"{{a}}","variables":{{"v":{}{}}}}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        assert!(parse(deep.as_bytes()).is_err());
    }
}
