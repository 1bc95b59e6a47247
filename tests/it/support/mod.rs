//! The demo every test reads, made once per process, and how tests talk to a hub.
//!
//! Tests that change a deployment copy it first; nothing here knows what a right answer is.

mod chance;
mod copy;
mod process;
pub(crate) mod proxy;
mod served;
pub(crate) mod ward;

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

pub(crate) use chance::{Chance, Long, is_long};
pub(crate) use copy::{copy_tree, fresh};
pub(crate) use process::{Done, clinichub, spawned, start};
use serde_json::Value;
pub(crate) use served::{Row, Served, content};
use tokio::runtime::Runtime;

/// Last business day of every demo here; fixed, so that answers are.
pub(crate) const END: &str = "2026-10-15";
/// People of the demo: enough for every rule to fire, few enough for a short build.
const PEOPLE: &str = "1500";
const FEWER_PEOPLE: &str = "600";
const DAYS: &str = "120";

/// Drives clients and receivers; its threads end with the process.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Runtime::new().expect("a runtime")
});

/// A made and served demo.
pub(crate) struct Hub {
    pub(crate) dir: PathBuf,
    pub(crate) served: Served,
    /// Key that sees the group.
    pub(crate) ceo: String,
    /// Key that sees [`Hub::SITE`].
    pub(crate) manager: String,
}

impl Hub {
    /// Site of the second login.
    pub(crate) const SITE: &'static str = "DL-HZ-YM";

    fn made(people: &str, seed: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder").keep();
        let args = ["demo", "--no-serve", "--days", DAYS, "--end", END];
        let more = ["--people", people, "--seed", seed, "--dir"];
        clinichub(args).args(more).arg(&dir).done().passed();
        let (ceo, manager) = logins(&dir);
        // The folder goes with the server, which goes with this process.
        let served = Served::start(&dir.join("clinichub.yaml"), Some(&dir));
        Self { dir, served, ceo, manager }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join("clinichub.yaml")
    }

    /// Rows of `statement` for the whole group.
    pub(crate) fn rows(&self, statement: &str) -> Vec<Row> {
        self.served.rows(&self.ceo, statement)
    }

    /// The first column of the first row.
    pub(crate) fn scalar(&self, statement: &str) -> String {
        self.served.scalar(&self.ceo, statement)
    }

    /// `data` of a query for the whole group; fails on errors.
    pub(crate) fn graphql(&self, query: &str) -> Value {
        self.served.graphql(&self.ceo, query)
    }
}

/// The demo, made and served by the first test that asks.
pub(crate) fn hub() -> &'static Hub {
    static HUB: OnceLock<Hub> = OnceLock::new();
    HUB.get_or_init(|| Hub::made(PEOPLE, "1"))
}

/// Smaller demos of two other seeds, each made and served by the first test that asks.
pub(crate) fn other_hubs() -> [&'static LazyLock<Hub>; 2] {
    static SECOND: LazyLock<Hub> = LazyLock::new(|| Hub::made(FEWER_PEOPLE, "2"));
    static THIRD: LazyLock<Hub> = LazyLock::new(|| Hub::made(FEWER_PEOPLE, "3"));
    [&SECOND, &THIRD]
}

/// Keys of the two demo logins.
pub(crate) fn logins(dir: &Path) -> (String, String) {
    let text = std::fs::read_to_string(dir.join("logins")).expect("the logins");
    let key = |user: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(user)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no login `{user}`")).to_owned()
    };
    (key("ceo"), key("manager"))
}

/// What a correct hub must find in the shared demo.
pub(crate) fn truth() -> Value {
    let text = std::fs::read_to_string(hub().dir.join("sources/truth.json")).expect("the truth");
    serde_json::from_str(&text).expect("JSON")
}
