//! API keys: shown once, stored as SHA-256, looked up by their public part.

use async_trait::async_trait;
use hub_domain::ports::Authenticator;
use hub_domain::principal::{Principal, Role, SiteScope};
use sha2::{Digest, Sha256};
use sqlx::Row;
use subtle::ConstantTimeEq;

use crate::{Error, State, text};

const PREFIX: &str = "hub_live_";
const TABLE: &str = "api_key";

/// A stored key, without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Public part.
    pub id: String,
    /// Whom it signs in.
    pub principal: Principal,
    /// When it was made.
    pub created_at: String,
    /// When it was revoked.
    pub revoked_at: Option<String>,
}

impl State {
    /// Makes a key for `principal` from 24 random bytes and returns it; it cannot be shown again.
    ///
    /// # Errors
    /// `Write` when it cannot be stored.
    pub async fn create_key(
        &self,
        principal: &Principal,
        random: [u8; 24],
    ) -> Result<String, Error> {
        let id = hex::encode(&random[..4]);
        let body = format!("{PREFIX}{id}{}", hex::encode(&random[4..]));
        let key = format!("{body}{}", checksum(&body));
        let sites = match &principal.sites {
            SiteScope::All => "null".to_owned(),
            SiteScope::Only(sites) => serde_json::to_string(sites)
                .map_err(|source| Error::Inconsistent { table: TABLE, source: source.into() })?,
        };
        sqlx::query(
            "insert into api_key (id, hash, user_name, role, sites, created_at)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&id)
        .bind(hash(&key))
        .bind(&principal.user)
        .bind(principal.role.name())
        .bind(sites)
        .bind(self.now())
        .execute(&self.pool)
        .await
        .map_err(Error::write(TABLE))?;
        Ok(key)
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// `Read`, `Inconsistent`.
    pub async fn list_keys(&self) -> Result<Vec<ApiKey>, Error> {
        let rows = sqlx::query(
            "select id, user_name, role, sites, created_at, revoked_at from api_key
             order by created_at, id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::read(TABLE))?;
        rows.iter().map(decode).collect()
    }

    /// Revokes a key by its public part; false when there is no such live key.
    ///
    /// # Errors
    /// `Write`.
    pub async fn revoke_key(&self, id: &str) -> Result<bool, Error> {
        let done =
            sqlx::query("update api_key set revoked_at = $1 where id = $2 and revoked_at is null")
                .bind(self.now())
                .bind(id)
                .execute(&self.pool)
                .await
                .map_err(Error::write(TABLE))?;
        Ok(done.rows_affected() == 1)
    }
}

#[async_trait]
impl Authenticator for State {
    async fn by_api_key(&self, key: &str) -> Result<Principal, hub_domain::Error> {
        let refused = hub_domain::Error::Unauthenticated;
        let Some(id) = public_part(key) else { return Err(refused) };
        let row = sqlx::query(
            "select id, hash, user_name, role, sites, created_at, revoked_at from api_key
             where id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
        .map_err(Error::read(TABLE))?;
        let Some(row) = row else { return Err(refused) };
        let stored: String = row.try_get("hash").map_err(Error::read(TABLE))?;
        let same: bool = stored.as_bytes().ct_eq(hash(key).as_bytes()).into();
        let found = decode(&row)?;
        if same && found.revoked_at.is_none() { Ok(found.principal) } else { Err(refused) }
    }
}

/// The public part of a well-formed key. The checksum only saves a look-up for mistyped keys.
fn public_part(key: &str) -> Option<&str> {
    let rest = key.strip_prefix(PREFIX)?;
    let well_formed = rest.len() == 56 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    if !well_formed {
        return None;
    }
    let (body, check) = key.split_at(key.len() - 8);
    (checksum(body) == check).then(|| &rest[..8])
}

fn checksum(body: &str) -> String {
    hex::encode(&Sha256::digest(body)[..4])
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

fn decode(row: &sqlx::sqlite::SqliteRow) -> Result<ApiKey, Error> {
    let get = |column| row.try_get::<String, _>(column).map_err(Error::read(TABLE));
    let role_name = get("role")?;
    let role = Role::parse(&role_name).ok_or_else(|| Error::Inconsistent {
        table: TABLE,
        source: format!("unknown role `{role_name}`").into(),
    })?;
    let sites: Option<std::collections::BTreeSet<String>> =
        text::parse_body(TABLE, &get("sites")?)?;
    let sites = match (role, sites) {
        (Role::Group, None) => SiteScope::All,
        (_, sites) => SiteScope::Only(sites.unwrap_or_default()),
    };
    Ok(ApiKey {
        id: get("id")?,
        principal: Principal { user: get("user_name")?, role, sites },
        created_at: get("created_at")?,
        revoked_at: row.try_get("revoked_at").map_err(Error::read(TABLE))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::open;

    #[tokio::test]
    async fn a_key_signs_in_until_it_is_revoked() {
        let (state, _dir) = open().await;
        let site = Principal::site("lin", ["SH01".to_owned()]);
        let key = state.create_key(&site, [7; 24]).await.expect("created");
        assert_eq!(state.by_api_key(&key).await.expect("signed in"), site);
        let id = state.list_keys().await.expect("listed")[0].id.clone();
        assert!(state.revoke_key(&id).await.expect("revoked"));
        assert!(!state.revoke_key(&id).await.expect("already revoked"));
        let refused = state.by_api_key(&key).await.expect_err("revoked key");
        assert_eq!(refused.code(), "UNAUTHENTICATED");
    }

    #[tokio::test]
    async fn the_key_itself_is_not_stored() {
        let (state, dir) = open().await;
        let key = state.create_key(&Principal::group("g"), [9; 24]).await.expect("created");
        drop(state);
        for entry in std::fs::read_dir(dir.path()).expect("folder") {
            let bytes = std::fs::read(entry.expect("entry").path()).expect("file");
            let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
            assert!(!found, "the key is readable in the database");
        }
    }

    #[tokio::test]
    async fn forged_keys_are_refused_alike() {
        let (state, _dir) = open().await;
        let key = state.create_key(&Principal::group("g"), [9; 24]).await.expect("created");
        let mut wrong = key.clone();
        wrong.replace_range(20..21, if &key[20..21] == "0" { "1" } else { "0" });
        for forged in ["", "hub_live_", "Bearer x", wrong.as_str(), &key[..key.len() - 1]] {
            let refused = state.by_api_key(forged).await.expect_err("forged");
            assert_eq!(refused.to_string(), "sign in first");
        }
    }
}
