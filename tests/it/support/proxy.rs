//! A wire that can be cut: passes a server's port on and ends each connection after as many
//! bytes from the server as the test wants.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Listens until the process ends.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cut_after: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let cut_after = Arc::new(AtomicU64::new(u64::MAX));
        let (limit, server) = (Arc::clone(&cut_after), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                pass(&client, &server, limit.load(Ordering::SeqCst));
            }
        });
        Self { address, cut_after }
    }

    /// Connections made from now on end after `bytes` from the server.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.cut_after.store(bytes, Ordering::SeqCst);
    }
}

fn pass(client: &TcpStream, server: &TcpStream, limit: u64) {
    let both = || Some((client.try_clone().ok()?, server.try_clone().ok()?));
    let (Some(asking), Some(telling)) = (both(), both()) else { return };
    std::thread::spawn(move || copy(&asking.0, &asking.1, u64::MAX));
    std::thread::spawn(move || copy(&telling.1, &telling.0, limit));
}

/// Copies until the end or the limit, then ends both sides.
fn copy(mut from: &TcpStream, mut into: &TcpStream, limit: u64) {
    let (mut buffer, mut left) = ([0_u8; 4_096], limit);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let some = usize::try_from(left).unwrap_or(usize::MAX).min(count);
        if into.write_all(&buffer[..some]).is_err() {
            break;
        }
        left -= some as u64;
        if left == 0 {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), into.shutdown(Shutdown::Both));
}
