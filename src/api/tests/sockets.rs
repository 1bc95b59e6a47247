//! Subscriptions over a real socket.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use hub_domain::alert::{AlertEvent, AlertState};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::{GROUP, SITE};
use crate::world::{Fault, World, alert};

const WATCH: &str = "subscription { alertEvents { state alert { subject definition { id } } } }";

struct Socket(WebSocketStream<TcpStream>);

async fn serve(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = world.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn connect(
    address: SocketAddr,
    origin: Option<&str>,
    protocol: Option<&str>,
) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/graphql/ws").into_client_request().expect("an url");
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().expect("a value"));
    }
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a value"));
    }
    let stream = TcpStream::connect(address).await.expect("a server");
    client_async(request, stream).await.map(|(socket, _)| Socket(socket))
}

async fn open(world: &World) -> Socket {
    let address = serve(world).await;
    connect(address, None, Some("graphql-transport-ws")).await.expect("a socket")
}

async fn ready(world: &World, key: &str) -> Socket {
    let mut socket = open(world).await;
    socket.init(key).await;
    assert_eq!(socket.next().await["type"], "connection_ack");
    socket
}

impl Socket {
    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("an open socket");
    }

    async fn init(&mut self, key: &str) {
        let payload = json!({ "authorization": format!("Bearer {key}") });
        self.say(json!({ "type": "connection_init", "payload": payload })).await;
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
    }

    async fn frame(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(Duration::from_secs(5), self.0.next());
        next.await.expect("an answer in time").and_then(Result::ok)
    }

    /// The next message of the protocol.
    async fn next(&mut self) -> Value {
        loop {
            match self.frame().await.expect("a message") {
                Message::Text(text) => return serde_json::from_str(&text).expect("json"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// The code the server closes with, whatever comes before.
    async fn closed(&mut self) -> u16 {
        while let Some(message) = self.frame().await {
            if let Message::Close(frame) = message {
                return frame.expect("a reason").code.into();
            }
        }
        panic!("the socket ended without a close frame");
    }
}

/// Sends an event until someone listens.
async fn fire(world: &World, site: &str) {
    let event = AlertEvent { state: AlertState::Firing, alert: alert(site) };
    while world.0.events.send(event.clone()).is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn events_arrive_under_the_callers_policy() {
    let world = World::new();
    let mut socket = ready(&world, SITE).await;
    socket.subscribe("a", WATCH).await;
    socket.subscribe("b", WATCH).await;
    while world.0.events.receiver_count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fire(&world, "BJ01").await;
    fire(&world, "SH01").await;
    let mut seen = [socket.next().await, socket.next().await];
    seen.sort_by_key(|message| message["id"].to_string());
    let payload = json!({ "data": { "alertEvents": { "state": "FIRING",
        "alert": { "subject": "site:SH01", "definition": { "id": "R1" } } } } });
    assert_eq!(seen[0], json!({ "type": "next", "id": "a", "payload": payload }));
    assert_eq!(seen[1]["id"], "b");
    socket.say(json!({ "type": "complete", "id": "a" })).await;
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await["type"], "pong");
    fire(&world, "SH01").await;
    assert_eq!(socket.next().await["id"], "b", "a completed subscription is silent");
}

#[tokio::test]
async fn refused_operations_leave_the_socket_open() {
    let world = World::with(Fault::None, |inner| inner.limits.subscriptions = 1);
    let mut socket = ready(&world, SITE).await;
    for (query, code) in [
        ("{ viewer { user } }", "OPERATION_RESOLUTION_FAILURE"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        (
            "subscription { a: alertEvents { state } b: alertEvents { state } }",
            "TOO_MANY_ROOT_FIELDS",
        ),
    ] {
        socket.subscribe("x", query).await;
        let answer = socket.next().await;
        assert_eq!(answer["type"], "error", "{answer}");
        assert_eq!(answer["payload"][0]["extensions"]["code"], code, "{answer}");
    }
    socket.subscribe("a", WATCH).await;
    socket.subscribe("b", WATCH).await;
    let answer = socket.next().await;
    assert_eq!(answer["id"], "b");
    assert_eq!(answer["payload"][0]["extensions"]["code"], "TOO_MANY_SUBSCRIPTIONS");
}

#[tokio::test]
async fn an_outage_below_is_masked() {
    let mut socket = ready(&World::with(Fault::Secret, |_| {}), GROUP).await;
    socket.subscribe("a", WATCH).await;
    let answer = socket.next().await;
    assert!(!answer.to_string().contains("hunter2"), "{answer}");
    assert!(answer.to_string().contains("INTERNAL_SERVER_ERROR"), "{answer}");
}

#[tokio::test]
async fn g21_foreign_pages_and_strange_protocols() {
    let address = serve(&World::new()).await;
    let refused = |result: Result<Socket, Error>| match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        _ => 0,
    };
    let protocol = Some("graphql-transport-ws");
    let foreign = connect(address, Some("https://evil.test"), protocol).await;
    assert_eq!(refused(foreign), 403);
    let own = format!("http://{address}");
    assert!(connect(address, Some(&own), protocol).await.is_ok());
    assert_eq!(refused(connect(address, None, None).await), 400);
    assert_eq!(refused(connect(address, None, Some("graphql-ws")).await), 400);
}

#[tokio::test]
async fn g22_the_handshake() {
    let world = World::with(Fault::None, |inner| inner.limits.init = Duration::from_millis(100));
    assert_eq!(open(&world).await.closed().await, 4408);
    let mut socket = open(&world).await;
    socket.subscribe("a", WATCH).await;
    assert_eq!(socket.closed().await, 4401);
    let mut socket = open(&world).await;
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await, 4401);
    let mut socket = open(&world).await;
    socket.init("wrong").await;
    assert_eq!(socket.closed().await, 4403);
    let mut socket = ready(&world, SITE).await;
    socket.init(SITE).await;
    assert_eq!(socket.closed().await, 4429);
    let mut socket = ready(&world, SITE).await;
    socket.say(json!({ "type": "nonsense" })).await;
    assert_eq!(socket.closed().await, 4400);
}

#[tokio::test]
async fn g22_ids_sizes_and_floods() {
    let world = World::new();
    let mut socket = ready(&world, SITE).await;
    socket.subscribe("a", WATCH).await;
    socket.subscribe("a", WATCH).await;
    assert_eq!(socket.closed().await, 4409);
    let mut socket = ready(&world, SITE).await;
    socket.subscribe("a", &"x".repeat(1 << 20)).await;
    assert_eq!(socket.closed().await, 1009);
    let mut socket = ready(&world, SITE).await;
    for _ in 0..200 {
        // The server may be gone before all are sent.
        let ping = json!({ "type": "ping" }).to_string();
        if socket.0.send(Message::text(ping)).await.is_err() {
            break;
        }
    }
    assert_eq!(socket.closed().await, 1008);
}

#[tokio::test]
async fn g23_revoked_keys_end_their_sockets() {
    let world = World::with(Fault::None, |inner| inner.limits.recheck = Duration::from_millis(50));
    let mut socket = ready(&world, SITE).await;
    *world.0.revoked.lock().expect("not poisoned") = true;
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test]
async fn seats_are_counted_and_given_back() {
    let world = World::with(Fault::None, |inner| inner.limits.sockets = 1);
    let address = serve(&world).await;
    let protocol = Some("graphql-transport-ws");
    let first = connect(address, None, protocol).await.expect("a seat");
    assert!(connect(address, None, protocol).await.is_err(), "no second seat");
    drop(first);
    for _ in 0..100 {
        if connect(address, None, protocol).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the seat was not given back");
}

#[tokio::test]
async fn shutdown_says_goodbye() {
    let world = World::new();
    let mut socket = ready(&world, GROUP).await;
    socket.subscribe("a", WATCH).await;
    world.0.web.shutdown.cancel();
    assert_eq!(socket.closed().await, 1001);
}

#[tokio::test]
async fn silence_ends_a_socket() {
    let world = World::with(Fault::None, |inner| {
        inner.limits.keepalive = Duration::from_millis(50);
    });
    // A client that answers pings stays.
    let mut socket = ready(&world, SITE).await;
    let pinged = socket.frame().await.expect("a frame");
    assert!(matches!(pinged, Message::Ping(_)), "{pinged:?}");
    // One that does not even read them is let go.
    tokio::time::sleep(Duration::from_millis(400)).await;
    // Its late pongs may meet a closed port before it reads the close frame; both are the end.
    while let Some(message) = socket.frame().await {
        if matches!(message, Message::Close(_)) {
            break;
        }
    }
}
