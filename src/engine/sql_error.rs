//! What a user of a SQL door is told when a statement fails.
//!
//! Planning touches no row, so its messages may quote the user's own text and the names the user
//! sees. A running statement has touched rows: its message is one of a few fixed sentences, for
//! every principal, and never holds a value.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use hub_lake::LakeError;

/// Sort of failure; doors map it to their status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlErrorKind {
    /// The statement is of a kind that is not allowed.
    Refused,
    /// The statement does not parse or plan.
    Invalid,
    /// The statement's text is too large or too deep.
    TooLarge,
    /// The answer met the row, byte, memory or disk limit.
    Limit,
    /// The answer was not there in time.
    Deadline,
    /// Too many statements at once.
    Busy,
    /// The statement failed on a row.
    Execution,
    /// Nothing is published yet, or the snapshot asked for does not exist.
    NotFound,
    /// An outage or a defect.
    Internal,
}

/// A failed statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    kind: SqlErrorKind,
    message: String,
    hint: Option<String>,
}

impl SqlError {
    /// A failure of `kind`, told by `message` (no data values in it).
    pub(crate) fn new(kind: SqlErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sort of failure.
    #[must_use]
    pub fn kind(&self) -> SqlErrorKind {
        self.kind
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The stable code doors and logs carry.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.kind {
            SqlErrorKind::Refused => "STATEMENT_REFUSED",
            SqlErrorKind::Invalid => "INVALID_SQL",
            SqlErrorKind::TooLarge => "STATEMENT_TOO_LARGE",
            SqlErrorKind::Limit => "LIMIT_EXCEEDED",
            SqlErrorKind::Deadline => "DEADLINE_EXCEEDED",
            SqlErrorKind::Busy => "TOO_MANY_QUERIES",
            SqlErrorKind::Execution => "EXECUTION_FAILED",
            SqlErrorKind::NotFound => "NO_SNAPSHOT",
            SqlErrorKind::Internal => "INTERNAL_SERVER_ERROR",
        }
    }

    /// A failure before any row was read: the text may be shown. Values of column bounds may
    /// have been looked at already, so failures of arithmetic and conversion are told as those of
    /// running statements are.
    pub(crate) fn planning(error: &DataFusionError) -> Self {
        if let Some(damage) = Self::damage_in(error) {
            return damage;
        }
        if let Some(limit) = Self::limit_in(error) {
            return Self::new(SqlErrorKind::Limit, format!("limit reached: {limit}"));
        }
        let root = error.find_root();
        match root {
            DataFusionError::IoError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::ParquetError(_)
            | DataFusionError::Internal(_)
            | DataFusionError::External(_) => Self::internal(),
            DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => Self::running(error),
            _ => Self::new(SqlErrorKind::Invalid, first_line(&root.strip_backtrace())),
        }
    }

    /// A failure while rows were read: one of a few fixed sentences.
    pub(crate) fn running(error: &DataFusionError) -> Self {
        if let Some(damage) = Self::damage_in(error) {
            return damage;
        }
        if let Some(limit) = Self::limit_in(error) {
            return Self::new(SqlErrorKind::Limit, format!("limit reached: {limit}"));
        }
        let sentence = match error.find_root() {
            DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
                ArrowError::CastError(_) | ArrowError::ParseError(_) => {
                    "a value could not be converted"
                }
                ArrowError::DivideByZero => "division by zero",
                ArrowError::ArithmeticOverflow(_) => "arithmetic overflow",
                ArrowError::ComputeError(_) | ArrowError::InvalidArgumentError(_) => {
                    "a function refused a value"
                }
                _ => return Self::internal(),
            },
            DataFusionError::Execution(_) | DataFusionError::Plan(_) => {
                "a function refused a value"
            }
            _ => return Self::internal(),
        };
        Self::new(SqlErrorKind::Execution, sentence)
            .with_hint("values are not shown in errors; try `try_cast` or `nullif`")
    }

    /// The sentence for everything that is not the user's doing.
    pub(crate) fn internal() -> Self {
        Self::new(SqlErrorKind::Internal, "internal error")
    }

    /// The damaged table behind `error`, by name: the operator has to know which.
    fn damage_in(error: &DataFusionError) -> Option<Self> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(lake) = error.downcast_ref::<LakeError>().filter(|lake| lake.is_damage()) {
                let text = lake.to_string();
                let (what, hint) = text.split_once("\n  hint: ").unwrap_or((&text, ""));
                let told = Self::new(SqlErrorKind::Internal, what);
                return Some(if hint.is_empty() { told } else { told.with_hint(hint) });
            }
            cause = error.source();
        }
        None
    }

    /// The memory or disk limit behind `error`, in words.
    pub(crate) fn limit_in(error: &DataFusionError) -> Option<String> {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Some("memory of one query".to_owned()),
            _ => None,
        }
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("Error during planning: ").unwrap_or(line);
    let line = line.strip_prefix("Schema error: ").unwrap_or(line);
    line.trim_end_matches('.').chars().take(400).collect()
}

impl From<hub_domain::Error> for SqlError {
    fn from(error: hub_domain::Error) -> Self {
        match error {
            hub_domain::Error::NoSnapshot | hub_domain::Error::NotFound { .. } => {
                Self::new(SqlErrorKind::NotFound, error.to_string())
            }
            hub_domain::Error::Limit { .. } => Self::new(SqlErrorKind::Limit, error.to_string()),
            hub_domain::Error::Internal(_) => Self::internal(),
            other => Self::new(SqlErrorKind::Refused, other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_errors_hold_no_value() {
        let cast = ArrowError::CastError("cannot cast 'SECRET-LI' to Int32".into());
        let error = SqlError::running(&DataFusionError::ArrowError(Box::new(cast), None));
        assert!(!format!("{error} {error:?}").contains("SECRET"));
        assert_eq!(error.code(), "EXECUTION_FAILED");
        let text = DataFusionError::Execution("bad value SECRET-LI".into());
        assert!(!SqlError::running(&text).to_string().contains("SECRET"));
        assert!(!SqlError::planning(&text).to_string().contains("SECRET"));
    }

    #[test]
    fn planning_errors_name_what_is_wrong() {
        let plan = DataFusionError::Plan("table 'hub.visitz' not found".into());
        let error = SqlError::planning(&plan);
        assert_eq!(error.to_string(), "table 'hub.visitz' not found");
        assert_eq!(error.kind(), SqlErrorKind::Invalid);
    }
}
