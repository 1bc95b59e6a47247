//! What the API is built from: ports, limits and a few facts of the deployment.

use std::sync::Arc;
use std::time::Duration;

use hub_domain::ports::{
    AccessLog, Alerts, Authenticator, IdentityDecisions, ManualTags, Runs, Warehouse,
};
use tokio_util::sync::CancellationToken;

/// Everything resolvers and handlers may reach. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// Opens read sessions.
    pub warehouse: Arc<dyn Warehouse>,
    /// Alerts and their rules.
    pub alerts: Arc<dyn Alerts>,
    /// Past runs.
    pub runs: Arc<dyn Runs>,
    /// Keeps what people decide about identity.
    pub decisions: Arc<dyn IdentityDecisions>,
    /// Keeps the tags people give.
    pub tags: Arc<dyn ManualTags>,
    /// Turns keys into principals.
    pub auth: Arc<dyn Authenticator>,
    /// Keeps accesses to personal data.
    pub access: Arc<dyn AccessLog>,
    /// What one caller may ask for.
    pub limits: Limits,
    /// Facts of this deployment.
    pub web: Web,
}

/// Facts of the deployment that HTTP needs.
#[derive(Debug, Clone)]
pub struct Web {
    /// Prefix of request ids; unique per start of the process.
    pub instance: String,
    /// Origins (`https://board.example`) that may open a WebSocket besides the server's own host.
    pub origins: Vec<String>,
    /// Answers 294 instead of 200 when `data` comes with errors, to clients that accept
    /// `application/graphql-response+json`. Off by default: most clients only know 200.
    pub partial_success_294: bool,
    /// Cancelled at shutdown: open sockets close with 1001.
    pub shutdown: CancellationToken,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            instance: "hub".to_owned(),
            origins: Vec::new(),
            partial_success_294: false,
            shutdown: CancellationToken::new(),
        }
    }
}

/// What one request, one answer and one socket may cost.
///
/// Refusals name the limit that was met, never its figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body and of a WebSocket message.
    pub body_bytes: usize,
    /// Time a caller has to send its body.
    pub body_read: Duration,
    /// Lexical tokens of a document.
    pub tokens: usize,
    /// Open brackets of any kind at one point of a document; shields the parser's stack.
    pub nesting: usize,
    /// Fields below each other, fragments expanded.
    pub depth: usize,
    /// As `depth`, under `__schema` and `__type`: the standard introspection query needs 15.
    pub introspection_depth: usize,
    /// `fields`, `inputFields`, `interfaces`, `possibleTypes` below each other in introspection.
    pub introspection_lists: usize,
    /// Selections once every fragment is expanded.
    pub selections: u64,
    /// Aliases in a document.
    pub aliases: usize,
    /// Fields at the root of an operation.
    pub root_fields: u64,
    /// Directives in a document, wherever they stand.
    pub directives: usize,
    /// Variables of one request.
    pub variables: usize,
    /// Bytes of all variables as JSON.
    pub variable_bytes: usize,
    /// Items of one list in the variables.
    pub list_items: usize,
    /// Cost: 1 per scalar, 50 per read, pages multiply what lies under them.
    pub cost: usize,
    /// Wall clock of one request.
    pub deadline: Duration,
    /// Bytes of an answer.
    pub answer_bytes: usize,
    /// Requests executing at once; more are told to come back.
    pub concurrent: usize,
    /// Open sockets.
    pub sockets: usize,
    /// Subscriptions of one socket.
    pub subscriptions: usize,
    /// Messages a socket may send in one second.
    pub messages_per_second: u32,
    /// Time a socket has for `connection_init`.
    pub init: Duration,
    /// Pause between pings; two without any sign of life close the socket.
    pub keepalive: Duration,
    /// Pause between checks that the socket's key still holds.
    pub recheck: Duration,
    /// Time a socket may take to accept one message.
    pub send: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 << 10,
            body_read: Duration::from_secs(10),
            tokens: 2_000,
            nesting: 64,
            depth: 10,
            introspection_depth: 16,
            introspection_lists: 2,
            selections: 5_000,
            aliases: 15,
            root_fields: 10,
            directives: 10,
            variables: 50,
            variable_bytes: 64 << 10,
            list_items: 1_000,
            cost: 5_000,
            deadline: Duration::from_secs(10),
            answer_bytes: 8 << 20,
            concurrent: 64,
            sockets: 1_000,
            subscriptions: 50,
            messages_per_second: 100,
            init: Duration::from_secs(10),
            keepalive: Duration::from_secs(15),
            recheck: Duration::from_secs(30),
            send: Duration::from_secs(10),
        }
    }
}
