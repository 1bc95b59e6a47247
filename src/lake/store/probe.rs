//! The proof a store has to give before anybody writes: what exists is not created again.
//!
//! Asked in two ways, because stores fail in two: some overwrite always, some look first and then
//! write, which only rivals at the same moment bring to light.

use futures::future::join_all;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use uuid::Uuid;

use super::Place;
use super::retry::is_unknown_request;
use crate::LakeError;
use crate::id::probe_path;

/// Rivals of one race, and races.
const RIVALS: usize = 8;
const RACES: usize = 5;
/// Local file systems link names atomically or refuse to; a short race finds the others.
const LOCAL_RACES: usize = 1;

/// A promise the store broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    /// What was tried.
    pub(super) check: &'static str,
    /// What came of it.
    pub(super) found: String,
}

/// Asks the store of `place`; the outer error is one of asking.
pub(super) async fn probe(place: &Place) -> Result<Result<(), Breach>, LakeError> {
    let mut made = Vec::new();
    let found = ask(place, &mut made).await;
    for path in &made {
        if let Err(error) = place.store.delete(path).await {
            tracing::debug!(object = %path, %error, "an object of the probe stays");
        }
    }
    found
}

async fn ask(place: &Place, made: &mut Vec<Path>) -> Result<Result<(), Breach>, LakeError> {
    let path = probe_path();
    made.push(path.clone());
    let check = "creating the same object twice, one after the other";
    let first = match create(place, &path).await {
        Err(LakeError::Object { source, .. }) if is_unknown_request(&source) => {
            let found = "the store answers 501 to a conditional creation".to_owned();
            return Ok(Err(Breach { check, found }));
        }
        first => first?,
    };
    if first.is_none() {
        let found = "an object under a new random name was said to exist".to_owned();
        return Ok(Err(Breach { check, found }));
    }
    if create(place, &path).await?.is_some() {
        let found = "the second was accepted".to_owned();
        return Ok(Err(Breach { check, found }));
    }
    let races = if place.folder.is_some() { LOCAL_RACES } else { RACES };
    for _ in 0..races {
        let path = probe_path();
        made.push(path.clone());
        if let Some(breach) = race(place, &path).await? {
            return Ok(Err(breach));
        }
    }
    Ok(Ok(()))
}

/// Rivals create one object at the same moment; one of them must win, and stay.
async fn race(place: &Place, path: &Path) -> Result<Option<Breach>, LakeError> {
    let check = "several writers creating the same object at the same moment";
    let rivals = join_all((0..RIVALS).map(|_| create(place, path))).await;
    let mut winners = Vec::new();
    for rival in rivals {
        winners.extend(rival?);
    }
    let [winner] = winners.as_slice() else {
        let found = format!("{} of {RIVALS} were accepted", winners.len());
        return Ok(Some(Breach { check, found }));
    };
    let held = place.read(path).await.map_err(|source| failed(path, "read", source))?;
    let stays = held == winner.as_bytes();
    let found = || "the object of the accepted writer was overwritten".to_owned();
    Ok((!stays).then(|| Breach { check, found: found() }))
}

/// What was written, when the store accepted it.
async fn create(place: &Place, path: &Path) -> Result<Option<String>, LakeError> {
    let text = Uuid::new_v4().to_string();
    let payload = PutPayload::from(text.clone().into_bytes());
    match place.store.put_opts(path, payload, PutMode::Create.into()).await {
        Ok(_) => Ok(Some(text)),
        Err(Error::AlreadyExists { .. }) => Ok(None),
        Err(source) => Err(failed(path, "written", source)),
    }
}

fn failed(path: &Path, verb: &'static str, source: Error) -> LakeError {
    LakeError::Object { path: path.to_string(), verb, source }
}
