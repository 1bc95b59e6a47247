//! Tags people give.

use async_graphql::{Enum, InputObject, SimpleObject};
use hub_domain::annotation::NewTag;

use crate::graphql::scalars::DateTime;

/// Longest name of a tag, in characters.
const MAX_TAG: usize = 60;
/// Longest value of a tag, in characters.
const MAX_VALUE: usize = 200;

/// A tag to give to a patient by hand.
#[derive(InputObject)]
pub(crate) struct TagInput {
    /// Name of up to 60 characters.
    tag: String,
    /// Value of up to 200 characters, where the tag has one.
    value: Option<String>,
    /// The first instant at which it no longer holds; without it, it holds until it is taken back.
    until: Option<DateTime>,
}

/// How giving a tag or taking it back ended.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatientTagStatus {
    /// It is kept; the next night shows it.
    Tagged,
    /// It no longer holds; the next night shows its end.
    Ended,
    /// There is no such patient, or no such tag given by hand.
    NotFound,
    /// The tag is not one; `message` says why.
    Rejected,
}

/// What giving a tag or taking it back answers. Expected failures are a status, not an error.
#[derive(SimpleObject)]
pub(crate) struct PatientTagPayload {
    /// How it ended.
    pub(crate) status: PatientTagStatus,
    /// What went wrong, for people.
    pub(crate) message: Option<String>,
}

impl TagInput {
    /// The tag, or why it is none.
    pub(crate) fn checked(self) -> Result<NewTag, String> {
        let tag = name(&self.tag)?;
        let value = self.value.map(|value| value.trim().to_owned()).filter(|text| !text.is_empty());
        if value.as_ref().is_some_and(|value| value.chars().count() > MAX_VALUE) {
            return Err(format!("a value has at most {MAX_VALUE} characters"));
        }
        Ok(NewTag { tag, value, to: self.until.map(|at| at.0) })
    }
}

/// The name of a tag without the space around it.
pub(crate) fn name(written: &str) -> Result<String, String> {
    let tag = written.trim();
    let is_name = !tag.is_empty() && !tag.chars().any(char::is_control);
    if is_name && tag.chars().count() <= MAX_TAG {
        return Ok(tag.to_owned());
    }
    Err(format!("a tag has 1 to {MAX_TAG} characters and no line breaks"))
}
