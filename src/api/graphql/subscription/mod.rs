//! The subscription root, by noun.

mod alert;

use async_graphql::MergedSubscription;

/// Everything that is pushed.
#[derive(MergedSubscription, Default)]
pub(crate) struct Subscription(alert::AlertSubscription);
