//! What the demo says when it is ready: addresses, logins and three queries to try.

use std::net::SocketAddr;
use std::path::Path;

use super::logins::Login;

const LAST_ARRIVALS: &str = include_str!("../../../queries/saved/last_arrivals.sql");
const LAST_SEEN: &str = include_str!("../../../queries/saved/patients_seen_last.sql");

/// After `--no-serve`.
pub(super) fn offline(config: &Path, logins: &[Login]) -> String {
    let config = config.display();
    format!(
        "ready\n{}\ntry:\n  clinichub sql --config {config} '{}'\n  clinichub serve --config {config}",
        users(logins),
        LAST_SEEN.trim_end()
    )
}

/// Once requests are taken.
pub(super) fn served(config: &Path, at: SocketAddr, logins: &[Login]) -> String {
    let key = logins.first().map_or("", |login| login.key.as_str());
    let graphql = |query: &str| {
        format!(
            "  curl -s http://{at}/graphql -H 'authorization: Bearer {key}' \
             -H 'content-type: application/json' \\\n    -d '{}'",
            serde_json::json!({ "query": query })
        )
    };
    let board = "{ board(id: \"group_ceo\") { title freshness { snapshotId } tiles { metric { id \
                 label } value compare target status } } }";
    let patients = "{ patients(first: 3) { edges { node { id displayName lifecycle } } } }";
    let sql = LAST_ARRIVALS.trim_end();
    format!(
        "serving on http://{at}  (GraphQL at /graphql, SQL at /sql, subscriptions at /graphql/ws)\n\
         {}\ntry:\n{}\n{}\n  curl -s http://{at}/sql -H 'authorization: Bearer {key}' \
         -H 'accept: text/csv' -d '{sql}'\n  clinichub sql --config {} '{}'",
        users(logins),
        graphql(board),
        graphql(patients),
        config.display(),
        LAST_SEEN.trim_end(),
    )
}

fn users(logins: &[Login]) -> String {
    let lines = logins.iter().map(|login| format!("login {:<8} key {}", login.user, login.key));
    lines.collect::<Vec<_>>().join("\n")
}
