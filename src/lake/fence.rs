//! What keeps a writer that lost its right to write from changing the lake.
//!
//! Knows tokens, not who gives them out. The check comes right before a commit or a publication;
//! whatever slips between it and the write is caught by the write being valid for exactly one
//! version or number.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Lake, LakeError};

/// The right to write, held under a token that grows with every change of holder.
#[async_trait]
pub trait Fence: Send + Sync {
    /// Token of this holder.
    fn token(&self) -> u64;

    /// Whether the token is still the newest one given out.
    ///
    /// # Errors
    /// `LeaseLost` when it is not, `FenceUnknown` when nobody can tell.
    async fn check(&self) -> Result<(), LakeError>;
}

impl Lake {
    /// The same lake, where writes succeed only while `fence` holds and carry its token.
    #[must_use]
    pub fn fenced(&self, fence: Arc<dyn Fence>) -> Self {
        let mut fenced = self.clone();
        fenced.fence = Some(fence);
        fenced
    }

    /// Token under which this handle writes; 0 without a fence.
    #[must_use]
    pub fn lease_token(&self) -> u64 {
        self.fence.as_ref().map_or(0, |fence| fence.token())
    }

    /// Whether this handle may still write.
    ///
    /// # Errors
    /// As [`Fence::check`].
    pub async fn may_write(&self) -> Result<(), LakeError> {
        match &self.fence {
            Some(fence) => fence.check().await,
            None => Ok(()),
        }
    }
}
